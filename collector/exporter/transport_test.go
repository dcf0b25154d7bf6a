package exporter_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// dial makes the transport of the only account of a configuration.
func dial(t *testing.T, yaml string) (http.RoundTripper, error) {
	t.Helper()
	cfg, err := config.Parse("test.yml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	rt, err := exporter.Dial(cfg.Accounts()[0], 5*time.Second, "twilio_exporter/test", &requests{})
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		t.Cleanup(c.CloseIdleConnections)
	}
	return rt, err
}

func mustDial(t *testing.T, yaml string) http.RoundTripper {
	t.Helper()
	rt, err := dial(t, yaml)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// requests is an observer.
type requests struct {
	mu  sync.Mutex
	all []string
}

func (r *requests) Request(e twilio.Endpoint, code string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, string(e)+" "+code)
}

func (r *requests) Retry(twilio.Endpoint, twilio.Reason) {}

// ask sends one request and returns the answer's status, or the error.
func ask(t *testing.T, rt http.RoundTripper, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "twilio_exporter/test")
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	resp.Body.Close()
	return resp.Status
}

// authorizations is a server that remembers the last request's Authorization.
func authorizations(t *testing.T) (url string, seen func() string) {
	var mu sync.Mutex
	var last string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		last = r.Header.Get("Authorization")
	}))
	t.Cleanup(s.Close)
	return s.URL, func() string {
		mu.Lock()
		defer mu.Unlock()
		return last
	}
}

func write(t *testing.T, file, content string) string {
	t.Helper()
	if !filepath.IsAbs(file) {
		file = filepath.Join(t.TempDir(), file)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func basic(user, password string) string {
	r := &http.Request{Header: make(http.Header)}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

const account = "accounts:\n- account_sid: " + sidA + "\n"

func TestDialCredentials(t *testing.T) {
	file := write(t, "token", "from the file\n")
	for _, x := range []struct{ name, yaml, want string }{
		{"basic auth", "  basic_auth: {username: SKuser, password: word}\n", basic("SKuser", "word")},
		{"password file", "  basic_auth: {username: SKuser, password_file: " + file + "}\n", basic("SKuser", "from the file")},
		{"bearer", "  authorization: {credentials: letmein}\n", "Bearer letmein"},
		{"another type", "  authorization: {type: Token, credentials: letmein}\n", "Token letmein"},
		{"credentials file", "  authorization: {credentials_file: " + file + "}\n", "Bearer from the file"},
	} {
		t.Run(x.name, func(t *testing.T) {
			url, seen := authorizations(t)
			rt := mustDial(t, account+x.yaml)
			if have := ask(t, rt, url); have != "200 OK" {
				t.Fatal(have)
			}
			if have := seen(); have != x.want {
				t.Errorf("want %q, have %q", x.want, have)
			}
		})
	}
}

// TestDialPasswordFile: a file is read again when it has changed, and says so
// when it cannot be.
func TestDialPasswordFile(t *testing.T) {
	url, seen := authorizations(t)
	file := write(t, "password", "first")
	rt := mustDial(t, account+"  basic_auth: {username: SKuser, password_file: "+file+"}\n")
	for _, password := range []string{"first", "second"} {
		write(t, file, password)
		if have := ask(t, rt, url); have != "200 OK" {
			t.Fatal(have)
		}
		if have, want := seen(), basic("SKuser", password); have != want {
			t.Errorf("want %q, have %q", want, have)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if have := ask(t, rt, url); !strings.Contains(have, file) {
		t.Errorf("want an error about the file, have %q", have)
	}
}

// secretFileKeys are the keys of files that are read for each request, each with a
// configuration in which FILE stands for the file, and the header that it fills.
func secretFileKeys(url string) map[string]struct{ yaml, header, want string } {
	return map[string]struct{ yaml, header, want string }{
		"basic_auth.username_file":       {account + "  basic_auth: {username_file: FILE, password: word}\n", "Authorization", basic("hunter2", "word")},
		"basic_auth.password_file":       {account + "  basic_auth: {username: SKuser, password_file: FILE}\n", "Authorization", basic("SKuser", "hunter2")},
		"authorization.credentials_file": {account + "  authorization: {credentials_file: FILE}\n", "Authorization", "Bearer hunter2"},
		"bearer_token_file":              {account + "  bearer_token_file: FILE\n", "Authorization", "Bearer hunter2"},
		"http_headers.X-A.files[0]":      {account + "  authorization: {credentials: a}\n  http_headers: {X-A: {files: [FILE]}}\n", "X-A", "hunter2"},
		"oauth2.client_secret_file":      {koreYAML(url, "client_secret_file: FILE", ""), "Form", "hunter2"},
	}
}

// TestDialSecretFiles: what an editor or a shell adds to a secret is not sent, and
// neither is what is left of a secret that is being replaced: the request fails,
// until the file is complete.
func TestDialSecretFiles(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[string]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range []string{"Authorization", "X-A"} {
			seen[name] = r.Header.Get(name)
		}
		if strings.HasSuffix(r.URL.Path, "token") {
			seen["Form"] = r.PostFormValue("client_secret")
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"access_token": "t", "token_type": "bearer", "expires_in": 0}`)
			return
		}
		io.WriteString(w, `{"fleets": [], "meta": {"next_page_url": null}}`)
	}))
	t.Cleanup(s.Close)
	poll := func(t *testing.T, rt http.RoundTripper) error {
		client, err := twilio.New(twilio.Options{SuperSIMURL: s.URL, APIURL: s.URL, Transport: rt, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		clear(seen)
		for _, err := range client.Fleets(t.Context()) {
			return err
		}
		return nil
	}
	for key, x := range secretFileKeys(s.URL) {
		t.Run(key, func(t *testing.T) {
			file := write(t, "secret", "\ufeffhunter2\r\n")
			for _, bad := range []struct {
				name, want string
				make       func() error
			}{
				{"emptied", "the file is empty", func() error { return os.Truncate(file, 0) }},
				{"a byte order mark alone", "the file is empty", func() error { return os.WriteFile(file, []byte("\ufeff\n"), 0o600) }},
				{"large", "larger than 64 KiB", func() error { return os.WriteFile(file, make([]byte, 64<<10+1), 0o600) }},
				{"a directory", "not a regular file", func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }},
				{"a pipe", "not a regular file", func() error { return errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)) }},
				{"absent", "no such file", func() error { return os.Remove(file) }},
			} {
				rt := mustDial(t, strings.ReplaceAll(x.yaml, "FILE", file)) // which has no token yet
				if err := bad.make(); err != nil {
					t.Fatal(err)
				}
				err := poll(t, rt)
				var credentials *twilio.CredentialsError
				if !errors.As(err, &credentials) || !strings.Contains(err.Error(), key+": ") || !strings.Contains(err.Error(), bad.want) {
					t.Errorf("%s: want %q and %q, have %T %v", bad.name, key, bad.want, err, err)
				}
				if len(seen) > 0 {
					t.Errorf("%s: want nothing sent, have %q", bad.name, seen)
				}
				_ = os.Remove(file)
				write(t, file, "\ufeffhunter2\r\n")
				if err := poll(t, rt); err != nil {
					t.Errorf("%s: restored: %v", bad.name, err)
				}
				if seen[x.header] != x.want {
					t.Errorf("want %s %q, have %q", x.header, x.want, seen[x.header])
				}
			}
		})
	}
}

// kore is a simulated KORE on a socket.
func kore(t *testing.T, start func(http.Handler) *httptest.Server) *httptest.Server {
	s := start(twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{
		{SID: sidB, Provider: twiliotest.KORE, ClientID: "client-b", ClientSecret: "secret-b"},
	}}))
	t.Cleanup(s.Close)
	return s
}

func koreYAML(url, secret, rest string) string {
	return fmt.Sprintf("accounts:\n- name: b\n  provider: kore\n  oauth2: {client_id: client-b, %s, token_url: %s/api-services/v1/auth/token}\n%s",
		secret, url, rest)
}

func TestDialClientSecretFile(t *testing.T) {
	s := kore(t, httptest.NewServer)
	file := write(t, "secret", "wrong")
	rt := mustDial(t, koreYAML(s.URL, "client_secret_file: "+file, ""))
	if have := ask(t, rt, s.URL+"/v1/Fleets"); !strings.Contains(have, "token: HTTP 401") {
		t.Errorf("want a refusal, have %q", have)
	}
	write(t, file, "secret-b\n")
	if have := ask(t, rt, s.URL+"/v1/Fleets"); have != "200 OK" {
		t.Error(have)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	// The token still serves.
	if have := ask(t, rt, s.URL+"/v1/Fleets"); have != "200 OK" {
		t.Error(have)
	}
}

func TestDialTokensAreObserved(t *testing.T) {
	s := kore(t, httptest.NewServer)
	cfg, err := config.Parse("test.yml", []byte(koreYAML(s.URL, "client_secret: secret-b", "")))
	if err != nil {
		t.Fatal(err)
	}
	var seen requests
	rt, err := exporter.Dial(cfg.Accounts()[0], time.Second, "twilio_exporter/test", &seen)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.(interface{ CloseIdleConnections() }).CloseIdleConnections()
	if have := ask(t, rt, s.URL+"/v1/Fleets"); have != "200 OK" {
		t.Error(have)
	}
	if have := strings.Join(seen.all, ", "); have != "token 200" {
		t.Errorf("want the request for a token, have %q", have)
	}
}

// authority writes the certificate of a TLS server to a file.
func authority(t *testing.T, s *httptest.Server) string {
	return write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
}

func quiet(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // of refused handshakes
	s.StartTLS()
	return s
}

func TestDialTLS(t *testing.T) {
	s := kore(t, quiet)
	ca := authority(t, s)
	content, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	marked := write(t, "marked.pem", "\ufeff"+string(content))
	const refused = "certificate"
	for _, x := range []struct{ name, yaml, want string }{
		{"basic auth, unknown authority", account + "  basic_auth: {username: u, password: p}\n", refused},
		{"basic auth, CA file", account + "  basic_auth: {username: u, password: p}\n  tls_config: {ca_file: " + ca + "}\n", "401"},
		{"a CA file with a byte order mark", account + "  basic_auth: {username: u, password: p}\n  tls_config: {ca_file: " + marked + "}\n", "401"},
		{"unknown authority", koreYAML(s.URL, "client_secret: secret-b", ""), refused},
		{"the token endpoint inherits", koreYAML(s.URL, "client_secret: secret-b", "  tls_config: {ca_file: "+ca+"}\n"), "200"},
		{"the token endpoint alone", koreYAML(s.URL, "client_secret: secret-b, tls_config: {ca_file: "+ca+"}", ""), refused},
		{"the token endpoint has its own", koreYAML(s.URL, "client_secret: secret-b, tls_config: {server_name: wrong.invalid, ca_file: "+ca+"}", "  tls_config: {ca_file: "+ca+"}\n"), "wrong.invalid"},
		{"nothing is verified", koreYAML(s.URL, "client_secret: secret-b", "  tls_config: {insecure_skip_verify: true}\n"), "200"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if have := ask(t, mustDial(t, x.yaml), s.URL+"/v1/Fleets"); !strings.Contains(have, x.want) {
				t.Errorf("want %q, have %q", x.want, have)
			}
		})
	}
}

func TestDialFails(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.pem")
	garbage := write(t, "garbage.pem", "no certificate")
	for _, x := range []struct{ name, yaml, want string }{
		{"no CA file", account + "  basic_auth: {username: u, password: p}\n  tls_config: {ca_file: " + absent + "}\n", absent},
		{"a CA file without a certificate", account + "  basic_auth: {username: u, password: p}\n  tls_config: {ca_file: " + garbage + "}\n", garbage},
		{"no CA file, oauth2", koreYAML("http://127.0.0.1", "client_secret: s", "  tls_config: {ca_file: "+absent+"}\n"), absent},
		{"no CA file of the token endpoint", koreYAML("http://127.0.0.1", "client_secret: s, tls_config: {ca_file: "+absent+"}", ""), absent},
	} {
		t.Run(x.name, func(t *testing.T) {
			if _, err := dial(t, x.yaml); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("want an error about %q, have %v", x.want, err)
			}
		})
	}
}

// TestDialProxy: proxies carry requests for the API and for tokens alike.
func TestDialProxy(t *testing.T) {
	service := kore(t, httptest.NewServer)
	var mu sync.Mutex
	var seen []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.Host+r.URL.Path)
		mu.Unlock()
		service.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	const token, fleets = "127.0.0.1:1/api-services/v1/auth/token", "127.0.0.1:1/v1/Fleets"
	for _, x := range []struct{ name, inner, outer, want string }{
		{"both", "", "  proxy_url: " + proxy.URL + "\n", token + " " + fleets},
		{"of the token endpoint only", ", proxy_url: " + proxy.URL, "", token},
	} {
		t.Run(x.name, func(t *testing.T) {
			seen = nil
			rt := mustDial(t, koreYAML("http://127.0.0.1:1", "client_secret: secret-b"+x.inner, x.outer))
			_ = ask(t, rt, "http://127.0.0.1:1/v1/Fleets")
			mu.Lock()
			defer mu.Unlock()
			if have := strings.Join(seen, " "); have != x.want {
				t.Errorf("want requests %q, have %q", x.want, have)
			}
		})
	}
}

// TestDialProxyRefuses: what a proxy refuses is not taken for an answer of the API.
func TestDialProxyRefuses(t *testing.T) {
	status := http.StatusForbidden
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
	}))
	t.Cleanup(proxy.Close)
	host := strings.TrimPrefix(proxy.URL, "http://")
	ca := authority(t, kore(t, quiet))
	for _, x := range []struct {
		name, yaml string
		status     int
		want       string
	}{
		{"forbidden", account + "  basic_auth: {username: u, password: p}\n", 403, "HTTP 403 Forbidden: it must allow CONNECT to api.invalid:443"},
		{"bad gateway", account + "  basic_auth: {username: u, password: p}\n", 502, "HTTP 502 Bad Gateway: it must allow CONNECT to api.invalid:443"},
		{"with a CA file", account + "  basic_auth: {username: u, password: p}\n  tls_config: {ca_file: " + ca + "}\n", 403, "HTTP 403 Forbidden: it must allow CONNECT to api.invalid:443"},
		{"authentication", account + "  basic_auth: {username: u, password: p}\n", 407, "HTTP 407 Proxy Authentication Required: check the user and password in the URL of the proxy"},
		{"a token", koreYAML("https://token.invalid", "client_secret: secret-b", ""), 403, "HTTP 403 Forbidden: it must allow CONNECT to token.invalid:443"},
	} {
		t.Run(x.name, func(t *testing.T) {
			status = x.status
			rt := mustDial(t, x.yaml+"  proxy_url: http://user:canary@"+host+"\n")
			have := ask(t, rt, "https://api.invalid/v1/Fleets")
			if want := "the proxy " + host + " refused the connection: " + x.want; !strings.HasSuffix(have, want) {
				t.Errorf("want %q, have %q", want, have)
			}
			if strings.Contains(have, "canary") {
				t.Errorf("a secret shows in %q", have)
			}
		})
	}
}

// TestDialProxyFromEnvironment: without a configuration file, requests take the
// proxy of the environment, as those of other programs do that read TWILIO_*.
func TestDialProxyFromEnvironment(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(proxy.Close)
	for _, x := range []struct{ name, variable, value, noProxy, url, want string }{
		{"HTTPS", "HTTPS_PROXY", proxy.URL, "", "https://api.invalid", "CONNECT api.invalid:443"},
		{"HTTPS, lower case", "https_proxy", proxy.URL, "", "https://api.invalid", "CONNECT api.invalid:443"},
		{"HTTPS, without scheme", "HTTPS_PROXY", strings.TrimPrefix(proxy.URL, "http://"), "", "https://api.invalid", "CONNECT api.invalid:443"},
		{"HTTP", "HTTP_PROXY", proxy.URL, "", "http://api.invalid", "GET api.invalid"},
		{"HTTP, lower case", "http_proxy", proxy.URL, "", "http://api.invalid", "GET api.invalid"},
		{"not for this host", "HTTPS_PROXY", proxy.URL, ".invalid", "https://api.invalid", ""},
		{"not for HTTPS", "HTTP_PROXY", proxy.URL, "", "https://api.invalid", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"} {
				t.Setenv(name, "")
			}
			t.Setenv(x.variable, x.value)
			t.Setenv("NO_PROXY", x.noProxy)
			cfg, err := config.FromEnvironment(func(name string) (string, bool) {
				v, ok := map[string]string{"TWILIO_ACCOUNT_SID": sidA, "TWILIO_AUTH_TOKEN": "t"}[name]
				return v, ok
			})
			if err != nil {
				t.Fatal(err)
			}
			rt, err := exporter.Dial(cfg.Accounts()[0], time.Second, "twilio_exporter/test", &requests{})
			if err != nil {
				t.Fatal(err)
			}
			seen = nil
			have := ask(t, rt, x.url)
			mu.Lock()
			defer mu.Unlock()
			if strings.Join(seen, ", ") != x.want {
				t.Errorf("want %q at the proxy, have %q and %q", x.want, seen, have)
			}
		})
	}
}

// TestDialEchoingTokenEndpoint: what a token endpoint says is repeated, the
// secret in it is not.
func TestDialEchoingTokenEndpoint(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error": "invalid_request", "error_description": "cannot use %s"}`, form)
	}))
	t.Cleanup(s.Close)
	have := ask(t, mustDial(t, koreYAML(s.URL, `client_secret: "canary/1&2"`, "")), s.URL+"/v1/Fleets")
	if !strings.Contains(have, "cannot use") || !strings.Contains(have, "<secret>") {
		t.Errorf("want the endpoint's words, have %q", have)
	}
	wantNone(t, have, "canary/1&2")
}

// TestFollowRedirects: the option decides about redirects within the origin;
// others are never followed.
func TestFollowRedirects(t *testing.T) {
	for option, want := range map[string]int{"true": 10, "false": 1} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			p := launchAs(t, "accounts:"+twilioAccount+"  follow_redirects: "+option+"\napi: {max_retries: 0}"+only("account_balance: {}"), log.NewLogfmtLogger, func(config.Account, time.Duration, string, twilio.Observer) (http.RoundTripper, error) {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					requests++
					return &http.Response{
						StatusCode: http.StatusFound, Body: http.NoBody, Request: r,
						Header: http.Header{"Location": {r.URL.Path + "x"}}, // to ever new ones
					}, nil
				}), nil
			})
			time.Sleep(time.Second)
			synctest.Wait()
			p.stop()
			if requests != want {
				t.Errorf("follow_redirects: %s: want %d requests, have %d", option, want, requests)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
