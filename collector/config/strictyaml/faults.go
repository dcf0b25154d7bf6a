package strictyaml

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a file.
type Fault struct {
	File string
	Line int    // from 1; 0: not known
	Key  string // path of the key, such as accounts[1].basic_auth.password_file; may be empty
	Text string // what is wrong, without any value of the file
}

// Error returns "FILE:LINE: KEY: what is wrong", without the parts that are not
// known.
func (f Fault) Error() string {
	text := f.Text
	if f.Key != "" {
		text = f.Key + ": " + text
	}
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, text)
	}
	return f.File + ": " + text
}

// Faults is everything that is wrong with a file, sorted by line.
type Faults []Fault

// Error returns one fault per line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}
