package exporter

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Redaction removes from texts the secrets of all accounts that an Exporter
// polls. The zero value knows none. It is safe for concurrent use.
type Redaction struct{ known atomic.Pointer[redactors] }

// redactors know the secrets of all accounts in the configuration and its files,
// and by account also those that its client has seen since: access tokens, and
// what a file was replaced by.
type redactors struct {
	all       *twilio.Redactor
	byAccount map[string]*twilio.Redactor
}

// minSecret is the length in bytes of the shortest secret that is removed outside
// of its account's errors: shorter ones are part of too many words.
const minSecret = 6

// know replaces the secrets by those of the accounts.
func (r *Redaction) know(accounts []*account) {
	var secrets []string
	known := &redactors{byAccount: make(map[string]*twilio.Redactor)}
	for _, a := range accounts {
		secrets = append(secrets, a.secrets...)
		known.byAccount[a.name] = a.redactor
	}
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return len(s) < minSecret })
	slices.Sort(secrets) // those of a parent are those of its subaccounts, too
	known.all = twilio.NewRedactor(slices.Compact(secrets)...)
	r.known.Store(known)
}

// Redact returns the text with "<secret>" instead of each secret.
func (r *Redaction) Redact(text string) string {
	if known := r.known.Load(); known != nil {
		return known.all.Redact(text)
	}
	return text
}

// Logger returns a logger that removes secrets from the values of each line before
// next writes it.
func (r *Redaction) Logger(next log.Logger) log.Logger {
	return log.LoggerFunc(func(keyvals ...any) error {
		known := r.known.Load()
		if known == nil {
			return next.Log(keyvals...)
		}
		var ofAccount *twilio.Redactor
		for i := 1; i < len(keyvals); i += 2 {
			if name, ok := keyvals[i].(string); ok && keyvals[i-1] == "account" {
				ofAccount = known.byAccount[name]
			}
		}
		keyvals = slices.Clone(keyvals)
		for i := 1; i < len(keyvals); i += 2 {
			switch keyvals[i-1] {
			case "ts", "time", "caller", "level", "account", "collector": // of the exporter or its configuration
				continue
			}
			text := fmt.Sprint(keyvals[i])
			if safe := known.all.Redact(ofAccount.Redact(text)); safe != text {
				keyvals[i] = safe
			}
		}
		return next.Log(keyvals...)
	})
}
