package twiliotest_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// For the race detector: everything that may be called while the service runs.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := twiliotest.New(options())
	paths := []string{"/v1/UsageRecords", "/v1/Sims", "/v1/Fleets", "/v1/Networks", monthlyPath}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 3 {
				if r := get(t, s, paths[(i+k)%len(paths)], "PageSize", "7"); r.status != 200 {
					t.Errorf("%d %s", r.status, r.body)
				}
				s.Final(acct, twiliotest.Filter{}, noon.AddDate(0, 0, -2), noon)
				s.SetSIMs(acct, s.SIMs(acct))
				s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Microsecond, Times: 1})
				_, _, _ = s.Log(), s.MaxConcurrency(), s.TotalRequests()
				s.ClearFaults()
			}
		})
	}
	wg.Wait()
}

func BenchmarkTransport(b *testing.B) {
	o := options()
	o.Accounts[0].SIMs = 12
	s := twiliotest.New(o)
	rt := s.Transport()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "https://x/v1/UsageRecords?Group=sim&PageSize=1000&StartTime=2024-05-01T00:00:00Z&EndTime=2024-05-20T12:00:00Z", nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("User-Agent", "test/1")
		r.SetBasicAuth(acct, secret)
		if res := send(rt, r); res.status != 200 {
			b.Fatal(res.body)
		}
	}
}
