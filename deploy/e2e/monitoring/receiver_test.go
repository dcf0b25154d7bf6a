package monitoring_test

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/template"
)

// A receiver receives Alertmanager's notifications, as the chat and as the pager.
type receiver struct {
	address string

	mu    sync.Mutex
	chat  []chatMessage
	pager []template.Data
}

// A chatMessage is the message that Slack would show.
type chatMessage struct {
	Title     string `json:"title"`
	TitleLink string `json:"title_link"`
	Text      string `json:"text"`
	Fallback  string `json:"fallback"`
	Color     string `json:"color"`
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{address: listener.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /chat", func(w http.ResponseWriter, request *http.Request) {
		var body struct {
			Attachments []chatMessage `json:"attachments"`
		}
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil || len(body.Attachments) != 1 {
			http.Error(w, "want one attachment", http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		r.chat = append(r.chat, body.Attachments[0])
		r.mu.Unlock()
		_, _ = w.Write([]byte("ok"))
	})
	mux.HandleFunc("POST /pager", func(w http.ResponseWriter, request *http.Request) {
		var body template.Data
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		r.pager = append(r.pager, body)
		r.mu.Unlock()
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return r
}

func (r *receiver) url(path string) string { return "http://" + r.address + path }

// paged returns the pager's notifications about an alert of an account, in order.
func (r *receiver) paged(alert, account string) []template.Data {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []template.Data
	for _, d := range r.pager {
		if d.GroupLabels["alertname"] == alert && d.GroupLabels["account"] == account {
			found = append(found, d)
		}
	}
	return found
}

// messages returns the chat's messages that link to the runbook of an alert and name
// an account, in order.
func (r *receiver) messages(alert, account string) []chatMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []chatMessage
	for _, m := range r.chat {
		if strings.HasSuffix(m.TitleLink, "#"+strings.ToLower(alert)) && strings.Contains(m.Title+m.Text, account) {
			found = append(found, m)
		}
	}
	return found
}
