package twilio_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func gzipped(t testing.TB, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, part := range parts {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bomb is 64 MB of white space after a start, compressed to 64 KB.
func bomb(t testing.TB, start string) string {
	t.Helper()
	parts := make([]string, 64)
	parts[0] = start
	for i := range parts[1:] {
		parts[i+1] = strings.Repeat(" ", 1<<20)
	}
	return gzipped(t, parts...)
}

// Pages, errors and tokens are asked for compressed, and read so.
func TestCompression(t *testing.T) {
	page := superSIMPage("sims", "null", sims()...)
	for _, encoding := range []string{"gzip", "GZIP", " x-gzip ", "identity", ""} {
		body := page
		if strings.Contains(strings.ToLower(encoding), "gzip") {
			body = gzipped(t, page)
		}
		f := always(http.StatusOK, body, "Content-Encoding", encoding)
		equal(t, encoding, benchRecords, len(mustList(t, newClient(t, f).Sims(t.Context()))))
		equal(t, "Accept-Encoding", "gzip", f.requests[0].Header.Get("Accept-Encoding"))
	}
	f := always(http.StatusBadRequest, gzipped(t, `{"code":20001,"message":"no"}`), "Content-Encoding", "gzip")
	e := as[*twilio.APIError](t, failure(t, newClient(t, f).Sims(t.Context())))
	equal(t, "code", 20001, e.Code)
	equal(t, "message", "no", e.Message)

	server, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
		return reply(r, http.StatusOK, gzipped(t, goodToken), "Content-Encoding", "gzip"), nil
	})
	c, _ := kore(t, simulate(), options)
	if err := request(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	equal(t, "Accept-Encoding", "gzip", server.requests[0].Header.Get("Accept-Encoding"))
}

// A gateway that compresses wrongly fails the listing, and the error says how.
func TestWrongCompression(t *testing.T) {
	page := superSIMPage("sims", "null", `{"sid":"HS1"}`)
	whole := gzipped(t, page)
	corrupt := []byte(whole)
	corrupt[len(corrupt)-5] ^= 1 // of the checksum
	for name, test := range map[string]struct {
		encoding, body string
		reason         twilio.Reason
		text           string
	}{
		"plain as gzip":       {"gzip", page, twilio.ReasonResponse, "not compressed by gzip, although Content-Encoding says so"},
		"gzip as plain":       {"", whole, twilio.ReasonResponse, "compressed, but Content-Encoding does not say so"},
		"gzip as identity":    {"identity", whole, twilio.ReasonResponse, "compressed, but Content-Encoding does not say so"},
		"gzip twice":          {"gzip, gzip", gzipped(t, whole), twilio.ReasonResponse, `Content-Encoding "gzip, gzip", which was not asked for`},
		"gzip in gzip":        {"gzip", gzipped(t, whole), twilio.ReasonResponse, "compressed, but Content-Encoding does not say so"},
		"brotli":              {"br", page, twilio.ReasonResponse, `Content-Encoding "br", which was not asked for`},
		"deflate":             {"deflate", page, twilio.ReasonResponse, `Content-Encoding "deflate", which was not asked for`},
		"cut":                 {"gzip", whole[:len(whole)-12], twilio.ReasonTruncated, "cut off"},
		"cut in the checksum": {"gzip", whole[:len(whole)-3], twilio.ReasonTruncated, "cut off"},
		"cut in the header":   {"gzip", whole[:5], twilio.ReasonTruncated, "cut off"},
		"empty":               {"gzip", "", twilio.ReasonTruncated, "cut off"},
		"a wrong checksum":    {"gzip", string(corrupt), twilio.ReasonResponse, "cannot be decompressed"},
		"a bomb":              {"gzip", bomb(t, page), twilio.ReasonResponse, "larger than 8192 KiB"},
		"a bomb in a string":  {"gzip", bomb(t, `{"sims":[{"sid":"`), twilio.ReasonResponse, "larger than 8192 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			f := always(http.StatusOK, test.body, "Content-Encoding", test.encoding)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := failure(t, newClient(t, f).Sims(t.Context()))
			runtime.ReadMemStats(&after)
			equal(t, "reason", test.reason, twilio.ReasonOf(err))
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("want %q in %q", test.text, err)
			}
			between(t, "bytes allocated", 0, 40<<20, after.TotalAlloc-before.TotalAlloc)
		})
	}
}

func TestWrongCompressionOfErrors(t *testing.T) {
	for name, test := range map[string]struct{ encoding, body, text string }{
		"plain as gzip": {"gzip", `{"message":"no"}`, "not compressed by gzip"},
		"gzip as plain": {"", gzipped(t, `{"message":"no"}`), "compressed, but Content-Encoding does not say so"},
		"brotli":        {"br", "x", "which was not asked for"},
		"a bomb":        {"gzip", bomb(t, `{"message":"no"`), "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			err := as[*twilio.APIError](t, failure(t, newClient(t, always(503, test.body, "Content-Encoding", test.encoding)).Sims(t.Context())))
			equal(t, "reason", twilio.ReasonServer, twilio.ReasonOf(err))
			if !strings.Contains(err.Message, test.text) {
				t.Errorf("want %q in %q", test.text, err.Message)
			}
		})
	}
}

// FuzzBody reads compressed bodies: what comes out is what encoding/json takes, or
// an error.
func FuzzBody(f *testing.F) {
	page := superSIMPage("sims", "null", `{"sid":"HS1"}`)
	for _, encoding := range []string{"gzip", "", "br"} {
		f.Add(encoding, []byte(gzipped(f, page)))
		f.Add(encoding, []byte(page))
	}
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		if strings.ContainsAny(encoding, "\r\n") {
			return
		}
		records, err := list(t, newClient(t, always(http.StatusOK, string(body), "Content-Encoding", encoding)).Sims(t.Context()))
		if err != nil && len(records) == 0 {
			return
		}
		plain := io.Reader(bytes.NewReader(body))
		if strings.Contains(strings.ToLower(encoding), "gzip") {
			if plain, err = gzip.NewReader(plain); err != nil {
				t.Fatal("taken, although it is not gzip")
			}
		}
		if text, err := io.ReadAll(plain); err != nil || !bytes.Contains(text, []byte("sims")) {
			t.Errorf("taken: %q, %v", text, err)
		}
	})
}

// A value is at most 4 KiB, and the error says which one is longer. A page is at
// most 8 MiB, whatever is in it.
func TestSizesAreBounded(t *testing.T) {
	text := strings.Repeat("x", 4<<10)
	for _, field := range []string{"sid", "unique_name", "iccid", "status", "fleet_sid", "account_sid"} {
		record := `{"sid":"HS1","` + field + `":"` + text + `"}`
		if field == "sid" {
			record = `{"sid":"` + text + `"}`
		}
		err := failure(t, newClient(t, inTurn(superSIMPage("sims", "null", record))).Sims(t.Context()))
		if want := "record 1 of the page: " + field + ": longer than 4096 bytes"; !strings.Contains(as[*twilio.ResponseError](t, err).Error(), want) {
			t.Errorf("want %q in %q", want, err)
		}
	}
	as[*twilio.ResponseError](t, failure(t, newClient(t, inTurn(superSIMPage("sims", `"?`+text+`"`))).Sims(t.Context())))
	// What is not read may be longer.
	mustList(t, newClient(t, inTurn(superSIMPage("sims", "null", `{"sid":"HS1","links":"`+text+text+`"}`))).Sims(t.Context()))
	for name, body := range map[string]string{
		"string":       `{"sims":[{"sid":"` + strings.Repeat("x", 20<<20),
		"skipped":      `{"x":"` + strings.Repeat("x", 20<<20),
		"name":         `{"` + strings.Repeat("x", 20<<20),
		"white space":  superSIMPage("sims", "null") + strings.Repeat(" ", 20<<20),
		"many records": `{"sims":[` + strings.Repeat(`{"sid":"HS1"},`, 2<<20),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := as[*twilio.ResponseError](t, failure(t, newClient(t, always(http.StatusOK, body)).Sims(t.Context())))
		runtime.ReadMemStats(&after)
		between(t, name+": bytes allocated", 0, 40<<20, after.TotalAlloc-before.TotalAlloc)
		if !strings.Contains(err.Error(), "larger than 8192 KiB") && !strings.Contains(err.Error(), "more than 10000 records") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Pages that hold next to nothing never come to an end.
	f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
		return reply(r, http.StatusOK, superSIMPage("sims", `"?Page=`+fmt.Sprint(n)+`"`, `{"sid":"HS1"}`)), nil
	}}
	as[*twilio.ResponseError](t, failure(t, newClient(t, f).Sims(t.Context())))
	between(t, "requests", 1000, 1120, f.count())
}
