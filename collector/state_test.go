//go:build unix

package collector

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// largeAccount is an account whose SIMs have six series each, after a poll.
func largeAccount(sims int, now time.Time) (*SuperSIMInventory, *SuperSIMUsage) {
	account := &Account{Inventory: new(Inventory), Rollover: 15 * time.Minute, MaxAge: 3 * time.Hour, Started: now}
	var list []twilio.Sim
	var ids []string
	for i := range sims {
		sid := fmt.Sprintf("HS%032x", i*7919)
		list = append(list, twilio.Sim{SID: sid, UniqueName: fmt.Sprintf("device-%d", i), FleetSID: fmt.Sprintf("HF%032x", i%20), Status: "active"})
		ids = append(ids, sid)
	}
	account.Inventory.set(resources{known: true, sims: newSIMList(list, false, nil)})
	usage := NewSuperSIMUsage(account, config.SuperSIMUsage{Groups: []string{"sim"}, Settle: config.Settle{Usage: 2 * time.Hour, Cost: 24 * time.Hour}})
	bytes, cost := monthly.NewReport[bytesColumn](usage.bytes.Window(now)), monthly.NewReport[costColumn](usage.cost.Window(now))
	d := usage.dimensions[0]
	columns := []*monthly.ColumnReport{bytes.Column(d.directions()[0].column), bytes.Column(d.directions()[1].column), cost.Column(costColumn{d.group, "USD"})}
	for i, id := range ids {
		for k, column := range columns {
			column.Add(id, float64(i*(k+1)*977)/float64(1+99*(k/2)))
		}
	}
	monthly.ShareIDs(columns...)
	usage.commit(now, bytes, cost)
	for _, dir := range d.directions() {
		values := make([]float64, sims)
		for i := range values {
			values[i] = float64(i * 31 % 100_000)
		}
		ids := usage.bytes.IDs(dir.column)
		usage.gauges = append(usage.gauges, metric.Batch{Family: dir.hour, Len: len(ids), Labels: d.columns(ids), Values: metric.Values(values)})
	}
	return &SuperSIMInventory{account: account}, usage
}

// encoded is what follows each other of some states.
func encoded(t testing.TB, states ...State) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := gob.NewEncoder(&b)
	for _, s := range states {
		for _, part := range []any{s.Rows, s.Head} {
			if part == nil {
				continue
			}
			if err := encoder.Encode(part); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Bytes()
}

// decoding reads what encoded returned.
func decoding(content []byte) func(State) error {
	decoder := gob.NewDecoder(bytes.NewReader(content))
	return func(s State) error {
		err := decoder.Decode(s.Rows)
		if err == nil && s.Head != nil {
			err = decoder.Decode(s.Head)
		}
		return err
	}
}

// cpuTime is the processor time of this process.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkState encodes the state of 1,020,000 series, and restores it.
func BenchmarkState(b *testing.B) {
	now := time.Date(2004, 3, 10, 12, 0, 0, 0, time.UTC)
	inventory, usage := largeAccount(170_000, now)
	content := encoded(b, inventory.State(), usage.State())
	b.Run("encode", func(b *testing.B) {
		before := cpuTime(b)
		for b.Loop() {
			encoded(b, inventory.State(), usage.State())
		}
		b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
		b.ReportMetric(float64(len(content)), "B")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			account := &Account{Inventory: new(Inventory), Rollover: 15 * time.Minute, MaxAge: 3 * time.Hour, Started: now}
			decode := decoding(content)
			for _, c := range []Stateful{NewSuperSIMInventory(account, config.SuperSIMInventory{}), NewSuperSIMUsage(account, usage.cfg)} {
				if result, err := c.Restore(decode, now, now.Add(time.Minute)); err != nil || result == nil || len(result.Batches) == 0 {
					b.Fatal(result, err)
				}
			}
		}
	})
}

// FuzzRestore: no state makes a collector panic, or continue with what it cannot expose.
func FuzzRestore(f *testing.F) {
	now := time.Date(2004, 3, 10, 12, 0, 0, 0, time.UTC)
	inventory, usage := largeAccount(5, now)
	f.Add(encoded(f, inventory.State()))
	f.Add(encoded(f, usage.State()))
	f.Add(encoded(f, State{&accountUsageRows{}, &accountUsageHead{}}))
	f.Add(encoded(f, State{Rows: &superSIMDataLimitsState{}}))
	f.Add(encoded(f, State{Rows: &accountBalanceState{}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<16 {
			return
		}
		account := &Account{Inventory: new(Inventory), Rollover: 15 * time.Minute, MaxAge: 3 * time.Hour, Started: now}
		for _, c := range []Stateful{
			NewSuperSIMInventory(account, config.SuperSIMInventory{}), NewSuperSIMUsage(account, usage.cfg),
			NewAccountUsage(account, config.AccountUsage{}), NewAccountBalance(account), NewSuperSIMDataLimits(account, config.SuperSIMDataLimits{}),
		} {
			result, err := c.Restore(decoding(content), now, now.Add(time.Minute))
			if err != nil || result == nil {
				continue
			}
			for _, b := range result.Batches {
				for range b.All() {
				}
			}
			_ = c.State()
		}
	})
}
