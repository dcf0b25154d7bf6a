package completion

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// Bash is a completion script for bash 3.2 and newer, which needs no library.
func Bash(m *kingpin.ApplicationModel) string {
	p := newProgram(m)
	var b strings.Builder
	fmt.Fprintf(&b, `# Completion of %[1]s for bash.
# shellcheck shell=bash disable=SC2207
%[2]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flag='' command='' i
	COMPREPLY=()
	# bash splits --flag=value into three words, unless COMP_WORDBREAKS lacks the "=".
	if [[ $cur == '=' ]]; then
		flag=$prev cur=''
	elif [[ $prev == '=' ]]; then
		flag=${COMP_WORDS[COMP_CWORD-2]}
	elif [[ $cur == --*=* ]]; then
		flag=${cur%%%%=*} cur=${cur#*=}
	elif [[ $prev == --* ]]; then
		flag=$prev
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		%[3]s)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case "$command $flag" in
`, p.name, p.identifier(), strings.Join(p.commandNames(), "|"))
	for _, c := range p.commands {
		bashValues(&b, c.name, c.flags)
	}
	bashValues(&b, "*", p.flags)
	fmt.Fprintf(&b, "\tesac\n\tlocal words='%s'\n\tcase $command in\n", strings.Join(bashWords(p.flags), " "))
	for _, c := range p.commands {
		fmt.Fprintf(&b, "\t%s) words+=' %s' ;;\n", c.name, strings.Join(bashWords(c.flags), " "))
	}
	fmt.Fprintf(&b, `	'') words+=' %s' ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace 2>/dev/null
	fi
}
complete -F %s %s
`, strings.Join(p.commandNames(), " "), p.identifier(), p.name)
	return b.String()
}

// bashValues completes the values of flags.
func bashValues(b *strings.Builder, command string, flags []flag) {
	for _, f := range flags {
		if f.isBool {
			continue
		}
		fmt.Fprintf(b, "\t%s' --%s')\n", command, f.name)
		switch {
		case f.file, f.folder:
			option := "-f"
			if f.folder {
				option = "-d"
			}
			fmt.Fprintf(b, "\t\tlocal IFS=$'\\n'\n\t\tCOMPREPLY=($(compgen %s -- \"$cur\"))\n\t\tcompopt -o filenames 2>/dev/null\n", option)
		case f.values != nil:
			fmt.Fprintf(b, "\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n", strings.Join(f.values, " "))
		}
		b.WriteString("\t\treturn\n\t\t;;\n")
	}
}

// bashWords are flags as they are typed; a value follows a "=".
func bashWords(flags []flag) []string {
	var words []string
	for _, f := range flags {
		word := "--" + f.name
		if !f.isBool {
			word += "="
		}
		words = append(words, word)
	}
	return words
}
