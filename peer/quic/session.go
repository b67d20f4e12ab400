package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/peer"
	"godwit/stanza"
	"godwit/xep/icequic"
	"godwit/xep/icetransport"
	"godwit/xmlstream"

	"github.com/quic-go/quic-go"
)

// streamXML is the first byte of the stream: what the rest of it is.
const streamXML = 0x00

// maxEarly bounds the candidates kept until the answer comes.
const maxEarly = 64

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

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	conns  chan *quic.Conn // incoming, at most one

	mu      sync.Mutex
	closed  bool
	remote  *icequic.Transport // the peer's offer or answer
	known   chan struct{}      // closed when remote is set
	early   []icetransport.Candidate
	started bool // checks have begun: candidates go to the agent
	config  *tls.Config
	client  bool // we dial
	adopted bool

	// proven is leaf data of its own: the socket's reading goroutine adds to it.
	provenMu sync.Mutex
	proven   map[netip.AddrPort]func() // releases the address
}

func newSession(t *Transport, p peer.Params, offer *icequic.Transport) (*session, error) {
	hosts := t.gatherer.hosts()
	if !p.Addresses.Host && !p.Addresses.Reflexive || len(hosts) == 0 {
		// A relay alone could still help; that is for when there is one.
		return nil, ErrNoAddresses
	}
	s := &session{
		transport: t, params: p, name: serverName(p.SID), initiator: offer == nil,
		candidates: candidates{allowed: p.Addresses},
		conns:      make(chan *quic.Conn, 1), known: make(chan struct{}),
		proven: make(map[netip.AddrPort]func()),
	}
	setup := icetransport.ActPass
	if offer != nil {
		setup = icetransport.Active
		if offer.Fingerprint.Setup == icetransport.Active {
			setup = icetransport.Passive
		}
		if err := s.agree(*offer, setup == icetransport.Active); err != nil {
			return nil, err
		}
	}
	s.ctx, s.cancel = context.WithCancel(t.ctx)
	var err error
	s.agent, err = newAgent(t.mux, hosts, t.config.Loopback, t.log, s.prove)
	if err != nil {
		s.cancel()
		return nil, err
	}
	mapped, _ := t.gatherer.known(time.Now())
	found := s.candidates.host(hosts)
	found = append(found, s.candidates.reflexive(mapped, hosts[0])...)
	s.local = icequic.Transport{Transport: icetransport.Transport{
		Ufrag: s.agent.ufrag, Pwd: s.agent.pwd,
		Fingerprint: t.identity.present(setup), Candidates: found,
	}}.Node()
	return s, nil
}

// discard undoes newSession for a session that will not run.
func (s *session) discard() {
	s.cancel()
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
func (s *session) prove(address netip.AddrPort) {
	s.provenMu.Lock()
	defer s.provenMu.Unlock()
	if _, already := s.proven[address]; already || s.ctx.Err() != nil || len(s.proven) >= 2*maxRemote {
		return
	}
	s.proven[address] = s.transport.mux.Allow(address)
}

func (s *session) isProven(address netip.AddrPort) bool {
	s.provenMu.Lock()
	defer s.provenMu.Unlock()
	_, ok := s.proven[address]
	return ok
}

// serverConfig is the TLS configuration for a connection from an address; only
// proven ones get one, and only when we are the side that is dialled.
func (s *session) serverConfig(from netip.AddrPort) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config == nil || s.client || !s.isProven(from) {
		return nil, errors.New("peer/quic: this connection is not expected from there")
	}
	return s.config, nil
}

// adopt takes an incoming connection; the first one only.
func (s *session) adopt(conn *quic.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.adopted || s.ctx.Err() != nil {
		return false
	}
	s.adopted = true
	s.conns <- conn
	return true
}

// run is the course of one session, from candidates to the end of the link.
func (s *session) run() {
	defer s.cleanUp()
	var gathering sync.WaitGroup
	defer gathering.Wait()
	defer s.cancel() // before waiting: it ends the gathering
	gathering.Go(s.gather)
	conn, path, err := s.connect()
	if err != nil {
		s.fail(err)
		return
	}
	stream, err := s.openStream(conn)
	if err != nil {
		_ = conn.CloseWithError(0, "")
		s.fail(fmt.Errorf("peer/quic: the stream: %w", err))
		return
	}
	s.serve(conn, stream, path)
}

func (s *session) fail(err error) {
	if !s.isClosed() {
		s.params.Events.Failed(err)
	}
}

func (s *session) cleanUp() {
	s.cancel()
	s.agent.close()
	s.provenMu.Lock()
	for _, release := range s.proven {
		release()
	}
	clear(s.proven)
	s.provenMu.Unlock()
	s.mu.Lock() // nothing is adopted any more
	defer s.mu.Unlock()
	select {
	case conn := <-s.conns:
		_ = conn.CloseWithError(0, "")
	default:
	}
}

// gather asks the STUN servers whose answer is not fresh, all at once, and
// trickles what they say (RFC 8838).
func (s *session) gather() {
	if !s.params.Addresses.Reflexive {
		return
	}
	hosts := s.transport.gatherer.hosts()
	_, servers := s.transport.gatherer.known(time.Now())
	found := make(chan []netip.AddrPort)
	var asking sync.WaitGroup
	for _, server := range servers {
		asking.Go(func() { found <- s.transport.gatherer.ask(s.ctx, server) })
	}
	go func() { asking.Wait(); close(found) }()
	for mapped := range found {
		var base netip.AddrPort
		if len(hosts) > 0 {
			base = hosts[0]
		}
		list := s.candidates.reflexive(mapped, base)
		if len(list) == 0 || s.ctx.Err() != nil {
			continue
		}
		s.params.Events.Candidates(icequic.Transport{Transport: icetransport.Transport{
			Ufrag: s.agent.ufrag, Pwd: s.agent.pwd, Candidates: list,
		}}.Node())
	}
}

// connect checks until there is a path, and secures it.
func (s *session) connect() (*quic.Conn, peer.Path, error) {
	select {
	case <-s.known:
	case <-s.ctx.Done():
		return nil, peer.Path{}, s.ctx.Err()
	}
	s.mu.Lock()
	remote, client, config, early := s.remote, s.client, s.config, s.early
	s.early = nil
	err := s.agent.start(s.initiator, remote.Ufrag, remote.Pwd)
	if err == nil {
		s.agent.addRemote(early)
		s.started = true
	}
	s.mu.Unlock()
	if err != nil {
		return nil, peer.Path{}, err
	}
	var chosen pair
	select {
	case chosen = <-s.agent.selected:
	case <-s.ctx.Done():
		return nil, peer.Path{}, s.ctx.Err()
	}
	conn, err := s.secure(chosen, client, config)
	if err != nil {
		return nil, peer.Path{}, fmt.Errorf("peer/quic: QUIC with %v: %w", chosen.remote, err)
	}
	return conn, s.path(chosen, conn), nil
}

// secure makes the QUIC connection on the path, or waits for the peer to.
func (s *session) secure(chosen pair, client bool, config *tls.Config) (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 2*handshakeTimeout)
	defer cancel()
	if client {
		return s.transport.mux.QUIC().Dial(ctx, net.UDPAddrFromAddrPort(chosen.remote), config, quicConfig())
	}
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// path describes where the connection runs. ICE knows our side only by its base
// (RFC 8445 §5.1.1.2); an address that is not meant for the public network in
// front of a public peer has been translated on its way.
func (s *session) path(chosen pair, conn *quic.Conn) peer.Path {
	p := peer.Path{
		Transport: icequic.NS, Remote: addrPortOf(conn.RemoteAddr()),
		LocalKind: chosen.localKind, RemoteKind: chosen.remoteKind, Relayed: chosen.relayed,
	}
	p.Local, _ = s.transport.mux.LocalFor(p.Remote)
	if p.LocalKind == "host" && p.Local.Addr().IsPrivate() && !p.Remote.Addr().IsPrivate() && !p.Remote.Addr().IsLoopback() {
		p.LocalKind = "srflx"
	}
	return p
}

// openStream opens or takes the one stream, and says or hears what it is.
func (s *session) openStream(conn *quic.Conn) (*quic.Stream, error) {
	ctx, cancel := context.WithTimeout(s.ctx, streamTimeout)
	defer cancel()
	if s.initiator {
		stream, err := conn.OpenStreamSync(ctx)
		if err != nil {
			return nil, err
		}
		_, err = stream.Write([]byte{streamXML})
		return stream, err
	}
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	_ = stream.SetReadDeadline(deadline)
	var kind [1]byte
	if _, err := io.ReadFull(stream, kind[:]); err != nil {
		return nil, err
	}
	if kind[0] != streamXML {
		return nil, fmt.Errorf("a stream of unknown type %#x", kind[0])
	}
	return stream, stream.SetReadDeadline(time.Time{})
}

// serve hands the link out and stays until it has ended.
func (s *session) serve(conn *quic.Conn, stream *quic.Stream, path peer.Path) {
	config := s.transport.config.Link
	config.Kind, config.Local, config.Remote = link.DirectQUIC, path.Local, path.Remote
	config.RTT = func() time.Duration { return conn.ConnectionStats().SmoothedRTT }
	if config.Limits == nil {
		limits := xmlstream.DefaultLimits()
		config.Limits = &limits
	}
	l := bytestream.New(newStreamConn(conn, stream), config)
	if s.isClosed() {
		_ = conn.CloseWithError(0, "")
		l.Abort()
		<-l.Done()
		return
	}
	s.params.Events.Connected(l, path)
	select {
	case <-l.Done():
	case <-conn.Context().Done():
		// A link that nobody reads would not notice.
		l.Abort()
	case <-s.ctx.Done():
		_ = conn.CloseWithError(0, "")
		l.Abort()
	}
	<-l.Done()
	_ = conn.CloseWithError(0, "")
}
