package quic

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"godwit/peer/allocation"
	"godwit/peer/ice"
	"godwit/udpmux"
	"godwit/xep/icetransport"
)

const (
	ufragBytes      = 6  // 48 bits; RFC 8445 §5.3 asks for 24
	passwordBytes   = 18 // 144 bits; it asks for 128
	selectionBuffer = 16
	maxCheck        = 1500
)

// base is a socket of a session, in one IP family.
type base struct {
	id    ice.BaseID
	mux   *udpmux.Mux
	conn  *udpmux.Conn
	relay *allocation.Relay // nil for sockets of this machine
}

// choice is a pair that was taken.
type choice struct {
	ice.Selected
	base *base
}

// agent runs the checks of one session on its sockets. The decisions are package
// ice's; they and the table of bases are guarded by mu.
type agent struct {
	ufrag, pwd string
	proven     func(*udpmux.Mux, netip.AddrPort)
	selected   chan choice

	started chan struct{} // closed by start
	done    chan struct{} // closed by close
	kick    chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	core   *ice.Agent
	bases  map[ice.BaseID]*base
	closed bool
	begun  bool
}

// newAgent makes an agent without sockets. proven is called, on the reading
// goroutine of the socket, with every address that answered a check, and before
// anything that arrives there after the answer.
func newAgent(loopback bool, proven func(*udpmux.Mux, netip.AddrPort)) *agent {
	a := &agent{
		ufrag: token(ufragBytes), pwd: token(passwordBytes), proven: proven,
		selected: make(chan choice, selectionBuffer),
		started:  make(chan struct{}), done: make(chan struct{}), kick: make(chan struct{}, 1),
		bases: make(map[ice.BaseID]*base),
	}
	a.core = ice.New(ice.Credentials{Ufrag: a.ufrag, Pwd: a.pwd}, func(address netip.Addr) bool { return acceptable(address, loopback) })
	a.running.Go(a.run)
	return a
}

// addBase checks from one more socket. local is its address in the family meant.
func (a *agent) addBase(mux *udpmux.Mux, local netip.AddrPort, relay *allocation.Relay) (*base, error) {
	conn, err := mux.Family(a.ufrag, local)
	if err != nil {
		return nil, fmt.Errorf("peer/quic: %w", err)
	}
	conn.OnAnswer(func(from netip.AddrPort) { a.proven(mux, from) })
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	id, ok := a.core.AddBase(ice.Base{Address: local, Relayed: relay != nil}, time.Now())
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("peer/quic: too many sockets in one session")
	}
	b := &base{id: id, mux: mux, conn: conn, relay: relay}
	a.bases[id] = b
	a.running.Go(func() { a.read(b) })
	a.flush()
	return b, nil
}

// removeBase checks from a socket no longer.
func (a *agent) removeBase(b *base) {
	a.mu.Lock()
	a.core.RemoveBase(b.id)
	delete(a.bases, b.id)
	a.mu.Unlock()
	_ = b.conn.Close()
}

// hasBase reports whether there is any socket to check from.
func (a *agent) hasBase() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.bases) > 0
}

// start begins the checks.
func (a *agent) start(controlling, expectRelay bool, ufrag, pwd string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun || a.closed {
		return
	}
	if expectRelay {
		a.core.ExpectRelay()
	}
	a.begun = true
	a.core.Start(controlling, ice.Credentials{Ufrag: ufrag, Pwd: pwd}, time.Now())
	close(a.started)
	a.flush()
}

// addRemote checks candidates of the peer. What was without success before is
// tried anew with them: they may mean that the peer has moved.
func (a *agent) addRemote(list []icetransport.Candidate) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.core.AddRemote(list, now)
	a.core.Wake(now)
	for _, b := range a.bases {
		a.permit(b)
	}
	a.flush()
}

// permit lets the peer's packets through a relay before any check is under way
// (RFC 8656 §9): that costs a round trip. Called with mu held.
func (a *agent) permit(b *base) {
	if b.relay == nil {
		return
	}
	var list []netip.Addr
	for _, remote := range a.core.Remotes() {
		if ip := remote.Addr(); ip.Is4() == b.relay.Address().Addr().Is4() && (!ice.Private(ip) || ice.Private(b.relay.Address().Addr())) {
			list = append(list, ip)
		}
	}
	b.relay.Permit(list...)
}

// public is the peer's public IPv4 address.
func (a *agent) public() (netip.AddrPort, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.core.Public()
}

// probe is a check whose answer nobody waits for.
func (a *agent) probe() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.core.Probe()
}

// authentic reports whether a packet is a check of the peer.
func (a *agent) authentic(packet []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.core.Authentic(packet)
}

func (a *agent) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.core.Wake(time.Now())
	a.flush()
}

func (a *agent) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.core.Settle()
}

func (a *agent) reject(c choice) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.core.Reject(c.base.id, c.Remote, time.Now())
}

// describe tells what is known of the path between a socket and an address.
func (a *agent) describe(mux *udpmux.Mux, remote netip.AddrPort) (choice, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, b := range a.bases {
		if b.mux != mux {
			continue
		}
		if s, ok := a.core.Describe(id, remote); ok {
			return choice{s, b}, true
		}
	}
	return choice{}, false
}

// flush sends what the checks want sent, and reports what they decided. Called
// with mu held; sending does not wait for anything.
func (a *agent) flush() {
	packets, decided := a.core.Drain()
	for _, p := range packets {
		if b := a.bases[p.Base]; b != nil {
			// An error is like a loss: the address has no route, or the relay refuses.
			_, _ = b.conn.WriteTo(p.Data, net.UDPAddrFromAddrPort(p.To))
		}
	}
	for _, s := range decided {
		if b := a.bases[s.Base]; b != nil {
			select {
			case a.selected <- choice{s, b}:
			default: // only ever more than the session can want
			}
		}
	}
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// run does what is due in time.
func (a *agent) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-a.done:
			return
		case <-a.kick:
		case <-timer.C:
		}
		a.mu.Lock()
		now := time.Now()
		next := a.core.Tick(now)
		if !a.closed {
			a.flush()
		}
		select { // flush wakes this goroutine, which is awake
		case <-a.kick:
		default:
		}
		a.mu.Unlock()
		timer.Reset(max(next.Sub(now), time.Millisecond))
	}
}

// read hands what arrives on a socket to the checks. Checks that come before
// ours have begun wait in the socket's queue.
func (a *agent) read(b *base) {
	select {
	case <-a.started:
	case <-a.done:
		return
	}
	buffer := make([]byte, maxCheck)
	for {
		n, addr, err := b.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		a.mu.Lock()
		if !a.closed {
			a.core.Receive(b.id, buffer[:n], addrPortOf(addr), time.Now())
			a.flush()
		}
		a.mu.Unlock()
	}
}

// close ends the checks and returns when nothing of them is left.
func (a *agent) close() {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	a.closed = true
	bases := a.bases
	a.bases = make(map[ice.BaseID]*base)
	a.mu.Unlock()
	close(a.done)
	for _, b := range bases {
		_ = b.conn.Close()
	}
	a.running.Wait()
}

// acceptable tells addresses that a check may be sent to. A peer could name any
// address; those that lead to this machine or to groups are none of its business.
func acceptable(a netip.Addr, loopback bool) bool {
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return false
	case a.Is4() && a.As4() == [4]byte{255, 255, 255, 255}:
		return false
	case a.IsLoopback():
		return loopback
	}
	return true
}

// token returns n unguessable bytes in characters that ICE allows.
func token(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}
