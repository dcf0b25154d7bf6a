package exporter_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestRedaction: no line of the log has a secret of any account, in whatever value
// and spelling, whoever logs it. After a reload it is the new configuration's.
func TestRedaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{
			{SID: sidB, Provider: twiliotest.KORE, ClientID: "client-b", ClientSecret: canarySecret},
		}})
		heard := listener{s.Transport(), new(sync.Mutex), make(map[string]bool)}
		p := launchAs(t, secretAccounts, log.NewLogfmtLogger, inMemory(func(string) http.RoundTripper { return heard }))
		defer p.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		var access string
		for token := range heard.tokens {
			access = token
		}
		if access == "" {
			t.Fatal("no access token was used")
		}
		written := func(keyvals ...any) string {
			out := new(syncBuffer)
			logger := p.redaction.Logger(bothFormats(out))
			if err := level.Error(log.With(logger, "ts", log.DefaultTimestampUTC, "caller", log.DefaultCaller)).Log(keyvals...); err != nil {
				t.Error(err)
			}
			return out.String()
		}
		spellings := func(secret string) []string {
			return []string{
				secret, url.QueryEscape(secret), url.PathEscape(secret), strconv.Quote(secret), html.EscapeString(secret),
				base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)), secret[:len(secret)-3],
			}
		}
		for _, secret := range []string{canaryToken, canaryKey, canarySecret, access} {
			for _, text := range spellings(secret) {
				text = "before " + text + " after"
				out := written("msg", text, "err", errors.New(text), "list", []string{text}, "wrapped", fmt.Errorf("x: %w", io.EOF), "account", "b")
				wantNone(t, out, secret)
				for _, part := range []string{"before ", "<secret>", " after", "account=b", `"account":"b"`, "redaction_test.go", "level=error", "x: EOF"} {
					if !strings.Contains(strings.ReplaceAll(out, `\u003csecret\u003e`, "<secret>"), part) {
						t.Errorf("want %q in %s", part, out)
					}
				}
			}
		}
		wantNone(t, p.redaction.Redact("x "+canaryKey), canaryKey)

		p.reload(strings.ReplaceAll(secretAccounts, canaryKey, "canary+other/4&?%<>"))
		wantNone(t, written("msg", "x canary+other/4&?%<> y"), "canary+other/4&?%<>")
		if out := written("msg", "nothing", "n", 1, "d", time.Second, "e", nil); !strings.Contains(out, "n=1 d=1s e=null") || !strings.Contains(out, `"n":1`) {
			t.Errorf("want other values as they are, have %s", out)
		}
	})
}
