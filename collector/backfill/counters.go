package backfill

import (
	"maps"
	"slices"
	"strings"
)

// counters are those of one group of an account. Each key has a row for good; what is
// kept of a row is of the month that is written.
type counters struct {
	keys []string
	rows map[string]int

	expected []bool // has counters in every month, if only at 0
	used     []bool // has usage in this month
	before   []bool // had usage in the month before
	shown    []bool // has a sample in an earlier file of the month

	upload, download []int64            // since the start of the month
	money            map[string][]money // by currency
	priced           map[string]bool    // currencies that have a sample in an earlier file of the month
}

// money is what was billed since the start of the month.
type money struct {
	sum  amount
	held float64 // the highest value so far: a counter never falls
}

func newCounters(expected []string) *counters {
	c := &counters{rows: make(map[string]int, len(expected)), money: make(map[string][]money), priced: make(map[string]bool)}
	for _, key := range expected {
		c.expected[c.row(key)] = true
	}
	return c
}

// row is the row of a key.
func (c *counters) row(key string) int {
	row, ok := c.rows[key]
	if !ok {
		row = len(c.keys)
		key = strings.Clone(key) // not the page that it was read from
		c.keys, c.rows[key] = append(c.keys, key), row
		c.expected, c.used, c.before, c.shown = append(c.expected, false), append(c.used, false), append(c.before, false), append(c.shown, false)
		c.upload, c.download = append(c.upload, 0), append(c.download, 0)
	}
	return row
}

// amounts are those of the rows in a currency.
func (c *counters) amounts(currency string) []money {
	m := c.money[currency]
	if n := len(c.keys); len(m) < n {
		m = append(m, make([]money, n-len(m))...)
		c.money[currency] = m
	}
	return m
}

// counted are the rows that have counters in this month, sorted by key.
func (c *counters) counted(keysFromUsage bool) []int {
	var rows []int
	for row := range c.keys {
		if c.expected[row] || c.used[row] || keysFromUsage && c.before[row] {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b int) int { return strings.Compare(c.keys[a], c.keys[b]) })
	return rows
}

// beforeKeys are those with usage in the month before, sorted.
func (c *counters) beforeKeys() []string {
	var keys []string
	for row, before := range c.before {
		if before {
			keys = append(keys, c.keys[row])
		}
	}
	slices.Sort(keys)
	return keys
}

// nextMonth begins a month.
func (c *counters) nextMonth() {
	c.before = c.used
	n := len(c.keys)
	c.used, c.shown = make([]bool, n), make([]bool, n)
	clear(c.upload)
	clear(c.download)
	c.money, c.priced = make(map[string][]money), make(map[string]bool)
}

// note takes note of which rows have usage in steps of a usage.
func (c *counters) note(u *usage, from, to int) {
	for row := range u.rows() {
		c.used[row] = c.used[row] || u.used(row, from, to)
	}
}

// advance adds steps [from, to) of a usage.
func (c *counters) advance(u *usage, from, to int, currencies []string) {
	for row := range u.rows() {
		for step := from; step < to; step++ {
			upload, download := u.bytes(row, step)
			c.upload[row] += upload // write has found that the sum can be held
			c.download[row] += download
		}
	}
	for _, currency := range currencies {
		amounts := c.amounts(currency)
		for row := range u.rows() {
			amounts[row] = billed(amounts[row], u, row, from, to, currency, nil)
		}
		c.priced[currency] = true
	}
	for row := range c.shown {
		c.shown[row] = c.shown[row] || c.expected[row] || c.used[row] || c.before[row]
	}
}

// billed adds what a row was billed in steps [from, to), and appends what counters show
// after each to values, if that is not nil.
func billed(m money, u *usage, row, from, to int, currency string, values *[]float64) money {
	for step := from; step < to; step++ {
		m.sum = u.bill(m.sum, row, step, currency)
		m.held = max(m.held, m.sum.float())
		if values != nil {
			*values = append(*values, m.held)
		}
	}
	return m
}

// currencies are those in which the group has cost counters in this month, sorted:
// those that it had before, and more.
func (c *counters) currencies(more ...map[string]bool) []string {
	all := make(map[string]bool)
	for _, m := range more {
		maps.Copy(all, m)
	}
	for currency := range c.money {
		all[currency] = true
	}
	return slices.Sorted(maps.Keys(all))
}
