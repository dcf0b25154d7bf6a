package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration. It never holds a
// value of the configuration, for a secret may stand in the wrong place.
type Fault struct {
	File string // as named on the command line, or "environment"
	Line int    // from 1; 0: not known
	Key  string // path of the key, as accounts[1].basic_auth.password_file
	Text string // what is wrong
}

// Error is "FILE:LINE: KEY: what is wrong", without the parts that are not
// known.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	return b.String() + ": " + f.Text
}

// String is Error.
func (f Fault) String() string { return f.Error() }

// Faults is everything that is wrong, by line.
type Faults []Fault

// Error is one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// report gathers the faults of one file, and knows where its keys stand.
type report struct {
	file   string
	lines  map[string]int  // by path: the keys that the file holds
	spoilt map[string]bool // paths that have their fault: do not call them missing as well
	faults Faults
}

func newReport(file string) *report {
	return &report{file: file, lines: map[string]int{}, spoilt: map[string]bool{}}
}

// add reports a fault at the line of the path, or of what holds it.
func (r *report) add(path, format string, args ...any) {
	r.addAt(r.line(path), path, format, args...)
}

func (r *report) addAt(line int, path, format string, args ...any) {
	r.faults = append(r.faults, Fault{File: r.file, Line: line, Key: path, Text: fmt.Sprintf(format, args...)})
}

// spoil reports a fault that leaves the path without a usable value.
func (r *report) spoil(path, format string, args ...any) {
	r.spoilt[path] = true
	r.add(path, format, args...)
}

// missing reports that the path is needed, unless it is there or its absence
// follows from another fault.
func (r *report) missing(path, format string, args ...any) {
	if !r.has(path) {
		r.add(path, "missing: "+format, args...)
	}
}

// set reports whether the file holds the path.
func (r *report) set(path string) bool {
	_, ok := r.lines[path]
	return ok
}

// has reports whether the file holds the path, or meant to.
func (r *report) has(path string) bool { return r.set(path) || r.broken(path) }

// broken reports whether the path, or what holds it, has no usable value.
func (r *report) broken(path string) bool {
	for ; path != ""; path = parent(path) {
		if r.spoilt[path] {
			return true
		}
	}
	return false
}

// line is where the path stands, or what holds it; 0: neither is in the file.
func (r *report) line(path string) int {
	for ; path != ""; path = parent(path) {
		if line, ok := r.lines[path]; ok {
			return line
		}
	}
	return 0
}

// err is the faults in the order of their lines, nil without any.
func (r *report) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	faults := slices.Clone(r.faults)
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	told := map[Fault]bool{} // by aliases the same fault may be met twice
	return slices.DeleteFunc(faults, func(f Fault) bool {
		before := told[f]
		told[f] = true
		return before
	})
}

// after is a report on the same file, once it has been read.
func (c *Config) after() *report {
	r := newReport(c.name)
	r.lines = maps.Clone(c.lines)
	return r
}
