package relay

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// clientKey is the 5-tuple of a client without the protocol, which the endpoint
// implies (RFC 8656 §3.2).
type clientKey struct{ from, local netip.AddrPort }

// packet is one message with where it came from and to.
type packet struct {
	data  []byte
	from  netip.AddrPort
	local netip.AddrPort // the address may be unknown (not valid)
	reply route
}

// wire is what messages arrive on: a UDP socket, or one TCP or TLS connection.
type wire interface {
	// next reads one message into b. Packets that can not be used are empty.
	next(b []byte) (packet, error)
	// send writes one message; concurrent calls are fine.
	send(data []byte, to netip.AddrPort, reply route) error
	// relaying tells that the client has an allocation, or no longer.
	relaying(bool)
	close() error
}

// endpoint joins one wire to the TURN library. To the library it is a
// net.PacketConn and the source of relayed addresses; what it reads there has
// been checked, authenticated and authorised here, so that the library sees
// nothing that a stranger wrote.
//
// One goroutine reads (the library's, or that of the Serve method when TURN is
// off) and owns everything above mu. The library calls back in that goroutine
// for the request it has just read; the relay sockets' goroutines only write.
type endpoint struct {
	server    *Server
	wire      wire
	transport string // "udp", "tcp" or "tls", for events
	turn      bool   // relays, besides answering Binding
	discovery *discovery
	second    bool // the socket is at the other port of discovery
	done      chan struct{}
	ended     error // why reading ended; valid after done is closed

	binding responder
	message stun.Message
	request request
	library string       // the library's nonce
	nonceAt time.Time    // when it was learnt
	primer  *net.UDPAddr // who asks for it
	current *net.UDPAddr // the server's side of the 5-tuple of what was read last

	mu      sync.RWMutex // leaf
	clients map[clientKey]*allocation
	routes  map[*net.UDPAddr]destination
	serving *net.UDPAddr // whose request the library has
}

// destination is where what is written for a client goes.
type destination struct {
	to    netip.AddrPort
	reply route
}

func (s *Server) newEndpoint(w wire, transport string, relays bool) *endpoint {
	return &endpoint{
		server: s, wire: w, transport: transport, turn: relays && s.keys != nil,
		done: make(chan struct{}), primer: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9},
		current: new(net.UDPAddr),
		clients: make(map[clientKey]*allocation),
		routes:  make(map[*net.UDPAddr]destination),
	}
}

// start hands the endpoint to the library, whose goroutine reads from now on.
func (e *endpoint) start() error {
	s := e.server
	_, err := turn.NewServer(turn.ServerConfig{
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn: e, RelayAddressGenerator: e,
			PermissionHandler: func(_ net.Addr, ip net.IP) bool {
				peer, _ := netip.AddrFromSlice(ip)
				return s.refusePeer(netip.AddrPortFrom(peer.Unmap(), 0)) == ""
			},
		}},
		Realm:               s.config.Realm,
		AuthHandler:         e.authorised,
		EventHandler:        s.follow(),
		LoggerFactory:       quiet{server: s},
		InboundMTU:          maxFrame + 1,
		StrictAddressFamily: true,
	})
	return err
}

// authorised gives the library the key of the request it is reading.
func (e *endpoint) authorised(asked *turn.RequestAttributes) (string, []byte, bool) {
	if e.request.key.from.IsValid() && asked.Username == e.request.username {
		return e.request.account, e.request.secret, true
	}
	return "", nil, false
}

// follow keeps the allocations' lists of what the library has installed.
func (s *Server) follow() turn.EventHandler {
	of := func(relayed net.Addr) *allocation { return s.ledger.at(addrPortOf(relayed)) }
	return turn.EventHandler{
		OnPermissionCreated: func(_, _ net.Addr, _, _, _ string, relayed net.Addr, peer net.IP) {
			if a := of(relayed); a != nil {
				address, _ := netip.AddrFromSlice(peer)
				a.permitted(address.Unmap())
			}
		},
		OnPermissionDeleted: func(_, _ net.Addr, _, _, _ string, relayed net.Addr, peer net.IP) {
			if a := of(relayed); a != nil {
				address, _ := netip.AddrFromSlice(peer)
				a.unpermitted(address.Unmap())
			}
		},
		OnChannelCreated: func(_, _ net.Addr, _, _, _ string, relayed, peer net.Addr, number uint16) {
			if a := of(relayed); a != nil {
				a.channelBound(number, addrPortOf(peer))
			}
		},
		OnChannelDeleted: func(_, _ net.Addr, _, _, _ string, relayed, _ net.Addr, number uint16) {
			if a := of(relayed); a != nil {
				a.channelEnded(number)
			}
		},
	}
}

// ReadFrom implements net.PacketConn for the library: the next message that is
// for it. Everything else is answered or dropped on the way.
func (e *endpoint) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if e.request.ready {
			return e.deliver(b)
		}
		e.finish()
		n, address, err := e.read(b)
		if err != nil {
			e.ended = err
			close(e.done)
			return 0, nil, err
		}
		if n > 0 {
			return n, address, nil
		}
	}
}

// read reads one message and reports it if it is for the library as it is: data
// of a client that has an allocation. A request that is for the library is left
// in e.request.
func (e *endpoint) read(b []byte) (n int, address net.Addr, err error) {
	p, err := e.wire.next(b)
	if err != nil {
		return 0, nil, err
	}
	if len(p.data) == 0 {
		return 0, nil, nil
	}
	defer func() {
		if reason := recover(); reason != nil {
			e.server.panicked(p.from, reason, len(p.data))
			e.request = request{}
			n, address, err = 0, nil, nil
		}
	}()
	if a := e.take(p); a != nil {
		e.current = a.local
		return len(p.data), a.client, nil
	}
	return 0, nil, nil
}

// deliver gives the library the request that waits, signed for it, or first
// the question for a nonce, which its answer in WriteTo brings.
func (e *endpoint) deliver(b []byte) (n int, address net.Addr, err error) {
	now := time.Now()
	defer func() {
		if reason := recover(); reason != nil {
			e.server.panicked(e.request.from, reason, 0)
			e.finish()
			n, address, err = 0, e.primer, nil
		}
	}()
	if e.library == "" || now.Sub(e.nonceAt) > libraryNonce || now.Before(e.nonceAt) {
		if e.request.primed {
			e.server.count.relayErrors.Add(1) // the library gave none: it has failed
			e.finish()
			return 0, e.primer, nil
		}
		e.request.primed = true
		e.library = ""
		return copy(b, primerMessage()), e.primer, nil
	}
	e.request.ready = false
	e.current = e.request.local
	message := e.request.sign(e.library, e.server.config.Realm)
	e.mu.Lock()
	e.routes[e.request.client] = destination{e.request.from, e.request.reply}
	e.serving = e.request.client
	e.mu.Unlock()
	return copy(b, message), e.request.client, nil
}

// libraryNonce is how long we use one nonce of the library, which accepts it for
// an hour.
const libraryNonce = 20 * time.Minute

// primerMessage is a request without credentials.
func primerMessage() []byte {
	m := new(stun.Message)
	m.Type = stun.NewType(stun.MethodAllocate, stun.ClassRequest)
	m.WriteHeader() // any transaction id will do: the answer is known by whom it is for
	return m.Raw
}

// finish forgets the request the library has dealt with.
func (e *endpoint) finish() {
	r := &e.request
	if r.client == nil {
		return
	}
	if r.user != nil {
		e.server.ledger.release(r.user) // no allocation came of it
	}
	e.mu.Lock()
	if a := e.clients[r.key]; a == nil || a.client != r.client {
		delete(e.routes, r.client)
	}
	e.serving = nil
	e.mu.Unlock()
	e.request = request{}
}

// keep and drop follow the allocations made over this wire.
func (e *endpoint) keep(a *allocation) {
	e.mu.Lock()
	e.clients[a.key] = a
	e.mu.Unlock()
	e.wire.relaying(true)
}

func (e *endpoint) drop(a *allocation) {
	e.mu.Lock()
	if e.clients[a.key] == a {
		delete(e.clients, a.key)
	}
	if a.client != e.serving { // else its answer is still to be sent, and finish does it
		delete(e.routes, a.client)
	}
	left := len(e.clients)
	e.mu.Unlock()
	e.wire.relaying(left > 0)
}

func (e *endpoint) client(key clientKey) *allocation {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.clients[key]
}

// WriteTo implements net.PacketConn for the library: its answers, and what peers
// sent to clients. Errors are not told: a message that can not be sent is lost,
// which the client's repetition mends.
func (e *endpoint) WriteTo(b []byte, to net.Addr) (int, error) {
	client, ok := to.(*net.UDPAddr)
	if !ok {
		return len(b), nil
	}
	if client == e.primer {
		e.learn(b)
		return len(b), nil
	}
	e.mu.RLock()
	where, ok := e.routes[client]
	e.mu.RUnlock()
	if !ok {
		e.server.count.relayErrors.Add(1) // its allocation ended meanwhile
		return len(b), nil
	}
	if len(b) >= headerSize && b[0]&0xC1 == 0x01 { // a response: we are the reader's goroutine
		if b = e.answered(b); b == nil {
			return 0, nil
		}
	}
	if err := e.wire.send(b, where.to, where.reply); err != nil {
		e.server.count.relayErrors.Add(1)
	}
	return len(b), nil
}

// learn takes the library's nonce out of its answer to the primer.
func (e *endpoint) learn(answer []byte) {
	m := new(stun.Message)
	var nonce stun.Nonce
	if stun.Decode(answer, m) == nil && nonce.GetFrom(m) == nil {
		e.library, e.nonceAt = nonce.String(), time.Now()
	}
}

// answered looks at an answer of the library to a request of a client. It
// returns nil for one that must not be sent: the library has no doubts about a
// request that it does not owe to its own nonce, and its question for another
// would only confuse the client.
func (e *endpoint) answered(b []byte) (answer []byte) {
	defer func() {
		if reason := recover(); reason != nil {
			e.server.panicked(e.request.from, reason, len(b))
			answer = nil
		}
	}()
	m := new(stun.Message)
	if stun.Decode(b, m) != nil {
		return nil
	}
	if !m.Contains(stun.AttrMessageIntegrity) {
		e.library = ""
		return nil
	}
	if m.Type.Class == stun.ClassErrorResponse {
		var code stun.ErrorCodeAttribute
		_ = code.GetFrom(m)
		e.server.count.refused.Add(1)
		e.server.refuse(reasonOf(code.Code))
	} else {
		e.server.count.answered.Add(1)
	}
	if e.request.fingerprint && stun.Fingerprint.AddTo(m) == nil {
		return m.Raw
	}
	return b
}

// Close implements net.PacketConn.
func (e *endpoint) Close() error { return e.wire.close() }

// LocalAddr implements net.PacketConn. The library takes it for the server's side
// of the 5-tuple of the message it is reading, so it is that: a socket bound to
// the wildcard has one for each address of the host.
func (e *endpoint) LocalAddr() net.Addr { return e.current }

// SetDeadline, SetReadDeadline and SetWriteDeadline complete net.PacketConn; the
// library does not use them.
func (e *endpoint) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (e *endpoint) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (e *endpoint) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
