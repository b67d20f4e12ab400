package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/peer"
	"godwit/xep/icequic"
	"godwit/xmlstream"

	"github.com/quic-go/quic-go"
)

// streamXML is the first byte of the stream: what the rest of it is.
const streamXML = 0x00

// attempt is what came of trying to connect on a path.
type attempt struct {
	choice
	conn   *quic.Conn
	stream *quic.Stream
	err    error
}

// negotiation is the state of negotiate.
type negotiation struct {
	s        *session
	working  sync.WaitGroup
	results  chan attempt
	ended    chan bool // a link has; whether it was relayed
	pending  int
	links    int
	relayed  int // of them
	up       bool
	upgraded bool
}

// negotiate makes a link on the first path that works, and another when a path
// without a relay turns up after one with. It returns an error when there is no
// link and will be none, and otherwise when the last link has ended.
func (s *session) negotiate() error {
	n := &negotiation{s: s, results: make(chan attempt), ended: make(chan bool)}
	defer n.working.Wait()
	defer s.cancel()
	var patience <-chan time.Time
	for {
		select {
		case <-s.ctx.Done():
			if n.up {
				return nil
			}
			return s.ctx.Err()
		case c := <-s.agent.selected:
			switch {
			case n.upgraded || n.up && c.Relayed():
			case s.client:
				n.begin(func() attempt { return s.dial(c) })
			case patience == nil:
				timer := time.NewTimer(2 * handshakeTimeout)
				defer timer.Stop()
				patience = timer.C
			}
		case in := <-s.conns:
			n.begin(func() attempt { return s.openStream(in.choice, in.conn) })
		case r := <-n.results:
			if err := n.take(r); err != nil {
				return err
			}
		case relayed := <-n.ended:
			n.links--
			if relayed {
				n.relayed--
			}
			if n.links == 0 && n.pending == 0 {
				return nil
			}
			n.rest()
		case err := <-s.noRelay:
			if !s.agent.hasBase() {
				return fmt.Errorf("peer/quic: %w", err)
			}
		case <-patience:
			if !n.up && n.pending == 0 {
				return errNoConnection
			}
		}
	}
}

// begin tries something beside everything else.
func (n *negotiation) begin(try func() attempt) {
	n.pending++
	n.working.Go(func() {
		r := try()
		select {
		case n.results <- r:
		case <-n.s.ctx.Done():
			if r.err == nil {
				_ = r.conn.CloseWithError(0, "")
			}
		}
	})
}

// take makes a link of a connection, if it is still wanted.
func (n *negotiation) take(r attempt) error {
	n.pending--
	s := n.s
	switch {
	case r.err != nil:
		s.agent.reject(r.choice)
		if n.links == 0 && n.pending == 0 {
			return r.err
		}
		s.transport.log.Debug("peer/quic: no connection on a path", "remote", r.Remote, "error", r.err)
		return nil
	case n.upgraded || n.up && r.Relayed():
		_ = r.conn.CloseWithError(0, "")
		return nil
	}
	n.up = true
	n.links++
	relayed := r.Relayed()
	if relayed {
		n.relayed++
	} else {
		if !n.upgraded {
			close(s.found)
		}
		n.upgraded = true
		s.agent.settle()
	}
	n.rest()
	n.working.Go(func() {
		s.serve(r)
		select {
		case n.ended <- relayed:
		case <-s.ctx.Done():
		}
	})
	return nil
}

// rest gives the relay up when nothing runs through it and nothing will.
func (n *negotiation) rest() {
	if !n.upgraded || n.relayed > 0 {
		return
	}
	select {
	case <-n.s.direct:
	default:
		close(n.s.direct)
	}
}

// dial makes the QUIC connection on a path.
func (s *session) dial(c choice) attempt {
	ctx, cancel := context.WithTimeout(s.ctx, 2*handshakeTimeout)
	defer cancel()
	conn, err := c.base.mux.QUIC().Dial(ctx, net.UDPAddrFromAddrPort(c.Remote), s.config, quicConfig())
	if err != nil {
		return attempt{choice: c, err: fmt.Errorf("peer/quic: QUIC with %v: %w", c.Remote, err)}
	}
	return s.openStream(c, conn)
}

// openStream opens or takes the one stream, and says or hears what it is.
func (s *session) openStream(c choice, conn *quic.Conn) attempt {
	stream, err := s.stream(conn)
	if err != nil {
		_ = conn.CloseWithError(0, "")
		return attempt{choice: c, err: fmt.Errorf("peer/quic: the stream: %w", err)}
	}
	return attempt{choice: c, conn: conn, stream: stream}
}

func (s *session) stream(conn *quic.Conn) (*quic.Stream, error) {
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

// path describes where a connection runs. The peer's answers tell our side of it
// as it is seen from there; where none did, an address that is not meant for the
// public network in front of a public peer has been translated on its way.
func (s *session) path(r attempt) peer.Path {
	p := peer.Path{
		Transport: icequic.NS, Remote: addrPortOf(r.conn.RemoteAddr()),
		LocalKind: string(r.LocalKind), RemoteKind: string(r.RemoteKind), Relayed: r.Relayed(),
	}
	s.mu.Lock()
	p.Peer = s.remote.Reach
	s.mu.Unlock()
	if relay := r.base.relay; relay != nil {
		p.Local, p.Relay, p.RelayProtocol = relay.Address(), relay.Server(), string(relay.Protocol())
		return p
	}
	p.Local, _ = r.base.mux.LocalFor(p.Remote)
	translated := p.Local.Addr().IsPrivate() && !p.Remote.Addr().IsPrivate() && !p.Remote.Addr().IsLoopback()
	if r.Mapped.IsValid() {
		translated = r.Mapped != p.Local && !slices.Contains(s.transport.gatherer.hosts(), r.Mapped)
	}
	if translated {
		p.LocalKind = "srflx"
	}
	return p
}

// serve hands the link out and stays until it has ended.
func (s *session) serve(r attempt) {
	path := s.path(r)
	config := s.transport.config.Link
	config.Kind, config.Local, config.Remote = link.DirectQUIC, path.Local, path.Remote
	config.RTT = func() time.Duration { return r.conn.ConnectionStats().SmoothedRTT }
	if config.Limits == nil {
		limits := xmlstream.DefaultLimits()
		config.Limits = &limits
	}
	l := bytestream.New(newStreamConn(r.conn, r.stream), config)
	if s.isClosed() {
		_ = r.conn.CloseWithError(0, "")
		l.Abort()
		<-l.Done()
		return
	}
	s.params.Events.Connected(l, path)
	select {
	case <-l.Done():
	case <-r.conn.Context().Done():
		// A link that nobody reads would not notice.
		l.Abort()
	case <-s.ctx.Done():
		_ = r.conn.CloseWithError(0, "")
		l.Abort()
	}
	<-l.Done()
	_ = r.conn.CloseWithError(0, "")
}

func addrPortOf(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	from := udp.AddrPort()
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

var errNobody = errors.New("peer/quic: nobody expects this connection")
