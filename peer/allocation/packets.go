package allocation

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

// Bounds on what peers can cause.
const (
	maxInbound     = 1024 // datagrams waiting to be read
	maxPermissions = 256
	maxChannels    = 256
	maxHeld        = 2 // datagrams to one address held until it is permitted
)

type datagram struct {
	data []byte
	from netip.AddrPort
}

// permission is what the server lets us send to one IP address (RFC 8656 §9).
type permission struct {
	state   permissionState
	used    time.Time // last packet of ours
	renewed time.Time // last success, or the refusal
	held    []held    // to be sent again, if the first request was in vain
}

type held struct {
	to   netip.AddrPort
	data []byte
}

type permissionState uint8

const (
	asking permissionState = iota
	granted
	renewing // granted, and asked for again
	refused
)

// channel is a shorter header for one peer (RFC 8656 §12).
type channel struct {
	number  uint16
	ready   bool
	asking  bool
	failed  bool
	used    time.Time
	renewed time.Time
}

// peers is whom we send to. Guarded by client.mu.
type peers struct {
	permissions map[netip.Addr]*permission
	channels    map[netip.AddrPort]*channel
	numbers     map[uint16]netip.AddrPort
}

func newPeers() peers {
	return peers{
		permissions: make(map[netip.Addr]*permission),
		channels:    make(map[netip.AddrPort]*channel),
		numbers:     make(map[uint16]netip.AddrPort),
	}
}

func (p *peers) byChannel(number uint16) (netip.AddrPort, bool) {
	from, ok := p.numbers[number]
	return from, ok
}

// permit asks the server to let packets to and from an address through, unless
// it does already. Called with mu held.
func (c *client) permit(address netip.Addr, now time.Time) *permission {
	p := c.peers.permissions[address]
	switch {
	case p == nil:
		if len(c.peers.permissions) >= maxPermissions {
			return nil
		}
		p = &permission{used: now}
		c.peers.permissions[address] = p
	case p.state == refused && now.Sub(p.renewed) > refusalMemory:
		p.state = asking
	default:
		return p
	}
	c.askPermission(address, p)
	return p
}

func (c *client) askPermission(address netip.Addr, p *permission) {
	peer := peerAddress(netip.AddrPortFrom(address, 9)) // the port does not matter
	c.request(stun.MethodCreatePermission, []stun.Setter{peer}, func(_ *stun.Message, err error) {
		c.mu.Lock()
		held := p.held
		p.held, p.renewed = nil, time.Now()
		switch {
		case err == nil:
			p.state = granted
		case refusedWith(err, stun.CodeAllocMismatch):
			c.mu.Unlock()
			c.end(fmt.Errorf("%w: %w", ErrLost, err))
			return
		default:
			p.state, held = refused, nil
			c.log.Debug("allocation: no permission", "peer", address, "error", err)
		}
		c.mu.Unlock()
		for _, h := range held {
			if packet, err := indication(h.to, h.data); err == nil {
				_ = c.wire.send(packet)
			}
		}
	})
}

// bind asks for a channel. Called with mu held.
func (c *client) bind(to netip.AddrPort, now time.Time) *channel {
	ch := c.peers.channels[to]
	if ch == nil {
		if len(c.peers.channels) >= maxChannels {
			return nil
		}
		// Numbers are not used twice, so none is bound to two peers (§12.1).
		ch = &channel{number: channelMin + uint16(len(c.peers.channels)), used: now}
		c.peers.channels[to] = ch
		c.peers.numbers[ch.number] = to
	}
	if ch.asking || ch.failed || ch.ready && now.Sub(ch.renewed) < channelRefresh {
		return ch
	}
	ch.asking = true
	c.request(stun.MethodChannelBind, []stun.Setter{channelNumber(ch.number), peerAddress(to)}, func(_ *stun.Message, err error) {
		c.mu.Lock()
		ch.asking = false
		ch.ready, ch.failed = err == nil, err != nil
		ch.renewed = time.Now()
		c.mu.Unlock()
		switch {
		case refusedWith(err, stun.CodeAllocMismatch):
			c.end(fmt.Errorf("%w: %w", ErrLost, err))
		case err != nil:
			c.log.Debug("allocation: no channel", "peer", to, "error", err)
		}
	})
	return ch
}

// refreshPeers keeps what is in use, and says when to look again. Called with mu
// held.
func (c *client) refreshPeers(now time.Time) time.Time {
	next := now.Add(time.Minute)
	for address, p := range c.peers.permissions {
		switch {
		case p.state == granted && now.Sub(p.renewed) >= permissionRefresh:
			if now.Sub(p.used) >= unusedAfter {
				delete(c.peers.permissions, address)
				continue
			}
			p.state = renewing
			c.askPermission(address, p)
		case p.state == granted:
			next = earlier(next, p.renewed.Add(permissionRefresh))
		case p.state == refused && now.Sub(p.renewed) > unusedAfter:
			delete(c.peers.permissions, address)
		}
	}
	for to, ch := range c.peers.channels {
		if !ch.ready || ch.asking {
			continue
		}
		if now.Sub(ch.renewed) >= channelRefresh {
			if now.Sub(ch.used) < unusedAfter {
				c.bind(to, now)
			} else {
				ch.ready = false // it ends at the server; asked for anew on use
			}
			continue
		}
		next = earlier(next, ch.renewed.Add(channelRefresh))
	}
	return next
}

// sendTo relays one datagram to a peer. What is not STUN gets a channel: checks
// go to many addresses once, data to one address often.
func (c *client) sendTo(data []byte, to netip.AddrPort) error {
	if len(data) == 0 || len(data) > sendIndicationMax {
		return fmt.Errorf("allocation: cannot relay a datagram of %d bytes", len(data))
	}
	now := time.Now()
	c.mu.Lock()
	if c.failure != nil {
		defer c.mu.Unlock()
		return net.ErrClosed
	}
	p := c.permit(to.Addr(), now)
	if p == nil || p.state == refused {
		c.mu.Unlock()
		return fmt.Errorf("%w: %v", ErrForbidden, to)
	}
	p.used = now
	if p.state == asking && len(p.held) < maxHeld {
		// The indication below follows the request on its heels and is relayed if
		// that is granted; it goes a second time once that is known.
		p.held = append(p.held, held{to, append([]byte(nil), data...)})
	}
	var ch *channel
	if data[0] > 3 {
		if ch = c.bind(to, now); ch != nil {
			ch.used = now
		}
	}
	ready := ch != nil && ch.ready
	c.mu.Unlock()
	if ready {
		return c.wire.send(channelData(ch.number, data, c.wire.stream()))
	}
	packet, err := indication(to, data)
	if err != nil {
		return err
	}
	return c.wire.send(packet)
}

// deliver queues a datagram for the reader.
func (c *client) deliver(data []byte, from netip.AddrPort) {
	select {
	case c.inbound <- datagram{append([]byte(nil), data...), from}:
	default:
		c.overflow.Add(1)
	}
}

// conn is the allocation as a net.PacketConn.
type conn struct{ *client }

// ReadFrom returns the next datagram a peer sent to the relayed address.
func (c conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		select { // what waits is read before a deadline counts
		case d := <-c.inbound:
			return copy(b, d.data), net.UDPAddrFromAddrPort(d.from), nil
		default:
		}
		expired, changed := c.reading.channels()
		select {
		case d := <-c.inbound:
			return copy(b, d.data), net.UDPAddrFromAddrPort(d.from), nil
		case <-expired:
			return 0, nil, os.ErrDeadlineExceeded
		case <-changed:
		case <-c.done:
			return 0, nil, net.ErrClosed
		}
	}
}

// WriteTo relays a datagram to a peer. It does not block.
func (c conn) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("allocation: cannot send to %v", to)
	}
	address := udp.AddrPort()
	if err := c.sendTo(b, netip.AddrPortFrom(address.Addr().Unmap(), address.Port())); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close gives the allocation back.
func (c conn) Close() error {
	c.end(net.ErrClosed)
	<-c.gone
	return nil
}

// LocalAddr is the relayed address.
func (c conn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return net.UDPAddrFromAddrPort(c.relayed)
}

func (c conn) SetReadDeadline(t time.Time) error { c.reading.set(t); return nil }
func (c conn) SetDeadline(t time.Time) error     { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: sending does not wait.
func (c conn) SetWriteDeadline(time.Time) error { return nil }

// deadline is a read deadline that can be moved while somebody waits.
type deadline struct{ state *deadlineState }

type deadlineState struct {
	mu      sync.Mutex
	expired chan struct{}
	changed chan struct{}
	timer   *time.Timer
}

func newDeadline() deadline {
	return deadline{&deadlineState{expired: make(chan struct{}), changed: make(chan struct{})}}
}

func (d deadline) channels() (expired, changed <-chan struct{}) {
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	return d.state.expired, d.state.changed
}

func (d deadline) set(t time.Time) {
	s := d.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	expired := make(chan struct{})
	s.expired = expired
	close(s.changed)
	s.changed = make(chan struct{})
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		close(expired)
	default:
		s.timer = time.AfterFunc(wait, func() { close(expired) })
	}
}
