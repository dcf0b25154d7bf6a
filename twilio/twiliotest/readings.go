package twiliotest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Readings say how the service behaves where its documentation leaves it open. A client
// has to be right under each of them. The zero value is the default of each.
type Readings struct {
	// Unbilled is how a usage record shows that its usage is not billed yet.
	Unbilled Unbilled

	// Bills is when generated usage is billed. An Account.Usage brings delays of its
	// own.
	Bills Bills

	// AllNeedsMidnight refuses Granularity=all with 83601 unless both ends are at UTC
	// midnight. The documentation says that "certain requests" need midnight.
	AllNeedsMidnight bool

	// Period is the period of usage records that have only one possible.
	Period Periods

	// GroupsLag lists grouped usage as it was GroupLag ago. The total is up to date.
	GroupsLag bool

	// ListsShift lets a record go from the front of a listing while its pages are
	// read, and come back after that: in one of eight listings, the pages from the
	// second or a later one on begin one record late. So a record is missing, and not
	// from the next listing of the same query. Only listings of several pages shift;
	// Options.MaxPageSize makes some. Usage that is not grouped never does, since the
	// pages of the real service hold all that is asked for of it.
	ListsShift bool

	// ListsShort leaves out a record or all records of grouped usage, for two minutes
	// and one grouping at a time: of 16 such stretches of time, it affects one.
	ListsShort bool

	// AccountSID is where records name their account.
	AccountSID AccountSIDs

	// Amounts is how data_total_billed is written.
	Amounts Amounts

	// NullHours leaves data_upload and data_total of one of eight records of
	// Granularity=hour null until NullHour after the hour's end.
	NullHours bool

	// Order is that of usage records.
	Order Order
}

const (
	// GroupLag is by how much grouped usage is behind with Readings.GroupsLag.
	GroupLag = 30 * time.Minute
	// NullHour is for how long a record's bytes are null with Readings.NullHours,
	// counted from the end of its hour.
	NullHour = 90 * time.Minute
)

// Unbilled is how a usage record shows that its usage is not billed yet.
type Unbilled int

const (
	// UnbilledNull is null for amount and unit where nothing of the record's usage is
	// billed.
	UnbilledNull Unbilled = iota
	// UnbilledZero is an amount of 0 and null for the unit where nothing is billed.
	UnbilledZero
	// UnbilledPartlyNull is null for both wherever any part is not billed.
	UnbilledPartlyNull
	// UnbilledNullWithUnit is null for the amount where nothing is billed. The unit is
	// always there.
	UnbilledNullWithUnit
	// UnbilledEmpty is "" for both where nothing is billed.
	UnbilledEmpty
)

// Bills is when usage is billed.
type Bills int

const (
	// BillsSpread bills each part of an hour's usage by itself, evenly over the 23
	// hours after the hour's end.
	BillsSpread Bills = iota
	// BillsByHour bills an hour in one go, 23 hours after its end.
	BillsByHour
	// BillsByDay bills a day in one go, at two in the morning (UTC) after it.
	BillsByDay
)

// Periods are the periods of usage records of Granularity=all.
type Periods int

const (
	// PeriodAsked is the range that was asked for.
	PeriodAsked Periods = iota
	// PeriodUsed is that of the usage: from its first hour to its last one.
	PeriodUsed
	// PeriodAbsent is none. A listing of a single hour or day has none either.
	PeriodAbsent
)

// AccountSIDs is where records name their account.
type AccountSIDs int

const (
	// AccountSIDPresent names it everywhere.
	AccountSIDPresent AccountSIDs = iota
	// AccountSIDNullInUsage has null in usage records.
	AccountSIDNullInUsage
	// AccountSIDAbsent leaves the field out of usage records and, at KORE, of SIMs
	// and fleets.
	AccountSIDAbsent
)

// Amounts is how money is written.
type Amounts int

const (
	// AmountsAsStrings is "0.03", as in every published example.
	AmountsAsStrings Amounts = iota
	// AmountsAsNumbers is 0.03, as in the schema.
	AmountsAsNumbers
	// AmountsWithSpaces is " 0.03 ".
	AmountsWithSpaces
	// AmountsWithExponents is "3e-2".
	AmountsWithExponents
)

// Order is the order of usage records.
type Order int

const (
	// OrderNewestFirst has the newest period first, as the published examples do, and
	// no order within a period.
	OrderNewestFirst Order = iota
	// OrderOldestFirst is the reverse.
	OrderOldestFirst
	// OrderShuffled has no order at all.
	OrderShuffled
)

// Switch is one of the Readings with all that it can be.
type Switch struct {
	Name   string
	Values []Reading // the default first
}

// Reading is one value of a Switch.
type Reading struct {
	Name string
	Set  func(*Readings)
}

// Switches lists all Readings, for tests that go through them.
func Switches() []Switch {
	return []Switch{
		switchOf("unbilled", func(r *Readings) *Unbilled { return &r.Unbilled },
			"null", "zero", "partly_null", "null_with_unit", "empty"),
		switchOf("bills", func(r *Readings) *Bills { return &r.Bills }, "spread", "by_hour", "by_day"),
		toggle("all_needs_midnight", func(r *Readings) *bool { return &r.AllNeedsMidnight }),
		switchOf("period", func(r *Readings) *Periods { return &r.Period }, "asked", "used", "absent"),
		toggle("groups_lag", func(r *Readings) *bool { return &r.GroupsLag }),
		toggle("lists_shift", func(r *Readings) *bool { return &r.ListsShift }),
		toggle("lists_short", func(r *Readings) *bool { return &r.ListsShort }),
		switchOf("account_sid", func(r *Readings) *AccountSIDs { return &r.AccountSID }, "present", "null_in_usage", "absent"),
		switchOf("amounts", func(r *Readings) *Amounts { return &r.Amounts }, "strings", "numbers", "spaces", "exponents"),
		toggle("null_hours", func(r *Readings) *bool { return &r.NullHours }),
		switchOf("order", func(r *Readings) *Order { return &r.Order }, "newest_first", "oldest_first", "shuffled"),
	}
}

// switchOf is a switch whose values are named in the order of their constants.
func switchOf[T ~int](name string, field func(*Readings) *T, values ...string) Switch {
	s := Switch{Name: name}
	for i, value := range values {
		s.Values = append(s.Values, Reading{value, func(r *Readings) { *field(r) = T(i) }})
	}
	return s
}

func toggle(name string, field func(*Readings) *bool) Switch {
	return Switch{name, []Reading{
		{"off", func(r *Readings) { *field(r) = false }},
		{"on", func(r *Readings) { *field(r) = true }},
	}}
}

// String is the readings that are not the defaults, such as "unbilled=zero order=shuffled".
func (r Readings) String() string {
	var words []string
	for _, s := range Switches() {
		for _, v := range s.Values[1:] {
			changed := r
			if v.Set(&changed); changed == r {
				words = append(words, s.Name+"="+v.Name)
			}
		}
	}
	return strings.Join(words, " ")
}

// check panics on values that do not exist.
func (r Readings) check() {
	for _, s := range Switches() {
		known := false
		for _, v := range s.Values {
			changed := r
			v.Set(&changed)
			known = known || changed == r
		}
		if !known {
			panic(fmt.Sprintf("twiliotest: no such reading of %s in %#v", s.Name, r))
		}
	}
}

// billAt is when generated usage is billed whose hour has its end at end and which would
// be billed at spread if bills were spread; both in nanoseconds since 1970.
func (b Bills) billAt(end, spread int64) int64 {
	switch b {
	case BillsByHour:
		return end + slowestBill*int64(time.Second)
	case BillsByDay:
		// The last reports of the day come 100 minutes after it.
		midnight := -floorDiv(-end, int64(day)) * int64(day)
		return midnight + int64(2*time.Hour)
	default:
		return spread
	}
}

// bill is data_total_billed and billed_unit of a sum.
func (r *Readings) bill(s *sum, currency *string) (billed any, unit *string) {
	if s.billed && (r.Unbilled != UnbilledPartlyNull || !s.pending) {
		return r.Amounts.write(s.micro), currency
	}
	switch r.Unbilled {
	case UnbilledZero:
		return r.Amounts.write(0), nil
	case UnbilledNullWithUnit:
		return nil, currency
	case UnbilledEmpty:
		return "", new("")
	default:
		return nil, nil
	}
}

// write writes millionths.
func (a Amounts) write(micro int64) any {
	plain := formatMicro(micro)
	switch a {
	case AmountsAsNumbers:
		return json.Number(plain)
	case AmountsWithSpaces:
		return " " + plain + " "
	case AmountsWithExponents:
		return scientific(micro)
	default:
		return plain
	}
}

// scientific writes millionths with an exponent, exactly.
func scientific(micro int64) string {
	text := strconv.FormatInt(micro, 10)
	sign := ""
	if micro < 0 {
		sign, text = "-", text[1:]
	}
	exponent := len(text) - 1 - 6
	text = strings.TrimRight(text, "0")
	switch len(text) {
	case 0:
		return "0e0"
	case 1:
		return fmt.Sprintf("%s%se%d", sign, text, exponent)
	default:
		return fmt.Sprintf("%s%s.%se%d", sign, text[:1], text[1:], exponent)
	}
}

// nullHour reports whether the bytes of a record of one hour are null at a time.
func (r *Readings) nullHour(seed uint64, by group, number int32, end, at time.Time) bool {
	return r.NullHours && at.Before(end.Add(NullHour)) &&
		hash(hash(seed^'U', uint64(end.Unix())), uint64(by)<<32|uint64(number))%8 == 0
}

// shorten is what a list of grouped usage shows at a time.
func (r *Readings) shorten(rows []usageRow, seed uint64, by group, at time.Time) []usageRow {
	const stretch = 2 * time.Minute
	if !r.ListsShort || by == byNothing || len(rows) == 0 {
		return rows
	}
	h := hash(seed^'L', uint64(by)<<40+uint64(at.UnixNano()/int64(stretch)))
	if h%16 != 0 {
		return rows
	}
	if h>>8%2 == 0 {
		return nil
	}
	missing := int(h >> 16 % uint64(len(rows)))
	return append(rows[:missing:missing], rows[missing+1:]...)
}
