package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is a request for one page of a listing.
type query struct {
	path               string
	group, granularity string
	start, end         time.Time
	size, page         int
	token              string
	name               string // what the listing is of, without the page
}

// readQuery refuses what the API refuses, as far as an exporter could ask it.
func readQuery(r *http.Request, mostRecords int) (query, error) {
	q := query{path: r.URL.Path, size: 50}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, errors.New("the query cannot be read")
	}
	allowed := []string{"PageSize", "Page", "PageToken"}
	if q.path == usagePath {
		allowed = append(allowed, "Group", "Granularity", "StartTime", "EndTime")
	}
	for name, all := range values {
		if !slices.Contains(allowed, name) || len(all) != 1 {
			return q, fmt.Errorf("%s is not a parameter, or comes twice", name)
		}
	}
	if q.size, err = number(values, "PageSize", 50, 1, 1000); err != nil {
		return q, err
	}
	if q.page, err = number(values, "Page", 0, 0, 1_000_000); err != nil {
		return q, err
	}
	q.token = values.Get("PageToken")
	values.Del("Page")
	values.Del("PageToken")
	q.name = q.path + "?" + values.Encode()
	q.size = min(q.size, mostRecords)
	if q.path == usagePath {
		return q, q.readUsage(values)
	}
	return q, nil
}

func (q *query) readUsage(values url.Values) error {
	q.group, q.granularity = values.Get("Group"), values.Get("Granularity")
	if !slices.Contains([]string{"", "sim", "fleet", "network", "isoCountry"}, q.group) {
		return errors.New("no Group but sim, fleet, network, isoCountry is known")
	}
	if !slices.Contains([]string{"hour", "day", "all"}, q.granularity) {
		return errors.New("no Granularity but hour, day and all is known")
	}
	for _, of := range []struct {
		name string
		to   *time.Time
	}{{"StartTime", &q.start}, {"EndTime", &q.end}} {
		t, err := time.Parse(stamp, values.Get(of.name))
		if err != nil || !t.Equal(t.Truncate(time.Hour)) {
			return errors.New(of.name + " is not a whole hour")
		}
		*of.to = t
	}
	if !q.start.Before(q.end) || q.end.After(time.Now()) {
		return errors.New("StartTime is not before EndTime, or EndTime is in the future")
	}
	return nil
}

// step is the length of what one record describes.
func (q *query) step() time.Duration {
	switch q.granularity {
	case "hour":
		return time.Hour
	case "day":
		return 24 * time.Hour
	default:
		return q.end.Sub(q.start)
	}
}

// link is the query part of the link to a page.
func (q *query) link(page int, token string) string {
	l := strings.TrimPrefix(q.name, q.path) + "&Page=" + strconv.Itoa(page)
	if token != "" {
		l += "&PageToken=" + token
	}
	return l
}

func number(values url.Values, name string, without, least, most int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return without, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s is not a number from %d to %d", name, least, most)
	}
	return n, nil
}
