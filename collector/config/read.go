package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

// Bounds on reading a file.
const (
	maxConfig      = 16 << 20 // bytes; some 40,000 accounts
	maxCertificate = 1 << 20  // bytes; a bundle of CA certificates takes 250 KB
	maxSecret      = 64 << 10 // bytes
	readTimeout    = 10 * time.Second
)

// Files reads files that a configuration names. The zero value is ready to use.
// It is safe for concurrent use.
//
// A file system that no longer responds blocks a read for ever, which nothing can
// cancel. Files returns nevertheless, and does not read a file again whose last
// read has not ended: each file blocks one goroutine at most.
type Files struct {
	reads   singleflight.Group
	regular func(file string, most int) ([]byte, error) // nil: readRegular
}

// Text reads the file of a key such as basic_auth.password_file: the text in it,
// without byte order mark and surrounding white space. A regular file of at most
// 64 KiB, or 1 MiB for ca_file and cert_file, can be read, within 10s and until
// the context ends; an empty one cannot. An error names key and file, and is an
// *fs.PathError.
func (f *Files) Text(ctx context.Context, key, file string) (string, error) {
	most := maxSecret
	if strings.HasSuffix(key, "ca_file") || strings.HasSuffix(key, "cert_file") {
		most = maxCertificate
	}
	content, err := f.read(ctx, file, most)
	if err == nil {
		var text string
		if text, err = plainText(content); err == nil {
			return text, nil
		}
	}
	if _, ok := errors.AsType[*fs.PathError](err); !ok {
		err = &fs.PathError{Op: "read", Path: file, Err: err}
	}
	return "", fmt.Errorf("%s: %w", key, err)
}

// A fault is what is wrong with a file, apart from errors of the file system.
type fault string

func (f fault) Error() string { return string(f) }

const (
	faultTimeout   = fault("no complete read within 10s") // readTimeout
	faultIrregular = fault("not a regular file")
	faultEmpty     = fault("the file is empty")
	faultUTF16     = fault("the file is encoded in UTF-16 instead of UTF-8")
)

// read reads a regular file of at most so many bytes.
func (f *Files) read(ctx context.Context, file string, most int) ([]byte, error) {
	regular := f.regular
	if regular == nil {
		regular = readRegular
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, faultTimeout)
	defer cancel()
	select {
	case r := <-f.reads.DoChan(file, func() (any, error) { return regular(file, most) }):
		content, _ := r.Val.([]byte)
		return content, r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// readRegular opens nothing but a regular file: opening a device has effects, and
// a pipe has no end.
func readRegular(file string, most int) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, faultIrregular
	}
	// What has taken the file's place since then does not block.
	opened, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	if info, err = opened.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, faultIrregular
	}
	content, err := io.ReadAll(io.LimitReader(opened, int64(most)+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) <= most:
		return content, nil
	case most < 1<<20:
		return nil, fault(fmt.Sprintf("the file is larger than %d KiB", most>>10))
	}
	return nil, fault(fmt.Sprintf("the file is larger than %d MiB", most>>20))
}

// plainText drops what editors and shells add to a text.
func plainText(content []byte) (string, error) {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		return "", faultUTF16
	}
	text := string(bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\ufeff"))))
	if text == "" {
		return "", faultEmpty
	}
	return text, nil
}

// reason is why a file cannot be read, without the name of the file, which may be
// a misplaced secret.
func reason(err error) string {
	if f, ok := errors.AsType[fault](err); ok {
		return f.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "it does not exist"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return "for an unknown reason"
}
