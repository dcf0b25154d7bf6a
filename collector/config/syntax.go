package config

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// read returns the only document of a file, which must be a mapping. It
// returns nil after it has reported why there is none.
func read(r *report, content []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	document, err := next(decoder)
	switch {
	case errors.Is(err, io.EOF):
		r.addAt(0, "", "the file is empty")
		return nil
	case err != nil:
		reportSyntax(r, content, err)
		return nil
	}
	switch second, err := next(decoder); {
	case errors.Is(err, io.EOF):
	case err != nil:
		reportSyntax(r, content, err)
		return nil
	default:
		r.addAt(second.Line, "", "a second document begins: one is all there may be")
		return nil
	}
	root := document.Content[0]
	switch {
	case isNull(root):
		r.addAt(0, "", "the file is empty")
	case root.Kind != yaml.MappingNode:
		r.addAt(root.Line, "", "the top level must be a mapping of keys to values")
	default:
		return root
	}
	return nil
}

// next reads a document. The library panics on some broken ones.
func next(decoder *yaml.Decoder) (document *yaml.Node, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("yaml: broken")
		}
	}()
	document = &yaml.Node{}
	return document, decoder.Decode(document)
}

// reportSyntax turns an error of the YAML library into a fault. Its text is
// passed on only where it is known to be a fixed one.
func reportSyntax(r *report, content []byte, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, after, ok := strings.Cut(rest, ": "); ok {
			line, _ = strconv.Atoi(number)
			text = after
		}
	}
	if anchor, ok := strings.CutPrefix(text, "unknown anchor '"); ok {
		anchor = strings.TrimSuffix(anchor, "' referenced")
		before, _, _ := bytes.Cut(content, []byte("*"+anchor))
		r.addAt(1+bytes.Count(before, []byte("\n")), "",
			"not valid YAML: an alias (*) of an anchor (&) that is not there; a text that begins with * needs quotes")
		return
	}
	if fromParser(text) {
		line++ // the library counts these from 0, and names the start of the block
		text += ", here or further on"
	}
	if line == 0 {
		line = oddLine(content)
	}
	r.addAt(line, "", "not valid YAML%s", explanation(text))
}

// fromParser tells the errors of the library's parser from those of its
// scanner.
func fromParser(text string) bool {
	switch text {
	case "did not find expected key",
		"did not find expected '-' indicator",
		"did not find expected ',' or ']'",
		"did not find expected ',' or '}'",
		"did not find expected node content",
		"did not find expected <document start>":
		return true
	}
	return false
}

// oddLine is the line of the first byte that no text file holds, for the
// errors that come without a line; the first line where there is none.
func oddLine(content []byte) int {
	odd := bytes.IndexFunc(content, func(c rune) bool {
		return c == utf8.RuneError || unicode.IsControl(c) && !unicode.IsSpace(c)
	})
	return 1 + bytes.Count(content[:max(odd, 0)], []byte("\n"))
}

// explanation is the library's text where it begins like one of its fixed
// texts, and empty otherwise.
func explanation(text string) string {
	if text == "found character that cannot start any token" {
		return ": a value begins with a character that needs quotes, or a tab stands where spaces should"
	}
	for _, start := range []string{
		"found ", "did not find ", "could not find ", "mapping ", "block ",
		"control characters ", "invalid ", "incomplete ", "exceeded max depth ",
	} {
		if strings.HasPrefix(text, start) {
			return ": " + text
		}
	}
	return ""
}
