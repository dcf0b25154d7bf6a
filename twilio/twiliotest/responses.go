package twiliotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// response is a response before it is sent.
type response struct {
	status  int
	kind    string // Content-Type; "" is JSON
	headers http.Header
	body    []byte
	abort   bool // break off before anything is sent

	cut     bool          // announce the whole body, send half of it, break off
	reset   bool          // break off by a reset
	pause   time.Duration // between the halves of the body
	endless bool          // the body has no end
}

func (a *response) header(name, value string) {
	if a.headers == nil {
		a.headers = make(http.Header)
	}
	a.headers.Set(name, value)
}

func (a *response) write(w http.ResponseWriter, r *http.Request) {
	if a.abort {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for name, values := range a.headers {
		h[name] = values
	}
	kind := a.kind
	if kind == "" {
		kind = "application/json; charset=utf-8"
	}
	h.Set("Content-Type", kind)
	if a.endless {
		a.writeForever(w)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	half := 0
	if a.cut || a.pause > 0 {
		half = len(a.body) / 2
		_, _ = w.Write(a.body[:half])
		// Without it net/http would drop what it has not sent yet, headers included.
		_ = http.NewResponseController(w).Flush()
	}
	switch {
	case a.cut:
		if x, ok := w.(*exchange); ok && a.reset {
			x.broken = resetError()
		}
		panic(http.ErrAbortHandler)
	case a.pause > 0 && !wait(r.Context(), a.pause):
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(a.body[half:])
}

// writeForever sends an object whose first text does not end before a gibibyte.
func (a *response) writeForever(w http.ResponseWriter) {
	_, err := w.Write([]byte(`{"x_text":"`))
	for range 1024 {
		if err != nil {
			break
		}
		_, err = w.Write(bytes.Repeat([]byte("x"), mebibyte))
	}
	panic(http.ErrAbortHandler)
}

// encode is json.Marshal that leaves & in URLs alone, as the service does.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("twiliotest: %v", err)) // only of our own types
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func success(v any) *response { return &response{status: http.StatusOK, body: encode(v)} }

// failure is an error as Twilio words them, and KORE too below the gateway.
func failure(status, code int, message string) *response {
	return &response{status: status, body: encode(struct {
		Code     int    `json:"code"`
		Message  string `json:"message"`
		MoreInfo string `json:"more_info"`
		Status   int    `json:"status"`
	}{code, message, fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code), status})}
}

// gateway is an error of what stands before KORE's API.
func gateway(status int, kind, message string) *response {
	return &response{status: status, body: encode(struct {
		Message string `json:"message"`
		Error   string `json:"error"`
	}{message, kind})}
}

func tooManyRequests(retryAfter string) *response {
	a := failure(http.StatusTooManyRequests, 20429, "This account has more requests under way than it may")
	if retryAfter != "" {
		a.header("Retry-After", retryAfter)
	}
	return a
}

// unauthenticated is how a provider says that it does not know the caller.
func unauthenticated(p Provider) *response {
	if p == KORE {
		return gateway(http.StatusUnauthorized, "invalid_token", "The access token is not known")
	}
	a := failure(http.StatusUnauthorized, 20003, "These credentials open nothing")
	a.header("WWW-Authenticate", `Basic realm="Twilio API"`)
	return a
}
