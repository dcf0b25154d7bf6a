package peers

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
)

// newFloor writes one response of the exporter again and again: no server that
// sends these bytes can do less.
func newFloor(path string) (http.Handler, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	response, err := http.ReadResponse(bufio.NewReader(f), nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	header := response.Header
	header.Del("Date")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		_, _ = w.Write(body) // it fails if the client is gone
	}), nil
}
