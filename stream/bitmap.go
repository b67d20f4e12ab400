package stream

// bitmap is a queue of bits. Bit 0 stands for the stanza after the first
// missing one.
type bitmap struct{ words []uint64 }

func (b *bitmap) set(i int) {
	for len(b.words) <= i/64 {
		b.words = append(b.words, 0)
	}
	b.words[i/64] |= 1 << (i % 64)
}

// takeOnes removes the row of ones at the front, and the zero after it, which
// is the new missing stanza; it returns the length of the row.
func (b *bitmap) takeOnes() int {
	n := 0
	for i := 0; i < len(b.words)*64 && b.words[i/64]&(1<<(i%64)) != 0; i++ {
		n++
	}
	b.shift(n + 1)
	return n
}

func (b *bitmap) shift(n int) {
	if len(b.words) == 0 {
		return
	}
	skip, rest := n/64, n%64
	if skip >= len(b.words) {
		b.words = nil
		return
	}
	any := uint64(0)
	k := copy(b.words, b.words[skip:])
	b.words = b.words[:k]
	for i := range b.words {
		w := b.words[i] >> rest
		if rest > 0 && i+1 < len(b.words) {
			w |= b.words[i+1] << (64 - rest)
		}
		b.words[i] = w
		any |= w
	}
	if any == 0 {
		b.words = nil
	}
}
