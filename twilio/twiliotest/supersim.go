package twiliotest

import (
	"cmp"
	"slices"
	"time"
)

const (
	maxPageSize = 1000
	// KORE's schema allows less, for usage records alone.
	maxUsagePageSizeKORE = 249
)

type period struct {
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
}

type usageRecord struct {
	Period          *period `json:"period,omitempty"`
	AccountSID      any     `json:"account_sid,omitempty"`
	SimSID          *string `json:"sim_sid"`
	FleetSID        *string `json:"fleet_sid"`
	NetworkSID      *string `json:"network_sid"`
	IsoCountry      *string `json:"iso_country"`
	DataUpload      *int64  `json:"data_upload"`
	DataDownload    int64   `json:"data_download"`
	DataTotal       *int64  `json:"data_total"`
	DataTotalBilled any     `json:"data_total_billed"`
	BilledUnit      *string `json:"billed_unit"`
}

// usageRow is a usageRecord as long as nobody reads it.
type usageRow struct {
	bucket, number int32
	sum            sum
}

func (s *Simulator) usageRecords(q *request) *response {
	p, bad := readParams(q, 83600, "Sim", "Fleet", "Network", "IsoCountry", "Group", "Granularity", "StartTime", "EndTime")
	if bad != nil {
		return bad
	}
	most := maxPageSize
	if q.world.account.Provider == KORE {
		most = maxUsagePageSizeKORE
	}
	g, bad := s.readPaging(q, &p, most)
	if bad != nil {
		return bad
	}
	bad = firstRefusal(
		p.enum("Group", "sim", "fleet", "network", "isoCountry"),
		p.enum("Granularity", "hour", "day", "all"),
		p.matches("Network", "a SID that begins with HW", func(v string) bool { return isSID("HW", v) }),
		p.matches("IsoCountry", "two capital letters", isCountry),
	)
	if bad != nil {
		return bad
	}
	r, bad := s.readSpan(&p, g.at)
	if bad != nil {
		return bad
	}
	f := Filter{p.values["Sim"], p.values["Fleet"], p.values["Network"], p.values["IsoCountry"]}
	return g.respond(q, "usage_records", func() listing {
		return q.world.usageListing(f, readGroup(p.values["Group"]), r, g.at)
	})
}

func readGroup(word string) group {
	switch word {
	case "sim":
		return bySIM
	case "fleet":
		return byFleet
	case "network":
		return byNetwork
	case "isoCountry":
		return byCountry
	default:
		return byNothing
	}
}

// usageListing has within a bucket no order that a client could rely on.
func (w *world) usageListing(f Filter, by group, r span, at time.Time) listing {
	w.mu.Lock()
	defer w.mu.Unlock()
	step := r.step
	if step == 0 {
		step = r.to.Sub(r.from)
	}
	rows := w.usageRows(f, by, r.from, step, int(r.to.Sub(r.from)/step), at)

	q := w.filter(f)
	fixed := usageRecord{AccountSID: w.readings.AccountSID.inUsage(w.account.SID)}
	fix := func(field **string, t *table, number int32) {
		if number >= 0 {
			*field = text(t.ids[number])
		}
	}
	fix(&fixed.SimSID, w.simIDs, q.sim)
	fix(&fixed.FleetSID, w.fleetIDs, q.fleet)
	fix(&fixed.NetworkSID, w.networkIDs, q.network)
	fix(&fixed.IsoCountry, w.countryIDs, q.country)
	var ids []string
	if t := w.table(by); t != nil {
		ids = t.ids
	}
	currency := w.account.Currency
	single := step == r.to.Sub(r.from)

	return listing{n: len(rows), record: func(i int) any {
		row := &rows[i]
		rec := fixed
		from := r.from.Add(time.Duration(row.bucket) * step)
		rec.Period = w.readings.period(row, from, from.Add(step), r.step == 0, single)
		switch by {
		case bySIM:
			rec.SimSID = text(ids[row.number])
		case byFleet:
			rec.FleetSID = text(ids[row.number])
		case byNetwork:
			rec.NetworkSID = text(ids[row.number])
		case byCountry:
			rec.IsoCountry = text(ids[row.number])
		}
		rec.DataDownload = row.sum.download
		if r.step != time.Hour || !w.readings.nullHour(w.account.Seed, by, row.number, from.Add(step), at) {
			rec.DataUpload, rec.DataTotal = &row.sum.upload, new(row.sum.upload+row.sum.download)
		}
		rec.DataTotalBilled, rec.BilledUnit = w.readings.bill(&row.sum, &currency)
		return rec
	}}
}

// usageRows are the rows of a listing of usage, of so many buckets, in its order. The
// caller holds w.mu.
func (w *world) usageRows(f Filter, by group, start time.Time, step time.Duration, buckets int, at time.Time) []usageRow {
	q := w.filter(f)
	q.by = by
	known := at
	if by != byNothing && w.readings.GroupsLag {
		known = at.Add(-GroupLag)
	}
	var rows []usageRow
	var sums []sum
	for bucket := buckets - 1; bucket >= 0; bucket-- {
		from := ceilHour(start.Add(time.Duration(bucket) * step))
		sums = w.sum(sums, q, from, from+int64(step/time.Hour), known.UnixNano())
		order := []int32{0}
		if t := w.table(by); t != nil {
			order = t.shuffled()
		}
		for _, number := range order {
			if int(number) < len(sums) && sums[number].shown() {
				rows = append(rows, usageRow{int32(bucket), number, sums[number]})
			}
		}
	}
	switch w.readings.Order {
	case OrderOldestFirst:
		slices.Reverse(rows)
	case OrderShuffled:
		slices.SortFunc(rows, func(a, b usageRow) int { return cmp.Compare(a.position(), b.position()) })
	}
	return w.readings.shorten(rows, w.account.Seed, by, at)
}

// position orders the rows of a shuffled list.
func (r *usageRow) position() uint64 { return hash(uint64(r.bucket), uint64(r.number)) }

// period is that of a record. all says that its listing is of Granularity=all, single
// that the listing has one period.
func (r *Readings) period(row *usageRow, from, to time.Time, all, single bool) *period {
	switch {
	case r.Period == PeriodAbsent && single:
		return nil
	case r.Period == PeriodUsed && all && row.sum.end > 0:
		from, to = time.Unix(0, row.sum.first*hourNanos).UTC(), time.Unix(0, row.sum.end*hourNanos).UTC()
	}
	return &period{from.Format(stamp), to.Format(stamp)}
}

// inUsage is account_sid of a usage record: nil where there is no such field.
func (a AccountSIDs) inUsage(sid string) any {
	switch a {
	case AccountSIDNullInUsage:
		return (*string)(nil)
	case AccountSIDAbsent:
		return nil
	default:
		return sid
	}
}

// inInventory is account_sid of a SIM or fleet: "" where there is no such field.
func (a AccountSIDs) inInventory(p Provider, sid string) string {
	if a == AccountSIDAbsent && p == KORE {
		return ""
	}
	return sid
}

type simRecord struct {
	SID         string            `json:"sid"`
	UniqueName  *string           `json:"unique_name"`
	AccountSID  string            `json:"account_sid,omitempty"`
	ICCID       string            `json:"iccid"`
	Status      string            `json:"status"`
	FleetSID    *string           `json:"fleet_sid"`
	DateCreated string            `json:"date_created"`
	DateUpdated string            `json:"date_updated"`
	URL         string            `json:"url"`
	Links       map[string]string `json:"links"`
}

func (s *Simulator) sims(q *request) *response {
	p, bad := readParams(q, 20001, "Status", "Fleet", "Iccid")
	if bad != nil {
		return bad
	}
	g, bad := s.readPaging(q, &p, maxPageSize)
	if bad != nil {
		return bad
	}
	bad = firstRefusal(
		p.enum("Status", "new", "ready", "active", "inactive", "scheduled"),
		p.matches("Iccid", "digits", digits),
	)
	if bad != nil {
		return bad
	}
	w := q.world
	base := origin(q.http) + q.http.URL.Path + "/"
	return g.respond(q, "sims", func() listing {
		w.mu.Lock()
		list := w.simsAt(g.at)
		w.mu.Unlock()
		fleet := named(p.values["Fleet"], w.fleetNames)
		chosen := choose(list, func(m SIM) bool {
			return passes(p.values["Status"], m.Status) && passes(fleet, m.FleetSID) && passes(p.values["Iccid"], m.ICCID)
		}, func(m SIM) string { return m.SID })
		return listing{n: len(chosen), record: func(i int) any {
			m := chosen[i]
			created, updated := dates(m.SID)
			return simRecord{
				SID:         m.SID,
				UniqueName:  text(m.UniqueName),
				AccountSID:  w.readings.AccountSID.inInventory(w.account.Provider, w.account.SID),
				ICCID:       m.ICCID,
				Status:      m.Status,
				FleetSID:    text(m.FleetSID),
				DateCreated: created,
				DateUpdated: updated,
				URL:         base + m.SID,
				Links: map[string]string{
					"billing_periods":  base + m.SID + "/BillingPeriods",
					"sim_ip_addresses": base + m.SID + "/IpAddresses",
				},
			}
		}}
	})
}

type fleetRecord struct {
	AccountSID              string  `json:"account_sid,omitempty"`
	SID                     string  `json:"sid"`
	UniqueName              *string `json:"unique_name"`
	DataEnabled             bool    `json:"data_enabled"`
	DataLimit               *int64  `json:"data_limit"`
	DataMetering            string  `json:"data_metering"`
	DateCreated             string  `json:"date_created"`
	DateUpdated             string  `json:"date_updated"`
	SMSCommandsEnabled      bool    `json:"sms_commands_enabled"`
	SMSCommandsMethod       string  `json:"sms_commands_method"`
	SMSCommandsURL          *string `json:"sms_commands_url"`
	IPCommandsMethod        string  `json:"ip_commands_method"`
	IPCommandsURL           *string `json:"ip_commands_url"`
	NetworkAccessProfileSID string  `json:"network_access_profile_sid"`
	URL                     string  `json:"url"`
}

// defaultDataLimit is Twilio's, in megabytes.
const defaultDataLimit = 250

func (s *Simulator) fleets(q *request) *response {
	p, bad := readParams(q, 20001, "NetworkAccessProfile")
	if bad != nil {
		return bad
	}
	g, bad := s.readPaging(q, &p, maxPageSize)
	if bad != nil {
		return bad
	}
	w := q.world
	// Every fleet of an account has the same profile.
	profile := makeSID("HA", hash(w.account.Seed^'A', 0))
	base := origin(q.http) + q.http.URL.Path + "/"
	return g.respond(q, "fleets", func() listing {
		chosen := choose(w.fleets, func(Fleet) bool { return passes(p.values["NetworkAccessProfile"], profile) },
			func(f Fleet) string { return f.SID })
		return listing{n: len(chosen), record: func(i int) any {
			f := chosen[i]
			created, updated := dates(f.SID)
			rec := fleetRecord{
				AccountSID:              w.readings.AccountSID.inInventory(w.account.Provider, w.account.SID),
				SID:                     f.SID,
				UniqueName:              text(f.UniqueName),
				DataEnabled:             true,
				DataMetering:            "payg",
				DateCreated:             created,
				DateUpdated:             updated,
				SMSCommandsMethod:       "POST",
				IPCommandsMethod:        "POST",
				NetworkAccessProfileSID: profile,
				URL:                     base + f.SID,
			}
			switch {
			case f.DataLimitMB != 0:
				rec.DataLimit = &f.DataLimitMB
			case w.account.Provider == Twilio:
				rec.DataLimit = new(int64(defaultDataLimit))
			}
			return rec
		}}
	})
}

type networkRecord struct {
	SID          string       `json:"sid"`
	FriendlyName *string      `json:"friendly_name"`
	IsoCountry   *string      `json:"iso_country"`
	Identifiers  []identifier `json:"identifiers"`
	URL          string       `json:"url"`
}

type identifier struct {
	MCC string `json:"mcc"`
	MNC string `json:"mnc"`
}

func (s *Simulator) networks(q *request) *response {
	p, bad := readParams(q, 20001, "IsoCountry", "Mcc", "Mnc")
	if bad != nil {
		return bad
	}
	g, bad := s.readPaging(q, &p, maxPageSize)
	if bad != nil {
		return bad
	}
	bad = firstRefusal(
		p.matches("IsoCountry", "two capital letters", isCountry),
		p.matches("Mcc", "three digits", func(v string) bool { return len(v) == 3 && digits(v) }),
		p.matches("Mnc", "two or three digits", func(v string) bool { return (len(v) == 2 || len(v) == 3) && digits(v) }),
	)
	if bad != nil {
		return bad
	}
	base := origin(q.http) + q.http.URL.Path + "/"
	return g.respond(q, "networks", func() listing {
		chosen := choose(q.world.networks, func(n Network) bool {
			return passes(p.values["IsoCountry"], n.ISOCountry) && passes(p.values["Mcc"], n.MCC) && passes(p.values["Mnc"], n.MNC)
		}, func(n Network) string { return n.SID })
		return listing{n: len(chosen), record: func(i int) any {
			n := chosen[i]
			return networkRecord{
				SID:          n.SID,
				FriendlyName: text(n.FriendlyName),
				IsoCountry:   text(n.ISOCountry),
				Identifiers:  []identifier{{n.MCC, n.MNC}},
				URL:          base + n.SID,
			}
		}}
	})
}

// passes reports whether a value passes a filter parameter; "" is no filter.
func passes(filter, value string) bool { return filter == "" || filter == value }

// choose filters a list and puts it in an order that only hashing explains.
func choose[T any](list []T, passes func(T) bool, sid func(T) string) []T {
	type placed struct {
		position uint64
		item     T
	}
	var found []placed
	for _, item := range list {
		if passes(item) {
			found = append(found, placed{hashString('o', sid(item)), item})
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return cmp.Compare(a.position, b.position) })
	out := make([]T, len(found))
	for i, f := range found {
		out[i] = f.item
	}
	return out
}

// dates are when a resource was created and last updated.
func dates(sid string) (created, updated string) {
	h := hashString('D', sid)
	t := time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(h%20_000_000) * time.Second)
	return t.Format(stamp), t.Add(time.Duration(h>>32%10_000_000) * time.Second).Format(stamp)
}
