package exporter_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// TestStopWhileHanging: what does not even end with its context does not hold up
// the end, and is named.
func TestStopWhileHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		p := launchAs(t, bothAccounts+"api: {max_concurrency: 50}\n", log.NewLogfmtLogger, func(a config.Account, timeout time.Duration, agent string, o twilio.Observer) (http.RoundTripper, error) {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if a.Name == "a" && strings.HasSuffix(r.URL.Path, "Balance.json") {
					<-release
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			}), nil
		})
		time.Sleep(10 * time.Second)
		reloaded := make(chan error, 1)
		go func() { reloaded <- p.tryReload(bothAccounts + often) }() // which waits for the polls to end
		time.Sleep(time.Second)
		start := time.Now()
		p.stop()
		if have := time.Since(start); have != 5*time.Second {
			t.Errorf("want it to end within 5s, have %s", have)
		}
		if err := <-reloaded; err == nil {
			t.Error("want an error of the reload")
		}
		const hangs = "a poll that hangs"
		if lines := p.logged("error"); len(lines) != 1 || !strings.Contains(lines[0], hangs) ||
			!strings.Contains(lines[0], "account=a collector=account_balance") {
			t.Errorf("want one line about the poll that hangs, have %q", lines)
		}
	})
}
