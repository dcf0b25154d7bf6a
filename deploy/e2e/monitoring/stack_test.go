package monitoring_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"golang.org/x/crypto/bcrypt"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A stack runs everything that is shipped: the exporter with TLS and basic auth,
// Prometheus with the shipped configuration and rules, and Alertmanager with the
// shipped configuration. Only addresses, intervals and delays are changed.
type stack struct {
	api          *simulatedAPI
	exporter     *process
	scraper      *http.Client // has the exporter's password
	anonymous    *http.Client // has no password
	prometheus   *server
	alertmanager *process
	receiver     *receiver
	config       string // the directory of Prometheus's configuration
}

// startStack starts everything. Prometheus has the samples of the nine days before
// now.
func startStack(t *testing.T, now time.Time) *stack {
	t.Helper()
	s := &stack{api: startAPI(t, world(now.AddDate(0, -3, 0), time.Time{}, nil)), receiver: startReceiver(t)}
	directory := t.TempDir()

	// Nine days of history: enough for all rules.
	history, data := filepath.Join(directory, "history.om"), filepath.Join(directory, "data")
	const step = 4 * time.Minute
	began := now.AddDate(0, 0, -9).Truncate(time.Hour)
	record(t, history, world(now.AddDate(0, -3, 0), time.Time{}, nil), "collectors: {supersim_usage: {interval: 30m, groups: [account, sim, fleet, network, country, sim_network]}}", began, now, step, func(family string) bool {
		return strings.HasPrefix(family, "twilio_supersim_") || family == "twilio_account_info" ||
			family == "twilio_account_cost" || family == "twilio_account_usage_as_of_timestamp_seconds"
	})
	blocks(t, history, data)
	shipped := filepath.Join(programs.Root(t), "deploy")
	backfillRules(t, data, filepath.Join(shipped, "prometheus", "rules", "recording.yml"), began, now, step)

	// The exporter.
	certificate, key := selfSigned(t)
	const user, password = "prometheus", "a password for scrapes"
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	write(t, directory, "exporter/cert.pem", certificate)
	write(t, directory, "exporter/key.pem", key)
	web := write(t, directory, "exporter/web.yml", fmt.Sprintf(
		"tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {%s: %q}\n", user, hash))
	exporterConfig := write(t, directory, "exporter/config.yml", configuration("http://"+s.api.address, `
collectors:
  supersim_usage: {interval: 1s, groups: [account, sim, fleet, network, country, sim_network]}
  supersim_inventory: {interval: 1s}
  supersim_data_limits: {enabled: true, interval: 1s, watch_from: 0.001}
  account_usage: {interval: 1s}
  account_balance: {interval: 1s}
api: {timeout: 10s, max_retries: 1}
`))
	s.exporter = start(t, programs.Exporter, "--config.file="+exporterConfig, "--web.config.file="+web, "--web.listen-address=127.0.0.1:0")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	s.anonymous = &http.Client{Transport: transport}
	s.scraper = &http.Client{Transport: promconfig.NewBasicAuthRoundTripper(
		promconfig.NewInlineSecret(user), promconfig.NewInlineSecret(password), transport)}
	eventually(t, "the exporter to be ready", func() bool {
		response, err := s.scraper.Get("https://" + s.exporter.address + "/-/ready")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})

	// Alertmanager.
	alerting := filepath.Join(directory, "alertmanager")
	copyDirectory(t, alerting, filepath.Join(shipped, "alertmanager"))
	change(t, filepath.Join(alerting, "alertmanager.yml"),
		`/etc/alertmanager/secrets/`, filepath.Join(alerting, "secrets")+"/",
		`group_wait: 30s`, `group_wait: 5s`,
		`group_interval: 5m`, `group_interval: 5s`)
	write(t, alerting, "secrets/chat_url", s.receiver.url("/chat"))
	write(t, alerting, "secrets/pager_url", s.receiver.url("/pager"))
	s.alertmanager = start(t, programs.Alertmanager, "--config.file="+filepath.Join(alerting, "alertmanager.yml"),
		"--storage.path="+filepath.Join(directory, "alerts"), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")

	// Prometheus. The options for TLS are comments in the shipped file.
	s.config = filepath.Join(directory, "prometheus")
	copyDirectory(t, s.config, filepath.Join(shipped, "prometheus"))
	change(t, filepath.Join(s.config, "prometheus.yml"),
		`(scrape|evaluation)_interval: 1m`, `${1}_interval: 1s`,
		`# (scheme: https|tls_config: .*|basic_auth: .*)`, `$1`)
	write(t, s.config, "exporter-ca.pem", certificate)
	write(t, s.config, "exporter-password", password)
	change(t, filepath.Join(s.config, "targets", "twilio.yml"), `localhost:9860`, s.exporter.address)
	change(t, filepath.Join(s.config, "alertmanagers", "local.yml"), `localhost:9093`, s.alertmanager.address)
	for _, name := range []string{"thresholds.yml", "recording.yml"} {
		change(t, filepath.Join(s.config, "rules", name), `interval: \d+m`, `interval: 1s`)
	}
	change(t, filepath.Join(s.config, "rules", "alerts.yml"), `interval: \d+m`, `interval: 1s`,
		`keep_firing_for: 15m`, `keep_firing_for: 3s`, `keep_firing_for: 20m`, `keep_firing_for: 6s`,
		`keep_firing_for: 25m`, `keep_firing_for: 9s`, `for: \d+[mh]`, `for: 3s`)
	s.prometheus = startPrometheus(t, filepath.Join(s.config, "prometheus.yml"), data,
		"--enable-feature=created-timestamp-zero-ingestion")
	return s
}

// A simulatedAPI is a simulated Twilio on a port of this machine. It can be stopped,
// and the usage of the SIMs at Twilio can be replaced.
type simulatedAPI struct {
	t       *testing.T
	address string
	twilio  atomic.Pointer[twiliotest.Simulator]
	kore    *twiliotest.Simulator // keeps the tokens that it issued
	server  *http.Server
}

func startAPI(t *testing.T, options twiliotest.Options) *simulatedAPI {
	t.Helper()
	a := &simulatedAPI{t: t, address: "127.0.0.1:0", kore: twiliotest.New(options)}
	a.become(options)
	a.start()
	t.Cleanup(func() { a.server.Close() })
	return a
}

// become replaces the usage of the SIMs at Twilio.
func (a *simulatedAPI) become(options twiliotest.Options) { a.twilio.Store(twiliotest.New(options)) }

// ServeHTTP selects the provider by the credentials of the request.
func (a *simulatedAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, _, ok := r.BasicAuth(); ok && user == production {
		a.twilio.Load().ServeHTTP(w, r)
		return
	}
	a.kore.ServeHTTP(w, r)
}

// start listens, after the first time on the same port.
func (a *simulatedAPI) start() {
	a.t.Helper()
	listener, err := net.Listen("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.address = listener.Addr().String()
	a.server = &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second}
	go a.server.Serve(listener)
}

// stop closes the port, so that connections are refused.
func (a *simulatedAPI) stop() { a.server.Close() }

// selfSigned returns a self-signed certificate for 127.0.0.1, and its key.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "exporter"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// change applies pairs of pattern and replacement to a file. Each pattern must match.
func change(t *testing.T, file string, replacements ...string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replacements); i += 2 {
		pattern := regexp.MustCompile(replacements[i])
		if !pattern.Match(content) {
			t.Fatalf("%s has no %s", file, replacements[i])
		}
		content = pattern.ReplaceAll(content, []byte(replacements[i+1]))
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyDirectory(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
