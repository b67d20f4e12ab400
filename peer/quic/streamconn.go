package quic

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// linger is how long the end of a connection waits for the peer to have read
// the last words.
const linger = time.Second

// streamConn is a QUIC stream as a byte stream whose end is the end of the
// connection. One goroutine may read while another writes.
type streamConn struct {
	conn   *quic.Conn
	stream *quic.Stream

	reading sync.Mutex
	ended   bool // the peer's end was read; under reading
	writing sync.Mutex
	closing sync.Once
}

func newStreamConn(conn *quic.Conn, stream *quic.Stream) *streamConn {
	return &streamConn{conn: conn, stream: stream}
}

// Read reads what the peer wrote. The peer's regular end of the connection is
// io.EOF, whether the end of the stream arrived before it or not.
func (c *streamConn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	n, err := c.stream.Read(p)
	var end *quic.ApplicationError
	if errors.As(err, &end) && end.Remote && end.ErrorCode == 0 {
		err = io.EOF
	}
	if errors.Is(err, io.EOF) {
		c.ended = true
	}
	return n, err
}

func (c *streamConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.stream.Write(p)
}

// SetWriteDeadline bounds Write, including one that waits now.
func (c *streamConn) SetWriteDeadline(t time.Time) error { return c.stream.SetWriteDeadline(t) }

// CloseWrite ends our direction; what was written still goes out.
func (c *streamConn) CloseWrite() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.stream.Close()
}

// Close ends the connection, after giving the peer a moment to have read what
// was written: closing a QUIC connection drops what is still on its way. It
// waits for readers and writers to be out.
func (c *streamConn) Close() error {
	c.closing.Do(func() {
		past := time.Unix(1, 0)
		_ = c.stream.SetWriteDeadline(past) // a writer that waits gives up
		c.writing.Lock()
		_ = c.stream.Close()
		c.writing.Unlock()
		c.drain(past)
		_ = c.conn.CloseWithError(0, "")
	})
	return nil
}

// drain reads until the peer has ended its direction too, or time is up.
func (c *streamConn) drain(past time.Time) {
	_ = c.stream.SetReadDeadline(past) // a reader that waits gives up
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.ended || c.conn.Context().Err() != nil {
		return
	}
	_ = c.stream.SetReadDeadline(time.Now().Add(linger))
	scrap := make([]byte, 4096)
	for read := 0; read < 1<<20; {
		n, err := c.stream.Read(scrap)
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				c.ended = true
			}
			return
		}
		read += n
	}
}
