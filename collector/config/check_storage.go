package config

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// checkStorage adds the faults of storage.path. A disk that is read-only or full is no
// fault: it does not keep the exporter from starting.
func (c *Config) checkStorage(document *strictyaml.Document) {
	const key = "storage.path"
	if c.values.Storage.Path == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	checked := make(chan error, 1)
	go func() { checked <- checkFolder(string(c.values.Storage.Path)) }()
	select {
	case err := <-checked:
		if err != nil {
			document.Addf(key, "%s", err)
		}
	case <-ctx.Done(): // a file system that does not respond
		document.Addf(key, "the folder cannot be checked within %s", readTimeout)
	}
}

// checkFolder reports why a path neither is a folder that this user can write to, nor
// can be made one.
func checkFolder(path string) error {
	for made := false; ; made = true {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path:
			path = filepath.Dir(path)
			continue
		case errors.Is(err, syscall.ENOTDIR):
			return errors.New("cannot be made: a part of the path is not a folder")
		case err != nil:
			return errors.New("cannot be used: " + reason(err))
		case !info.IsDir() && made:
			return errors.New("cannot be made: a part of the path is not a folder")
		case !info.IsDir():
			return errors.New("must be a folder")
		}
		switch err := writable(path); {
		case !errors.Is(err, fs.ErrPermission):
			return nil
		case made:
			return errors.New("cannot be made: this user may not write to the folder above")
		default:
			return errors.New("this user may not write to the folder")
		}
	}
}
