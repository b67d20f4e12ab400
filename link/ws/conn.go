package ws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/coder/websocket"

	"godwit/link/framing"
)

// conn is a WebSocket as framing sees it. It is its Link's; rest belongs to who
// reads.
type conn struct {
	ws      *websocket.Conn
	raw     net.Conn  // below TLS; closed by Abort, which nothing can delay
	rest    io.Reader // of a message that was too long; nil if none
	release func()    // called once the carrier is gone
	abort   func()    // the body of Abort, once
}

var _ framing.Conn = (*conn)(nil)

func newConn(ws *websocket.Conn, raw net.Conn, release func()) *conn {
	ws.SetReadLimit(-1) // ReadMessage has a limit of its own, that of stanzas, which leaves the link able to say so
	c := &conn{ws: ws, raw: raw, release: release}
	c.abort = sync.OnceFunc(func() {
		c.raw.Close() // what waits in the WebSocket comes back now
		c.ws.CloseNow()
		c.release()
	})
	return c
}

// errBinary ends a connection that sent a binary message (RFC 7395 §3.3.1 has
// text only).
var errBinary = errors.New("ws: a binary message")

// ReadMessage implements framing.Conn.
func (c *conn) ReadMessage(most int) ([]byte, error) {
	if c.rest != nil {
		if _, err := io.Copy(io.Discard, c.rest); err != nil {
			return nil, readError(err)
		}
		c.rest = nil
	}
	kind, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, readError(err)
	}
	if kind != websocket.MessageText {
		c.ws.Close(websocket.StatusUnsupportedData, "text only")
		return nil, errBinary
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(r, int64(most)+1)); err != nil {
		return nil, readError(err)
	}
	if b.Len() > most {
		c.rest = r
		return nil, framing.ErrTooLong
	}
	return b.Bytes(), nil
}

// readError tells an end that the other side announced from a cut. Neither is the
// end of a stream.
func readError(err error) error {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return fmt.Errorf("ws: the other side closed the WebSocket (%d)", int(closed.Code)) // and not io.EOF, which would be the end of a stream
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return err
}

// WriteMessage implements framing.Conn.
func (c *conn) WriteMessage(message []byte) error {
	return c.ws.Write(context.Background(), websocket.MessageText, message)
}

// Close implements framing.Conn.
func (c *conn) Close(code framing.Code) error {
	return c.ws.Close(websocket.StatusCode(code), "")
}

// Abort implements framing.Conn.
func (c *conn) Abort() { c.abort() }
