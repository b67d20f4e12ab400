package clienttest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"godwit/client"
	"godwit/client/path"
	"godwit/jid"
	"godwit/link"
	"godwit/link/bytestream"
	"godwit/peer"
	"godwit/xmlstream"
)

const nsAir = "urn:godwit:test:air:0"

// air is where direct links of tests run: whoever answers an offer is joined with
// whoever made it.
type air struct {
	mu     sync.Mutex
	offers map[string]*airSession
	links  map[*airPipe]bool
	shut   bool          // nothing gets through
	made   int           // links that came up
	asked  int           // halves made: somebody's addresses would have been told
	delay  time.Duration // if set, links are cables
	cables []*cable
	silent []*cable // forgotten ones
	// weather is that of the cables; see cable.
	weather func() time.Duration
	relay   bool             // what comes up goes through a relay, if anybody may use one
	shown   []peer.Addresses // what each half was allowed to tell
	waiting []waiting        // without a way so far
	pairs   [][2]*airSession // that have a link
}

func newAir() *air { return &air{offers: map[string]*airSession{}, links: map[*airPipe]bool{}} }

func (a *air) transport() peer.Transport { return &airTransport{a} }

type airTransport struct{ air *air }

func (t *airTransport) Namespace() string { return nsAir }

type airSession struct {
	air      *air
	params   peer.Params
	local    xmlstream.Node
	ready    func()    // tells of the link that waits for the answer; under air.mu
	link     link.Link // under air.mu
	cable    *cable    // under air.mu; of the link, if links are cables
	closed   bool      // under air.mu
	answered bool      // the answer has come; under air.mu
}

func (t *airTransport) Offer(p peer.Params) (peer.Session, error) {
	t.air.mu.Lock()
	defer t.air.mu.Unlock()
	t.air.asked++
	t.air.shown = append(t.air.shown, p.Addresses)
	s := &airSession{air: t.air, params: p, local: xmlstream.NewNode(nsAir, "transport", xmlstream.A("token", p.SID))}
	t.air.offers[p.SID] = s
	return s, nil
}

func (t *airTransport) Answer(p peer.Params, remote xmlstream.Node) (peer.Session, error) {
	a := t.air
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	a.shown = append(a.shown, p.Addresses)
	s := &airSession{air: a, params: p, local: xmlstream.NewNode(nsAir, "transport", xmlstream.A("token", remote.Attr("token")))}
	other := a.offers[remote.Attr("token")]
	if other == nil {
		return nil, fmt.Errorf("no such offer")
	}
	if !a.connect(other, s) {
		a.waiting = append(a.waiting, waiting{[2]*airSession{other, s}, time.Now()}) // their checks go unanswered
	}
	return s, nil
}

// connect joins two halves, if there is a way between them; with mu held.
func (a *air) connect(other, s *airSession) bool {
	mine, theirs := s.params.Addresses, other.params.Addresses
	relayed := a.relay || !mine.Reflexive || !theirs.Reflexive
	if a.shut || other.closed || s.closed || relayed && !mine.Relay && !theirs.Relay {
		return false
	}
	way := peer.Path{Transport: nsAir, LocalKind: "host", RemoteKind: "host"}
	if relayed {
		way = peer.Path{Transport: nsAir, LocalKind: "relay", RemoteKind: "relay", Relayed: true, Relay: airRelay, RelayProtocol: "udp"}
	}
	a.pairs = append(a.pairs, [2]*airSession{other, s})
	l1, l2 := a.join(other, s, relayed)
	other.link, other.ready = l1, func() { other.params.Events.Connected(l1, way) } // once the answer is there
	if other.answered {
		go other.ready()
	}
	s.link = l2
	go s.params.Events.Connected(l2, way)
	return true
}

// waiting are two halves whose checks go on for a while.
type waiting struct {
	pair  [2]*airSession
	since time.Time
}

// patience is for how long checks go on.
const patience = 10 * time.Second

// airRelay is the relay of this world.
var airRelay = netip.MustParseAddrPort("203.0.113.9:3478")

// join makes a link between two halves; with mu held.
func (a *air) join(other, s *airSession, relayed bool) (l1, l2 link.Link) {
	x, y, c := a.pair(relayed)
	other.cable, s.cable = c, c
	one, two := &airPipe{Conn: x, air: a, to: other.params.Peer}, &airPipe{Conn: y, air: a, to: s.params.Peer}
	a.links[one], a.links[two] = true, true
	a.made++
	limits := xmlstream.DefaultLimits()
	cfg := bytestream.Config{Kind: link.DirectQUIC, Limits: &limits}
	return bytestream.New(one, cfg), bytestream.New(two, cfg)
}

// upgrade finds a direct path within every session there is: as a second link, or by
// moving the one there is.
func (a *air) upgrade(move bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	way := peer.Path{Transport: nsAir, LocalKind: "srflx", RemoteKind: "srflx"}
	for _, p := range a.pairs {
		if move {
			go p[0].params.Events.Moved(p[0].link, way)
			go p[1].params.Events.Moved(p[1].link, way)
			continue
		}
		l1, l2 := a.join(p[0], p[1], false)
		go p[0].params.Events.Connected(l1, way)
		go p[1].params.Events.Connected(l2, way)
	}
}

// set changes whether what comes up goes through a relay.
func (a *air) set(relay bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.relay = relay
}

// pair makes the two ends of a link; with mu held.
func (a *air) pair(relayed bool) (net.Conn, net.Conn, *cable) {
	if a.delay == 0 {
		x, y := net.Pipe()
		return x, y, nil
	}
	x, y, c := lay(a.delay, a.weather)
	c.relayed = relayed
	a.cables = append(a.cables, c)
	return x, y, c
}

// improve finds a direct path within the session that goes through a relay now, as
// upgrade does, if there is one that lives.
func (a *air) improve(move bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	way := peer.Path{Transport: nsAir, LocalKind: "srflx", RemoteKind: "srflx"}
	for _, p := range slices.Backward(a.pairs) {
		c := p[0].cable
		if p[0].closed || p[1].closed || c == nil || c.silent() || !c.relayed {
			continue
		}
		if move {
			c.relayed = false
			go p[0].params.Events.Moved(p[0].link, way)
			go p[1].params.Events.Moved(p[1].link, way)
			return true
		}
		l1, l2 := a.join(p[0], p[1], false)
		go p[0].params.Events.Connected(l1, way)
		go p[1].params.Events.Connected(l2, way)
		return true
	}
	return false
}

// each does something to every link of one kind.
func (a *air) each(relayed bool, f func(*cable)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.cables {
		if c.relayed == relayed {
			f(c)
		}
	}
}

// state lets new links come up directly, through a relay, or not at all.
func (a *air) state(shut, relay bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut, a.relay = shut, relay
	left := a.waiting
	a.waiting = nil
	for _, x := range left {
		if x.pair[0].closed || x.pair[1].closed || time.Since(x.since) > patience || a.connect(x.pair[0], x.pair[1]) {
			continue
		}
		a.waiting = append(a.waiting, x)
	}
}

// forget silences every link there is, for good and without a word. New ones work.
func (a *air) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.cables {
		c.sever()
	}
	a.silent = append(a.silent, a.cables...)
	a.cables = nil
}

// tear ends every link there ever was.
func (a *air) tear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range slices.Concat(a.silent, a.cables) {
		c.tear()
	}
	a.silent, a.cables = nil, nil
}

func (s *airSession) Local() xmlstream.Node     { return s.local }
func (s *airSession) Info(xmlstream.Node) error { return nil }

func (s *airSession) Remote(xmlstream.Node) error {
	s.air.mu.Lock()
	defer s.air.mu.Unlock()
	s.answered = true
	if s.ready != nil {
		go s.ready()
	}
	return nil
}

func (s *airSession) Close() {
	s.air.mu.Lock()
	l := s.link
	s.closed = true
	s.air.mu.Unlock()
	if l != nil {
		l.Abort()
	}
}

// airPipe is one end of a direct link. While it is jammed, what is written is lost
// for good, as on a path whose packets are dropped.
type airPipe struct {
	net.Conn
	air *air
	to  jid.JID // who is at the other end
	mu  sync.Mutex
	jam bool
}

func (p *airPipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	jam := p.jam
	p.mu.Unlock()
	if jam {
		return len(b), nil
	}
	return p.Conn.Write(b)
}

func (p *airPipe) Close() error {
	p.air.mu.Lock()
	delete(p.air.links, p)
	p.air.mu.Unlock()
	return p.Conn.Close()
}

// jam makes every direct link swallow what is written.
func (a *air) jam() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for l := range a.links {
		l.mu.Lock()
		l.jam = true
		l.mu.Unlock()
	}
}

// close lets no new links come up, or does again.
func (a *air) close(shut bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = shut
}

func (a *air) counts() (made, asked int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.made, a.asked
}

func (p *person) sendBy(to *person, id, body string, r path.Route) {
	p.t.Helper()
	if _, err := p.c.Send(context.Background(), client.Outgoing{To: to.jid, Body: body, ID: id, Route: r}); err != nil {
		p.t.Fatal(err)
	}
}

func describe(e client.Event) string { return fmt.Sprintf("%T%+v", e, e) }

// sever ends every direct link.
func (a *air) sever() {
	a.mu.Lock()
	links := make([]*airPipe, 0, len(a.links))
	for l := range a.links {
		links = append(links, l)
	}
	a.mu.Unlock()
	for _, l := range links {
		_ = l.Close()
	}
}

// inject writes to whoever is linked with from, as if from had sent it.
func (a *air) inject(from jid.JID, xml string) {
	a.mu.Lock()
	var pipe *airPipe
	for l := range a.links {
		if l.to != from {
			pipe = l // the end that from holds
		}
	}
	a.mu.Unlock()
	_, _ = pipe.Conn.Write([]byte(xml))
}
