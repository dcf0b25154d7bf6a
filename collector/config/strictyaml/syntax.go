package strictyaml

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse returns the only document of the content, which must be a mapping. It
// returns nil after it has added the fault.
func (d *Document) parse(content []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	document, err := next(decoder)
	switch {
	case errors.Is(err, io.EOF):
		d.addf(0, "", "the file is empty")
		return nil
	case err != nil:
		d.addSyntax(content, err)
		return nil
	}
	switch second, err := next(decoder); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.addSyntax(content, err)
		return nil
	default:
		d.addf(second.Line, "", "a second document starts; only one is allowed")
		return nil
	}
	root := document.Content[0]
	switch {
	case isNull(root):
		d.addf(0, "", "the file is empty")
	case root.Kind != yaml.MappingNode:
		d.addf(root.Line, "", "the top level must be a mapping of keys to values")
	default:
		return root
	}
	return nil
}

// next reads a document. The library panics on some invalid ones.
func next(decoder *yaml.Decoder) (document *yaml.Node, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("yaml: invalid")
		}
	}()
	document = &yaml.Node{}
	return document, decoder.Decode(document)
}

// addSyntax turns an error of the YAML library into a fault. Its text is passed
// on only if it is known to be constant.
func (d *Document) addSyntax(content []byte, err error) {
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
		d.addf(1+bytes.Count(before, []byte("\n")), "",
			"invalid YAML: an alias (*) refers to an unknown anchor (&); text that begins with * must be quoted")
		return
	}
	if isParserError(text) {
		line++ // the library counts these from 0, and gives the start of the block
		text += ", on this line or below"
	}
	if line == 0 {
		line = invalidByteLine(content)
	}
	d.addf(line, "", "invalid YAML%s", explanation(text))
}

// isParserError reports whether an error is one of the library's parser, not of
// its scanner.
func isParserError(text string) bool {
	missing, ok := strings.CutPrefix(text, "did not find expected ")
	return ok && slices.Contains([]string{
		"key", "'-' indicator", "',' or ']'", "',' or '}'", "node content", "<document start>",
	}, missing)
}

// invalidByteLine is the line of the first byte that is not allowed in a text
// file, for the errors that come without a line; the first line if there is none.
func invalidByteLine(content []byte) int {
	i := bytes.IndexFunc(content, func(c rune) bool {
		return c == utf8.RuneError || unicode.IsControl(c) && !unicode.IsSpace(c)
	})
	return 1 + bytes.Count(content[:max(i, 0)], []byte("\n"))
}

// explanation is the library's text if it begins like one of its constant texts,
// and empty otherwise.
func explanation(text string) string {
	if text == "found character that cannot start any token" {
		return ": a value begins with a character that must be quoted, or the indentation contains a tab"
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
