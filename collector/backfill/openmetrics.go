package backfill

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/atomicfile"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// openMetrics writes a file of samples with timestamps. Samples of a family, and in it
// those of a series, must come together, oldest first.
//
// Source: OpenMetrics 1.0, section "Text format".
type openMetrics struct {
	file    *atomicfile.File
	w       *bufio.Writer
	family  metric.Family
	header  bool // the family's is written
	series  []byte
	line    []byte
	samples int64
	bytes   int64
	stamps  map[int64][]byte
}

// create begins a file. It has another name until it is complete.
func create(name string) (*openMetrics, error) {
	file, err := atomicfile.Create(name)
	if err != nil {
		return nil, err
	}
	return &openMetrics{file: file, w: bufio.NewWriterSize(file, 1<<18), stamps: make(map[int64][]byte)}, nil
}

// begin begins a family. Its header is written with the first sample.
func (o *openMetrics) begin(f metric.Family) { o.family, o.header = f, false }

// of sets the series that the next samples are of, by its label values.
func (o *openMetrics) of(account string, values ...string) {
	o.series = append(append(o.series[:0], o.family.Name...), `{account="`...)
	o.series = appendEscaped(o.series, account)
	for i, value := range values {
		o.series = append(append(append(o.series, `",`...), o.family.Labels[i]...), `="`...)
		o.series = appendEscaped(o.series, value)
	}
	o.series = append(o.series, `"} `...)
}

func appendEscaped(b []byte, s string) []byte {
	if !strings.ContainsAny(s, "\\\n\"") {
		return append(b, s...)
	}
	return append(b, strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(s)...)
}

// sample writes a sample of the series.
func (o *openMetrics) sample(at time.Time, value float64) {
	if !o.header {
		o.writeHeader()
	}
	o.line = append(o.line[:0], o.series...)
	b := o.line
	from := len(b)
	b = strconv.AppendFloat(b, value, 'g', -1, 64)
	// In OpenMetrics, whole numbers have a decimal point or an exponent.
	if bytes.IndexByte(b[from:], '.') < 0 && bytes.IndexByte(b[from:], 'e') < 0 {
		b = append(b, ".0"...)
	}
	b = append(append(append(b, ' '), o.stamp(at)...), '\n')
	o.line = b
	o.write(b)
	o.samples++
}

// stamp is a time in seconds since the epoch.
func (o *openMetrics) stamp(at time.Time) []byte {
	ms := at.UnixMilli()
	b, ok := o.stamps[ms]
	if !ok {
		b = strconv.AppendInt(nil, ms/1000, 10)
		if ms%1000 != 0 {
			b = fmt.Appendf(b, ".%03d", ms%1000)
		}
		o.stamps[ms] = b
	}
	return b
}

func (o *openMetrics) writeHeader() {
	name := strings.TrimSuffix(o.family.Name, "_total")
	help := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(o.family.Help)
	var b []byte
	b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, o.family.Type)
	if unit := o.family.Unit(); unit != "" {
		b = fmt.Appendf(b, "# UNIT %s %s\n", name, unit)
	}
	o.write(b)
	o.header = true
}

// write writes bytes. The writer keeps its first error until close.
func (o *openMetrics) write(b []byte) {
	_, _ = o.w.Write(b)
	o.bytes += int64(len(b))
}

// close completes the file, and reports whether there is one: without a sample, there is
// none.
func (o *openMetrics) close() (written bool, err error) {
	defer o.file.Discard()
	o.write([]byte("# EOF\n"))
	if err := o.w.Flush(); err != nil || o.samples == 0 {
		return false, err
	}
	return true, o.file.Commit()
}
