package exposition

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewProcessCollector makes the standard metrics about this process, as
// client_golang's collector has them. That one reads the system's boot time and
// parses tables by regular expressions for each scrape, which took a third of all
// that a scrape of 300,000 series costs.
func NewProcessCollector() prometheus.Collector {
	standard := collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	p := &process{standard: standard, descs: make(map[string]*prometheus.Desc), page: float64(os.Getpagesize())}
	registry := prometheus.NewRegistry()
	registry.MustRegister(standard)
	families, err := registry.Gather()
	if err != nil {
		return standard
	}
	if p.stat, err = openFile("/proc/self/stat"); err != nil {
		return standard
	}
	if p.netstat, err = openFile("/proc/self/net/netstat"); err != nil {
		return standard
	}
	for _, f := range families {
		p.descs[f.GetName()] = prometheus.V2.NewDesc(f.GetName(), f.GetHelp(), prometheus.UnconstrainedLabels(nil), nil, prometheus.WithUnit(f.GetUnit()))
		if f.GetName() == "process_start_time_seconds" {
			p.started = f.Metric[0].Gauge.GetValue()
		}
	}
	if p.check() != nil {
		return standard
	}
	return p
}

type process struct {
	standard prometheus.Collector
	descs    map[string]*prometheus.Desc // those of the standard collector
	started  float64                     // does not change, in seconds since the epoch
	page     float64                     // bytes

	mu            sync.Mutex
	stat, netstat file
	buffer        [16 << 10]byte // of files
}

// Describe implements prometheus.Collector.
func (p *process) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, descs) }

// Collect implements prometheus.Collector.
func (p *process) Collect(metrics chan<- prometheus.Metric) {
	all, err := p.read()
	if err != nil {
		p.standard.Collect(metrics)
		return
	}
	for name, desc := range p.descs {
		kind := prometheus.GaugeValue
		if strings.HasSuffix(name, "_total") {
			kind = prometheus.CounterValue
		}
		metrics <- prometheus.MustNewConstMetric(desc, kind, all[name])
	}
}

// check says whether everything that the standard collector shows here can be
// read.
func (p *process) check() error {
	all, err := p.read()
	for name := range p.descs {
		if _, ok := all[name]; !ok {
			err = errors.Join(err, errors.New("nobody knows "+name))
		}
	}
	return err
}

// read reads the values of all metrics (proc(5), getrlimit(2)).
func (p *process) read() (map[string]float64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stat, err := p.stat.read(p.buffer[:])
	if err != nil {
		return nil, err
	}
	// The name of the program may have spaces and parentheses in it. Behind it
	// comes the third field.
	var numbers []float64
	field := 2
	for text := range bytes.FieldsSeq(stat[bytes.LastIndexByte(stat, ')')+1:]) {
		switch field++; field {
		case 14, 15, 23, 24: // utime, stime, vsize, rss
			number, err := strconv.ParseFloat(string(text), 64)
			if err != nil {
				return nil, err
			}
			numbers = append(numbers, number)
		}
	}
	if len(numbers) < 4 {
		return nil, errors.New("/proc/self/stat is too short")
	}
	const ticks = 100 // a second, on every architecture that Go knows
	all := map[string]float64{
		"process_cpu_seconds_total":     (numbers[0] + numbers[1]) / ticks,
		"process_virtual_memory_bytes":  numbers[2],
		"process_resident_memory_bytes": numbers[3] * p.page,
		"process_start_time_seconds":    p.started,
	}

	fds, err := openFiles("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	all["process_open_fds"] = float64(fds)

	for name, resource := range map[string]int{"process_max_fds": syscall.RLIMIT_NOFILE, "process_virtual_memory_max_bytes": syscall.RLIMIT_AS} {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(resource, &limit); err != nil {
			return nil, err
		}
		all[name] = float64(limit.Cur)
	}

	netstat, err := p.netstat.read(p.buffer[:])
	if err != nil {
		return nil, err
	}
	// A line of names, and one of values.
	table := []byte("IpExt:")
	_, names, _ := bytes.Cut(netstat, table)
	names, octets, _ := bytes.Cut(names, table)
	next, stop := iter.Pull(bytes.FieldsSeq(octets))
	defer stop()
	for name := range bytes.FieldsSeq(names) {
		value, ok := next()
		if !ok {
			break
		}
		var metric string
		switch string(name) {
		case "InOctets":
			metric = "process_network_receive_bytes_total"
		case "OutOctets":
			metric = "process_network_transmit_bytes_total"
		default:
			continue
		}
		if all[metric], err = strconv.ParseFloat(string(value), 64); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// openFiles counts a process's open files, whose number is the directory's size
// since Linux 6.2.
func openFiles(directory string) (int64, error) {
	info, err := os.Stat(directory)
	if err != nil {
		return 0, err
	}
	if info.Size() > 0 {
		return info.Size(), nil
	}
	names, err := os.ReadDir(directory)
	return int64(len(names)), err
}

// file is a file of /proc. It stays open: to open one takes as long as to read it.
// It is not one that the runtime's poller could wait for, as package os makes it
// try.
type file struct {
	name       string
	descriptor int
}

func openFile(name string) (file, error) {
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return file{}, fmt.Errorf("open %s: %w", name, err)
	}
	return file{name, fd}, nil
}

// read reads what the file says now, which must fit the buffer.
func (f file) read(buffer []byte) ([]byte, error) {
	n, err := syscall.Pread(f.descriptor, buffer, 0)
	if err != nil || n == len(buffer) {
		return nil, fmt.Errorf("read %s: %d bytes, %w", f.name, n, cmp.Or(err, io.ErrShortBuffer))
	}
	return buffer[:n], nil
}
