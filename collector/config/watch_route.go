package config

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links lead to a file at most, as in Linux.
const maxLinks = 40

// route lists the paths, each of them free of symbolic links, by whose change an
// absolute path comes to mean another file: the links on the way, and at last the file
// itself or what is missing of its path.
func route(file string) []string {
	const separator = string(filepath.Separator)
	root := filepath.VolumeName(file) + separator
	at, rest := root, strings.Split(file[len(root):], separator)
	var paths []string
	for links := 0; ; {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		switch {
		case err == nil && info.Mode()&os.ModeSymlink != 0 && links < maxLinks:
			links++
			paths = append(paths, next)
			target, err := os.Readlink(next)
			if err != nil {
				return paths
			}
			if filepath.IsAbs(target) {
				at = root
			}
			rest = append(strings.Split(target, separator), rest...)
		case err != nil || len(rest) == 0:
			return append(paths, next)
		default:
			at = next
		}
	}
}
