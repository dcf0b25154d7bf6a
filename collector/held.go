package collector

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// What an account may hold in memory grows with max_records, so that one whose
// API misbehaves does not fill it: 128 MB of records in polls under way and
// 1,000,000 counters at the default of 2,000,000. 170,000 SIMs need 120 MB and
// 510,000.
const (
	minRecords        = 500_000 // for which there is room whatever max_records says
	heldPerRecord     = 64      // bytes
	recordsPerCounter = 2
	maxCurrencies     = 16
)

// held is how much the records of an account's polls hold, all polls under way
// together.
type held struct {
	mu    sync.Mutex
	bytes int64
	gc    int64 // bytes from which on garbage is collected next
}

// gcStep is how much more records may be held until garbage is collected. The
// runtime would let the heap double first.
const gcStep = 16 << 20

func (h *held) add(bytes int64) (total int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes += bytes
	h.gc = min(max(h.gc, 2*gcStep), h.bytes+gcStep)
	if h.bytes > h.gc {
		h.gc = h.bytes + gcStep
		runtime.GC()
	}
	return h.bytes
}

// holding is what one poll holds, until it is released, and how many records it read.
type holding struct {
	account *Account
	records *atomic.Int64 // those that came twice count once
	mu      sync.Mutex
	bytes   int64
}

// hold starts a poll. Its holding must be released.
func (a *Account) hold() *holding { return &holding{account: a, records: new(atomic.Int64)} }

// count is how many records the poll has read.
func (h *holding) count() int { return int(h.records.Load()) }

// part is a holding for some of the poll's records, which is released before the poll's.
func (h *holding) part() *holding { return &holding{account: h.account, records: h.records} }

// add accounts for records of a listing.
func (h *holding) add(endpoint twilio.Endpoint, bytes int64) error {
	h.mu.Lock()
	h.bytes += bytes
	h.mu.Unlock()
	limit := int64(max(h.account.Client.MaxRecords(), minRecords)) * heldPerRecord
	if h.account.held.add(bytes) > limit {
		return &twilio.LimitError{Endpoint: endpoint, Max: h.account.Client.MaxRecords(), Text: fmt.Sprintf(
			"the records of the account take more than %d MB", limit/1e6)}
	}
	return nil
}

// release ends a poll. What it held is garbage, which the next one must not come
// on top of.
func (h *holding) release() {
	h.account.held.add(-h.bytes)
	if h.bytes > gcStep {
		runtime.GC()
	}
}

// stringSize is about what a string of its own takes: the allocator rounds up.
func stringSize(s string) int64 { return int64(len(s)+15) &^ 15 }

// decimalSize is what an amount takes beside its struct.
const decimalSize = 40

func (t usageTotal) size() int64 {
	return int64(unsafe.Sizeof(t)) + stringSize(t.key) + decimalSize
}

func simSize(s twilio.Sim) int64 {
	return int64(unsafe.Sizeof(s)) + stringSize(s.SID) + stringSize(s.UniqueName) + stringSize(s.ICCID)
}

func fleetSize(f twilio.Fleet) int64 {
	return int64(unsafe.Sizeof(f)) + stringSize(f.SID) + stringSize(f.UniqueName)
}

func networkSize(n twilio.Network) int64 {
	return int64(unsafe.Sizeof(n)) + stringSize(n.SID) + stringSize(n.FriendlyName)
}

// monthlySize includes what a record takes as counters and gauges.
func monthlySize(u twilio.MonthlyUsage) int64 {
	return int64(unsafe.Sizeof(u)) + stringSize(u.Category) + 3*decimalSize + 500
}

// checkCounters fails a poll after which the account would have more counters or
// currencies than fit in memory.
func (c *SuperSIMUsage) checkCounters(totals usageTotals) error {
	currencies := make(map[string]bool)
	for column := range c.cost.Columns() {
		currencies[column.currency] = true
	}
	months := make(map[grouping][]usageTotal)
	for q, keyed := range totals {
		for j := range keyed {
			if t := &keyed[j]; t.currency != "" {
				currencies[t.currency] = true
				for currency := range t.others {
					currencies[currency] = true
				}
			}
		}
		if len(keyed) > len(months[q.group]) {
			months[q.group] = keyed
		}
	}
	keys := 0
	for _, d := range c.counted(totals) {
		visitKeys(months[d.group], c.bytes.IDs(bytesColumn{group: d.group}), func(string, *usageTotal, bool) { keys++ })
	}
	limit := max(c.account.Client.MaxRecords(), minRecords) / recordsPerCounter
	switch {
	case len(currencies) > maxCurrencies:
		return &twilio.ResponseError{Endpoint: twilio.EndpointUsageRecords, Err: fmt.Errorf(
			"the account is billed in %d currencies, and at most %d are taken", len(currencies), maxCurrencies)}
	case keys*(2+len(currencies)) > limit:
		return &twilio.LimitError{Endpoint: twilio.EndpointUsageRecords, Max: c.account.Client.MaxRecords(), Text: fmt.Sprintf(
			"the account would have more than %d counters", limit)}
	}
	return nil
}
