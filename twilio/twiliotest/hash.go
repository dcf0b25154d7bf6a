package twiliotest

import (
	"encoding/hex"
	"math"
)

// golden is 2^64 divided by the golden ratio: multiples of it, modulo 2^64, are
// spread evenly however many there are.
const golden = 0x9e3779b97f4a7c15

// mix is the output function of splitmix64: fast, and good enough that
// neighbouring hours and SIMs look unrelated.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hash makes a number of two.
func hash(a, b uint64) uint64 { return mix(a + golden*(b+1)) }

// hashString makes a number of a seed and a text (FNV-1a, then mixed).
func hashString(seed uint64, s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h ^= uint64(s[i])
		h *= 0x100000001b3
	}
	return hash(seed, h)
}

// makeSID is a prefix and 32 lower-case hexadecimal digits that h decides.
func makeSID(prefix string, h uint64) string { return prefix + hex32(h) }

func hex32(h uint64) string {
	var b [16]byte
	for i, x := range [2]uint64{hash(h, 1), hash(h, 2)} {
		for k := range 8 {
			b[8*i+k] = byte(x >> (8 * k))
		}
	}
	return hex.EncodeToString(b[:])
}

// isSID reports whether s is the prefix and 32 hexadecimal digits.
func isSID(prefix, s string) bool {
	if len(s) != len(prefix)+32 || s[:len(prefix)] != prefix {
		return false
	}
	_, err := hex.DecodeString(s[len(prefix):])
	return err == nil
}

// floorDiv rounds down where Go's division rounds towards zero: before 1970 there
// are hours too.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// forever is later than any delay added to any time a test uses.
const forever = math.MaxInt64 / 2
