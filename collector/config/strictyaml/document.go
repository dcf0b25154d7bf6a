package strictyaml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Document knows the lines of the keys that a file sets, and collects the faults
// of the file: those of Decode, and those that its caller adds.
type Document struct {
	file    string
	lines   map[string]int  // by path: the keys that the file sets
	invalid map[string]bool // by path: keys whose fault is known, so that they are not reported as missing too
	faults  Faults
}

// NewDocument returns a document that sets no key. file is its name in faults.
func NewDocument(file string) *Document {
	return &Document{file: file, lines: map[string]int{}, invalid: map[string]bool{}}
}

// WithoutFaults returns the document with its keys and lines alone, to check it
// again.
func (d *Document) WithoutFaults() *Document {
	return &Document{file: d.file, lines: d.lines, invalid: map[string]bool{}}
}

// Addf adds a fault at the line of the path, or else of the nearest parent that
// the file sets.
func (d *Document) Addf(path, format string, args ...any) {
	d.addf(d.Line(path), path, format, args...)
}

func (d *Document) addf(line int, path, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Key: path, Text: fmt.Sprintf(format, args...)})
}

// Invalidf adds a fault that leaves the path without a usable value.
func (d *Document) Invalidf(path, format string, args ...any) {
	d.invalid[path] = true
	d.Addf(path, format, args...)
}

// Missingf adds the fault that a required path is missing, unless the file sets
// it or another fault explains its absence.
func (d *Document) Missingf(path, format string, args ...any) {
	if !d.IsIntended(path) {
		d.Addf(path, "missing: "+format, args...)
	}
}

// IsSet reports whether the file sets the path.
func (d *Document) IsSet(path string) bool {
	_, ok := d.lines[path]
	return ok
}

// IsInvalid reports whether the path, or a parent of it, has a fault that leaves
// it without a usable value.
func (d *Document) IsInvalid(path string) bool {
	for ; path != ""; path = parent(path) {
		if d.invalid[path] {
			return true
		}
	}
	return false
}

// IsIntended reports whether the file sets the path or was probably meant to: a
// key that is likely a misspelling of it counts.
func (d *Document) IsIntended(path string) bool { return d.IsSet(path) || d.IsInvalid(path) }

// HasFaults reports whether the path, or anything below it, has a fault.
func (d *Document) HasFaults(path string) bool {
	return slices.ContainsFunc(d.faults, func(f Fault) bool { return strings.HasPrefix(f.Key, path) })
}

// Line returns the line of the path, or else of the nearest parent that the file
// sets; 0 if it sets neither.
func (d *Document) Line(path string) int {
	for ; path != ""; path = parent(path) {
		if line, ok := d.lines[path]; ok {
			return line
		}
	}
	return 0
}

// Err returns all faults, sorted by line, as an error of type Faults; nil if
// there are none.
func (d *Document) Err() error {
	if len(d.faults) == 0 {
		return nil
	}
	faults := slices.Clone(d.faults)
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	seen := map[Fault]bool{} // through aliases the same fault may be found twice
	return slices.DeleteFunc(faults, func(f Fault) bool {
		duplicate := seen[f]
		seen[f] = true
		return duplicate
	})
}
