package framing_test

import (
	"io"
	"sync"

	"godwit/link/framing"
)

// pipeConn is one end of two that are joined in memory.
type pipeConn struct {
	in, out chan []byte
	mine    *ending
	theirs  *ending
}

// ending is how one end ended.
type ending struct {
	once sync.Once
	over chan struct{}
}

func (e *ending) end() { e.once.Do(func() { close(e.over) }) }

// depth is how many messages the carrier holds.
const depth = 16

func pipe() (a, b *pipeConn) {
	ab, ba := make(chan []byte, depth), make(chan []byte, depth)
	x, y := &ending{over: make(chan struct{})}, &ending{over: make(chan struct{})}
	return &pipeConn{in: ba, out: ab, mine: x, theirs: y}, &pipeConn{in: ab, out: ba, mine: y, theirs: x}
}

func (c *pipeConn) ReadMessage(most int) ([]byte, error) {
	select {
	case <-c.mine.over:
		return nil, io.ErrClosedPipe
	case m := <-c.in:
		return cut(m, most)
	default:
	}
	select {
	case <-c.mine.over:
		return nil, io.ErrClosedPipe
	case m := <-c.in:
		return cut(m, most)
	case <-c.theirs.over:
	}
	select {
	case m := <-c.in:
		return cut(m, most)
	default:
		return nil, io.EOF
	}
}

func cut(m []byte, most int) ([]byte, error) {
	if len(m) > most {
		return nil, framing.ErrTooLong
	}
	return m, nil
}

func (c *pipeConn) WriteMessage(m []byte) error {
	select {
	case <-c.theirs.over:
		return io.ErrClosedPipe
	default:
	}
	select {
	case c.out <- append([]byte(nil), m...):
		return nil
	case <-c.mine.over:
	case <-c.theirs.over:
	}
	return io.ErrClosedPipe
}

func (c *pipeConn) Close(framing.Code) error {
	c.mine.end()
	return nil
}

func (c *pipeConn) Abort() { c.mine.end() }
