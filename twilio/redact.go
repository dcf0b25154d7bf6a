package twilio

import (
	"encoding/base64"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxErrorText is the length of the longest error text, in characters.
	maxErrorText = 500
	// fragment is the length in bytes from which on a part of a secret is removed
	// too: a text may hold a secret that was cut.
	fragment = 8
	// maxLearnt bounds the secrets that Add remembers: access tokens and rotated
	// passwords. An API can echo recent ones only.
	maxLearnt = 64

	removed = "<secret>"
)

// A Redactor removes secrets from text, however they are spelled: plain, as
// base64, percent-encoded, quoted as in JSON or Go, escaped as in HTML, or cut to
// fragment bytes or more. It is safe for concurrent use. A nil Redactor knows no
// secret.
type Redactor struct {
	mu      sync.Mutex
	fixed   []string
	learnt  []string // by Add, the latest last
	pattern *pattern // of both; nil after a change
}

// NewRedactor returns a Redactor that knows these secrets for good. It ignores
// empty ones.
func NewRedactor(secrets ...string) *Redactor { return &Redactor{fixed: secrets} }

// Add makes further secrets known, of which the latest 64 are remembered.
func (r *Redactor) Add(secrets ...string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range secrets {
		if secret == "" || slices.Contains(r.fixed, secret) || slices.Contains(r.learnt, secret) {
			continue
		}
		if len(r.learnt) == maxLearnt {
			r.learnt = slices.Delete(r.learnt, 0, 1)
		}
		r.learnt, r.pattern = append(r.learnt, secret), nil
	}
}

// AddBasicAuth makes a password known, and user and password as HTTP basic
// authentication encodes them (RFC 7617).
func (r *Redactor) AddBasicAuth(user, password string) {
	if password != "" {
		r.Add(password, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
}

// addHeader makes the value of a header known, without its scheme, and a password
// that it encodes.
func (r *Redactor) addHeader(value string) {
	scheme, credentials, ok := strings.Cut(value, " ")
	if !ok {
		credentials = scheme
	}
	r.Add(credentials)
	if plain, err := base64.StdEncoding.DecodeString(credentials); ok && strings.EqualFold(scheme, "Basic") && err == nil {
		_, password, _ := strings.Cut(string(plain), ":")
		r.Add(password)
	}
}

// addRequest makes the credentials of a request known. The header names are in
// canonical form.
func (r *Redactor) addRequest(req *http.Request, names []string) {
	if req == nil {
		return
	}
	for _, name := range names {
		for _, value := range req.Header[name] {
			r.addHeader(value)
		}
	}
}

// Redact returns the text with "<secret>" instead of each secret.
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	return r.compiled().redact(text)
}

// Line returns the text fit for one line of a log: without secrets and control
// characters, of at most 500 characters.
func (r *Redactor) Line(text string) string { return r.cut(text, maxErrorText-1) }

// cut is Line for so many characters, and an ellipsis.
func (r *Redactor) cut(text string, most int) string { return sanitize(r.Redact(text), most) }

// clean returns an error of this package whose texts are fit for one line of a
// log, and other errors unchanged.
func (r *Redactor) clean(err error) error {
	safe := func(err error) error { return &safeError{r.cut(err.Error(), 300), err} }
	switch e := err.(type) { //nolint:errorlint // those that wrap one of these were made from its safe text
	case *APIError:
		c := *e
		c.Message, c.OAuthCode = r.cut(c.Message, 300), r.cut(c.OAuthCode, 100)
		c.MoreInfo, c.RequestID = r.cut(c.MoreInfo, 200), r.cut(c.RequestID, 100)
		return &c
	case *ResponseError:
		return &ResponseError{Endpoint: e.Endpoint, RequestID: r.cut(e.RequestID, 100), Err: safe(e.Err)}
	case *TransportError:
		return &TransportError{Endpoint: e.Endpoint, Reason: e.Reason, Err: safe(e.Err)}
	case *CredentialsError:
		return &CredentialsError{Endpoint: e.Endpoint, Err: safe(e.Err)}
	}
	return err
}

// safeError is an error with a text that may be shown.
type safeError struct {
	text string
	err  error
}

func (e *safeError) Error() string { return e.text }
func (e *safeError) Unwrap() error { return e.err }

func (r *Redactor) compiled() *pattern {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pattern == nil {
		r.pattern = newPattern(slices.Concat(r.fixed, r.learnt))
	}
	return r.pattern
}

// pattern matches secrets. It is immutable.
type pattern struct {
	fragments map[string]struct{} // all parts of that length of long secrets
	short     []string            // secrets that are too short to have such a part
}

func newPattern(secrets []string) *pattern {
	p := &pattern{fragments: make(map[string]struct{})}
	for _, secret := range secrets {
		for _, spelling := range spellings(secret) {
			switch {
			case spelling == "":
			case len(spelling) < fragment:
				p.short = append(p.short, spelling)
			default:
				for i := 0; i+fragment <= len(spelling); i++ {
					p.fragments[spelling[i:i+fragment]] = struct{}{}
				}
			}
		}
	}
	return p
}

// spellings returns a secret as it may be found in a text whose escapes were
// decoded.
func spellings(secret string) []string {
	all := []string{secret, strings.ReplaceAll(secret, " ", "+"), sanitize(secret, len(secret))}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		all = append(all, encoding.EncodeToString([]byte(secret)))
	}
	return all
}

// maxEscapes is how many times escaped a secret is recognised, such as
// percent-encoded within a JSON string that Go has quoted.
const maxEscapes = 3

func (p *pattern) redact(text string) string {
	if len(p.fragments) == 0 && len(p.short) == 0 {
		return text
	}
	secret := make([]bool, len(text)) // by byte of the text
	found := p.mark(text, nil, secret)
	decoded, origin := text, []int(nil)
	for range maxEscapes {
		var ok bool
		if decoded, origin, ok = unescape(decoded, origin); !ok {
			break
		}
		found = p.mark(decoded, origin, secret) || found
	}
	if !found {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !secret[i]:
			b.WriteByte(text[i])
		case i == 0 || !secret[i-1]:
			b.WriteString(removed)
		}
	}
	return b.String()
}

// mark sets the bytes of a text that belong to a secret, and reports whether
// there are any. Byte i of decoded stands for the bytes from origin[i] to
// origin[i+1] of the text; without origin, it is the text itself.
func (p *pattern) mark(decoded string, origin []int, secret []bool) (found bool) {
	set := func(from, to int) {
		if origin != nil {
			from, to = origin[from], origin[to]
		}
		for i := from; i < to; i++ {
			secret[i] = true
		}
		found = true
	}
	if len(p.fragments) > 0 {
		for i := 0; i+fragment <= len(decoded); i++ {
			if _, ok := p.fragments[decoded[i:i+fragment]]; ok {
				set(i, i+fragment)
			}
		}
	}
	for _, short := range p.short {
		for i := 0; ; i += len(short) {
			n := strings.Index(decoded[i:], short)
			if n < 0 {
				break
			}
			i += n
			set(i, i+len(short))
		}
	}
	return found
}

// unescape decodes the escapes of URLs, JSON, Go and HTML in a text. It returns
// where in the first text each byte and the end of the result come from, and
// whether there was any escape.
func unescape(text string, origin []int) (string, []int, bool) {
	if !strings.ContainsAny(text, `%\&`) {
		return text, origin, false
	}
	at := func(i int) int {
		if origin != nil {
			return origin[i]
		}
		return i
	}
	out, from, found := make([]byte, 0, len(text)), make([]int, 0, len(text)+1), false
	for i := 0; i < len(text); {
		n := len(out)
		var size int
		if out, size = appendUnescaped(out, text[i:]); size > 0 {
			found = true
		} else {
			out, size = append(out, text[i]), 1
		}
		for range out[n:] {
			from = append(from, at(i))
		}
		i += size
	}
	return string(out), append(from, at(len(text))), found
}

// appendUnescaped decodes the escape at the start of a text and returns its
// length, 0 if there is none.
func appendUnescaped(out []byte, text string) ([]byte, int) {
	switch text[0] {
	case '%':
		if n, ok := hexadecimal(text, 1, 2); ok {
			return append(out, byte(n&0xff)), 3
		}
	case '&':
		if end := strings.IndexByte(text[:min(len(text), 10)], ';'); end > 0 {
			if entity := text[:end+1]; html.UnescapeString(entity) != entity {
				return append(out, html.UnescapeString(entity)...), end + 1
			}
		}
	case '\\':
		if len(text) < 2 {
			break
		}
		if i := strings.IndexByte("abfnrtv", text[1]); i >= 0 {
			return append(out, "\a\b\f\n\r\t\v"[i]), 2
		}
		switch text[1] {
		case 'x':
			if n, ok := hexadecimal(text, 2, 2); ok {
				return append(out, byte(n&0xff)), 4
			}
		case 'u':
			if n, ok := hexadecimal(text, 2, 4); ok {
				if low, ok := hexadecimal(text, 8, 4); ok && text[6:8] == `\u` && utf16.IsSurrogate(n) {
					return utf8.AppendRune(out, utf16.DecodeRune(n, low)), 12
				}
				return utf8.AppendRune(out, n), 6
			}
		case 'U':
			if n, ok := hexadecimal(text, 2, 8); ok {
				return utf8.AppendRune(out, n), 10
			}
		case '"', '\'', '/', '\\':
			return append(out, text[1]), 2
		}
	}
	return out, 0
}

// hexadecimal parses so many digits of a text. What is no rune is for AppendRune to
// replace.
func hexadecimal(text string, from, digits int) (rune, bool) {
	if len(text) < from+digits {
		return 0, false
	}
	n, err := strconv.ParseInt(text[from:from+digits], 16, 32)
	return rune(n), err == nil && text[from] != '-' && text[from] != '+'
}

// sanitize makes text of an API fit for one line of a log, of at most so many
// characters.
func sanitize(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "…"
	}
	return text
}
