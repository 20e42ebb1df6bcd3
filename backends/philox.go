package backends

import "math"

// The random kernels: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011)
// and what is made of its words.

// Key is the ten pairs of round keys of a Philox key: the key itself, and after each round the Weyl constants added.
// Each is a word of 32 bits.
type Key [20]uint64

// Schedule returns the round keys of the key (k0, k1).
func Schedule(k0, k1 uint32) Key {
	var key Key
	for r := 0; r < len(key); r += 2 {
		key[r], key[r+1] = uint64(k0), uint64(k1)
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return key
}

// Philox returns the four words of counter (c0, c1, c2, c3).
func Philox(key *Key, c0, c1, c2, c3 uint32) (w0, w1, w2, w3 uint32) {
	x0, x1, x2, x3 := philox(uint64(c0), uint64(c1), uint64(c2), uint64(c3), key)
	return uint32(x0), uint32(x1), uint32(x2), uint32(x3)
}

// philox is Philox4x32-10 on words in the low halves; the high halves of its results mean nothing.
func philox(c0, c1, c2, c3 uint64, key *Key) (w0, w1, w2, w3 uint64) {
	for r := range 10 {
		p0 := mulLow32(c0, 0xD2511F53)
		p1 := mulLow32(c2, 0xCD9E8D57)
		c0 = (p1 >> 32) ^ c1 ^ key[2*r]
		c2 = (p0 >> 32) ^ c3 ^ key[2*r+1]
		c1 = p1
		c3 = p0
	}
	return c0, c1, c2, c3
}

// words is the Philox output at the address of a number.
func words(key *Key, particle, step, slot uint64) (w0, w1, w2, w3 uint64) {
	return philox(particle, particle>>32, step, slot, key)
}

// join puts two words into one of 64 bits.
func join(low, high uint64) uint64 { return low&0xFFFFFFFF | high<<32 }

// unit maps the upper 52 bits k of a word to (k + 1/2) / 2^52, which is in (0, 1) and exact.
func unit(w uint64) float64 {
	return math.Float64frombits(w>>12|0x3FF0000000000000) - (1 - 0x1p-53)
}

func uniform(key *Key, particle, step, slot uint64) (u0, u1 float64) {
	w0, w1, w2, w3 := words(key, particle, step, slot)
	return unit(join(w0, w1)), unit(join(w2, w3))
}
