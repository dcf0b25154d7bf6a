// Package completion writes completion scripts and a man page from the flags and
// commands of a kingpin application. kingpin's own know no fish, and in bash complete
// no value after "=" and no word that has begun.
package completion

import (
	"reflect"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// program is an application as the scripts need it.
type program struct {
	name, help string
	flags      []flag // of every command
	commands   []command
}

type command struct {
	name, help string
	isDefault  bool
	flags      []flag
}

type flag struct {
	name, help string
	short      string
	isBool     bool     // takes no value
	values     []string // all that there are; nil if that is not known
	file       bool     // the value is the path of a file
	folder     bool
	repeatable bool
	shown      string // how the value is shown, such as FILE
}

// newProgram is what the application has, without what is hidden.
func newProgram(m *kingpin.ApplicationModel) program {
	p := program{name: m.Name, help: m.Help, flags: newFlags(m.Flags)}
	for _, c := range m.Commands {
		if !c.Hidden {
			p.commands = append(p.commands, command{c.Name, c.Help, c.Default, newFlags(c.Flags)})
		}
	}
	return p
}

func newFlags(models []*kingpin.FlagModel) []flag {
	var flags []flag
	for _, m := range models {
		if m.Hidden {
			continue
		}
		f := flag{name: m.Name, help: strings.Join(strings.Fields(m.Help), " "), isBool: m.IsBoolFlag(), values: options(m.Value)}
		if m.Short != 0 {
			f.short = string(m.Short)
		}
		repeats, ok := m.Value.(interface{ IsCumulative() bool })
		f.repeatable = ok && repeats.IsCumulative()
		f.folder = m.PlaceHolder == "DIR"
		f.file = m.PlaceHolder == "FILE" || strings.HasSuffix(m.Name, ".file")
		if f.shown = m.FormatPlaceHolder(); f.file {
			f.shown = "FILE"
		}
		flags = append(flags, f)
	}
	return flags
}

// options are the values that a flag may have, which kingpin keeps to itself.
func options(v kingpin.Value) []string {
	value := reflect.Indirect(reflect.ValueOf(v))
	if value.Kind() != reflect.Struct {
		return nil
	}
	field := value.FieldByName("options")
	if !field.IsValid() || field.Kind() != reflect.Slice || field.Type().Elem().Kind() != reflect.String {
		return nil
	}
	var all []string
	for i := range field.Len() {
		all = append(all, field.Index(i).String())
	}
	return all
}

// commandNames are those of all commands.
func (p program) commandNames() []string {
	var names []string
	for _, c := range p.commands {
		names = append(names, c.name)
	}
	return names
}

// identifier is the name as part of a shell function's name.
func (p program) identifier() string {
	return "_" + strings.Map(func(r rune) rune {
		if r == '-' || r == '.' {
			return '_'
		}
		return r
	}, p.name)
}
