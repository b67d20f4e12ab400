package udpmux

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

// Bounds on the messages waiting for one Conn. Checks repeat, and what runs on
// DTLS has its own retransmission, so what does not fit is dropped.
const (
	maxQueued     = 128
	maxQueuedDTLS = 2048 // where a Conn carries data
	maxClaims     = 64   // proven addresses from which a Conn takes DTLS
)

// connKey finds the Conn of an ICE agent: its local username fragment, and
// which IP family it checks.
type connKey struct {
	fragment string
	four     bool
}

// Conn is the part of the socket that one ICE agent uses in one IP family. It
// is a net.PacketConn that carries STUN: requests come in by username fragment,
// responses to the Conn that sent the request. Two agents may check the same
// remote address at the same time. With CarryDTLS it carries DTLS as well.
type Conn struct {
	mux   *Mux
	key   connKey
	local *net.UDPAddr

	claims []netip.AddrPort // sources whose DTLS it takes; under mux.mu

	mu       sync.Mutex
	queue    []datagram
	deadline time.Time
	refs     int
	closed   bool
	answered func(netip.AddrPort)
	dtls     bool
	wake     chan struct{} // capacity 1: something changed
}

type datagram struct {
	data []byte
	from netip.AddrPort
}

// Family opens the Conn for an agent's local username fragment and one family.
// Opening it again returns the same one; it ends with the last Close.
func (m *Mux) Family(fragment string, local netip.AddrPort) (*Conn, error) {
	local = canonical(local)
	if fragment == "" || !local.IsValid() {
		return nil, fmt.Errorf("udpmux: no connection for fragment %q at %v", fragment, local)
	}
	key := connKey{fragment, local.Addr().Is4()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if c := m.conns[key]; c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refs++
		return c, nil
	}
	c := &Conn{mux: m, key: key, local: net.UDPAddrFromAddrPort(local), refs: 1, wake: make(chan struct{}, 1)}
	m.conns[key] = c
	return c, nil
}

// Drop ends both Conns of a fragment, however often they were opened.
func (m *Mux) Drop(fragment string) {
	for _, four := range []bool{true, false} {
		m.mu.Lock()
		c := m.conns[connKey{fragment, four}]
		delete(m.conns, connKey{fragment, four})
		if c != nil {
			c.unclaim()
		}
		m.mu.Unlock()
		if c != nil {
			c.shut()
		}
	}
}

// OnAnswer has f called with every address that answers a request of this Conn
// with success, before the answer can be read. Only who received the request
// knows the transaction, so the address is proven to reach and be reached. It is
// called on the reading goroutine: it must not block. Packets that arrive later
// on the socket are handled after it.
func (c *Conn) OnAnswer(f func(from netip.AddrPort)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = f
}

// CarryDTLS makes the Conn take DTLS datagrams too, of the
// addresses that answer its checks from now on: for an ICE agent whose data goes
// the way of its checks. Of several agents that have proven one address the last
// gets what comes from there.
func (c *Conn) CarryDTLS() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dtls = true
}

func (c *Conn) heard(from netip.AddrPort) {
	c.mu.Lock()
	f := c.answered
	if c.closed {
		f = nil
	}
	claim := c.dtls && !c.closed
	c.mu.Unlock()
	if claim {
		c.claim(from)
	}
	if f != nil {
		f(from)
	}
}

// claim takes the DTLS datagrams of a source.
func (c *Conn) claim(from netip.AddrPort) {
	m := c.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dtls[from] == c || m.conns[c.key] != c || len(c.claims) >= maxClaims {
		return
	}
	m.dtls[from] = c
	if !slices.Contains(c.claims, from) {
		c.claims = append(c.claims, from)
	}
}

// unclaim undoes claim when the Conn has ended. Called with mux.mu held.
func (c *Conn) unclaim() {
	for _, from := range c.claims {
		if c.mux.dtls[from] == c {
			delete(c.mux.dtls, from)
		}
	}
	c.claims = nil
}

// deliver queues a message, on the reading goroutine.
func (c *Conn) deliver(packet []byte, from netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	limit := maxQueued
	if c.dtls {
		limit = maxQueuedDTLS
	}
	if len(c.queue) >= limit {
		c.mux.count.overflow.Add(1)
		return
	}
	c.queue = append(c.queue, datagram{append([]byte(nil), packet...), from})
	c.signal()
}

func (c *Conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// ReadFrom returns the next message for this agent.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.signal() // for the next reader
			c.mu.Unlock()
			return 0, nil, ErrClosed
		}
		if len(c.queue) > 0 {
			next := c.queue[0]
			c.queue[0] = datagram{}
			if c.queue = c.queue[1:]; len(c.queue) > 0 {
				c.signal()
			} else {
				c.queue = nil
			}
			c.mu.Unlock()
			return copy(b, next.data), net.UDPAddrFromAddrPort(next.from), nil
		}
		deadline := c.deadline
		c.mu.Unlock()
		if err := c.wait(deadline); err != nil {
			return 0, nil, err
		}
	}
}

func (c *Conn) wait(deadline time.Time) error {
	if deadline.IsZero() {
		<-c.wake
		return nil
	}
	remaining := time.Until(deadline)
	if remaining <= 0 {
		return os.ErrDeadlineExceeded
	}
	timer := time.NewTimer(remaining)
	defer timer.Stop()
	select {
	case <-c.wake:
		return nil
	case <-timer.C:
		return os.ErrDeadlineExceeded
	}
}

// WriteTo sends a message; a STUN request is remembered, so that its response
// finds its way back.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	remote, ok := addrPort(to)
	if !ok {
		return 0, fmt.Errorf("udpmux: cannot send to %v", to)
	}
	remote = canonical(remote)
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, ErrClosed
	}
	if class, id, ok := parseSTUNHeader(b); ok && class == stun.ClassRequest {
		if err := c.mux.expect(id, owner{to: remote, conn: c}); err != nil {
			return 0, err
		}
	}
	if err := c.mux.WriteTo(b, remote); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close gives up one opening of the Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.refs--
	last := c.refs <= 0 && !c.closed
	c.mu.Unlock()
	if !last {
		return nil
	}
	c.mux.mu.Lock()
	if c.mux.conns[c.key] == c {
		delete(c.mux.conns, c.key)
	}
	c.unclaim()
	c.mux.mu.Unlock()
	c.shut()
	return nil
}

func (c *Conn) shut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.queue = nil
	c.signal()
}

// LocalAddr is the address this Conn was opened for.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// SetReadDeadline bounds ReadFrom, including one that waits now.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.signal()
	return nil
}

// SetDeadline is SetReadDeadline: sending a datagram does not wait.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: sending a datagram does not wait.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
