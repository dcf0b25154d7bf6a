package peers

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// An Answer is one of the exporter's, as it went over the wire.
type Answer struct {
	Accept         string      `json:"accept"`
	AcceptEncoding string      `json:"accept_encoding"`
	Header         http.Header `json:"header"`
	Body           string      `json:"body"` // name of the file that holds it
}

// floor is the least that any server does: it writes bytes that it has.
type floor struct {
	directory string

	mu    sync.RWMutex
	ready map[[2]string]ready // by Accept and Accept-Encoding
}

type ready struct {
	header http.Header
	body   []byte
}

func newFloor(directory string) *floor {
	return &floor{directory: directory, ready: make(map[[2]string]ready)}
}

// ServeHTTP implements http.Handler.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := [2]string{r.Header.Get("Accept"), r.Header.Get("Accept-Encoding")}
	f.mu.RLock()
	a, ok := f.ready[key]
	f.mu.RUnlock()
	if !ok {
		var err error
		if a, err = f.load(key); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
	}
	maps.Copy(w.Header(), a.header)
	_, _ = w.Write(a.body) // the client is gone if it fails
}

// load reads an answer from the directory, into which the harness puts them one
// by one.
func (f *floor) load(key [2]string) (ready, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(f.directory, "*.json"))
	if err != nil {
		return ready{}, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return ready{}, err
		}
		var a Answer
		if err := json.Unmarshal(text, &a); err != nil {
			return ready{}, fmt.Errorf("%s: %w", file, err)
		}
		if key != [2]string{a.Accept, a.AcceptEncoding} {
			continue
		}
		body, err := os.ReadFile(filepath.Join(f.directory, filepath.Base(a.Body)))
		if err != nil {
			return ready{}, err
		}
		a.Header.Del("Date")
		a.Header.Set("Content-Length", strconv.Itoa(len(body)))
		f.ready[key] = ready{a.Header, body}
		return f.ready[key], nil
	}
	return ready{}, fmt.Errorf("there is no answer to %q", key)
}
