package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"godwit/peer"
	"godwit/peer/allocation"
	"godwit/stanza"
	"godwit/udpmux"
	"godwit/xep/icequic"
	"godwit/xep/icetransport"
	"godwit/xep/reach"
	"godwit/xmlstream"

	"github.com/quic-go/quic-go"
)

// Bounds of a session.
const (
	maxEarly    = 64 // candidates kept until the answer comes
	maxProven   = 64 // addresses from which QUIC is let in
	maxIncoming = 4  // connections taken in the life of a session
	// maxHold bounds how long the responder waits for the initiator to have its
	// answer.
	maxHold = 250 * time.Millisecond
	// relayPause is between attempts to get a relay.
	relayPause = 5 * time.Second
)

// session is one half of one attempt to connect. The goroutine of run owns the
// course of events; the fields under mu are what others hand in or look up.
type session struct {
	transport  *Transport
	params     peer.Params
	name       string // TLS server name
	initiator  bool
	agent      *agent
	candidates candidates
	local      xmlstream.Node
	made       time.Time
	hold       time.Duration // from the answer to our first check

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	conns   chan incoming
	changed chan struct{}  // capacity 1: look for addresses anew
	retry   chan struct{}  // capacity 1: and for a relay
	found   chan struct{}  // closed when there is a link without a relay
	direct  chan struct{}  // closed when a relay is needed no more
	noRelay chan error     // capacity 1: there is none
	helpers sync.WaitGroup // gathering and the relay

	mu       sync.Mutex
	closed   bool
	remote   *icequic.Transport // the peer's offer or answer
	known    chan struct{}      // closed when remote is set
	early    []icetransport.Candidate
	started  bool // checks have begun: candidates go to the agent
	config   *tls.Config
	client   bool // we dial
	adopted  int
	upgraded bool // a connection without relay was taken
	guessed  *udpmux.Mux

	// proven is leaf data of its own: the sockets' reading goroutines add to it.
	provenMu sync.Mutex
	proven   map[place]func() // releases the address
}

// place is an address in the eyes of one of our sockets.
type place struct {
	mux     *udpmux.Mux
	address netip.AddrPort
}

// incoming is a connection that the peer has made.
type incoming struct {
	choice
	conn *quic.Conn
}

func newSession(t *Transport, p peer.Params, offer *icequic.Transport) (*session, error) {
	hosts := t.gatherer.hosts()
	own := (p.Addresses.Host || p.Addresses.Reflexive) && len(hosts) > 0
	relay := p.Addresses.Relay && t.relays.Usable()
	if !own && !relay {
		return nil, ErrNoAddresses
	}
	s := &session{
		transport: t, params: p, name: serverName(p.SID), initiator: offer == nil, made: time.Now(),
		candidates: candidates{allowed: p.Addresses},
		conns:      make(chan incoming, maxIncoming), known: make(chan struct{}),
		changed: make(chan struct{}, 1), retry: make(chan struct{}, 1), found: make(chan struct{}), direct: make(chan struct{}), noRelay: make(chan error, 1),
		proven: make(map[place]func()),
	}
	setup := icetransport.ActPass
	if offer != nil {
		setup = icetransport.Active
		if offer.Fingerprint.Setup == icetransport.Active {
			setup = icetransport.Passive
		}
		s.hold = holdFor(offer.RTT, t.gatherer.roundTrip(s.made))
		if err := s.agree(*offer, setup == icetransport.Active); err != nil {
			return nil, err
		}
	}
	s.ctx, s.cancel = context.WithCancel(t.ctx)
	s.agent = newAgent(t.config.Loopback, s.prove)
	var found []icetransport.Candidate
	if own {
		if err := s.addSockets(hosts); err != nil {
			s.discard()
			return nil, err
		}
		found = s.candidates.host(hosts)
		found = append(found, s.candidates.reflexive(t.gatherer.known(s.made), hosts[0])...)
	}
	if p.Addresses.Relay {
		if r, release, ok := t.relays.TryAcquire(); ok { // one that others use already
			found = append(found, s.candidates.relayed(r.Address())...)
			s.helpers.Go(func() {
				if s.useRelay(r, release, false) {
					s.seekRelay()
				}
			})
		} else if relay {
			s.helpers.Go(s.seekRelay)
		}
	}
	s.local = s.element(setup, found)
	return s, nil
}

// holdFor tells how long the responder waits with its first check: until the
// answer has reached the initiator, which begins at that moment. Routers exist
// that take a packet from outside, before one from inside has gone there, as a
// reason to use another port for the latter; when both begin at once, the
// packets pass each other between the two routers.
func holdFor(theirs, ours time.Duration) time.Duration {
	if theirs <= 0 || ours <= 0 {
		return 0
	}
	return min((theirs+ours)/2, maxHold)
}

// addSockets checks from the shared socket, in each family it has.
func (s *session) addSockets(hosts []netip.AddrPort) error {
	mux := s.transport.mux
	bound := mux.LocalAddr()
	locals := []netip.AddrPort{bound}
	if bound.Addr().IsUnspecified() {
		// One for each family; where there is no address today, there may be tomorrow.
		locals = []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), bound.Port())}
		if bound.Addr().Is6() {
			locals = append(locals, netip.AddrPortFrom(netip.IPv6Unspecified(), bound.Port()))
		}
	}
	for _, local := range locals {
		if _, err := s.agent.addBase(mux, local, nil); err != nil {
			return err
		}
	}
	return nil
}

// element is the <transport/> for the offer or answer.
func (s *session) element(setup icetransport.Setup, found []icetransport.Candidate) xmlstream.Node {
	t := icequic.Transport{
		Transport: icetransport.Transport{
			Ufrag: s.agent.ufrag, Pwd: s.agent.pwd,
			Fingerprint: s.transport.identity.present(setup), Candidates: found,
		},
		RTT: s.transport.gatherer.roundTrip(s.made),
	}
	if s.params.Addresses.Host || s.params.Addresses.Reflexive {
		// Whoever hides where it is says nothing of the network there either. The
		// addresses are the candidates.
		t.Reach = s.transport.currentReach().WithoutAddresses()
	}
	return t.Node()
}

// discard undoes newSession for a session that will not run.
func (s *session) discard() {
	s.cancel()
	s.helpers.Wait()
	s.agent.close()
}

// agree takes over what the peer said: which key to expect, and who dials.
func (s *session) agree(remote icequic.Transport, client bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil {
		return stanza.ErrUnexpectedRequest().WithText("a second answer")
	}
	s.remote = &remote
	s.client = client
	s.config = s.transport.identity.config(s.params.SID, remote.Fingerprint.Value)
	s.early = append(s.early, remote.Candidates...)
	close(s.known)
	return nil
}

// Local implements peer.Session.
func (s *session) Local() xmlstream.Node { return s.local }

// Remote implements peer.Session.
func (s *session) Remote(n xmlstream.Node) error {
	answer, err := icequic.ParseFull(n)
	if err != nil {
		return err
	}
	switch answer.Fingerprint.Setup {
	case icetransport.Active:
		return s.agree(answer, false)
	case icetransport.Passive:
		return s.agree(answer, true)
	}
	// RFC 8842 §5.3: an answer decides.
	return stanza.ErrBadRequest().WithText("the answer's setup must be active or passive")
}

// Info implements peer.Session.
func (s *session) Info(n xmlstream.Node) error {
	info, err := icequic.Parse(n)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil && info.Ufrag != "" && info.Ufrag != s.remote.Ufrag {
		return stanza.ErrBadRequest().WithText("candidates of another ICE session")
	}
	switch {
	case s.closed:
	case s.started:
		s.agent.addRemote(info.Candidates)
	case len(s.early)+len(info.Candidates) <= maxEarly:
		s.early = append(s.early, info.Candidates...)
	}
	return nil
}

// Close implements peer.Session.
func (s *session) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
}

func (s *session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// prove lets QUIC packets in from an address that answered a check.
func (s *session) prove(mux *udpmux.Mux, address netip.AddrPort) {
	s.provenMu.Lock()
	defer s.provenMu.Unlock()
	at := place{mux, address}
	if _, already := s.proven[at]; already || s.ctx.Err() != nil || len(s.proven) >= maxProven {
		return
	}
	s.proven[at] = mux.Allow(address)
}

func (s *session) isProven(at place) bool {
	s.provenMu.Lock()
	defer s.provenMu.Unlock()
	_, ok := s.proven[at]
	return ok
}

// serverConfig is the TLS configuration for a connection from an address; only
// proven ones get one, and only when we are the side that is dialled.
func (s *session) serverConfig(from place) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config == nil || s.client || !s.isProven(from) {
		return nil, errors.New("peer/quic: this connection is not expected from there")
	}
	return s.config, nil
}

// adopt takes an incoming connection: any while there is none without a relay,
// but not many.
func (s *session) adopt(conn *quic.Conn, mux *udpmux.Mux) bool {
	way, ok := s.agent.describe(mux, addrPortOf(conn.RemoteAddr()))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || s.upgraded || s.adopted >= maxIncoming || s.ctx.Err() != nil {
		return false
	}
	s.adopted++
	s.upgraded = !way.Relayed()
	s.conns <- incoming{way, conn}
	return true
}

// run is the course of one session, from candidates to the end of its last link.
func (s *session) run() {
	defer s.cleanUp()
	s.helpers.Go(s.gather)
	select {
	case <-s.known:
	case <-s.ctx.Done():
		s.fail(s.ctx.Err())
		return
	}
	s.permitEarly()
	if wait := time.Until(s.made.Add(s.hold)); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			s.fail(s.ctx.Err())
			return
		}
	}
	s.begin()
	s.helpers.Go(s.guessPort)
	if err := s.negotiate(); err != nil {
		s.fail(err)
	}
}

// permitEarly makes the peer's candidates known to the agent before checks begin.
func (s *session) permitEarly() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	s.agent.addRemote(s.early)
	s.early = nil
}

func (s *session) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agent.start(s.initiator, expectRelay(s.transport.currentReach(), s.remote.Reach), s.remote.Ufrag, s.remote.Pwd)
}

// expectRelay tells from what both sides know whether ordinary checks are likely
// to be in vain. It decides only about a moment's wait.
func expectRelay(ours, theirs reach.Reach) bool {
	switch {
	case ours.Class == reach.Blocked || theirs.Class == reach.Blocked:
		return true
	case ours.IPv6 == reach.Yes && theirs.IPv6 == reach.Yes, ours.Mapped != "", theirs.Mapped != "":
		return false
	}
	hard := func(r reach.Reach) bool { return r.Class == reach.Symmetric }
	byPort := func(r reach.Reach) bool { return r.Class == reach.Symmetric || r.Class == reach.PortRestricted }
	return hard(ours) && byPort(theirs) || hard(theirs) && byPort(ours)
}

func (s *session) fail(err error) {
	if !s.isClosed() {
		s.transport.log.Debug("peer/quic: no link", "peer", s.params.Peer, "after", time.Since(s.made), "error", err)
		s.params.Events.Failed(err)
	}
}

func (s *session) cleanUp() {
	s.cancel()
	s.helpers.Wait()
	s.agent.close()
	s.provenMu.Lock()
	for _, release := range s.proven {
		release()
	}
	clear(s.proven)
	s.provenMu.Unlock()
	s.mu.Lock()
	guessed := s.guessed
	s.mu.Unlock()
	if guessed != nil {
		_ = guessed.Close()
	}
	s.mu.Lock() // nothing is adopted any more
	defer s.mu.Unlock()
	for {
		select {
		case in := <-s.conns:
			_ = in.conn.CloseWithError(0, "")
			continue
		default:
		}
		return
	}
}

// lookAgain has the addresses gathered anew, for what may have changed.
func (s *session) lookAgain() {
	for _, c := range []chan struct{}{s.changed, s.retry} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// gather finds addresses and trickles them (RFC 8838): at once, and again when
// something has changed, until no better path is wanted.
func (s *session) gather() {
	for first := true; ; first = false {
		if s.params.Addresses.Host || s.params.Addresses.Reflexive {
			s.look(first)
		}
		select {
		case <-s.changed:
		case <-s.ctx.Done():
			return
		case <-s.direct:
			return
		}
	}
}

// look asks all STUN servers at once; none is waited for by the others.
func (s *session) look(first bool) {
	g := s.transport.gatherer
	hosts := g.hosts()
	var base netip.AddrPort
	if len(hosts) > 0 {
		base = hosts[0]
	}
	if !first {
		s.trickle(append(s.candidates.host(hosts), s.candidates.reflexive(g.known(time.Now()), base)...))
		s.agent.wake()
	}
	if !s.params.Addresses.Reflexive {
		return
	}
	var asking sync.WaitGroup
	for _, server := range g.toAsk() {
		asking.Go(func() {
			g.ask(s.ctx, server, func(mapped netip.AddrPort) {
				s.trickle(s.candidates.reflexive([]netip.AddrPort{mapped}, base))
			})
		})
	}
	s.helpers.Go(asking.Wait)
}

// trickle sends candidates after the offer or answer.
func (s *session) trickle(list []icetransport.Candidate) {
	if len(list) == 0 || s.ctx.Err() != nil {
		return
	}
	s.params.Events.Candidates(icequic.Transport{Transport: icetransport.Transport{
		Ufrag: s.agent.ufrag, Pwd: s.agent.pwd, Candidates: list,
	}}.Node())
}

// seekRelay gets an address on a TURN server, and another when that is lost, as
// long as one can be of use.
func (s *session) seekRelay() {
	for first := true; ; first = false {
		r, release, err := s.transport.relays.Acquire(s.ctx)
		if err == nil {
			if !s.useRelay(r, release, true) {
				return
			}
			continue
		}
		s.transport.log.Debug("peer/quic: no relay", "error", err)
		if first {
			s.noRelay <- err
		}
		timer := time.NewTimer(relayPause)
		select {
		case <-timer.C:
		case <-s.retry:
			timer.Stop()
		case <-s.direct:
			timer.Stop()
			return
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// useRelay checks by a relay until it is lost (then it reports true) or needed no
// more.
func (s *session) useRelay(r *allocation.Relay, release func(), tell bool) (again bool) {
	defer release()
	if err := s.transport.listenOn(r.Mux()); err != nil {
		s.transport.log.Debug("peer/quic: listening on a relay", "error", err)
		return true
	}
	b, err := s.agent.addBase(r.Mux(), r.Address(), r)
	if err != nil {
		return false
	}
	if tell {
		s.trickle(s.candidates.relayed(r.Address()))
	}
	select {
	case <-r.Done():
		again = true
	case <-s.direct:
	case <-s.ctx.Done():
	}
	s.agent.removeBase(b)
	s.forgetPlaces(r.Mux())
	return again
}

// forgetPlaces drops what was proven on a socket that is used no more.
func (s *session) forgetPlaces(mux *udpmux.Mux) {
	s.provenMu.Lock()
	defer s.provenMu.Unlock()
	for at, release := range s.proven {
		if at.mux == mux {
			release()
			delete(s.proven, at)
		}
	}
}

var errNoConnection = fmt.Errorf("peer/quic: the peer has not connected on the path: %w", context.DeadlineExceeded)
