package completion

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// Man is a man page in the macros of man(7), which every man program understands. It
// bears no date and no version, so that it changes with the flags only.
func Man(m *kingpin.ApplicationModel) string {
	p := newProgram(m)
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\"\n.SH NAME\n%[2]s \\- %s\n", strings.ToUpper(p.name), p.name, manText(strings.TrimSuffix(p.help, ".")))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", p.name)
	var names []string
	for _, c := range p.commands {
		names = append(names, `\fB`+c.name+`\fR`)
	}
	fmt.Fprintf(&b, "[\\fIflags\\fR] [%s] [\\fIflags\\fR]\n", strings.Join(names, " | "))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n.SH COMMANDS\n", manText(p.help))
	for _, c := range p.commands {
		help := c.help
		if c.isDefault {
			help += " This is the default."
		}
		fmt.Fprintf(&b, ".SS %s\n%s\n", c.name, manText(help))
		manFlags(&b, c.flags)
	}
	b.WriteString(".SH OPTIONS\nThese go with every command.\n")
	manFlags(&b, p.flags)
	for _, s := range sections() {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(s.title))
		for i, text := range s.paragraphs {
			if i > 0 {
				b.WriteString(".PP\n")
			}
			b.WriteString(manText(text) + "\n")
		}
	}
	return b.String()
}

func manFlags(b *strings.Builder, flags []flag) {
	for _, f := range flags {
		b.WriteString(".TP\n")
		if f.short != "" {
			fmt.Fprintf(b, "\\fB\\-%s\\fR, ", f.short)
		}
		fmt.Fprintf(b, "\\fB%s\\fR", manText("--"+f.name))
		if !f.isBool {
			fmt.Fprintf(b, "=\\fI%s\\fR", manText(f.shown))
		}
		fmt.Fprintf(b, "\n%s\n", manText(f.help))
	}
}

// manText is text without a meaning for roff, a sentence on each line.
func manText(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, ". ", ".\n").Replace(strings.Join(strings.Fields(text), " "))
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
