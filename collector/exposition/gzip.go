package exposition

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
)

// chunk is a part of a gzip member: raw deflate that refers to nothing before it
// and ends with a flush (RFC 1951), so that any other chunk may follow.
type chunk struct {
	deflated []byte
	crc      uint32 // CRC-32 of the plain bytes
	size     uint32 // how many they are, modulo 2^32
	shift    uint32 // x^(8 size) modulo the CRC's polynomial

	header, footer []byte // those among the plain bytes
}

// deflaters compress chunks. Each takes 0.9 MB, so they are used again.
type deflaters struct{ pool sync.Pool }

// deflate compresses what a function writes.
func (p *deflaters) deflate(write func(w *bufio.Writer)) *chunk {
	d, ok := p.pool.Get().(*deflater)
	if !ok {
		d = newDeflater()
	}
	defer p.pool.Put(d)
	return d.deflate(write)
}

// deflater compresses one chunk after the other.
type deflater struct {
	plain *bufio.Writer // writes to the deflater
	flate *flate.Writer
	crc   uint32
	size  uint64
}

func newDeflater() *deflater {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic(err) // the level does not exist
	}
	d := &deflater{flate: w}
	d.plain = bufio.NewWriterSize(d, bufferSize)
	return d
}

// bufferSize is how much is rendered before it is compressed or sent.
const bufferSize = 64 << 10

func (d *deflater) deflate(write func(w *bufio.Writer)) *chunk {
	var deflated bytes.Buffer
	d.flate.Reset(&deflated)
	d.crc, d.size = 0, 0
	write(d.plain)
	// To write to memory cannot fail.
	_ = d.plain.Flush()
	_ = d.flate.Flush()
	return &chunk{deflated: bytes.Clone(deflated.Bytes()), crc: d.crc, size: uint32(d.size), shift: power(d.size)}
}

// Write implements io.Writer. It lets scrapes go first: on one processor, a scrape
// of 300,000 series beside polls that change all of them takes 52 ms instead of
// 138 (median), on two processors there is little difference.
func (d *deflater) Write(p []byte) (int, error) {
	runtime.Gosched()
	d.crc = crc32.Update(d.crc, crc32.IEEETable, p)
	d.size += uint64(len(p))
	return d.flate.Write(p)
}

// gzipMember writes chunks as one gzip member (RFC 1952). Its writer keeps the
// first error.
type gzipMember struct {
	w         *bufio.Writer
	crc, size uint32
}

func newGzipMember(w *bufio.Writer) *gzipMember {
	_, _ = w.WriteString("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff") // deflate, no name, no time, unknown system
	return &gzipMember{w: w}
}

func (m *gzipMember) add(c *chunk) {
	_, _ = m.w.Write(c.deflated)
	m.crc = multiply(m.crc, c.shift) ^ c.crc
	m.size += c.size
}

// close ends the member, and returns the writer's first error.
func (m *gzipMember) close() error {
	trailer := []byte{0x03, 0x00} // an empty last block
	trailer = binary.LittleEndian.AppendUint32(trailer, m.crc)
	trailer = binary.LittleEndian.AppendUint32(trailer, m.size)
	_, _ = m.w.Write(trailer)
	return m.w.Flush()
}

// The CRC-32 of a concatenation AB is CRC(A)·x^(8|B|) + CRC(B), where a CRC is a
// polynomial over GF(2) modulo the CRC's. Bits are reflected, as in package
// hash/crc32.

// one is the polynomial 1.
const one = 1 << 31

// multiply multiplies two polynomials modulo the CRC's.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(one); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= crc32.IEEE
		}
	}
	return product
}

// power is x^(8n) modulo the CRC's polynomial.
func power(n uint64) uint32 {
	result, square := uint32(one), uint32(one>>8) // x^0, x^8
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			result = multiply(result, square)
		}
		square = multiply(square, square)
	}
	return result
}
