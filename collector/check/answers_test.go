package check_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestAnswers: what the probe makes of what an API says. The clock shows 20:20.
func TestAnswers(t *testing.T) {
	const (
		groups = "Do groups agree"
		short  = "Do listings of groups lack"
		shift  = "Do records move"
		partly = "What is the amount of a total"
		bills  = "When is usage billed"
		null   = "Are bytes of whole hours null"
		order  = "In what order"
		late   = "How late are bytes"
		lateBy = "How late are bills"
		period = "What period"
		pages  = "How many records"
		sids   = "Do usage records name"
		agree  = "yes, by fleet, network and country"
	)
	isTotal := func(q question) bool { return q.granularity == "all" && q.group == "" }
	isDay := func(q question) bool { return q.end.Sub(q.start) == 24*time.Hour }
	isHours := func(q question) bool { return q.granularity == "hour" && q.group == "" }
	isSIMs := func(q question) bool {
		return q.granularity == "all" && q.group == "sim" && q.end.Equal(q.end.Truncate(24*time.Hour))
	}
	// groupsAre has one group of the last 3 hours, and totals before and after it.
	groupsAre := func(before, group, after int) func(question) []usage {
		return func(q question) []usage {
			switch recent := q.end.Sub(q.start) == 3*time.Hour; {
			case recent && isTotal(q):
				return []usage{transfer(0, []int{before, after}[q.nth])}
			case recent && q.group == "fleet":
				return []usage{transfer(0, group).by("fleet", 1)}
			case recent:
				return []usage{transfer(0, before).by(q.group, 1)}
			}
			return steady(q)
		}
	}
	simsAre := func(whole []int, paged func(nth int) []int, after []int) func(question) []usage {
		return func(q question) []usage {
			if !isSIMs(q) {
				return steady(q)
			}
			numbers := whole
			if q.pageSize < 100 {
				numbers = paged(q.nth)
			} else if q.nth > 0 {
				numbers = after
			}
			var all []usage
			for _, n := range numbers {
				all = append(all, transfer(1, 1).by("sim", n))
			}
			return all
		}
	}
	always := func(numbers ...int) func(int) []int { return func(int) []int { return numbers } }
	hoursAre := func(first, second func(last time.Time) []usage) func(question) []usage {
		return func(q question) []usage {
			switch {
			case isHours(q) && q.nth == 0:
				return first(q.end.Add(-time.Hour))
			case isHours(q):
				return second(q.end.Add(-time.Hour))
			}
			return steady(q)
		}
	}
	ago := func(last time.Time, hours int) time.Time { return last.Add(-time.Duration(hours) * time.Hour) }
	open := func(u usage) usage { return u.with("data_total_billed", nil).with("billed_unit", nil) }

	for _, x := range []struct {
		name   string
		usage  func(question) []usage
		change func(*setup)
		want   []expected
	}{
		{name: "nothing is amiss", usage: steady, want: []expected{
			{groups, agree, "none"}, {short, "not in 6 listings", ""}, {shift, "not in 4 listings of two pages", ""},
			{late, "bytes of no hour changed", ""}, {lateBy, "amounts of no hour changed", ""}, {sids, "yes", ""},
			{bills, "every hour of the last week has an amount", ""}, {partly, "not seen", ""},
		}},

		{name: "a group lacks a byte", usage: groupsAre(100, 99, 100), want: []expected{{groups, "no: fleet has -1.00% in the last 3 hours", "settle.usage"}}},
		{name: "a group has one more", usage: groupsAre(100, 101, 100), want: []expected{{groups, "no: fleet has +1.00% in the last 3 hours", ""}}},
		{name: "a group between totals", usage: groupsAre(100, 150, 200), want: []expected{{groups, agree, ""}}},
		{name: "a group at the later total", usage: groupsAre(100, 200, 200), want: []expected{{groups, agree, ""}}},
		{name: "a group above the later total", usage: groupsAre(100, 201, 200), want: []expected{{groups, "no: fleet has +0.50%", ""}}},
		{name: "a group below the later total, which is lower", usage: groupsAre(200, 99, 100), want: []expected{{groups, "no: fleet has -1.00%", ""}}},
		{name: "downloads are missing", usage: func(q question) []usage {
			if q.group == "network" && q.granularity == "all" && isDay(q) {
				return []usage{transfer(60, 15).by("network", 1)}
			}
			return steady(q)
		}, want: []expected{
			{groups, "no: network has -25.00% in a day that ended 4 days ago", ""}, {short, "not in 6 listings", ""},
		}},

		{name: "a group is short at first", usage: func(q question) []usage {
			if q.group == "fleet" && isDay(q) && q.end.Day() == 6 && q.nth == 0 {
				return []usage{transfer(60, 0).by("fleet", 1)}
			}
			return steady(q)
		}, want: []expected{{groups, agree, ""}, {short, "yes: of a day that ended 4 days ago, one by fleet lacked 40.00% of the bytes that another had", "compare"}}},
		{name: "groups are empty later", usage: func(q question) []usage {
			if q.group != "" && q.group != "sim" && isDay(q) && q.end.Day() == 6 && q.nth == 1 {
				return nil
			}
			return steady(q)
		}, want: []expected{{groups, agree, ""}, {short, "yes: of a day that ended 4 days ago, one by fleet lacked 100.00% of the bytes that another had, one by network lacked 100.00%", ""}}},
		{name: "the day changes meanwhile", usage: func(q question) []usage {
			if isDay(q) && q.end.Day() == 6 && (isTotal(q) && q.nth == 3 || !isTotal(q) && q.nth == 1) {
				return []usage{transfer(60, 60).by(q.group, 1)}
			}
			return steady(q)
		}, want: []expected{{groups, agree, ""}, {short, "not seen: the total of a day that ended 4 days ago changed meanwhile", ""}}},
		{name: "the second listing of groups is refused", usage: func(q question) []usage {
			if q.group == "isoCountry" && isDay(q) && q.nth == 1 {
				return []usage{{"code": 83600}}
			}
			return steady(q)
		}, want: []expected{{groups, agree, ""}, {short, "not found out: HTTP 400, code 83600", "probe again"}}},

		{name: "an odd number of SIMs", usage: simsAre([]int{1, 2, 3}, always(1, 2, 3), []int{1, 2, 3}), want: []expected{{shift, "not in 4 listings of two pages", ""}}},
		{name: "one SIM", usage: simsAre([]int{1}, always(1), []int{1}), want: []expected{{shift, "not seen: fewer than two SIMs", ""}}},
		{name: "a SIM is missing", usage: simsAre([]int{1, 2, 3}, func(nth int) []int { return [][]int{{1, 2, 3}, {1, 2}, {1, 2, 3}, {1, 2, 3}}[nth] }, []int{1, 2, 3}),
			want: []expected{{shift, "yes, in 1 of 4 listings of two pages", "compare"}}},
		{name: "a SIM comes twice", usage: simsAre([]int{1, 2, 3}, always(1, 2, 2, 3), []int{1, 2, 3}), want: []expected{{shift, "yes, in 4 of 4", ""}}},
		{name: "another SIM comes", usage: simsAre([]int{1, 2, 3}, always(1, 2, 3, 4), []int{1, 2, 3}), want: []expected{{shift, "not in 4", ""}}},
		{name: "another order of pages", usage: simsAre([]int{1, 2, 3}, always(3, 2, 1), []int{1, 2, 3}), want: []expected{{shift, "not in 4", ""}}},
		{name: "SIMs change meanwhile", usage: simsAre([]int{1, 2, 3}, always(1, 2), []int{1, 2}), want: []expected{{shift, "not seen: two listings of one page differ", ""}}},
		{name: "hundreds of SIMs", usage: simsAre(upTo(250), always(upTo(250)...), upTo(250)), want: []expected{{shift, "not in 4", ""}}},

		{name: "no hour of a total is billed", usage: func(q question) []usage {
			switch {
			case isTotal(q) && q.end.Sub(q.start) > 24*time.Hour:
				return []usage{open(transfer(1, 1))}
			case isHours(q): // one before the total is
				return []usage{open(transfer(1, 1).in(q.end.Add(-time.Hour))), transfer(1, 1).in(q.start)}
			}
			return steady(q)
		}, want: []expected{{partly, "not seen: each hour of the last days has an amount, or none has", ""}}},

		{name: "bills in no order", usage: hoursAre(func(last time.Time) []usage {
			return []usage{transfer(1, 1).in(last), open(transfer(1, 1).in(ago(last, 167)))}
		}, func(last time.Time) []usage {
			return []usage{transfer(1, 1).in(last), open(transfer(1, 1).in(ago(last, 167)))}
		}),
			want: []expected{{bills, "in no order: an hour that ended 20m ago has an amount, and one that ended 6d23h20m ago has none", "set supersim_usage.settle.cost to 1w or more"}}},
		{name: "bytes that are null within hour_delay", usage: hoursAre(func(last time.Time) []usage {
			return []usage{transfer(1, 1).in(last).with("data_upload", nil)}
		}, func(last time.Time) []usage { return []usage{transfer(1, 1).in(last).with("data_upload", nil)} }),
			want: []expected{
				{null, "yes, in 1 of 2 records; the oldest hour ended 20m ago", "none: within supersim_usage.hour_delay (1h)"},
				{order, "not seen: one hour only", ""},
			}},

		{name: "offsets instead of Z", usage: hoursAre(func(last time.Time) []usage { return []usage{offset(last)} }, func(last time.Time) []usage { return []usage{offset(last)} }),
			want: []expected{{late, "bytes of no hour changed", ""}}},
		{name: "an hour appears, not billed", usage: hoursAre(
			func(last time.Time) []usage { return []usage{open(transfer(1, 1).in(ago(last, 3)))} },
			func(last time.Time) []usage {
				return []usage{transfer(2, 2).in(last).with("data_total_billed", "").with("billed_unit", nil), open(transfer(1, 1).in(ago(last, 3)))}
			}),
			want: []expected{{late, "within 0s, bytes of one hour changed; the oldest had ended 20m before", "none: within"}, {lateBy, "amounts of no hour changed", ""}}},
		{name: "settled by the first listing, not by the second", usage: hoursAre(
			func(last time.Time) []usage {
				return []usage{transfer(1, 1).in(ago(last, 1)), transfer(1, 1).in(ago(last, 9))}
			},
			func(last time.Time) []usage {
				return []usage{transfer(1, 2).in(ago(last, 1)), transfer(1, 1).in(ago(last, 9)).with("data_total_billed", "2")}
			}),
			change: func(s *setup) { s.probeWait = 50 * time.Minute },
			want: []expected{
				{late, "within 50m0s, bytes of one hour changed; the oldest had ended 1h20m to 2h10m before", "set supersim_usage.settle.usage to 3h or more"},
				{lateBy, "within 50m0s, amounts of one hour changed; the oldest had ended 9h20m to 10h10m before", "none: within supersim_usage.settle.cost (1d)"},
			}},
		{name: "hours are refused", usage: func(q question) []usage {
			if isHours(q) {
				return []usage{{"code": 83600}}
			}
			return steady(q)
		}, want: []expected{
			{late, "not found out", ""}, {lateBy, "not found out", ""}, {order, "not found out", ""}, {partly, "not found out", "probe again"},
		}},
		{name: "the second listing of hours is refused", usage: func(q question) []usage {
			if isHours(q) && q.nth == 1 {
				return []usage{{"code": 83600}}
			}
			return steady(q)
		}, want: []expected{{late, "not found out", ""}, {lateBy, "not found out", ""}, {order, "newest first", ""}}},

		{name: "a period beyond the range", usage: func(q question) []usage {
			if q.granularity == "all" && q.group == "sim" {
				return []usage{transfer(1, 1).by("sim", 1).with("period", usage{"start_time": q.start.Add(time.Minute), "end_time": q.end.Add(time.Minute)})}
			}
			return steady(q)
		}, want: []expected{{period, "another than was asked for, in 1 of 1 records", "please report"}}},
		{name: "a period that starts before the range", usage: func(q question) []usage {
			if q.granularity == "all" && q.group == "sim" {
				return []usage{transfer(1, 1).by("sim", 1).with("period", usage{"start_time": q.start.Add(-time.Minute), "end_time": q.end.Add(-time.Minute)})}
			}
			return steady(q)
		}, want: []expected{{period, "another than was asked for, in 1 of 1 records", ""}}},
		{name: "a page at the second attempt", usage: steady, change: func(s *setup) {
			s.usage = nil
			s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.RateLimit, Query: "Group=sim&PageSize=1000", Times: 1})
		}, want: []expected{{pages, "as many as were asked for: 1000", ""}}},
		{name: "no name of the account anywhere", usage: steady, change: func(s *setup) {
			s.atKORE()
			s.change(func(o *twiliotest.Options) { o.AccountSID = twiliotest.AccountSIDNullInUsage })
			s.usage = nil
		}, want: []expected{{sids, "no, it is null", "set account_sid in the configuration"}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newProbe(twiliotest.Readings{})
				s.usage = x.usage
				if x.change != nil {
					x.change(s)
				}
				if s.usage != nil {
					s.wrap = usageAPI(s.usage)
				}
				all := answers(t, s.run(t))
				for _, want := range x.want {
					wantAnswer(t, all, want.question, want.answer, want.consequence)
				}
				if n := 17; len(all) != n && !(s.kore && len(all) == n-1) {
					t.Errorf("%d answers", len(all))
				}
			})
		})
	}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// offset is usage of an hour whose period has an offset from UTC.
func offset(hour time.Time) usage { return transfer(1, 1).in(hour.In(time.FixedZone("", 5*3600+1800))) }
