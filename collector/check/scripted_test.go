package check_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// usage is a record of usage in JSON; its period is that which was asked for unless it has
// one.
type usage map[string]any

// question is one for usage.
type question struct {
	group, granularity string
	start, end         time.Time
	pageSize           int
	nth                int // how often it had been asked before
}

// usageAPI responds to questions for usage with what a function says.
func usageAPI(records func(q question) []usage) func(http.RoundTripper) http.RoundTripper {
	asked := make(map[string]int)
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/UsageRecords") {
				return next.RoundTrip(r)
			}
			query := r.URL.Query()
			q := question{group: query.Get("Group"), granularity: query.Get("Granularity")}
			var errs [3]error
			q.start, errs[0] = time.Parse(time.RFC3339, query.Get("StartTime"))
			q.end, errs[1] = time.Parse(time.RFC3339, query.Get("EndTime"))
			_, errs[2] = fmt.Sscan(query.Get("PageSize"), &q.pageSize)
			if err := errors.Join(errs[:]...); err != nil {
				return nil, err
			}
			page := 0
			if text := query.Get("Page"); text != "" {
				_, _ = fmt.Sscan(text, &page)
			}
			query.Del("Page")
			if page == 0 {
				asked[query.Encode()]++
			}
			q.nth = asked[query.Encode()] - 1
			return q.respond(r, query, page, records(q)), nil
		})
	}
}

// respond sends a page of the records; a record of a name alone is an error's code.
func (q question) respond(r *http.Request, query url.Values, page int, records []usage) *http.Response {
	status := http.StatusOK
	var body map[string]any
	if len(records) == 1 && records[0]["code"] != nil {
		status, body = http.StatusBadRequest, records[0]
	} else {
		for _, u := range records {
			if _, ok := u["period"]; !ok {
				u["period"] = usage{"start_time": q.start, "end_time": q.end}
			}
			u["account_sid"] = accountSID
		}
		from := min(page*q.pageSize, len(records))
		to := min(from+q.pageSize, len(records))
		meta := map[string]any{"key": "usage_records", "page": page, "page_size": q.pageSize, "next_page_url": nil}
		if to < len(records) {
			query.Set("Page", fmt.Sprint(page+1))
			meta["next_page_url"] = "http://simulator/v1/UsageRecords?" + query.Encode()
		}
		body = map[string]any{"usage_records": append([]usage{}, records[from:to]...), "meta": meta}
	}
	b, _ := json.Marshal(body)
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(b))), Request: r}
}

// sid is a SID of a kind.
func sid(kind string, n int) string { return fmt.Sprintf("%s%032x", kind, n) }

// transfer is usage of so many bytes.
func transfer(up, down int) usage {
	return usage{"data_upload": up, "data_download": down, "data_total": up + down, "data_total_billed": "1", "billed_unit": "USD"}
}

// by adds the key of a group.
func (u usage) by(group string, n int) usage {
	switch group {
	case "sim":
		u["sim_sid"] = sid("HS", n)
	case "fleet":
		u["fleet_sid"] = sid("HF", n)
	case "network":
		u["network_sid"] = sid("HW", n)
	case "isoCountry":
		u["iso_country"] = "SE"
	}
	return u
}

// in sets the period to an hour.
func (u usage) in(hour time.Time) usage {
	u["period"] = usage{"start_time": hour, "end_time": hour.Add(time.Hour)}
	return u
}

// with sets a field.
func (u usage) with(key string, value any) usage {
	u[key] = value
	return u
}

// steady is an API where all is as it should be: two SIMs, each hour billed for an hour of
// the range, 100 bytes in each range.
func steady(q question) []usage {
	switch {
	case q.granularity == "hour" && q.group == "":
		return []usage{transfer(60, 40).in(q.end.Add(-time.Hour)), transfer(60, 40).in(q.start)}
	case q.granularity == "hour":
		return []usage{transfer(60, 40).by(q.group, 1).in(q.start)}
	case q.group == "sim":
		return []usage{transfer(30, 20).by("sim", 1), transfer(30, 20).by("sim", 2)}
	}
	return []usage{transfer(60, 40).by(q.group, 1)}
}
