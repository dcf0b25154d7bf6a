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
	Period          period  `json:"period"`
	AccountSID      string  `json:"account_sid"`
	SimSID          *string `json:"sim_sid"`
	FleetSID        *string `json:"fleet_sid"`
	NetworkSID      *string `json:"network_sid"`
	IsoCountry      *string `json:"iso_country"`
	DataUpload      int64   `json:"data_upload"`
	DataDownload    int64   `json:"data_download"`
	DataTotal       int64   `json:"data_total"`
	DataTotalBilled any     `json:"data_total_billed"`
	BilledUnit      *string `json:"billed_unit"`
}

// usageRow is a usageRecord as long as nobody reads it.
type usageRow struct {
	bucket, number int32
	sum            sum
}

func (s *Simulator) usageRecords(q *request) *answer {
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
	return g.answer(q, "usage_records", func() listing {
		return q.world.usageListing(f, readGroup(p.values["Group"]), r, g.at, s.options.NumbersAsNumbers)
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

// usageListing has the newest bucket first, and within a bucket no order that a client
// could rely on.
func (w *world) usageListing(f Filter, by group, r span, at time.Time, asNumbers bool) listing {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.filter(f)
	q.by = by
	step := r.step
	if step == 0 {
		step = r.to.Sub(r.from)
	}
	var rows []usageRow
	var sums []sum
	for bucket := int(r.to.Sub(r.from)/step) - 1; bucket >= 0; bucket-- {
		from := ceilHour(r.from.Add(time.Duration(bucket) * step))
		sums = w.sum(sums, q, from, from+int64(step/time.Hour), at.UnixNano())
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

	fixed := usageRecord{AccountSID: w.account.SID}
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

	return listing{n: len(rows), record: func(i int) any {
		row := rows[i]
		rec := fixed
		from := r.from.Add(time.Duration(row.bucket) * step)
		rec.Period = period{from.Format(stamp), from.Add(step).Format(stamp)}
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
		rec.DataUpload, rec.DataDownload = row.sum.upload, row.sum.download
		rec.DataTotal = row.sum.upload + row.sum.download
		rec.DataTotalBilled = amount(row.sum.micro, asNumbers)
		if row.sum.billed {
			rec.BilledUnit = &currency
		}
		return rec
	}}
}

type simRecord struct {
	SID         string            `json:"sid"`
	UniqueName  *string           `json:"unique_name"`
	AccountSID  string            `json:"account_sid"`
	ICCID       string            `json:"iccid"`
	Status      string            `json:"status"`
	FleetSID    *string           `json:"fleet_sid"`
	DateCreated string            `json:"date_created"`
	DateUpdated string            `json:"date_updated"`
	URL         string            `json:"url"`
	Links       map[string]string `json:"links"`
}

func (s *Simulator) sims(q *request) *answer {
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
	return g.answer(q, "sims", func() listing {
		w.mu.Lock()
		list := w.simsAt(g.at)
		w.mu.Unlock()
		fleet := named(p.values["Fleet"], w.fleetNames)
		chosen := choose(list, func(m SIM) bool {
			return wanted(p.values["Status"], m.Status) && wanted(fleet, m.FleetSID) && wanted(p.values["Iccid"], m.ICCID)
		}, func(m SIM) string { return m.SID })
		return listing{n: len(chosen), record: func(i int) any {
			m := chosen[i]
			created, updated := dates(m.SID)
			switch {
			case !m.Updated.IsZero():
				updated = m.Updated.UTC().Format(stamp)
			case m.Status == "scheduled":
				updated = g.at.UTC().Truncate(24 * time.Hour).Format(stamp)
			}
			return simRecord{
				SID:         m.SID,
				UniqueName:  text(m.UniqueName),
				AccountSID:  w.account.SID,
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
	AccountSID              string  `json:"account_sid"`
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

func (s *Simulator) fleets(q *request) *answer {
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
	return g.answer(q, "fleets", func() listing {
		chosen := choose(w.fleets, func(Fleet) bool { return wanted(p.values["NetworkAccessProfile"], profile) },
			func(f Fleet) string { return f.SID })
		return listing{n: len(chosen), record: func(i int) any {
			f := chosen[i]
			created, updated := dates(f.SID)
			rec := fleetRecord{
				AccountSID:              w.account.SID,
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

func (s *Simulator) networks(q *request) *answer {
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
	return g.answer(q, "networks", func() listing {
		chosen := choose(q.world.networks, func(n Network) bool {
			return wanted(p.values["IsoCountry"], n.ISOCountry) && wanted(p.values["Mcc"], n.MCC) && wanted(p.values["Mnc"], n.MNC)
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

// wanted reports whether a value passes a filter parameter; "" is no filter.
func wanted(filter, value string) bool { return filter == "" || filter == value }

// choose filters a list and puts it in an order that only hashing explains.
func choose[T any](list []T, passes func(T) bool, sid func(T) string) []T {
	type placed struct {
		place uint64
		item  T
	}
	var found []placed
	for _, item := range list {
		if passes(item) {
			found = append(found, placed{hashString('o', sid(item)), item})
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
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
