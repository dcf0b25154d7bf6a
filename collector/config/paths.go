package config

import (
	"fmt"
	"strconv"
	"strings"
)

// maxKey is how many characters of a key a fault shows.
const maxKey = 64

// child is the path of a key within the mapping at path.
func child(path, key string) string {
	key = show(key)
	if path == "" {
		return key
	}
	return path + "." + key
}

// item is the path of an element of the list at path.
func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// parent is the path of what holds the path, empty at the top.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// bare is a key up to where a value may begin: in {password:abc} the whole is
// a key to YAML.
func bare(key string) string {
	if i := strings.IndexAny(key, ":="); i >= 0 {
		return key[:i]
	}
	return key
}

// show is a key as faults name it.
func show(key string) string {
	name := bare(key)
	if runes := []rune(name); len(runes) > maxKey {
		name = string(runes[:maxKey])
	}
	plain := func(r rune) bool {
		return r == '-' || r == '_' || r == '<' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return strconv.QuoteToASCII(name)
	}
	return name
}

// nearest is the name that the key was probably meant to be, or "".
func nearest(key string, names []string) string {
	if len(key) > maxKey { // and the time it takes stays bounded
		return ""
	}
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	best, least := "", 3
	for _, name := range names {
		// Short names are all close to one another.
		if d := distance(key, name); d < least && d*3 <= len(name) {
			best, least = name, d
		}
	}
	return best
}

// distance is how many bytes to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
