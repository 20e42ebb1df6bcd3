package random_test

import (
	"fmt"
	"testing"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// From tests/kat_vectors of Random123.
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		key := backends.Schedule(c.key[0], c.key[1])
		w0, w1, w2, w3 := backends.Philox(&key, c.counter[0], c.counter[1], c.counter[2], c.counter[3])
		if got := [4]uint32{w0, w1, w2, w3}; got != c.want {
			t.Errorf("counter %x key %x: %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

func ExampleStream_Normal() {
	s := random.New(1, random.User)
	all, part := lanes.New(10, 2), lanes.New(3, 2)
	s.Normal(all, 0, 5)
	s.Normal(part, 4, 5) // particles 4, 5 and 6 alone
	fmt.Println(all.Row(0)[6] == part.Row(0)[2], all.Row(1)[6] == part.Row(1)[2])
	// Output: true true
}
