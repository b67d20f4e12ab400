package datachannel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/peer"
	"godwit/stanza"
	"godwit/udpmux"
	"godwit/xep/datachannel"
	"godwit/xep/extdisco"
	"godwit/xep/icetransport"
	"godwit/xep/jingle"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"

	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"
)

func TestBothDialects(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	for _, pair := range [][2]peer.Transport{{one, two}, {one.Mapped(), two.Mapped()}} {
		a, b := meet(t, pair[0], pair[1], nil)
		l, far := a.link(t), b.link(t)
		p, q := <-a.paths, <-b.paths
		if p.Transport != pair[0].Namespace() || p.Relayed || p.LocalKind != "host" || p.Local != q.Remote || p.Remote != q.Local ||
			l.LocalAddr() != p.Local || l.RemoteAddr() != p.Remote || l.Kind() != link.DirectDataChannel {
			t.Errorf("%+v\n%+v", p, q)
		}
		exchange(t, l, far)
		if rtt := l.Quality().RTT; rtt <= 0 || rtt > limit {
			t.Errorf("round trip of %v", rtt)
		}
		l.Abort()
		far.Abort()
		<-l.Done()
		<-far.Done()
	}
}

// exchange sends a message each way.
func exchange(t *testing.T, l, far link.Link) {
	t.Helper()
	for _, way := range [][2]link.Link{{l, far}, {far, l}} {
		if err := errors.Join(way[0].Open(link.Header{Version: "1.0"}), way[0].Send([]byte("<message xmlns='jabber:client'><body>hi</body></message>"))); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := way[1].Read(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestEachSideMayDial: the offer may demand who is the DTLS client.
func TestEachSideMayDial(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	for _, setup := range []icetransport.Setup{icetransport.Active, icetransport.Passive} {
		a, b := meet(t, one, two, func(offer datachannel.Transport) datachannel.Transport {
			offer.ICE.Fingerprint.Setup = setup
			return offer
		})
		exchange(t, a.link(t), b.link(t))
	}
	answer := datachannel.Transport{Port: 5000, ICE: icetransport.Transport{Ufrag: "abcd", Pwd: strings.Repeat("a", 22),
		Fingerprint: &icetransport.Fingerprint{Hash: "sha-256", Setup: icetransport.ActPass, Value: make([]byte, 32)}}}
	s, err := one.Offer(newEnds().params("s", bob, peer.AllAddresses))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var bad *stanza.Error
	if err := s.Remote(answer.Node()); !errors.As(err, &bad) {
		t.Errorf("an answer that leaves it open: %v", err)
	}
}

// TestAnotherKeyIsRefused: whoever answers with a key that the introduction did
// not name gets no link, whichever side he plays.
func TestAnotherKeyIsRefused(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	for _, setup := range []icetransport.Setup{icetransport.ActPass, icetransport.Active} {
		a, b := meet(t, one, two, func(offer datachannel.Transport) datachannel.Transport {
			offer.ICE.Fingerprint.Value = slices.Clone(offer.ICE.Fingerprint.Value)
			offer.ICE.Fingerprint.Value[31] ^= 1
			offer.ICE.Fingerprint.Setup = setup
			return offer
		})
		if err := b.failure(t); err == nil || !strings.Contains(err.Error(), "DTLS") {
			t.Errorf("the side that was deceived: %v", err)
		}
		select {
		case <-a.links:
			t.Error("the other side has a link")
		case <-a.failed:
		case <-time.After(limit):
			t.Error("the other side waits for ever")
		}
	}
}

func TestTooLargeForThePeer(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	a, b := meet(t, one, two, func(offer datachannel.Transport) datachannel.Transport {
		offer.MaxMessageSize = 1000
		return offer
	})
	l, far := a.link(t), b.link(t)
	exchange(t, l, far)
	if err := l.Send(bytes.Repeat([]byte("x"), 2000)); err != nil {
		t.Errorf("the bound is that of who announced it: %v", err)
	}
	if err := far.Send(bytes.Repeat([]byte("x"), 1001)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	<-far.Done()
	if _, err := far.Read(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// TestMoreThanAnnouncedIsRefused has a peer that sends more than we take.
func TestMoreThanAnnouncedIsRefused(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	a, b := meet(t, one, two, func(offer datachannel.Transport) datachannel.Transport {
		offer.MaxMessageSize = 1 << 20
		return offer
	})
	far, l := a.link(t), b.link(t)
	if err := l.Send(bytes.Repeat([]byte("x"), maxMessage+1)); err != nil {
		t.Fatal(err)
	}
	var bad *xmlstream.Error
	if _, err := far.Read(); !errors.As(err, &bad) || bad.Condition != xmlstream.PolicyViolation {
		t.Errorf("%v", err)
	}
	if _, err := far.Read(); !errors.As(err, &bad) {
		t.Errorf("read again: %v", err)
	}
}

// TestChannelsNobodyAgreedOn end the session: they could be opened without end.
func TestChannelsNobodyAgreedOn(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	open := func(s *session, p webrtc.DataChannelParameters) {
		t.Helper()
		if _, err := s.api.NewDataChannel(s.sctp, &p); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range []int{0, 1} { // a second channel, by either side
		a, b := newEnds(), newEnds()
		offer, err := one.Offer(a.params("s", bob, peer.AllAddresses))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := two.Answer(b.params("s", alice, peer.AllAddresses), offer.Local())
		if err != nil {
			t.Fatal(err)
		}
		if err := offer.Remote(answer.Local()); err != nil {
			t.Fatal(err)
		}
		links := []link.Link{a.link(t), b.link(t)}
		sessions := []*session{offer.(*session), answer.(*session)}
		open(sessions[from], webrtc.DataChannelParameters{Label: "another", Protocol: channelProtocol, Ordered: true})
		for _, l := range links {
			select {
			case <-l.Done():
			case <-time.After(limit):
				t.Error("the link lives on")
			}
		}
		offer.Close()
		answer.Close()
	}
}

func TestTheFirstChannelIsLookedAt(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	few := uint16(1)
	for _, p := range []webrtc.DataChannelParameters{
		{Protocol: "other", Ordered: true},
		{Protocol: channelProtocol, Ordered: false},
		{Protocol: channelProtocol, Ordered: true, MaxRetransmits: &few},
		{Protocol: channelProtocol, Ordered: true, MaxPacketLifeTime: &few},
	} {
		one.channel = p
		a, b := meet(t, one, two, nil)
		if err := b.failure(t); !errors.Is(err, errChannel) {
			t.Errorf("%+v: %v", p, err)
		}
		a.link(t).Abort()
	}
}

func TestClosing(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	a, b := newEnds(), newEnds()
	offer, err := one.Offer(a.params("s", bob, peer.AllAddresses))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := two.Answer(b.params("s", alice, peer.AllAddresses), offer.Local())
	if err != nil {
		t.Fatal(err)
	}
	if err := offer.Remote(answer.Local()); err != nil {
		t.Fatal(err)
	}
	if err := offer.Remote(answer.Local()); err == nil {
		t.Error("a second answer was taken")
	}
	if err := offer.Info(datachannel.Transport{ICE: icetransport.Transport{Ufrag: "other", Pwd: strings.Repeat("a", 22)}}.Node()); err == nil {
		t.Error("candidates of another session were taken")
	}
	l, far := a.link(t), b.link(t)
	offer.Close() // aborts a link that lives
	<-l.Done()
	if _, err := far.Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	// A session that never began to connect, and one that is not known any more.
	idle, err := one.Offer(newEnds().params("t", bob, peer.AllAddresses))
	if err != nil {
		t.Fatal(err)
	}
	idle.Close()
	idle.Close()
	three, err := New(onLoopback)
	if err != nil {
		t.Fatal(err)
	}
	if err := three.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := three.Offer(newEnds().params("u", bob, peer.AllAddresses)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestANewerLinkTakesThePlace: two associations between the same two sockets could
// not be told apart.
func TestANewerLinkTakesThePlace(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	oldA, oldB := connect(t, one, two)
	exchange(t, oldA, oldB)
	newA, newB := connect(t, one, two)
	<-oldA.Done()
	<-oldB.Done()
	if _, err := oldA.Read(); !errors.Is(err, errSuperseded) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the older: %v", err)
	}
	exchange(t, newA, newB)
}

// TestMoves: a link that takes another path says so, and once.
func TestMoves(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	a, b := newEnds(), newEnds()
	moved := a.moved
	offer, err := one.Offer(a.params("s", bob, peer.AllAddresses))
	if err != nil {
		t.Fatal(err)
	}
	defer offer.Close()
	pair := func(kind webrtc.ICECandidateType, port uint16) *webrtc.ICECandidatePair {
		return webrtc.NewICECandidatePair(&webrtc.ICECandidate{Address: "127.0.0.1", Port: 1, Typ: webrtc.ICECandidateTypeHost},
			&webrtc.ICECandidate{Address: "127.0.0.1", Port: port, Typ: kind})
	}
	s := offer.(*session)
	s.pairSelected(pair(webrtc.ICECandidateTypeHost, 7)) // before there is a link it is no move
	answer, err := two.Answer(b.params("s", alice, peer.AllAddresses), offer.Local())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if err := offer.Remote(answer.Local()); err != nil {
		t.Fatal(err)
	}
	l := a.link(t)
	b.link(t)
	s.pairSelected(pair(webrtc.ICECandidateTypeRelay, 9))
	s.pairSelected(pair(webrtc.ICECandidateTypeRelay, 9))
	if p := <-moved; !p.Relayed || p.RemoteKind != "relay" || p.Remote.Port() != 9 || l.RemoteAddr() != p.Remote {
		t.Errorf("%+v", p)
	}
	if len(moved) != 0 {
		t.Error("told twice")
	}
}

// TestASharedSocketIsUsed has two clients with one socket each, which carries
// other things besides, and stays open.
func TestASharedSocketIsUsed(t *testing.T) {
	var muxes [2]*udpmux.Mux
	var transports [2]*Transport
	for i := range muxes {
		mux, err := udpmux.Listen(udpmux.Config{Address: onLoopback.Address})
		if err != nil {
			t.Fatal(err)
		}
		defer mux.Close()
		muxes[i] = mux
		config := onLoopback
		config.Mux = mux
		if transports[i], err = New(config); err != nil {
			t.Fatal(err)
		}
	}
	a, b := meet(t, transports[0], transports[1], nil)
	l, far := a.link(t), b.link(t)
	exchange(t, l, far)
	if p := <-a.paths; p.Local != muxes[0].LocalAddr() || p.Remote != muxes[1].LocalAddr() {
		t.Errorf("%+v", p)
	}
	if s := muxes[0].Stats(); s.DTLS == 0 || s.STUN == 0 {
		t.Errorf("%+v", s)
	}
	for _, transport := range transports {
		if err := transport.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := muxes[0].WriteTo([]byte("open"), muxes[1].LocalAddr()); err != nil {
		t.Errorf("the shared socket was closed: %v", err)
	}
}

// turnServer is one on loopback.
func turnServer(t *testing.T) netip.AddrPort {
	t.Helper()
	listening, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(listening.LocalAddr().String())
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: "test",
		AuthHandler: func(r *turn.RequestAttributes) (string, []byte, bool) {
			return r.Username, turn.GenerateAuthKey(r.Username, "test", "secret"), true
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: listening, RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{
			RelayAddress: at.Addr().AsSlice(), Address: "127.0.0.1",
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return at
}

// TestRelayOnly: with addresses hidden, only the relay's are told and used.
func TestRelayOnly(t *testing.T) {
	server := turnServer(t)
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	service := []extdisco.Service{
		{Type: extdisco.TURN, Host: server.Addr().String(), Port: server.Port(), Transport: "udp", Username: "u", Password: "secret"},
		{Type: extdisco.STUN, Host: server.Addr().String(), Port: server.Port()},
	}
	one.SetServices(service)
	one.SetMapped([]netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:9")})
	a, b := newEnds(), newEnds()
	offer, err := one.Offer(a.params("s", bob, peer.RelayOnly))
	if err != nil {
		t.Fatal(err)
	}
	defer offer.Close()
	answer, err := two.Answer(b.params("s", alice, peer.AllAddresses), offer.Local())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if err := offer.Remote(answer.Local()); err != nil {
		t.Fatal(err)
	}
	told := []xmlstream.Node{offer.Local()}
	var l link.Link
	for l == nil {
		select {
		case n := <-a.later:
			told = append(told, n)
			if err := answer.Info(n); err != nil {
				t.Fatal(err)
			}
		case l = <-a.links:
		case err := <-a.failed:
			t.Fatal(err)
		case <-time.After(limit):
			t.Fatal("no link")
		}
	}
	far := b.link(t)
	exchange(t, l, far)
	p, q := <-a.paths, <-b.paths
	if !p.Relayed || p.LocalKind != "relay" || p.Relay != server || p.RelayProtocol != "udp" || p.Remote != two.mux.LocalAddr() {
		t.Errorf("%+v", p)
	}
	if !q.Relayed && q.RemoteKind != "prflx" || q.Remote.Port() == one.mux.LocalAddr().Port() {
		t.Errorf("%+v", q)
	}
	relays := 0
	for _, n := range told {
		parsed, err := datachannel.Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range parsed.ICE.Candidates {
			if c.Kind != icetransport.Relayed || c.Related.IsValid() || c.Address == one.mux.LocalAddr() {
				t.Errorf("told %+v", c)
			}
			relays++
		}
	}
	if relays == 0 {
		t.Error("no relay was told")
	}
	if s := one.mux.Stats(); s.STUN+s.DTLS+s.Unclaimed != 0 {
		t.Errorf("packets on the own socket: %+v", s)
	}
	if _, err := two.Offer(newEnds().params("t", alice, peer.RelayOnly)); !errors.Is(err, ErrNoAddresses) {
		t.Errorf("hidden, and without a relay: %v", err)
	}
}

func TestServices(t *testing.T) {
	turn := func(kind, host, protocol string) extdisco.Service {
		return extdisco.Service{Type: kind, Host: host, Transport: protocol, Username: "u", Password: "p"}
	}
	gone := turn(extdisco.TURN, "gone", "udp")
	gone.Action = extdisco.Delete
	stun, ways := sortServices([]extdisco.Service{
		{Type: extdisco.STUN, Host: "s1"}, {Type: extdisco.STUN, Host: "s2", Port: 9, Transport: "udp"}, {Type: extdisco.STUN, Host: "s3", Transport: "tcp"},
		gone, {Type: extdisco.TURN, Host: "unknown"}, turn(extdisco.TURN, "2001:db8::1", ""), turn(extdisco.TURN, "second", "udp"), turn(extdisco.TURN, "192.0.2.1", "tcp"),
		turn(extdisco.TURNS, "d", "udp"), turn(extdisco.TURNS, "t", ""), {Type: "other", Host: "x"},
	})
	var got []string
	for _, s := range (&relays{ways: ways}).servers() {
		got = append(got, s.URLs...)
	}
	if want := []string{"turn:[2001:db8::1]:3478?transport=udp", "turn:tcp.invalid:3478?transport=tcp", "turn:tls.invalid:5349?transport=tcp"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if ways[1].Host != "192.0.2.1" || ways[2].Host != "t" {
		t.Errorf("%+v", ways)
	}
	if want := []string{"s1:3478", "s2:9"}; !slices.Equal(stun, want) {
		t.Errorf("%q", stun)
	}
}

func TestOffersThatCannotBeUsed(t *testing.T) {
	transport := newTransport(t, onLoopback)
	var bad *stanza.Error
	for _, n := range []xmlstream.Node{
		xmlstream.NewNode(datachannel.NS, "transport"),
		xmlstream.NewNode("urn:other", "transport"),
	} {
		if _, err := transport.Answer(newEnds().params("s", alice, peer.AllAddresses), n); !errors.As(err, &bad) {
			t.Errorf("%v", err)
		}
	}
	hostless := peer.Addresses{Reflexive: true}
	s, err := transport.Offer(newEnds().params("s", alice, hostless))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if parsed, _ := datachannel.Parse(s.Local()); len(parsed.ICE.Candidates) != 0 {
		t.Errorf("told %+v", parsed.ICE.Candidates)
	}
}

func TestAcceptable(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.1": true, "10.0.0.1": true, "2001:db8::1": true, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false,
		"fe80::1": false, "ff02::1": false, "127.0.0.1": false, "::1": false, "::": false,
	} {
		if got := acceptable(netip.MustParseAddr(text), false); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if !acceptable(netip.MustParseAddr("127.0.0.1"), true) {
		t.Error("loopback where it was asked for")
	}
}

// TestTheWholeIntroduction has two introducers build a link.
func TestTheWholeIntroduction(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	var a, b *peer.Introducer
	var ups, downs [2]chan peer.Report
	config := func(i int, transport peer.Transport, send func(*stanza.Stanza)) peer.Config {
		ups[i], downs[i] = make(chan peer.Report, 4), make(chan peer.Report, 4)
		return peer.Config{
			Transports: []peer.Transport{transport},
			Policy:     func(jid.JID) peer.Decision { return peer.Decision{Talk: true, Addresses: peer.AllAddresses} },
			Send:       func(s *stanza.Stanza) error { send(s); return nil },
			Report: func(r peer.Report) {
				switch r.State {
				case peer.Up:
					ups[i] <- r
				case peer.Down:
					downs[i] <- r
				}
			},
		}
	}
	a = peer.New(config(0, one, func(s *stanza.Stanza) { b.HandleIQ(s.WithFrom(alice)) }))
	defer a.Close()
	b = peer.New(config(1, two, func(s *stanza.Stanza) { a.HandleIQ(s.WithFrom(bob)) }))
	defer b.Close()
	a.SetSelf(alice)
	b.SetSelf(bob)
	if err := a.Connect(bob, []string{jingle.NS, xmlstreamapp.NS, datachannel.NS}); err != nil {
		t.Fatal(err)
	}
	var links [2]link.Link
	for i := range links {
		select {
		case r := <-ups[i]:
			links[i] = r.Link
		case r := <-downs[i]:
			t.Fatalf("%+v", r)
		case <-time.After(limit):
			t.Fatal("no link")
		}
	}
	exchange(t, links[0], links[1])
	if err := links[0].Close(nil); err != nil {
		t.Error(err)
	}
	for i := range links {
		select {
		case r := <-downs[i]:
			if r.Reason.Condition != jingle.Success {
				t.Errorf("%v", r.Reason)
			}
		case <-time.After(limit):
			t.Fatal("the session lives on")
		}
	}
}
