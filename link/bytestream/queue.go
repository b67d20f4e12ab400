package bytestream

import "sync"

// Sizes of a chunk: most bursts fit the small one; the large one is what one
// TLS record holds, so that a batch is one record and one system call.
const (
	smallChunk = 2 << 10
	largeChunk = 16 << 10
)

type chunk struct{ b []byte }

var (
	smallPool = sync.Pool{New: func() any { return &chunk{make([]byte, 0, smallChunk)} }}
	largePool = sync.Pool{New: func() any { return &chunk{make([]byte, 0, largeChunk)} }}
)

func (c *chunk) free() {
	c.b = c.b[:0]
	if cap(c.b) == smallChunk {
		smallPool.Put(c)
	} else {
		largePool.Put(c)
	}
}

// chunks is a queue of bytes in pooled pieces: nothing when empty, one small
// piece for little, pieces of one TLS record for much.
type chunks struct {
	list []*chunk
	size int
}

func (q *chunks) add(b []byte) {
	q.size += len(b)
	for len(b) > 0 {
		c := q.room(len(b))
		n := min(len(b), cap(c.b)-len(c.b))
		c.b = append(c.b, b[:n]...)
		b = b[n:]
	}
}

// room returns a piece with room for at least one byte, better n.
func (q *chunks) room(n int) *chunk {
	if len(q.list) == 0 {
		c := smallOrLarge(n)
		q.list = append(q.list, c)
		return c
	}
	last := q.list[len(q.list)-1]
	if cap(last.b)-len(last.b) >= n {
		return last
	}
	if cap(last.b) == smallChunk { // grow to a whole record
		c := largePool.Get().(*chunk)
		c.b = append(c.b, last.b...)
		last.free()
		q.list[len(q.list)-1] = c
		return c
	}
	if len(last.b) < largeChunk {
		return last
	}
	c := largePool.Get().(*chunk)
	q.list = append(q.list, c)
	return c
}

func smallOrLarge(n int) *chunk {
	if n <= smallChunk {
		return smallPool.Get().(*chunk)
	}
	return largePool.Get().(*chunk)
}

// take removes the oldest piece; nil when the queue is empty.
func (q *chunks) take() *chunk {
	if len(q.list) == 0 {
		return nil
	}
	c := q.list[0]
	q.size -= len(c.b)
	n := copy(q.list, q.list[1:])
	q.list[n] = nil
	q.list = q.list[:n]
	if n == 0 && cap(q.list) > 1 {
		q.list = nil
	}
	return c
}

func (q *chunks) drop() {
	for c := q.take(); c != nil; c = q.take() {
		c.free()
	}
}
