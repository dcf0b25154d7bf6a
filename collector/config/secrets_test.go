package config

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// leaves lists the paths of everything that may hold a value, lists as [] and
// keys of any name as any.
func leaves(t reflect.Type, path []string) (list [][]string) {
	more := func(t reflect.Type, step string) {
		list = append(list, leaves(t, append(path[:len(path):len(path)], step))...)
	}
	switch {
	case t.PkgPath() == "net/url" || t.Name() == "URL":
		return [][]string{path}
	case t.Kind() == reflect.Pointer:
		return leaves(t.Elem(), path)
	case t.Kind() == reflect.Slice:
		more(t.Elem(), "[]")
	case t.Kind() == reflect.Map:
		more(t.Elem(), "any")
	case t.Kind() == reflect.Struct:
		fields, anyKey := strictyaml.Fields(t)
		if anyKey != nil {
			return leaves(t.FieldByIndex(anyKey).Type, path)
		}
		for _, f := range fields {
			if !strings.HasSuffix(f.Key, "_ref") {
				more(t.FieldByIndex(f.Index).Type, f.Key)
			}
		}
	default:
		return [][]string{path}
	}
	return list
}

// nested is the YAML that holds nothing but one leaf.
func nested(t *testing.T, path []string, leaf string) string {
	t.Helper()
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: "LEAF"}
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == "[]" {
			n = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{n}}
			continue
		}
		n = &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{text(path[i]), n}}
	}
	content, err := yaml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(content), "LEAF", leaf, 1)
}

func TestFaultsHoldNoValues(t *testing.T) {
	paths := leaves(reflect.TypeFor[values](), nil)
	if len(paths) < 80 {
		t.Fatalf("only %d leaves", len(paths))
	}
	for _, path := range paths {
		for _, shape := range []string{
			"canary", "*canary", "&canary", "&canary [canary]", "[canary, [canary]]", "{any: canary}", "{name:canary}",
			"!canary x", "!!int canary", "!!binary canary", "!!bool canary", "!!float canary", "!!timestamp canary",
			`"canary\0\n"`, `"http://canary:canary@canary:canary/canary?canary#canary"`, `"https://ca%nary"`,
			"|\n canary", "{? [canary] : canary}", "{<<: canary}", "[{<<: [canary]}]", "%canary", "@canary", `"canary`,
		} {
			content := nested(t, path, shape)
			_, err := Parse("file", []byte(content))
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%s\n%v", content, err)
			}
		}
	}
}

// TestSecrets: whatever an account sends and must not show is known, wherever the
// configuration has it; what is no secret is not, because it would vanish from
// the log.
func TestSecrets(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("https_proxy", "http://user:canary-environment@proxy:3128")
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("\ufeffcanary-"+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate, key := pair(t)
	indented := func(pem string) string {
		return "|\n      " + strings.ReplaceAll(strings.TrimSpace(pem), "\n", "\n      ")
	}
	encode := func(pair string) string { return base64.StdEncoding.EncodeToString([]byte(pair)) }
	const account = "accounts:\n- account_sid: AC0123456789abcdef0123456789abcdef\n"
	for name, x := range map[string]struct {
		yaml string
		want []string
	}{
		"basic auth": {account + "  basic_auth: {username: SKuser, password: canary-word}", []string{"canary-word", encode("SKuser:canary-word")}},
		"basic auth in files": {
			account + "  basic_auth: {username_file: " + file("user") + ", password_file: " + file("password") + "}",
			[]string{"canary-password", encode("canary-user:canary-password")},
		},
		"file that cannot be read": {account + "  basic_auth: {username: SKuser, password_file: " + filepath.Join(dir, "absent") + "}", nil},
		"authorization":            {account + "  authorization: {credentials: canary-bearer}", []string{"canary-bearer"}},
		"authorization in a file":  {account + "  authorization: {credentials_file: " + file("credentials") + "}", []string{"canary-credentials"}},
		"bearer token":             {account + "  bearer_token: canary-bearer", []string{"canary-bearer"}},
		"bearer token file":        {account + "  bearer_token_file: " + file("bearer") + "", []string{"canary-bearer"}},
		"headers": {
			account + "  authorization: {credentials: canary-bearer}\n  http_headers: {X-A: {values: [plain], secrets: [canary-header], files: [" + file("header") + "]}}",
			[]string{"canary-bearer", "canary-header", "canary-header"},
		},
		"oauth2": {
			account + "  oauth2: {client_id: id, token_url: http://token, client_secret: canary-secret, scopes: [plain], endpoint_params: {audience: plain, assertion: canary-assertion}}",
			[]string{"canary-secret", "canary-assertion"},
		},
		"oauth2 in a file": {
			account + "  oauth2: {client_id: id, token_url: http://token, client_secret_file: " + file("client") + "}", []string{"canary-client"},
		},
		"proxies": {
			account + "  oauth2: {client_id: id, token_url: http://token, client_secret: canary-secret, proxy_url: http://user:canary-inner@proxy}\n" +
				"  proxy_url: http://canary-token@proxy\n  proxy_connect_header: {Proxy-Authorization: [canary-connect]}",
			[]string{"canary-secret", "canary-inner", encode("user:canary-inner"), "canary-token", "canary-connect"},
		},
		"proxy of the environment": {
			account + "  authorization: {credentials: canary-bearer}\n  proxy_from_environment: true",
			[]string{"canary-bearer", "canary-environment", encode("user:canary-environment")},
		},
		"private key": {
			account + "  authorization: {credentials: canary-bearer}\n  tls_config:\n    cert: " + indented(certificate) + "\n    key: " + indented(key),
			[]string{"canary-bearer"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse("test", []byte(x.yaml))
			if err != nil {
				t.Fatal(err)
			}
			have := c.Accounts()[0].Secrets(t.Context(), new(Files))
			slices.Sort(x.want)
			if want := slices.Compact(x.want); !slices.Equal(have, want) {
				t.Errorf("want %q, have %q", want, have)
			}
			for _, name := range c.Accounts()[0].SecretHeaders() {
				if name != "X-A" {
					t.Errorf("have the header %s", name)
				}
			}
		})
	}
}

// TestSecretsByType: the type of a field says that it is a secret, in whatever
// option a later version of the library has one.
func TestSecretsByType(t *testing.T) {
	var found []string
	eachSecret("", reflect.ValueOf(full(t).Accounts()[0].HTTPClient), func(s string) { found = append(found, s) })
	if want := 11; len(found) < want || slices.ContainsFunc(found, func(s string) bool { return s != "canary" }) {
		t.Errorf("want %d canaries or more, have %q", want, found)
	}
}
