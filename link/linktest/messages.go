package linktest

import (
	"io"
	"sync"

	"godwit/link"
	"godwit/link/framing"
)

// Messages joins two links in memory that carry messages (package framing),
// without encryption.
func Messages(o Options) (a, b link.Link) {
	x, y := MessageConns()
	c := o.Config()
	config := framing.Config{
		Kind: c.Kind, Local: c.Local, Remote: c.Remote, Limits: c.Limits,
		MaxQueued: o.MaxQueued, WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout,
	}
	return framing.New(x, config), framing.New(y, config)
}

// SecureMessages is Messages with the appearance of encryption.
func SecureMessages(o Options) (a, b *Secured) { return secured(Messages(o)) }

// MessageConn is one end of a carrier of messages in memory.
type MessageConn struct {
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

// MessageConns joins two ends, which hold a few messages between them.
func MessageConns() (a, b *MessageConn) {
	ab, ba := make(chan []byte, depth), make(chan []byte, depth)
	x, y := &ending{over: make(chan struct{})}, &ending{over: make(chan struct{})}
	return &MessageConn{in: ba, out: ab, mine: x, theirs: y}, &MessageConn{in: ab, out: ba, mine: y, theirs: x}
}

// ReadMessage implements framing.Conn.
func (c *MessageConn) ReadMessage(most int) ([]byte, error) {
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

// WriteMessage implements framing.Conn.
func (c *MessageConn) WriteMessage(m []byte) error {
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

// Close implements framing.Conn.
func (c *MessageConn) Close(framing.Code) error {
	c.mine.end()
	return nil
}

// Abort implements framing.Conn.
func (c *MessageConn) Abort() { c.mine.end() }

// Closed is closed when this end was closed or aborted.
func (c *MessageConn) Closed() <-chan struct{} { return c.mine.over }
