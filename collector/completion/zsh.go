package completion

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// Zsh is a completion script for zsh, to be found in fpath as _NAME, or to be sourced
// after compinit.
func Zsh(m *kingpin.ApplicationModel) string {
	p := newProgram(m)
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n\n%s() {\n\tlocal curcontext=$curcontext state line ret=1\n\tlocal -A opt_args\n\tlocal -a flags commands\n", p.name, p.identifier())
	fmt.Fprintf(&b, "\tflags=(\n%s\t)\n\tcommands=(\n", zshFlags(p.flags))
	for _, c := range p.commands {
		fmt.Fprintf(&b, "\t\t'%s:%s'\n", c.name, zshQuoted(c.help))
	}
	b.WriteString(`	)
	_arguments -C $flags '1:command:->command' '*::argument:->argument' && ret=0
	case $state in
	command)
		_describe -t commands command commands && ret=0
		;;
	argument)
		case $line[1] in
`)
	for _, c := range p.commands {
		fmt.Fprintf(&b, "\t\t%s)\n\t\t\tflags+=(\n%s\t\t\t)\n\t\t\t;;\n", c.name, zshFlags(c.flags))
	}
	fmt.Fprintf(&b, `		esac
		_arguments $flags && ret=0
		;;
	esac
	return ret
}

if [[ $funcstack[1] == %[1]s ]]; then
	%[1]s "$@"
else
	compdef %[1]s %[2]s
fi
`, p.identifier(), p.name)
	return b.String()
}

// zshFlags are flags as _arguments takes them, a line for each.
func zshFlags(flags []flag) string {
	var b strings.Builder
	for _, f := range flags {
		description := "[" + zshQuoted(strings.NewReplacer("[", `\[`, "]", `\]`).Replace(f.help)) + "]"
		repeatable := ""
		if f.repeatable {
			repeatable = "*"
		}
		action := ""
		switch {
		case f.isBool:
			fmt.Fprintf(&b, "\t\t'--%s%s'\n", f.name, description)
			if f.short != "" {
				fmt.Fprintf(&b, "\t\t'-%s%s'\n", f.short, description)
			}
			continue
		case f.folder:
			action = "_files -/"
		case f.file:
			action = "_files"
		case f.values != nil:
			action = "(" + strings.Join(f.values, " ") + ")"
		}
		fmt.Fprintf(&b, "\t\t'%s--%s=%s:%s:%s'\n", repeatable, f.name, description, strings.ToLower(lastWord(f.name)), action)
	}
	return b.String()
}

// lastWord is the end of a flag's name, such as format.
func lastWord(name string) string { return name[strings.LastIndexAny(name, ".-")+1:] }

// zshQuoted is text between single quotes, where a colon would end it.
func zshQuoted(text string) string {
	return strings.NewReplacer(`'`, `'\''`, ":", `\:`).Replace(text)
}
