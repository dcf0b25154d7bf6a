package monitoring_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestMovedAccount proves what sharding.md says of an account that moves to another
// shard, and so to another instance: what sum by (account) of increase() misses or
// counts twice, and that the maximum over the instances does neither.
func TestMovedAccount(t *testing.T) {
	const oldShard, newShard = "shard-0", "shard-1"
	begin, reset := date(t, "2026-02-24 00:00"), date(t, "2026-03-01 02:00")
	variants := []startTimestamps{
		{name: "default"},
		{name: "zero ingestion", zero: true},
		{name: "start timestamps", keep: true, use: true},
	}
	for _, test := range []struct {
		name  string
		leave string        // when the account leaves its shard
		gap   time.Duration // until it is in the other one
		twice map[string]bool
	}{
		// Prometheus stores no 0 at a time that is more than an hour ago.
		{"within the month", "2026-03-05 10:27", 6 * time.Hour, map[string]bool{"start timestamps": true}},
		{"soon after the reset", "2026-03-01 02:35", 0, map[string]bool{"zero ingestion": true, "start timestamps": true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			leave := date(t, test.leave)
			stop := leave.Add(3 * 24 * time.Hour).Truncate(time.Hour).Add(30 * time.Minute)
			directory := t.TempDir()
			data := func(i int) string { return filepath.Join(directory, strconv.Itoa(i)) }
			var account string
			bubble(t, begin, func(t *testing.T) {
				cfg, err := config.Parse("shards.yml", []byte(configuration("http://simulator", `
collectors:
  supersim_usage: {interval: 1h}
  account_usage: {enabled: false}
  account_balance: {enabled: false}
`)))
				if err != nil {
					t.Fatal(err)
				}
				total := 2
				for len(cfg.Shard(total-1, total).Accounts()) != 1 {
					total++
				}
				account = cfg.Shard(total-1, total).Accounts()[0].Name
				n := &network{listeners: make(map[string]*listener)}
				simulator := twiliotest.New(world(begin.AddDate(0, 0, -10), time.Time{}, nil))
				stopOld := n.run(t, cfg.Shard(0, 1), simulator, oldShard)
				var scrapers []*scraper
				for _, v := range variants {
					s := newScraper(t, n, v)
					s.start(t, job{"twilio", 15 * time.Minute, []string{oldShard, newShard}}, 0)
					scrapers = append(scrapers, s)
				}
				time.Sleep(time.Until(leave))
				stopOld()
				stopOld = n.run(t, cfg.Shard(0, total), simulator, oldShard)
				time.Sleep(test.gap)
				stopNew := n.run(t, cfg.Shard(total-1, total), simulator, newShard)
				time.Sleep(time.Until(stop.Add(time.Minute)))
				for i, s := range scrapers {
					s.block(t, data(i))
				}
				stopOld()
				stopNew()
			})
			for i, v := range variants {
				t.Run(v.name, func(t *testing.T) {
					p := startQueries(t, data(i), v)
					value := func(host string, at time.Time) float64 {
						return p.scalar(t, fmt.Sprintf(`twilio_supersim_account_upload_bytes_total{account=%q,instance="%s:9860"}`, account, host), at)
					}
					left, came := value(oldShard, leave), value(newShard, leave.Add(test.gap+15*time.Minute))
					if test.gap > 0 && came <= left {
						t.Fatalf("nothing was used while the account moved: %f, %f", left, came)
					}
					for _, from := range []time.Time{leave.Add(-48 * time.Hour), date(t, "2026-02-25 00:30")} {
						used := value(newShard, stop)
						if from.Before(reset) {
							used += value(oldShard, reset.Add(-time.Second)) - value(oldShard, from)
						} else {
							used -= value(oldShard, from)
						}
						check := func(expr string, want float64) {
							t.Helper()
							expr = fmt.Sprintf(expr, fmt.Sprintf("twilio_supersim_account_upload_bytes_total{account=%q}", account), int(stop.Sub(from).Seconds()))
							// increase() extrapolates to the start of its range.
							if have := p.values(t, expr, "account", stop)[account]; have < want*(1-1e-9) || have > 1.005*want {
								t.Errorf("%s: have %f, want %f, while %f were counted", expr, have, want, used)
							}
						}
						sum := used - (came - left)
						if from.Before(reset) && test.twice[v.name] {
							sum = used + left
						}
						check("sum by (account) (increase(%s[%ds]))", sum)
						check("increase(max by (account) (%s)[%ds:5m])", used) // as the recorded series
					}
				})
			}
		})
	}
}
