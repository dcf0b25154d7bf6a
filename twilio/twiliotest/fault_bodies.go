package twiliotest

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
)

const mebibyte = 1 << 20

// distort applies the faults that change a good response: first those of what it says,
// then those of how it is sent.
func distort(a *response, faults []Fault, q *request) *response {
	if a.status != http.StatusOK || a.kind != "" {
		return a
	}
	for _, f := range faults {
		if f.Kind.changesDocument() {
			d := takeApart(a.body, q)
			d.apply(f.Kind)
			a.body = d.putTogether()
		}
	}
	for _, f := range faults {
		f.send(a, q)
	}
	return a
}

// send applies one fault of the body as it is sent.
func (f *Fault) send(a *response, q *request) {
	switch f.Kind {
	case Truncate:
		a.cut = true
	case ResetBody:
		a.cut, a.reset = true, true
	case SlowBody:
		a.pause = f.Delay
	case MalformedJSON:
		a.body = a.body[:len(a.body)/2]
	case OtherBody:
		a.body = []byte(f.Body)
	case TrailingData:
		a.body = append(a.body, f.Body...)
	case DeepJSON:
		const depth = 20_000
		a.body = insert(a.body, `"x_deep":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+",")
	case DuplicateKeys:
		a.body = duplicateKey(a.body, q.endpoint)
	case DuplicateList:
		a.body = append(a.body[:len(a.body)-1], `,"`+listKey(q.endpoint)+`":[]}`...)
	case HugePage:
		a.body = insert(a.body, `"x_pages":[`+strings.Repeat(`"`+strings.Repeat("x", 1021)+`",`, 16*1024)+`null],`)
	case EndlessText:
		a.endless = true
	case Gzip:
		a.header("Content-Encoding", "gzip")
		a.body = compressed(a.body)
	case GzipUnlabelled:
		a.body = compressed(a.body)
	case GzipMislabelled:
		a.header("Content-Encoding", "gzip")
	case GzipTruncated:
		a.header("Content-Encoding", "gzip")
		a.body = compressed(a.body)
		a.body = a.body[:len(a.body)/2]
	case GzipBomb:
		a.header("Content-Encoding", "gzip")
		a.body = bomb(a.body)
	case PlainText:
		a.kind = "text/plain; charset=utf-8"
	case UnknownEncoding:
		a.header("Content-Encoding", "x-none")
	}
}

// insert adds JSON at the start of a body that is an object.
func insert(body []byte, text string) []byte {
	return append(append([]byte("{"), text...), body[1:]...)
}

// duplicateKey repeats, with another value, a key of the first record, or of the body
// where it is the only record. A body without records stays as it is.
func duplicateKey(body []byte, e Endpoint) []byte {
	switch e {
	case Balance:
		return insert(body, `"balance":"1",`)
	case Token:
		return insert(body, `"access_token":"another",`)
	}
	first := bytes.Index(body, []byte(`[{`))
	if first < 0 {
		return body
	}
	repeated := map[Endpoint]string{
		UsageRecords:   `"data_upload":1,`,
		Sims:           `"status":"inactive",`,
		Fleets:         `"data_limit":1,`,
		Networks:       `"iso_country":"XX",`,
		BillingPeriods: `"end_time":"2999-01-01T00:00:00Z",`,
		Monthly:        `"usage":"1",`,
		Accounts:       `"status":"closed",`,
	}[e]
	return append(append(bytes.Clone(body[:first+2]), repeated...), body[first+2:]...)
}

// listKey is the key of an endpoint's list.
func listKey(e Endpoint) string {
	if e == Monthly {
		return "usage_records"
	}
	return string(e)
}

func compressed(parts ...[]byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, part := range parts {
		_, _ = w.Write(part) // a bytes.Buffer takes everything
	}
	_ = w.Close()
	return b.Bytes()
}

// bomb is a compressed object that begins with 256 MiB of white space. It consists of
// many streams, as the format allows, most of them the same.
func bomb(body []byte) []byte {
	out := compressed(body[:1])
	out = append(out, bytes.Repeat(compressed(bytes.Repeat([]byte(" "), mebibyte)), 256)...)
	return append(out, compressed(body[1:])...)
}
