package exporter_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// The canaries, with characters that are escaped in forms, HTML and base64.
const (
	canaryToken  = "canary+token/1&?%<>"
	canaryKey    = "canary+key/2&?%<>"
	canarySecret = "canary+secret/3&?%<>"
)

const secretAccounts = `accounts:
- name: a
  account_sid: ` + sidA + `
  basic_auth: {username: ` + sidA + `, password: "` + canaryToken + `"}
  supersim_url: http://simulator
  api_url: http://simulator
- name: key
  account_sid: ` + sidA + `
  basic_auth: {username: SKkey, password: "` + canaryKey + `"}
  supersim_url: http://simulator
  api_url: http://simulator
- name: b
  provider: kore
  oauth2: {client_id: client-b, client_secret: "` + canarySecret + `", token_url: http://simulator/api-services/v1/auth/token}
  supersim_url: http://simulator
`

// a listener notes the access tokens that pass it.
type listener struct {
	next   http.RoundTripper
	mu     *sync.Mutex
	tokens map[string]bool
}

func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		l.mu.Lock()
		l.tokens[token] = true
		l.mu.Unlock()
	}
	return l.next.RoundTrip(r)
}

// bothFormats logs every line twice.
func bothFormats(w io.Writer) log.Logger {
	logfmt, json := log.NewLogfmtLogger(w), log.NewJSONLogger(w)
	return log.LoggerFunc(func(keyvals ...any) error { return errors.Join(logfmt.Log(keyvals...), json.Log(keyvals...)) })
}

// TestSecrets goes through every fault of every endpoint and looks for secrets
// in everything that gets out.
func TestSecrets(t *testing.T) { synctest.Test(t, testSecrets) }

func testSecrets(t *testing.T) {
	noon(t)
	sims := []twiliotest.SIM{{SID: sim1, FleetSID: fleet1}}
	fleets := []twiliotest.Fleet{{SID: fleet1}}
	used := byTable(map[string][]twiliotest.Segment{at(sim1, "2004-03-15 10:00"): {{Upload: 1, MicroCost: 1}}})
	s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{
		{SID: sidA, AuthToken: canaryToken, KeySID: "SKkey", KeySecret: canaryKey, SIMList: sims, FleetList: fleets, Usage: used},
		{SID: sidB, Provider: twiliotest.KORE, ClientID: "client-b", ClientSecret: canarySecret, SIMList: sims, FleetList: fleets, Usage: used},
	}})
	heard := listener{s.Transport(), new(sync.Mutex), make(map[string]bool)}
	p := launchAs(t, secretAccounts+strings.NewReplacer("5m", "30m", "max_retries: 2", "max_retries: 2, max_records: 100").Replace(often), bothFormats, inMemory(func(string) http.RoundTripper { return heard }))
	defer p.stop()
	time.Sleep(2 * time.Minute)
	var out strings.Builder
	echoed := false
	for _, kind := range twiliotest.FaultKinds() {
		for _, e := range []twiliotest.Endpoint{twiliotest.Token, ""} {
			if e == twiliotest.Token {
				s.RevokeTokens()
			}
			s.Inject(twiliotest.Fault{Kind: kind, Endpoint: e, Delay: time.Hour})
			time.Sleep(30 * time.Minute)
			p.everything(&out)
			for _, status := range p.exporter.Status() {
				fmt.Fprintf(&out, "%+v %+v\n", status, *status.Outcome)
				echoed = echoed || strings.Contains(status.Outcome.Err, "Cannot make sense of Authorization")
			}
			s.ClearFaults()
			time.Sleep(30 * time.Minute) // tokens wait after a refusal
		}
	}
	out.WriteString(p.log.String())
	if !echoed {
		t.Error("no error repeats what an API said of the credentials: the test has seen nothing")
	}
	if len(heard.tokens) < 10 {
		t.Errorf("%d access tokens were used only", len(heard.tokens))
	}
	secrets := []string{canaryToken, canaryKey, canarySecret}
	for token := range heard.tokens {
		secrets = append(secrets, token)
	}
	wantNone(t, out.String(), append(secrets, sidA+":"+canaryToken, "SKkey:"+canaryKey, "client-b:"+canarySecret)...)
}

// everything is what a process shows to whoever asks it.
func (p *process) everything(w io.Writer) {
	h := p.handler()
	for _, accept := range []string{"", "application/openmetrics-text", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		io.WriteString(w, body(p.t, get(h, "/metrics", accept)))
	}
	for _, s := range p.exporter.Status() {
		fmt.Fprintf(w, "%+v %+v\n", s, s.Outcome)
	}
	if err := json.NewEncoder(w).Encode(p.exporter.Overview()); err != nil {
		p.t.Error(err)
	}
}

// wantNone looks for secrets, plain and in the forms in which they travel.
func wantNone(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		encoded := base64.StdEncoding.EncodeToString([]byte(s))
		escaped := strings.NewReplacer("&", `\u0026`, "<", `\u003c`, ">", `\u003e`).Replace(s)
		html := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "+", "&#43;").Replace(s)
		forms := []string{s, url.QueryEscape(s), url.PathEscape(s), strings.TrimRight(encoded, "="), escaped, html}
		slices.Sort(forms)
		for _, form := range slices.Compact(forms) { // most are the same for most secrets
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("the secret %q shows in %q", s, text[max(i-100, 0):min(i+100, len(text))])
			}
		}
		// In any other form its beginning shows.
		if start, _, ok := strings.Cut(s, "+"); ok && strings.HasPrefix(start, "canary") && strings.Contains(text, start) {
			i := strings.Index(text, start)
			t.Errorf("a secret shows in %q", text[max(i-100, 0):min(i+100, len(text))])
		}
	}
}

// TestSecretsInConfiguration prints a configuration in every way there is.
func TestSecretsInConfiguration(t *testing.T) {
	cfg, err := config.Parse("test.yml", []byte(secretAccounts+`- name: proxied
  provider: kore
  oauth2: {client_id: c, client_secret: "`+canarySecret+`", endpoint_params: {audience: "`+canaryKey+`"}}
  proxy_url: http://user:canary-proxy@127.0.0.1:1
`))
	if err != nil {
		t.Fatal(err)
	}
	dump, err := yaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	text := string(dump) + fmt.Sprintf("%v %+v %#v %s %q", cfg, cfg, cfg, cfg, cfg)
	for _, a := range cfg.Accounts() {
		text += fmt.Sprintf("%v %+v %#v %s", a, a, a, a)
	}
	if !strings.Contains(text, "client-b") || !strings.Contains(text, "<secret>") {
		t.Errorf("it is no dump: %s", text)
	}
	wantNone(t, text, canaryToken, canaryKey, canarySecret, "canary-proxy")
}
