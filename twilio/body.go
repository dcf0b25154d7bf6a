package twilio

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

const (
	maxBody      = 8 << 20  // bytes of a page or a balance; 1,000 records take some 400 KB
	maxTokenBody = 1 << 20  // of a token
	maxErrorBody = 64 << 10 // of what is read of an error
)

// acceptGzip asks for a compressed body. With the header set, net/http does not
// decompress it, so that the limit of bodyReader holds for what comes out.
func acceptGzip(req *http.Request) { req.Header.Set("Accept-Encoding", "gzip") }

// bodyReader reads a body, decompressed and up to a limit. It remembers whether
// receiving failed, as opposed to what was received.
type bodyReader struct {
	received io.Reader
	encoding string    // of the received bytes
	plain    io.Reader // nil before the first read
	limit    int64
	left     int64
	err      error // of receiving
}

func newBodyReader(resp *http.Response, limit int64) *bodyReader {
	return &bodyReader{
		received: resp.Body, limit: limit, left: limit,
		encoding: strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))),
	}
}

func (b *bodyReader) Read(p []byte) (int, error) {
	first := b.plain == nil
	if first {
		if err := b.open(); err != nil {
			return 0, err
		}
	}
	if b.left <= 0 {
		return 0, fmt.Errorf("the body is larger than %d KiB", b.limit>>10)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.plain.Read(p)
	b.left -= int64(n)
	if first && n > 0 && p[0] == 0x1f { // the first byte of gzip, which is not JSON
		return 0, errors.New("the body is compressed, but Content-Encoding does not say so")
	}
	if err != nil && err != io.EOF && b.err == nil {
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			return n, fmt.Errorf("the body cannot be decompressed: %w", err)
		}
		b.err = err
	}
	return n, err
}

// open finds out how the body is encoded. It is the API that decides
// (RFC 9110, section 12.5.3), and gateways decide wrongly.
func (b *bodyReader) open() error {
	received := receiver{b}
	switch b.encoding {
	case "", "identity":
		b.plain = received
		return nil
	case "gzip", "x-gzip":
		plain, err := gzip.NewReader(received)
		switch {
		case err == nil:
			b.plain = plain
			return nil
		case b.err != nil:
			return b.err
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			b.err = io.ErrUnexpectedEOF
			return b.err
		}
		return errors.New("the body is not compressed by gzip, although Content-Encoding says so")
	}
	return fmt.Errorf("the body has the Content-Encoding %q, which was not asked for", b.encoding)
}

// receiver reads what bodyReader receives.
type receiver struct{ *bodyReader }

func (r receiver) Read(p []byte) (int, error) {
	n, err := r.received.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// truncated notes on the body that a decoder ran out of input: such a response
// was cut off on the way, which is no fault of its content.
func truncated(body io.Reader, err error) error {
	if b, ok := body.(*bodyReader); ok && b.err == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		b.err = io.ErrUnexpectedEOF
	}
	return err
}
