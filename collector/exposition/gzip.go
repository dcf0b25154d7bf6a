package exposition

import (
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// piece is a part of a body, compressed so that pieces can stand one behind the
// other in one gzip member (RFC 1952): raw deflate from an empty window, ended by
// a flush.
type piece struct {
	deflated []byte
	sum      checksum
}

// checksum is the CRC-32 and the length of a piece as it was.
type checksum struct {
	crc   uint32
	bytes uint64
	shift uint32 // x^(8 bytes) modulo the CRC's polynomial
}

func newChecksum(crc uint32, bytes uint64) checksum { return checksum{crc, bytes, power(bytes)} }

// then is the checksum of a piece and what stands behind it.
func (c checksum) then(o checksum) checksum {
	return checksum{multiply(o.shift, c.crc) ^ o.crc, c.bytes + o.bytes, multiply(c.shift, o.shift)}
}

// one is 1 as a polynomial over GF(2), and also the checksum's shift of nothing:
// bits are reflected, as in crc32.IEEE.
const one = 1 << 31

// multiply multiplies two polynomials modulo the CRC's.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(one); bit != 0 && a != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			a &^= bit
		}
		odd := b & 1
		if b >>= 1; odd != 0 {
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

// gzipHeader begins a member: deflate, no name, no time, system unknown.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// appendGzipTrailer ends a member whose pieces have the checksum: an empty last
// block, and the sum.
func appendGzipTrailer(b []byte, sum checksum) []byte {
	return append(b, 0x03, 0x00,
		byte(sum.crc), byte(sum.crc>>8), byte(sum.crc>>16), byte(sum.crc>>24),
		byte(sum.bytes), byte(sum.bytes>>8), byte(sum.bytes>>16), byte(sum.bytes>>24))
}

// appendStored appends a piece that is not compressed at all (RFC 1951, section
// 3.2.4).
func appendStored(b, piece []byte) []byte {
	for len(piece) > 0 {
		n := min(len(piece), 0xffff)
		b = append(b, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		b = append(b, piece[:n]...)
		piece = piece[n:]
	}
	return b
}

// deflater compresses pieces. Its writer is large, so it is used again.
type deflater struct {
	w     *flate.Writer
	out   buffer
	crc   uint32
	bytes uint64
}

func newDeflater() *deflater {
	d := new(deflater)
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic(err) // only a level that does not exist is an error
	}
	d.w = w
	return d
}

// begin starts a piece, whose bytes are appended to out.
func (d *deflater) begin(out []byte) {
	d.out, d.crc, d.bytes = out, 0, 0
	d.w.Reset(&d.out)
}

// write adds to the piece. It cannot fail, because appending cannot.
func (d *deflater) write(p []byte) error {
	d.crc = crc32.Update(d.crc, crc32.IEEETable, p)
	d.bytes += uint64(len(p))
	_, err := d.w.Write(p)
	return err
}

// end ends the piece.
func (d *deflater) end() (piece, error) {
	err := d.w.Flush()
	p := piece{d.out, newChecksum(d.crc, d.bytes)}
	d.out = nil
	return p, err
}
