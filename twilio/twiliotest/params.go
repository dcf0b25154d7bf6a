package twiliotest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// params are the query parameters of a request, each known, given once and not empty.
type params struct {
	values map[string]string
	order  []string // the known names, as links list them
	code   int      // of refusals
}

// readParams is stricter than the real service, which ignores what it does not know:
// a misspelt filter would silently select everything.
func readParams(q *request, code int, names ...string) (params, *response) {
	p := params{values: make(map[string]string), order: names, code: code}
	given, err := url.ParseQuery(q.http.URL.RawQuery)
	if err != nil {
		return p, p.refuse("The query cannot be read: " + err.Error())
	}
	for name, values := range given {
		switch {
		case !slices.Contains(names, name) && name != "PageSize" && name != "Page" && name != "PageToken":
			return p, p.refuse("There is no parameter " + name)
		case len(values) != 1:
			return p, p.refuse(name + " comes more than once")
		case values[0] == "":
			return p, p.refuse(name + " is empty")
		}
		p.values[name] = values[0]
	}
	return p, nil
}

func (p *params) refuse(message string) *response {
	return failure(http.StatusBadRequest, p.code, message)
}

// enum refuses a value that is none of the words.
func (p *params) enum(name string, words ...string) *response {
	if v, ok := p.values[name]; ok && !slices.Contains(words, v) {
		return p.refuse(name + " has to be one of " + strings.Join(words, ", "))
	}
	return nil
}

// matches refuses a value that the function does not accept.
func (p *params) matches(name, what string, accepts func(string) bool) *response {
	if v, ok := p.values[name]; ok && !accepts(v) {
		return p.refuse(name + " has to be " + what)
	}
	return nil
}

// number reads a whole number written the plain way.
func (p *params) number(name string, absent, least, most int) (int, *response) {
	v, ok := p.values[name]
	if !ok {
		return absent, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || strconv.Itoa(n) != v || n < least || n > most {
		return 0, p.refuse(name + " has to be a number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most))
	}
	return n, nil
}

func firstRefusal(refusals ...*response) *response {
	for _, a := range refusals {
		if a != nil {
			return a
		}
	}
	return nil
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func upperLetters(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func isCountry(s string) bool { return len(s) == 2 && upperLetters(s) }

// stamp is the one way in which the service takes times.
const stamp = "2006-01-02T15:04:05Z"

// parseExact reads a time that is written exactly as the layout says; time.Parse alone
// lets fractions and missing zeros pass.
func parseExact(layout, v string) (time.Time, bool) {
	t, err := time.Parse(layout, v)
	return t, err == nil && t.Format(layout) == v
}
