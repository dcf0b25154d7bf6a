package twilio_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// spellings are ways in which a text may repeat a secret.
func spellings(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	percent := ""
	for _, c := range []byte(secret) {
		percent += fmt.Sprintf("%%%02x", c)
	}
	return map[string]string{
		"plain":       secret,
		"base64":      base64.StdEncoding.EncodeToString([]byte(accountSID + ":" + secret)),
		"header":      "Basic " + base64.StdEncoding.EncodeToString([]byte(accountSID+":"+secret)),
		"query":       url.QueryEscape(secret),
		"path":        url.PathEscape(secret),
		"percent":     percent,
		"JSON":        strings.Trim(string(quoted), `"`),
		"Go":          strconv.QuoteToASCII(secret),
		"HTML":        html.EscapeString(secret),
		"JSON of URL": strconv.Quote(url.QueryEscape(secret)),
		"URL of JSON": url.QueryEscape(strconv.Quote(secret)),
		"end cut":     secret[:len(secret)-len(secret)/3],
		"start cut":   secret[len(secret)/3:],
		"middle":      secret[len(secret)/5 : len(secret)-len(secret)/5],
		"repeated":    strings.Repeat(secret, 30),
	}
}

// hidden fails a test where eight bytes of a secret show that a text would not
// have without it.
func hidden(t *testing.T, name, secret, text, without string) {
	t.Helper()
	for i := 0; i+8 <= len(secret); i++ {
		if part := secret[i : i+8]; strings.Contains(text, part) && !strings.Contains(without, part) {
			t.Fatalf("%s: %q of the secret shows in %q", name, part, text)
		}
	}
}

func TestRedactor(t *testing.T) {
	for _, secret := range []string{
		"0123456789abcdef0123456789abcdef", "s3cret/with+signs=&%", `quote"s and \ slashes`, "<angle> & 'apostrophe'", "ünïcödé-pässwörd-😀😀",
	} {
		r := twilio.NewRedactor("another", secret)
		r.AddBasicAuth(accountSID, secret)
		for name, spelling := range spellings(secret) {
			text := "before it: " + spelling + " and after it"
			have := r.Redact(text)
			hidden(t, name, secret, have, "")
			if strings.Contains(have, spelling) || !strings.HasPrefix(have, "before it: ") || !strings.HasSuffix(have, " and after it") {
				t.Errorf("%s of %q: %q", name, secret, have)
			}
			equal(t, "again", have, r.Redact(have))
		}
	}
	equal(t, "no secret", "nothing secret\nhere, 50% & more", twilio.NewRedactor("0123456789", "").Redact("nothing secret\nhere, 50% & more"))
	equal(t, "a short one", "pin <secret>, not 12 34", twilio.NewRedactor("1234").Redact("pin 1234, not 12 34"))
	equal(t, "no Redactor", "all", (*twilio.Redactor)(nil).Redact("all"))
	equal(t, "a line", "a <secret> b c", twilio.NewRedactor("sesame-seeds").Line("a sesame-seeds\nb\x1bc"))
	long := twilio.NewRedactor("sesame-seeds").Line(strings.Repeat("é", 495) + "sesame-seeds" + strings.Repeat("é", 400))
	equal(t, "characters", 500, utf8.RuneCountInString(long))
}

// Of the secrets that come with time, those in use are known.
func TestRedactorLearns(t *testing.T) {
	r := twilio.NewRedactor("the-first-secret")
	for i := range 1000 {
		r.Add(fmt.Sprintf("%032x", i*7919))
		equal(t, "text", "<secret> <secret>", r.Redact(fmt.Sprintf("the-first-secret %032x", i*7919)))
	}
	equal(t, "an old one", fmt.Sprintf("%04x", 7919), r.Redact(fmt.Sprintf("%04x", 7919)))
}

// places are where a response can repeat a secret. Each returns the error that
// comes of it.
func places() map[string]func(t *testing.T, secret, said string) error {
	quoted := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	to := func(secret string, rt http.RoundTripper) *twilio.Client {
		c, err := twilio.New(twilio.Options{AccountSID: accountSID, Transport: basicAuth{accountSID, secret, rt}, Redactor: twilio.NewRedactor(secret)})
		if err != nil {
			panic(err)
		}
		return c
	}
	api := func(status int, body func(said string) string, headers ...string) func(*testing.T, string, string) error {
		return func(t *testing.T, secret, said string) error {
			var with []string
			for _, h := range headers {
				with = append(with, strings.ReplaceAll(h, "SAID", said))
			}
			return request(t.Context(), to(secret, always(status, body(said), with...)))
		}
	}
	field := func(format string) func(string) string {
		return func(said string) string { return fmt.Sprintf(format, quoted(said)) }
	}
	const empty = `{"sims":[],"meta":{"next_page_url":%s}}`
	token := func(status int, body func(said string) string) func(*testing.T, string, string) error {
		return func(t *testing.T, secret, said string) error {
			o := twilio.TokenOptions{
				TokenURL: "https://token.invalid/", ClientID: "x", ClientSecret: secretOf(secret),
				Base: always(200, ""), TokenBase: always(status, body(said), "Twilio-Request-Id", said),
			}
			return request(t.Context(), newClient(t, twilio.NewTokenTransport(o), asKORE))
		}
	}
	return map[string]func(*testing.T, string, string) error{
		"message":                  api(400, field(`{"message":%s}`)),
		"more_info":                api(400, field(`{"message":"x","more_info":%s}`)),
		"error":                    api(400, field(`{"error":%s}`)),
		"error_description":        api(400, field(`{"error":"x","error_description":%s}`)),
		"name twice":               api(200, func(said string) string { return `{` + quoted(said) + `:1,` + quoted(said) + `:2}` }),
		"HTML":                     api(502, func(said string) string { return "<html>" + said }),
		"request ID":               api(400, field(`{}`+"%.0s"), "Twilio-Request-Id", "SAID"),
		"request ID of a response": api(200, field(`{}`+"%.0s"), "Twilio-Request-Id", "SAID"),
		"encoding":                 api(200, field(`{}`+"%.0s"), "Content-Encoding", "SAID"),
		"encoding of an error":     api(400, field(`{}`+"%.0s"), "Content-Encoding", "SAID"),
		"value":                    api(200, field(`{"sims":[{"sid":{"x":%s}}],"meta":{"next_page_url":null}}`)),
		"link":                     api(200, func(said string) string { return fmt.Sprintf(empty, quoted("https://"+said+"/")) }),
		"link's path":              api(200, func(said string) string { return fmt.Sprintf(empty, quoted("?x="+said)) }),
		"redirect":                 api(302, field(`%.0s`), "Location", "https://SAID/"),
		"broken redirect":          api(302, field(`%.0s`), "Location", "https://%zz SAID"),
		"connection": func(t *testing.T, secret, said string) error {
			return request(t.Context(), to(secret, &fake{respond: func(int, *http.Request) (*http.Response, error) {
				return nil, errors.New("malformed MIME header line: Authorization " + said)
			}}))
		},
		"token error":                 token(401, field(`{"error":"invalid_client","error_description":%s}`)),
		"token code":                  token(400, field(`{"error":%s}`)),
		"token type":                  token(200, field(`{"access_token":"t","token_type":"mac","expires_in":%s}`)),
		"token lifetime":              token(200, field(`{"access_token":"t","expires_in":%s}`)),
		"token":                       token(200, field(`{"access_token":{"x":%s}}`)),
		"token error with status 200": token(200, field(`{"error":"x","error_description":%s}`)),
	}
}

func secretOf(secret string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return secret, nil }
}

// A response that repeats a secret, however and wherever, does not get it into an
// error.
func FuzzSecretsInErrors(f *testing.F) {
	all := places()
	names := slices.Sorted(maps.Keys(all))
	ways := slices.Sorted(maps.Keys(spellings(authToken)))
	for _, secret := range []string{authToken, koreSecret, "s3cret/with+signs=&%", `quote"s and \ slashes`, "<angle> & 'apostrophe'", "ünïcödé-pässwörd-😀😀"} {
		for place := range names {
			for way := range ways {
				f.Add(secret, "Cannot make sense of ", " in the header", uint8(place), uint8(way))
			}
		}
	}
	f.Fuzz(func(t *testing.T, secret, before, after string, place, way uint8) {
		if len(secret) < 8 || len(secret) > 100 || !utf8.ValidString(secret) || strings.ContainsFunc(secret, unicode.IsControl) {
			return
		}
		name := names[int(place)%len(names)]
		fail, said := all[name], spellings(secret)[ways[int(way)%len(ways)]]
		err := fail(t, secret, before+said+after)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		without := fmt.Sprintf("%v %v %#[1]v", fail(t, secret, before+after), fail(t, secret, ""))
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			hidden(t, name, secret, text, without)
		}
		between(t, name+": characters", 1, 500, utf8.RuneCountInString(err.Error()))
	})
}

// What a connection really sends is known, also after a password has changed.
func TestSentCredentialsAreKnown(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := w.(http.Hijacker)
		if !ok {
			t.Error("no hijacker")
			return
		}
		conn, buffer, err := h.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, password, _ := r.BasicAuth()
		fmt.Fprintf(buffer, "HTTP/1.1 200 OK\r\nx\x00%s %s %s\r\n\r\n", r.Header.Get("Authorization"), password, r.Header.Get("X-Api-Key"))
		buffer.Flush()
	}))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	const key = "the-key-of-a-gateway"
	withKey := roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("X-Api-Key", key)
		return transport.RoundTrip(r)
	})
	for _, password := range []string{"the-first-password", "another-password-then"} {
		c := newClient(t, basicAuth{accountSID, password, withKey}, func(o *twilio.Options) {
			o.SuperSIMURL, o.SecretHeaders = server.URL, []string{"x-api-key"}
		})
		err := request(t.Context(), c)
		no(t, err, password, key, base64.StdEncoding.EncodeToString([]byte(accountSID+":"+password)))
		if !strings.Contains(err.Error(), "<secret>") {
			t.Errorf("the header is not in %q", err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
