package exporter_test

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// TestGoroutines: an account whose API hangs takes a goroutine for each collector
// and for each listing that may be read at a time, but none for those that wait
// until their turn comes.
func TestGoroutines(t *testing.T) {
	const accounts = 50
	yaml := "accounts:\n"
	for i := range accounts {
		sid := fmt.Sprintf("AC%032x", i)
		yaml += fmt.Sprintf("- {account_sid: %s, basic_auth: {username: %s, password: x}, supersim_url: http://simulator, api_url: http://simulator}\n", sid, sid)
	}
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		hang := roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		p := launchAs(t, yaml+"api: {timeout: 1h, max_concurrency: 2}\n", log.NewLogfmtLogger,
			func(config.Account, time.Duration, string, twilio.Observer) (http.RoundTripper, error) {
				return hang, nil
			})
		time.Sleep(2 * time.Minute)
		have := float64(runtime.NumGoroutine()-before) / accounts
		const want = 4 + 3 + 2 // collectors; listings of the inventory, and of the usage
		if have > want {
			t.Errorf("want at most %d goroutines for an account, have %.1f", want, have)
		}
		p.stop()
	})
}
