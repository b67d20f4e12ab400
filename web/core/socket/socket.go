//go:build js

package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"godwit/link"
	"godwit/link/framing"
	"godwit/web/core/bridge"
)

// protocol is the sub-protocol (RFC 7395 §3.1).
const protocol = "xmpp"

// Bounds.
const (
	maxArrived = 16 << 20              // bytes that arrived and were not read; a browser can not be asked to wait
	highWater  = 1 << 20               // bytes the browser has not sent, at which writing waits
	pace       = 10 * time.Millisecond // how often that is looked at: there is no event for it
)

var errFlood = errors.New("socket: more arrived than is being read")

// Dialer opens the WebSocket of one server, whose address is known: it is that of the
// page.
type Dialer struct {
	URL string // wss://… ; ws://… only for a page that came from this machine
}

var _ link.Dialer = (*Dialer)(nil)

// secured is a link whose encryption is the browser's business. Nothing is told of it
// but that it is there, and it binds no channel.
type secured struct{ *framing.Link }

var _ link.Secured = secured{}

// TLS implements link.Secured.
func (secured) TLS() link.TLSInfo { return link.TLSInfo{Version: "TLS", PeerVerified: true} }

// ChannelBinding implements link.Secured.
func (secured) ChannelBinding(string) ([]byte, bool) { return nil, false }

// Dial implements link.Dialer. The domain is what the server at the URL is asked for
// in the stream.
func (d *Dialer) Dial(ctx context.Context, _ string) (link.Link, error) {
	socket, err := bridge.Try(func() js.Value { return js.Global().Get("WebSocket").New(d.URL, protocol) })
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	c := newConn(socket)
	select {
	case <-c.opened:
	case <-c.closed:
		c.release()
		return nil, fmt.Errorf("socket: %s can not be reached", d.URL)
	case <-ctx.Done():
		c.Abort()
		return nil, context.Cause(ctx)
	}
	if agreed := socket.Get("protocol").String(); agreed != protocol {
		c.Abort()
		return nil, fmt.Errorf("socket: %s does not speak XMPP", d.URL)
	}
	l := framing.New(c, framing.Config{Kind: link.WebSocket})
	if strings.HasPrefix(d.URL, "wss:") {
		return secured{l}, nil
	}
	return l, nil
}

// conn is a framing.Conn. What arrived belongs to mu.
type conn struct {
	socket js.Value
	stop   []func() // listening; used once, under once
	once   sync.Once
	opened chan struct{}
	closed chan struct{} // no more arrives
	came   chan struct{} // capacity 1

	mu      sync.Mutex
	arrived [][]byte
	bytes   int
	reason  error // why nothing more arrives
	over    bool  // closed is closed
}

var _ framing.Conn = (*conn)(nil)

func newConn(socket js.Value) *conn {
	c := &conn{socket: socket, opened: make(chan struct{}), closed: make(chan struct{}), came: make(chan struct{}, 1)}
	var once sync.Once
	c.stop = []func(){
		bridge.Listen(socket, "open", func(js.Value) { once.Do(func() { close(c.opened) }) }),
		bridge.Listen(socket, "message", func(e js.Value) { c.message(e.Get("data")) }),
		bridge.Listen(socket, "close", func(e js.Value) {
			err := io.EOF
			if !e.Get("wasClean").Bool() {
				err = io.ErrUnexpectedEOF
			}
			c.end(err)
		}),
	}
	return c
}

// message takes one that arrived. Bytes are none of RFC 7395 §3.2 and end it.
func (c *conn) message(data js.Value) {
	if data.Type() != js.TypeString {
		c.end(errors.New("socket: a message of bytes"))
		return
	}
	m := []byte(data.String())
	c.mu.Lock()
	flood := c.bytes > 0 && c.bytes+len(m) > maxArrived
	if !flood && !c.over {
		c.arrived, c.bytes = append(c.arrived, m), c.bytes+len(m)
	}
	c.mu.Unlock()
	if flood {
		c.end(errFlood)
		return
	}
	select {
	case c.came <- struct{}{}:
	default:
	}
}

func (c *conn) end(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over, c.reason = true, reason
		close(c.closed)
	}
}

// release lets go of the browser's socket.
func (c *conn) release() {
	c.once.Do(func() {
		for _, stop := range c.stop {
			stop()
		}
	})
}

// ReadMessage implements framing.Conn.
func (c *conn) ReadMessage(most int) ([]byte, error) {
	for {
		c.mu.Lock()
		if len(c.arrived) > 0 {
			m := c.arrived[0]
			c.arrived[0] = nil
			c.arrived, c.bytes = c.arrived[1:], c.bytes-len(m)
			c.mu.Unlock()
			if len(m) > most {
				return nil, framing.ErrTooLong
			}
			return m, nil
		}
		over, reason := c.over, c.reason
		c.mu.Unlock()
		if over {
			return nil, reason
		}
		select {
		case <-c.came:
		case <-c.closed:
		}
	}
}

// WriteMessage implements framing.Conn.
func (c *conn) WriteMessage(m []byte) error {
	for c.socket.Get("bufferedAmount").Int() > highWater {
		select {
		case <-c.closed:
		case <-time.After(pace):
			continue
		}
		break
	}
	if c.isOver() || c.socket.Get("readyState").Int() != 1 {
		return io.ErrClosedPipe
	}
	_, err := bridge.Try(func() js.Value { return c.socket.Call("send", string(m)) })
	return err
}

func (c *conn) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// Close implements framing.Conn: the browser sends what is queued, then the closing
// handshake.
func (c *conn) Close(code framing.Code) error {
	defer c.release()
	_, err := bridge.Try(func() js.Value { return c.socket.Call("close", int(code)) })
	if err != nil {
		c.end(err)
		return err
	}
	<-c.closed
	return nil
}

// Abort implements framing.Conn. A browser lets nobody cut a connection; it closes it
// by itself when the other end does not answer.
func (c *conn) Abort() {
	c.end(io.ErrClosedPipe)
	c.release()
	_, _ = bridge.Try(func() js.Value { return c.socket.Call("close") })
}
