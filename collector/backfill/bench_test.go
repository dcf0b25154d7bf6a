package backfill_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// fleet is an API with so many SIMs, each of which has usage in every hour. Nothing of
// it is held.
type fleet int

// RoundTrip implements http.RoundTripper.
func (n fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	q, key := r.URL.Query(), strings.TrimPrefix(r.URL.Path, "/v1/")
	size, _ := strconv.Atoi(q.Get("PageSize"))
	page, _ := strconv.Atoi(q.Get("Page"))
	start, _ := time.Parse(time.RFC3339, q.Get("StartTime"))
	end, _ := time.Parse(time.RFC3339, q.Get("EndTime"))
	step, keys := end.Sub(start), int(n)
	switch q.Get("Granularity") {
	case "hour":
		step = time.Hour
	case "day":
		step = 24 * time.Hour
	}
	records, list := keys, strings.ToLower(key)
	switch key {
	case "UsageRecords":
		if list = "usage_records"; q.Get("Group") == "" {
			keys = 1
		}
		records = keys * int(end.Sub(start)/step)
	case "Sims": // all of them
	default:
		records = 0
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{%q:[`, list)
	last := min((page+1)*size, records)
	for i := page * size; i < last; i++ {
		if i > page*size {
			b.WriteByte(',')
		}
		if list == "sims" {
			fmt.Fprintf(&b, `{"sid":%q,"unique_name":null,"account_sid":%q,"iccid":"","status":"active","fleet_sid":null}`, simSID(i), accountSID)
			continue
		}
		sim, at := "null", start.Add(time.Duration(i/keys)*step)
		multiple := int(n)
		if keys > 1 {
			sim, multiple = strconv.Quote(simSID(i%keys)), 1
		}
		fmt.Fprintf(&b, `{"account_sid":%q,"sim_sid":%s,"fleet_sid":null,"network_sid":null,"iso_country":null,"period":{"start_time":%q,"end_time":%q},`+
			`"data_upload":%d,"data_download":%d,"data_total":%d,"data_total_billed":"%d.000123","billed_unit":"USD"}`,
			accountSID, sim, at.Format(time.RFC3339), at.Add(step).Format(time.RFC3339), 1000*multiple, 2000*multiple, 3000*multiple, multiple)
	}
	next := "null"
	if last < records {
		q.Set("Page", strconv.Itoa(page+1))
		u := url.URL{Scheme: "http", Host: r.URL.Host, Path: r.URL.Path, RawQuery: q.Encode()}
		next = strconv.Quote(u.String())
	}
	fmt.Fprintf(&b, `],"meta":{"key":%q,"next_page_url":%s}}`, list, next)
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(&b), Request: r}, nil
}

// BenchmarkSIMs writes the history of 100,000 SIMs that are always busy, and reports the
// largest resident memory of the process.
func BenchmarkSIMs(b *testing.B) {
	for _, x := range []struct {
		resolution backfill.Resolution
		days       int
	}{{backfill.Hour, 2}, {backfill.Day, 31}} {
		b.Run(fmt.Sprintf("by_%s/%d_days", x.resolution, x.days), func(b *testing.B) {
			for range b.N {
				cfg, err := config.Parse("config.yml", []byte("accounts: [{name: production, account_sid: "+accountSID+", basic_auth: {username: x, password: y}}]"))
				if err != nil {
					b.Fatal(err)
				}
				directory := filepath.Join(b.TempDir(), "out")
				var requests counter
				err = backfill.Run(b.Context(), backfill.Options{
					Accounts: cfg.Accounts(), API: cfg.API(), Rollover: cfg.Rollover(), Output: directory, Groups: []string{"sim"},
					From: day("2026-08-01"), To: day("2026-08-01").AddDate(0, 0, x.days), Resolution: x.resolution,
					Now: func() time.Time { return date("2026-11-20 10:00") }, Files: io.Discard, Log: b.Output(),
					Dial: func(a config.Account, _ func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
						return twilio.New(twilio.Options{AccountSID: a.AccountSID, SuperSIMURL: "http://api", UserAgent: "test", Transport: fleet(100_000), Observer: &requests})
					},
				})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(requests.Load()), "requests")
				b.ReportMetric(peak(b), "peak-MB")
				os.RemoveAll(directory)
			}
		})
	}
}

type counter struct{ atomic.Int64 }

func (c *counter) Request(twilio.Endpoint, string, time.Duration) { c.Add(1) }
func (c *counter) Retry(twilio.Endpoint, twilio.Reason)           {}

// peak is the largest resident memory so far, in MB; 0 where it is not known.
func peak(b *testing.B) float64 {
	b.Helper()
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "VmHWM:" {
			kb, _ := strconv.ParseFloat(fields[1], 64)
			return kb * 1024 / 1e6
		}
	}
	return 0
}
