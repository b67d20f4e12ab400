package datachannel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"godwit/link"
	"godwit/peer"
	"godwit/stanza"
	"godwit/xep/datachannel"
	"godwit/xep/icetransport"
	"godwit/xmlstream"

	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"
)

const (
	channelLabel    = "xmlstream"
	channelProtocol = "xmpp" // RFC 7395 §3.1, as RFC 8832 §8.1 has data channels use names of WebSocket
)

// agreed is the one channel, which the initiator opens.
var agreed = webrtc.DataChannelParameters{Label: channelLabel, Protocol: channelProtocol, Ordered: true}

var (
	errLost       = errors.New("peer/datachannel: the other side does not answer any more")
	errSuperseded = errors.New("peer/datachannel: a newer link with the same device has taken its place")
	errChannel    = errors.New("peer/datachannel: the other side opened a channel that was not agreed on")
)

// session is one half of one attempt, and the link that came of it. What may be
// called by others is guarded by mu; the rest belongs to run.
type session struct {
	transport *Transport
	params    peer.Params
	initiator bool
	dialect   datachannel.Dialect

	relays   relays
	changed  chan struct{} // capacity 1: look for addresses again
	api      *webrtc.API
	gatherer *webrtc.ICEGatherer
	ice      *webrtc.ICETransport
	dtls     *webrtc.DTLSTransport
	sctp     *webrtc.SCTPTransport
	release  sync.Once

	local  xmlstream.Node
	ufrag  string
	pwd    string
	known  chan struct{} // closed when the peer's half is known
	opened chan rawChannel

	ctx    context.Context
	cancel context.CancelCauseFunc

	moving sync.Mutex // held while a path is told; taken before mu
	told   bool       // the link was handed out; guarded by moving

	mu         sync.Mutex
	candidates candidates
	remote     *datachannel.Transport
	client     bool // we are the DTLS client
	checked    int  // candidates of the peer
	channels   int  // opened by the peer
	closed     bool
	link       *directLink
}

// rawChannel is what the library's detached channels can do.
type rawChannel interface {
	ReadDataChannel([]byte) (n int, text bool, err error)
	WriteDataChannel(message []byte, text bool) (int, error)
	BufferedAmount() uint64
	SetBufferedAmountLowThreshold(uint64)
	OnBufferedAmountLow(func())
}

func newSession(t *Transport, p peer.Params, dialect datachannel.Dialect, offer *datachannel.Transport) (*session, error) {
	s := &session{
		transport: t, params: p, initiator: offer == nil, dialect: dialect,
		known: make(chan struct{}), opened: make(chan rawChannel, 1), changed: make(chan struct{}, 1),
		relays:     relays{opened: make(map[netip.AddrPort]relayed)},
		candidates: candidates{allowed: p.Addresses},
	}
	hosts, mapped, _, err := t.addresses()
	if err != nil {
		return nil, fmt.Errorf("peer/datachannel: the addresses of this machine: %w", err)
	}
	s.relays.trust = t.config.TLS
	// Without addresses of our own in the game nothing but the relay's is used, so
	// that not a packet goes to the peer.
	policy := webrtc.ICETransportPolicyAll
	if !s.ownSocket() {
		policy = webrtc.ICETransportPolicyRelay
	}
	if p.Addresses.Relay {
		t.mu.Lock()
		s.relays.ways = t.ways
		t.mu.Unlock()
	}
	if (policy == webrtc.ICETransportPolicyRelay || len(hosts) == 0) && len(s.relays.ways) == 0 {
		return nil, ErrNoAddresses
	}
	s.ctx, s.cancel = context.WithCancelCause(t.ctx)
	s.relays.ctx = s.ctx
	if err := s.assemble(policy); err != nil {
		s.cancel(nil)
		return nil, fmt.Errorf("peer/datachannel: %w", err)
	}
	setup := icetransport.ActPass
	if offer != nil {
		setup = icetransport.Active
		if offer.ICE.Fingerprint.Setup == icetransport.Active {
			setup = icetransport.Passive
		}
		_ = s.agree(*offer, setup == icetransport.Active) // the first half to be known
	}
	found := s.candidates.list(icetransport.Host, hosts...)
	found = append(found, s.candidates.list(icetransport.ServerReflexive, mapped...)...)
	s.local = datachannel.Transport{
		Dialect: dialect, Port: sctpPort, MaxMessageSize: maxMessage, Streams: 65535,
		ICE: icetransport.Transport{Ufrag: s.ufrag, Pwd: s.pwd, Fingerprint: t.identity.present(setup), Candidates: found},
	}.Node()
	s.gatherer.OnLocalCandidate(s.gathered)
	if err := s.gatherer.Gather(); err != nil {
		s.cancel(nil)
		s.close()
		return nil, fmt.Errorf("peer/datachannel: %w", err)
	}
	return s, nil
}

// assemble makes the layers of a session, none of which does anything yet.
func (s *session) assemble(policy webrtc.ICETransportPolicy) (err error) {
	settings := s.transport.settings()
	settings.SetICEProxyDialer(&s.relays)
	system, err := stdnet.NewNet()
	if err != nil {
		return err
	}
	settings.SetNet(network{system})
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&webrtc.MediaEngine{}))
	s.api = api
	s.gatherer, err = api.NewICEGatherer(webrtc.ICEGatherOptions{ICEServers: s.relays.servers(), ICEGatherPolicy: policy})
	if err != nil {
		return err
	}
	credentials, err := s.gatherer.GetLocalParameters()
	if err != nil {
		return err
	}
	s.ufrag, s.pwd = credentials.UsernameFragment, credentials.Password
	s.ice = api.NewICETransport(s.gatherer)
	if s.dtls, err = api.NewDTLSTransport(s.ice, []webrtc.Certificate{s.transport.identity.certificate}); err != nil {
		_ = s.gatherer.Close()
		return err
	}
	s.sctp = api.NewSCTPTransport(s.dtls)
	s.sctp.OnDataChannel(s.offered)
	s.sctp.OnClose(func(error) { s.channelEnded() })
	s.ice.OnSelectedCandidatePairChange(s.pairSelected)
	s.ice.OnConnectionStateChange(func(state webrtc.ICETransportState) {
		if state == webrtc.ICETransportStateFailed {
			s.lost()
		}
	})
	return nil
}

// close releases all layers, and waits for their goroutines.
func (s *session) close() {
	s.release.Do(func() {
		_ = s.sctp.Stop()
		_ = s.dtls.Stop()
		_ = s.ice.GracefulStop()
	})
}

// tell sends candidates found meanwhile (RFC 8838).
func (s *session) tell(kind icetransport.Kind, addresses ...netip.AddrPort) {
	s.mu.Lock()
	list := s.candidates.list(kind, addresses...)
	closed := s.closed
	s.mu.Unlock()
	if len(list) == 0 || closed || s.ctx.Err() != nil {
		return
	}
	s.params.Events.Candidates(datachannel.Transport{Dialect: s.dialect, ICE: icetransport.Transport{
		Ufrag: s.ufrag, Pwd: s.pwd, Candidates: list,
	}}.Node())
}

// Local implements peer.Session.
func (s *session) Local() xmlstream.Node { return s.local }

// Remote implements peer.Session.
func (s *session) Remote(n xmlstream.Node) error {
	answer, err := datachannel.ParseFull(n)
	if err != nil {
		return err
	}
	switch answer.ICE.Fingerprint.Setup {
	case icetransport.Active:
		return s.agree(answer, false)
	case icetransport.Passive:
		return s.agree(answer, true)
	}
	// RFC 8842 §5.3: an answer decides.
	return stanza.ErrBadRequest().WithText("the answer's setup must be active or passive")
}

// agree takes over what the peer said: which key to expect, and who dials.
func (s *session) agree(remote datachannel.Transport, client bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil {
		return stanza.ErrUnexpectedRequest().WithText("a second answer")
	}
	s.remote, s.client = &remote, client
	s.addRemote(remote.ICE.Candidates)
	close(s.known)
	return nil
}

// Info implements peer.Session.
func (s *session) Info(n xmlstream.Node) error {
	info, err := datachannel.Parse(n)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil && info.ICE.Ufrag != "" && info.ICE.Ufrag != s.remote.ICE.Ufrag {
		return stanza.ErrBadRequest().WithText("candidates of another ICE session")
	}
	s.addRemote(info.ICE.Candidates)
	return nil
}

// addRemote has candidates of the peer checked; with mu held.
func (s *session) addRemote(list []icetransport.Candidate) {
	for _, c := range list {
		if c.Component != 1 || s.checked >= maxRemote || s.closed || !acceptable(c.Address.Addr(), s.transport.config.Loopback) {
			continue
		}
		s.checked++
		if err := s.ice.AddRemoteCandidate(remoteCandidate(c)); err != nil {
			s.transport.log.Debug("peer/datachannel: a candidate can not be used", "error", err)
			continue
		}
		// Once it has a pair, the library checks nothing new on the controlled side;
		// the other side's checks need the way through our router.
		if !s.initiator && s.ownSocket() && s.ice.State() == webrtc.ICETransportStateConnected {
			s.open(c.Address)
		}
	}
}

// Close implements peer.Session.
func (s *session) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(ErrClosed)
}

// run is the course of one session, from candidates to the end of the link.
func (s *session) run() {
	defer s.close()
	var gathering sync.WaitGroup
	defer gathering.Wait()
	defer s.cancel(nil) // before waiting: it ends the gathering
	gathering.Go(s.gather)
	raw, err := s.connect()
	if err != nil {
		if cause := context.Cause(s.ctx); cause != nil {
			err = cause
		}
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if !closed {
			s.params.Events.Failed(err)
		}
		return
	}
	s.serve(raw)
}

// connect brings one layer up after the other.
func (s *session) connect() (rawChannel, error) {
	select {
	case <-s.known:
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
	s.mu.Lock()
	remote, client := s.remote, s.client
	s.mu.Unlock()
	role := webrtc.ICERoleControlled
	if s.initiator {
		role = webrtc.ICERoleControlling
	}
	err := s.ice.StartContext(s.ctx, nil, webrtc.ICEParameters{UsernameFragment: remote.ICE.Ufrag, Password: remote.ICE.Pwd}, &role)
	if err != nil {
		return nil, fmt.Errorf("peer/datachannel: ICE: %w", err)
	}
	theirs := webrtc.DTLSRoleClient
	if client {
		theirs = webrtc.DTLSRoleServer
	}
	ctx, cancel := context.WithTimeout(s.ctx, handshakeTimeout)
	defer cancel()
	if err := s.dtls.StartContext(ctx, pinned(remote.ICE.Fingerprint, theirs)); err != nil {
		return nil, fmt.Errorf("peer/datachannel: DTLS: %w", err)
	}
	ctx, cancel = context.WithTimeout(s.ctx, associateTimeout)
	defer cancel()
	if err := s.sctp.StartContext(ctx, webrtc.SCTPCapabilities{MaxMessageSize: remote.Limit()}); err != nil {
		return nil, fmt.Errorf("peer/datachannel: SCTP: %w", err)
	}
	if s.initiator {
		parameters := s.transport.channel
		c, err := s.api.NewDataChannel(s.sctp, &parameters)
		if err != nil {
			return nil, fmt.Errorf("peer/datachannel: the channel: %w", err)
		}
		return detach(c)
	}
	select {
	case raw := <-s.opened:
		return raw, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("peer/datachannel: the channel: %w", context.Cause(ctx))
	}
}

func detach(c *webrtc.DataChannel) (rawChannel, error) {
	d, err := c.Detach()
	if err != nil {
		return nil, err
	}
	raw, ok := d.(rawChannel)
	if !ok {
		return nil, errors.New("peer/datachannel: the library's channel is not what it was")
	}
	return raw, nil
}

// offered takes a channel of the peer's: the first one, of the initiator, if it
// is what was agreed on. With anything else the session ends, so that nobody can
// fill this client with channels.
func (s *session) offered(c *webrtc.DataChannel) {
	s.mu.Lock()
	s.channels++
	good := s.channels == 1 && !s.initiator
	s.mu.Unlock()
	if !good || !c.Ordered() || c.MaxRetransmits() != nil || c.MaxPacketLifeTime() != nil || c.Protocol() != channelProtocol {
		s.cancel(errChannel)
		return
	}
	c.OnOpen(func() {
		if raw, err := detach(c); err != nil {
			s.cancel(err)
		} else {
			s.opened <- raw
		}
	})
}

// serve hands the link out and stays until it has ended.
func (s *session) serve(raw rawChannel) {
	s.mu.Lock()
	limit := int(min(s.remote.Limit(), 1<<30))
	s.mu.Unlock()
	path := s.path(nil)
	l := newLink(&wire{raw, s}, s.transport.config.Link, limit, path, s.rtt)
	s.mu.Lock()
	closed := s.closed
	s.link = l
	s.mu.Unlock()
	if closed {
		l.Abort()
		<-l.Done()
		return
	}
	s.transport.adopt(s)
	defer s.transport.forget(s)
	s.params.Events.Connected(l, path)
	s.moving.Lock()
	s.told = true
	s.moving.Unlock()
	if pair, err := s.ice.GetSelectedCandidatePair(); err == nil {
		s.pairSelected(pair) // what was selected meanwhile
	}
	select {
	case <-l.Done():
	case <-s.ctx.Done():
		l.end(ended(context.Cause(s.ctx)))
	}
	<-l.Done()
}

// ended is what a link tells of the end of its session: ErrClosed when this end
// wanted it.
func ended(cause error) error {
	if errors.Is(cause, errSuperseded) || errors.Is(cause, errChannel) {
		return cause
	}
	return link.ErrClosed
}

// current is the link, once there is one.
func (s *session) current() *directLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}

// lost ends the link, or the attempt, when ICE has given up.
func (s *session) lost() {
	if l := s.current(); l != nil {
		l.end(errLost)
		return
	}
	s.cancel(errLost)
}

// channelEnded tells the link that its channel is gone.
func (s *session) channelEnded() {
	if l := s.current(); l != nil {
		l.channelEnded()
	}
}

// pairSelected tells when the link takes another path, once it has been handed
// out.
func (s *session) pairSelected(pair *webrtc.ICECandidatePair) {
	s.moving.Lock()
	defer s.moving.Unlock()
	l := s.current()
	if l == nil || pair == nil || !s.told {
		return
	}
	path := s.path(pair)
	if old := l.path.Swap(&path); old.Remote != path.Remote || old.LocalKind != path.LocalKind {
		s.params.Events.Moved(l, path)
	}
}

// path describes a pair, or the one in use. ICE knows our side only by its base
// (RFC 8445 §5.1.1.2); an address that is not meant for the public network in
// front of a public peer has been translated on its way.
func (s *session) path(pair *webrtc.ICECandidatePair) peer.Path {
	p := peer.Path{Transport: s.dialect.Namespace()}
	if pair == nil {
		var err error
		if pair, err = s.ice.GetSelectedCandidatePair(); err != nil || pair == nil {
			return p
		}
	}
	p.Remote, _ = addressOf(pair.Remote)
	p.Local, _ = addressOf(pair.Local)
	p.LocalKind, p.RemoteKind = pair.Local.Typ.String(), pair.Remote.Typ.String()
	relayed := pair.Local.Typ == webrtc.ICECandidateTypeRelay
	p.Relayed = relayed || pair.Remote.Typ == webrtc.ICECandidateTypeRelay
	switch {
	case relayed:
		way := s.relays.behind(pair.Local)
		p.Relay, p.RelayProtocol = way.server, string(way.protocol)
	default:
		if local, err := s.transport.mux.LocalFor(p.Remote); err == nil {
			p.Local = local
		}
		if p.LocalKind == "host" && p.Local.Addr().IsPrivate() && !p.Remote.Addr().IsPrivate() && !p.Remote.Addr().IsLoopback() {
			p.LocalKind = "srflx"
		}
	}
	return p
}

// rtt is the round trip of the latest check.
func (s *session) rtt() time.Duration {
	stats, ok := s.ice.GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(stats.CurrentRoundTripTime * float64(time.Second))
}

// wire is the channel of a session.
type wire struct {
	raw     rawChannel
	session *session
}

var _ channel = (*wire)(nil)

func (w *wire) Read(buffer []byte) (int, error) {
	n, _, err := w.raw.ReadDataChannel(buffer)
	return n, err
}

func (w *wire) Write(message []byte) error {
	_, err := w.raw.WriteDataChannel(message, true)
	return err
}

func (w *wire) Buffered() uint64 { return w.raw.BufferedAmount() }

func (w *wire) OnLow(threshold uint64, f func()) {
	w.raw.SetBufferedAmountLowThreshold(threshold)
	w.raw.OnBufferedAmountLow(f)
}

func (w *wire) Close() { w.session.close() }
