package strictyaml

import (
	"fmt"
	"strconv"
	"strings"
)

// maxKey is how many characters of a key a fault shows.
const maxKey = 64

// Child returns the path of a key within the mapping at path. The key is quoted
// if it contains unusual characters, and cut where a value may begin.
func Child(path, key string) string {
	key = printable(key)
	if path == "" {
		return key
	}
	return path + "." + key
}

// Item returns the path of an element of the list at path, counted from 0.
func Item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// parent is the path of the mapping or list that holds the path; empty at the
// top.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// beforeValue is a key up to where a value may begin: to YAML, all of
// password:abc in {password:abc} is a key.
func beforeValue(key string) string {
	if i := strings.IndexAny(key, ":="); i >= 0 {
		return key[:i]
	}
	return key
}

// printable is a key as faults show it.
func printable(key string) string {
	key = beforeValue(key)
	if runes := []rune(key); len(runes) > maxKey {
		key = string(runes[:maxKey])
	}
	plain := func(r rune) bool {
		return r == '-' || r == '_' || r == '<' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
	}
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return !plain(r) }) {
		return strconv.QuoteToASCII(key)
	}
	return key
}

// nearest is the key among the fields that an unknown key was probably meant to
// be, or "".
func nearest(key string, fields []Field) string {
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	best, least := "", 3
	for _, f := range fields {
		// Short keys are all close to one another.
		if d := difference(key, f.Key); d < least && d*3 <= len(f.Key) {
			best, least = f.Key, d
		}
	}
	return best
}

// difference is how many bytes of the longer text remain without the beginning and
// the end that both share.
func difference(a, b string) int {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return max(len(a), len(b))
}
