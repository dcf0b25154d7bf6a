package exporter

import (
	"context"
	"fmt"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
)

// secretFiles reads an account's files of secrets and certificates by the rules
// of the configuration. The library's own reader sends what an emptied file still
// has, and waits for a pipe. It is the library's secret manager for TLS.
type secretFiles struct {
	files *config.Files
	byRef map[string]promconfig.SecretReader
}

func newSecretFiles() secretFiles {
	return secretFiles{new(config.Files), make(map[string]promconfig.SecretReader)}
}

// Fetch implements promconfig.SecretManager.
func (s secretFiles) Fetch(ctx context.Context, ref string) (string, error) {
	return s.byRef[ref].Fetch(ctx)
}

// secret returns the secret in the file of a key, or else the inline one.
func (s secretFiles) secret(key, file, inline string) promconfig.SecretReader {
	if file == "" {
		return promconfig.NewInlineSecret(inline)
	}
	return secretFile{s.files, key, file}
}

// readTLS replaces the files of a TLS configuration by references.
func (s secretFiles) readTLS(key string, c *promconfig.TLSConfig) promconfig.TLSRoundTripperSettings {
	refer := func(key string, file, ref *string) promconfig.SecretReader {
		if *file == "" {
			return nil
		}
		r := secretFile{s.files, key, *file}
		*file, *ref = "", r.Description()
		s.byRef[*ref] = r
		return r
	}
	return promconfig.TLSRoundTripperSettings{
		CA:   refer(key+".ca_file", &c.CAFile, &c.CARef),
		Cert: refer(key+".cert_file", &c.CertFile, &c.CertRef),
		Key:  refer(key+".key_file", &c.KeyFile, &c.KeyRef),
	}
}

// secretFile implements promconfig.SecretReader.
type secretFile struct {
	files     *config.Files
	key, file string
}

func (s secretFile) Fetch(ctx context.Context) (string, error) {
	return s.files.Text(ctx, s.key, s.file)
}
func (s secretFile) Description() string { return fmt.Sprintf("%s (%s)", s.key, s.file) }
func (s secretFile) Immutable() bool     { return false }
