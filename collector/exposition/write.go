package exposition

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// Write writes what a scrape in this format gets, with the metrics that self gathers.
// missing is why some metrics are not among it; err is the writer's error.
func (x *Exposition) Write(w io.Writer, format expfmt.Format, self prometheus.Gatherer) (missing, err error) {
	var encoding errorList
	h := &handler{Exposition: x, HandlerOptions: HandlerOptions{ErrorLog: &encoding}, errorCount: errorCounter(prometheus.NewRegistry())}
	gathered, gathering := self.Gather()
	s := x.snapshot(time.Now())
	resp := &response{handler: h, families: s.families, self: gathered, contentType: format}
	resp.format, resp.hasFormat = formatOf(format)
	err = resp.sendPlain(bufio.NewWriterSize(w, bufferSize))
	return errors.Join(append(encoding, gathering, s.err)...), err
}

// errorList is a promhttp.Logger that keeps what it is told.
type errorList []error

// Println implements promhttp.Logger.
func (l *errorList) Println(v ...any) { *l = append(*l, errors.New(fmt.Sprint(v...))) }
