package xmlstream

import (
	"io"
	"sync"
)

// scratch is the working memory of one token: taken from a pool when its first byte comes and given back when it is
// done. Offsets into it are int32 spans, since Limits keep everything far below 2 GiB.
type scratch struct {
	buf  []byte     // window on the input
	out  []byte     // canonical form: first what the head of the element needs, then its content
	vals []byte     // decoded values of the tag being read
	ns   []byte     // prefixes and namespaces in scope
	bind []binding  // declarations in scope, innermost last
	open []frame    // open elements
	attr []rawAttr  // attributes of the tag being read
	used []nsRef    // namespaces with a generated prefix on the tag being written
	head []headAttr // attributes of the element itself
	kids []kid
	name qname // of the tag being read

	clean bool // the tag being read is in canonical form
}

type span struct{ off, n int32 }

func (s span) of(b []byte) []byte { return b[s.off : s.off+s.n : s.off+s.n] }

const (
	windowSize = 4 << 10
	keepSize   = 64 << 10 // memory grown beyond this goes to the collector rather than back to the pool
)

var pool = sync.Pool{New: func() any {
	return &scratch{buf: make([]byte, windowSize), out: make([]byte, 0, 1<<10)}
}}

func (r *Reader) acquire() {
	r.sc = pool.Get().(*scratch)
}

// release gives the scratch memory back; bytes not yet used are gone.
func (r *Reader) release() {
	if r.sc == nil {
		return
	}
	r.sc.put()
	r.sc = nil
	r.base += int64(r.got)
	r.pos, r.vis, r.got, r.mark = 0, 0, 0, 0
}

func (sc *scratch) put() {
	if cap(sc.buf) > keepSize {
		sc.buf = make([]byte, windowSize)
	}
	if cap(sc.out) > keepSize {
		sc.out = make([]byte, 0, 1<<10)
	}
	if cap(sc.vals) > keepSize {
		sc.vals = nil
	}
	if cap(sc.ns) > keepSize {
		sc.ns = nil
	}
	clear(sc.head)
	clear(sc.kids)
	pool.Put(sc)
}

// skipSpace goes to the first byte that is not white space; on success one is visible at pos. While it waits no buffer
// is held.
func (r *Reader) skipSpace() error {
	r.budget = r.streamBudget()
	for {
		if r.sc == nil {
			if err := r.readOne(); err != nil {
				return err
			}
			if r.base >= r.budget {
				return overLimit("too many bytes in one stream")
			}
			if class[r.one[0]]&space != 0 {
				r.base++
				continue
			}
			r.acquire()
			r.sc.buf[0] = r.one[0]
			r.pos, r.got = 0, 1
		}
		r.show()
		for r.pos < r.vis {
			if class[r.sc.buf[r.pos]]&space == 0 {
				return nil
			}
			r.pos++
		}
		if r.pos < r.got {
			return overLimit("too many bytes in one stream")
		}
		r.release()
	}
}

func (r *Reader) readOne() error {
	for range maxEmptyReads {
		n, err := r.src.Read(r.one[:])
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

const maxEmptyReads = 100

// more makes at least one more byte visible, keeping those from mark on; pos, vis, got and mark move with them. Where the
// budget allows no more it fails, at the same byte however the input was split.
//
// If the kept bytes fill less than half the window they slide to its front, else the window doubles: either way at least
// half a window's worth of reading pays for the copy, so the work stays linear.
func (r *Reader) more() error {
	if r.vis < r.got || r.base+int64(r.got) >= r.budget {
		if r.budget == r.streamBudget() {
			return overLimit("too many bytes in one stream")
		}
		return overLimit("stanza too large")
	}
	if r.src == nil {
		return io.ErrUnexpectedEOF
	}
	sc := r.sc
	if r.got == len(sc.buf) {
		kept := sc.buf[r.mark:r.got]
		if len(kept) > len(sc.buf)/2 {
			sc.buf = make([]byte, 2*len(sc.buf))
		}
		copy(sc.buf, kept)
		r.base += int64(r.mark)
		r.pos -= r.mark
		r.got = len(kept)
		r.mark = 0
	}
	for range maxEmptyReads {
		n, err := r.src.Read(sc.buf[r.got:])
		if n > 0 {
			r.got += n
			r.show()
			return nil
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// second gives the byte after the one at pos.
func (r *Reader) second() (byte, error) {
	if r.pos+1 >= r.vis {
		r.mark = r.pos
		if err := r.more(); err != nil {
			return 0, err
		}
	}
	return r.sc.buf[r.pos+1], nil
}

// moreTag is more for a tag being read, whose bytes from mark on are given.
func (r *Reader) moreTag() ([]byte, error) {
	if err := r.more(); err != nil {
		return nil, err
	}
	return r.sc.buf[r.mark:r.vis], nil
}
