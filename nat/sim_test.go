package nat

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// sim is a path with a NAT and a STUN server in virtual time: what a prober sees
// of the world, thousands of times a second.
type sim struct {
	rng   *rand.Rand
	now   time.Time
	queue events
	order int

	nat    natModel
	server serverModel
	loss   float64 // of each direction
	delay  time.Duration
	jitter time.Duration

	stranger []byte // sent to every socket in between

	deliver func(socket int, from netip.AddrPort, data []byte)
}

// natModel is a NAT by RFC 4787, with mapping and filtering of any combination.
type natModel struct {
	none      bool // no translation, only the filter
	mapping   int  // 0 endpoint-independent, 1 address, 2 address and port
	filtering int
	preserve  bool
	step      int // of ports given out one after the other; 0 is random
	blocked   bool
	next      int

	maps map[mapKey]netip.AddrPort
	back map[netip.AddrPort]int // outside address to socket
	sent map[sentKey]bool
	// rebind drops all mappings after so many packets out.
	rebind int
}

type mapKey struct {
	socket int
	to     netip.AddrPort
}

type sentKey struct {
	mapped netip.AddrPort
	to     netip.AddrPort
}

// cut forgets of an address what a behaviour does not look at.
func cut(a netip.AddrPort, behaviour int) netip.AddrPort {
	switch behaviour {
	case 0:
		return netip.AddrPort{}
	case 1:
		return netip.AddrPortFrom(a.Addr(), 0)
	}
	return a
}

var simOutside = netip.MustParseAddr("27.1.2.1")

func simLocal(socket int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("192.168.1.2"), uint16(40000+7*socket))
}

func (n *natModel) out(rng *rand.Rand, socket int, to netip.AddrPort) (netip.AddrPort, bool) {
	if n.blocked {
		return netip.AddrPort{}, false
	}
	if n.rebind > 0 {
		if n.rebind--; n.rebind == 0 {
			n.maps, n.back, n.sent, n.preserve = nil, nil, nil, false
		}
	}
	if n.maps == nil {
		n.maps, n.back, n.sent = map[mapKey]netip.AddrPort{}, map[netip.AddrPort]int{}, map[sentKey]bool{}
		n.next = 20000 + rng.IntN(20000)
	}
	key := mapKey{socket, cut(to, n.mapping)}
	mapped, ok := n.maps[key]
	for !ok {
		port := 1024 + rng.IntN(60000)
		switch {
		case n.none, n.preserve && n.mapping == 0:
			port = int(simLocal(socket).Port())
		case n.step != 0:
			port = n.next
			n.next += n.step
		}
		address := simOutside
		if n.none {
			address = simLocal(socket).Addr()
		}
		mapped = netip.AddrPortFrom(address, uint16(port))
		if _, taken := n.back[mapped]; !taken {
			n.maps[key], n.back[mapped], ok = mapped, socket, true
		}
	}
	n.sent[sentKey{mapped, cut(to, n.filtering)}] = true
	return mapped, true
}

func (n *natModel) in(from, to netip.AddrPort) (int, bool) {
	socket, ok := n.back[to]
	return socket, ok && n.sent[sentKey{to, cut(from, n.filtering)}]
}

// serverModel is one or several STUN servers.
type serverModel struct {
	address [2]netip.Addr // the second is invalid where there is one
	port    [2]uint16     // the second is 0 where there is one
	ignores bool          // answers CHANGE-REQUEST from where it was asked
	refuses bool          // answers CHANGE-REQUEST with an error
	dead    netip.AddrPort
	lone    []netip.AddrPort // plain servers beside it
	down    bool
	// tokens and refill bound how many requests are answered, at first and a
	// second; refill 0 is no bound.
	tokens, refill float64
	filled         time.Time
	errors         bool // answers everything with an error
}

var (
	simServer  = serverModel{address: [2]netip.Addr{netip.MustParseAddr("27.1.1.1"), netip.MustParseAddr("27.1.1.2")}, port: [2]uint16{3478, 3479}}
	simOne     = serverModel{address: [2]netip.Addr{simServer.address[0]}, port: simServer.port}
	simPlain   = serverModel{address: [2]netip.Addr{simServer.address[0]}, port: [2]uint16{3478}}
	simPlain2  = serverModel{address: simPlain.address, port: simPlain.port, lone: []netip.AddrPort{netip.MustParseAddrPort("27.1.9.1:3478")}}
	simPrimary = netip.AddrPortFrom(simServer.address[0], 3478)
)

func (s serverModel) other() netip.AddrPort {
	a, p := s.address[1], s.port[1]
	if !a.IsValid() {
		a = s.address[0]
	}
	if p == 0 {
		p = s.port[0]
	}
	return netip.AddrPortFrom(a, p)
}

// allows takes a token.
func (s *serverModel) allows(now time.Time) bool {
	if s.refill == 0 {
		return true
	}
	if !s.filled.IsZero() {
		s.tokens += now.Sub(s.filled).Seconds() * s.refill
	}
	s.filled = now
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// answer is what comes back, and from where.
func (s serverModel) answer(at, from netip.AddrPort, data []byte) (netip.AddrPort, []byte) {
	m := stun.New()
	if _, err := m.Write(data); err != nil || s.down || at == s.dead {
		return netip.AddrPort{}, nil
	}
	c := change(0)
	if v, err := m.Get(stun.AttrChangeRequest); err == nil {
		c = change(binary.BigEndian.Uint32(v))
	}
	lone := false
	for _, l := range s.lone {
		lone = lone || l == at
	}
	known := at.Addr() == s.address[0] || at.Addr() == s.address[1]
	if !lone && (!known || at.Port() != s.port[0] && at.Port() != s.port[1]) {
		return netip.AddrPort{}, nil
	}
	r := stun.New()
	r.TransactionID = m.TransactionID
	if s.errors || c != 0 && s.refuses {
		r.Type = stun.BindingError
		r.WriteHeader()
		_ = stun.ErrorCodeAttribute{Code: stun.CodeUnknownAttribute}.AddTo(r)
		return at, r.Raw
	}
	r.Type = stun.BindingSuccess
	r.WriteHeader()
	_ = (&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}).AddTo(r)
	if lone {
		return at, r.Raw
	}
	other := s.other()
	if other != netip.AddrPortFrom(s.address[0], s.port[0]) {
		_ = (&stun.OtherAddress{IP: other.Addr().AsSlice(), Port: int(other.Port())}).AddTo(r)
	}
	source := at
	if !s.ignores {
		if c&changeIP != 0 && s.address[1].IsValid() {
			source = netip.AddrPortFrom(other.Addr(), source.Port())
		}
		if c&changePort != 0 && s.port[1] != 0 {
			source = netip.AddrPortFrom(source.Addr(), other.Port())
		}
	}
	return source, r.Raw
}

type event struct {
	at    time.Time
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// travel does something after one way, unless the packet is lost.
func (s *sim) travel(do func()) {
	if s.rng.Float64() < s.loss {
		return
	}
	d := s.delay
	if s.jitter > 0 {
		d += time.Duration(s.rng.Int64N(int64(s.jitter))) // and so out of order
	}
	s.order++
	heap.Push(&s.queue, event{s.now.Add(d), s.order, do})
}

func (s *sim) send(p packet) {
	mapped, ok := s.nat.out(s.rng, p.socket, p.to)
	if !ok {
		return
	}
	s.travel(func() {
		if !s.server.allows(s.now) {
			return
		}
		from, data := s.server.answer(p.to, mapped, p.data)
		if data == nil {
			return
		}
		s.travel(func() {
			if socket, ok := s.nat.in(from, mapped); ok {
				s.deliver(socket, from, data)
			}
		})
	})
}

// run is a whole discovery of one family; it returns the evidence and how long
// it took, or false if nothing answered.
func (s *sim) run(servers []netip.AddrPort) (*prober, evidence, time.Duration) {
	var locals [socketCount]netip.AddrPort
	for i := range locals {
		locals[i] = simLocal(i)
	}
	s.now = time.Unix(1e9, 0)
	began := s.now
	p := newProber(servers, locals, func() (id transaction) {
		binary.BigEndian.PutUint64(id[:], s.rng.Uint64())
		return id
	}, s.now)
	s.deliver = func(socket int, from netip.AddrPort, data []byte) { p.receive(s.now, socket, from, data) }
	for {
		out, wake := p.step(s.now)
		for _, o := range out {
			s.send(o)
			if s.stranger != nil {
				p.receive(s.now, o.socket, o.to, s.stranger)
			}
		}
		if p.finished {
			return p, p.evidence(s.now), s.now.Sub(began)
		}
		if len(s.queue) > 0 && !s.queue[0].at.After(wake) {
			e := heap.Pop(&s.queue).(event)
			s.now = e.at
			e.do()
			continue
		}
		if !wake.After(s.now) {
			panic("the prober wants to be called again at once")
		}
		s.now = wake
	}
}
