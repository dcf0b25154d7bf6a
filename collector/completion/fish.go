package completion

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// Fish is a completion script for fish 3.0 and newer.
func Fish(m *kingpin.ApplicationModel) string {
	p := newProgram(m)
	var b strings.Builder
	fmt.Fprintf(&b, "# Completion of %[1]s for fish.\ncomplete -c %[1]s -f\n", p.name)
	fishFlags(&b, p.name, "", p.flags)
	names := strings.Join(p.commandNames(), " ")
	for _, c := range p.commands {
		fmt.Fprintf(&b, "complete -c %s -n 'not __fish_seen_subcommand_from %s' -a %s -d %s\n", p.name, names, c.name, fishQuoted(c.help))
		seen := " -n '__fish_seen_subcommand_from " + c.name + "'"
		fishFlags(&b, p.name, seen, c.flags)
	}
	return b.String()
}

func fishFlags(b *strings.Builder, name, condition string, flags []flag) {
	for _, f := range flags {
		fmt.Fprintf(b, "complete -c %s%s -l %s", name, condition, f.name)
		if f.short != "" {
			fmt.Fprintf(b, " -s %s", f.short)
		}
		switch {
		case f.isBool:
		case f.folder:
			b.WriteString(" -x -a '(__fish_complete_directories)'")
		case f.file:
			b.WriteString(" -r -F")
		case f.values != nil:
			fmt.Fprintf(b, " -x -a '%s'", strings.Join(f.values, " "))
		default:
			b.WriteString(" -x")
		}
		fmt.Fprintf(b, " -d %s\n", fishQuoted(f.help))
	}
}

func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
