package datachannel

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"godwit/link"
	"godwit/peer"
	"godwit/relay"
	"godwit/udpmux"
	"godwit/xep/datachannel"
	"godwit/xep/extdisco"
	"godwit/xep/icetransport"

	"github.com/pion/stun/v4"
)

// introduce makes a session between two transports and carries what is found later
// both ways, as long as the test runs.
func introduce(t *testing.T, one, two peer.Transport, addresses peer.Addresses, a, b *ends) (offer, answer peer.Session) {
	t.Helper()
	offer, err := one.Offer(a.params("s", bob, addresses))
	if err != nil {
		t.Fatal(err)
	}
	answer, err = two.Answer(b.params("s", alice, addresses), offer.Local())
	if err != nil {
		offer.Close()
		t.Fatal(err)
	}
	if err := offer.Remote(answer.Local()); err != nil {
		t.Error(err)
	}
	over := make(chan struct{})
	var carrying sync.WaitGroup
	for _, way := range []struct {
		from *ends
		to   peer.Session
	}{{a, answer}, {b, offer}} {
		carrying.Go(func() {
			for {
				select {
				case n := <-way.from.later:
					if err := way.to.Info(n); err != nil {
						t.Error(err)
					}
				case <-over:
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		offer.Close()
		answer.Close()
		close(over)
		carrying.Wait()
	})
	return offer, answer
}

// secureRelay is this project's own TURN server behind TLS, with a certificate for
// names that nobody but roots believes. Asked receives the protocols clients want.
func secureRelay(t *testing.T, names ...string) (service extdisco.Service, roots *x509.CertPool, asked chan []string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	asked = make(chan []string, 16)
	own := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"http/1.1", "stun.turn"}}
	own.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		asked <- hello.SupportedProtos
		return nil, nil
	}
	listener, err := tls.Listen("tcp4", "127.0.0.1:0", own)
	if err != nil {
		t.Fatal(err)
	}
	server := relay.New(relay.Config{
		Secret: bytes.Repeat([]byte{1}, relay.MinSecret), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	served := make(chan struct{})
	go func() { _ = server.ServeTCP(listener); close(served) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	at := addrPort(listener.Addr())
	service = extdisco.Service{Type: extdisco.TURNS, Host: at.Addr().String(), Port: at.Port(), Transport: "tcp"}
	service.Username, service.Password, service.Expires = server.Credentials("alice", time.Now())
	return service, roots, asked
}

// TestRelayBehindTLS: two that hide all their addresses meet through a TURN server
// reached by TLS, whose certificate only the configuration makes them believe.
func TestRelayBehindTLS(t *testing.T) {
	service, roots, asked := secureRelay(t, "example.org")
	config := onLoopback
	config.TLS = &tls.Config{RootCAs: roots, ServerName: "example.org"}
	one, two := newTransport(t, config), newTransport(t, config)
	for _, transport := range []*Transport{one, two} {
		transport.SetServices([]extdisco.Service{service})
	}
	a, b := newEnds(), newEnds()
	introduce(t, one, two, peer.RelayOnly, a, b)
	exchange(t, a.link(t), b.link(t))
	server := netip.AddrPortFrom(netip.MustParseAddr(service.Host), service.Port)
	for _, p := range []peer.Path{<-a.paths, <-b.paths} {
		if !p.Relayed || p.LocalKind != "relay" || p.Relay != server || p.RelayProtocol != "tls" {
			t.Errorf("%+v", p)
		}
	}
	for _, transport := range []*Transport{one, two} {
		if s := transport.mux.Stats(); s.STUN+s.DTLS+s.Unclaimed != 0 {
			t.Errorf("packets on the own socket: %+v", s)
		}
	}
	if protocols := <-asked; !slices.Equal(protocols, []string{"stun.turn"}) {
		t.Errorf("asked for %q", protocols)
	}
}

// TestWhoseTLSIsBelieved: a TURN server needs a certificate of an authority that is
// trusted, for its own name or the account's domain.
func TestWhoseTLSIsBelieved(t *testing.T) {
	service, roots, _ := secureRelay(t, "example.org")
	_, ways := sortServices([]extdisco.Service{service})
	dial := func(trust *tls.Config) error {
		r := &relays{ctx: t.Context(), trust: trust, ways: ways, opened: make(map[netip.AddrPort]relayed)}
		conn, err := r.Dial("tcp4", net.JoinHostPort("tls"+standIn, netip.AddrPortFrom(netip.IPv4Unspecified(), service.Port).String()[len("0.0.0.0:"):]))
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	for name, c := range map[string]struct {
		trust *tls.Config
		ok    bool
	}{
		"the account's domain":  {&tls.Config{RootCAs: roots, ServerName: "example.org"}, true},
		"another domain":        {&tls.Config{RootCAs: roots, ServerName: "example.com"}, false},
		"its own name only":     {&tls.Config{RootCAs: roots}, false},
		"no such authority":     {&tls.Config{RootCAs: x509.NewCertPool(), ServerName: "example.org"}, false},
		"the system's":          {nil, false},
		"whatever there may be": {&tls.Config{InsecureSkipVerify: true}, true},
	} {
		if err := dial(c.trust); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&relays{ways: ways}).Dial("tcp4", "127.0.0.1:1"); err == nil {
		t.Error("a server that nobody named was dialled")
	}
}

// walled is a transport whose socket hears nothing from an address as long as that
// is set.
func walled(t *testing.T) (*Transport, *atomic.Pointer[netip.AddrPort]) {
	t.Helper()
	var wall atomic.Pointer[netip.AddrPort]
	mux, err := udpmux.Listen(udpmux.Config{Address: onLoopback.Address, Firewall: func(from netip.AddrPort) bool {
		closed := wall.Load()
		return closed == nil || from != *closed
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mux.Close() })
	config := onLoopback
	config.Mux = mux
	return newTransport(t, config), &wall
}

// TestFromRelayToDirect: a link that began on a relay moves to the direct path when
// that opens, whichever side the relay is of, and loses nothing.
func TestFromRelayToDirect(t *testing.T) {
	for name, owner := range map[string]int{"the initiator's relay": 0, "the responder's relay": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := turnServer(t)
			var transports [2]*Transport
			var walls [2]*atomic.Pointer[netip.AddrPort]
			for i := range transports {
				transports[i], walls[i] = walled(t)
			}
			for i := range walls {
				other := transports[1-i].mux.LocalAddr()
				walls[i].Store(&other)
			}
			transports[owner].SetServices([]extdisco.Service{
				{Type: extdisco.TURN, Host: server.Addr().String(), Port: server.Port(), Username: "u", Password: "secret"},
			})
			a, b := newEnds(), newEnds()
			introduce(t, transports[0], transports[1], peer.AllAddresses, a, b)
			links := []link.Link{a.link(t), b.link(t)}
			exchange(t, links[0], links[1])
			if p := []peer.Path{<-a.paths, <-b.paths}[owner]; !p.Relayed || p.Relay != server || p.RelayProtocol != "udp" {
				t.Errorf("began on %+v", p)
			}
			begun := time.Now()
			for i := range walls {
				walls[i].Store(nil)
			}
			for i, e := range []*ends{a, b} {
				for direct := false; !direct; {
					select {
					case p := <-e.moved:
						direct = p.Remote == transports[1-i].mux.LocalAddr()
						if direct && (p.Relayed || p.LocalKind != "host" || links[i].RemoteAddr() != p.Remote) {
							t.Errorf("moved to %+v", p)
						}
					case <-links[i].Done():
						t.Fatal("the link has ended")
					case <-time.After(limit):
						t.Fatal("no move")
					}
				}
			}
			t.Logf("direct %v after the way was open", time.Since(begun))
			message := []byte("<message xmlns='jabber:client'><body>still here</body></message>")
			for i := range links {
				if err := links[i].Send(message); err != nil {
					t.Fatal(err)
				}
				if _, err := links[1-i].Read(); err != nil {
					t.Fatal(err)
				}
			}
			if transports[0].mux.Stats().DTLS == 0 {
				t.Error("no data came on the direct path")
			}
		})
	}
}

// TestTheWayIsOpened: an address that the responder is told when there is a link
// already is sent to, so that the initiator's checks come through its router.
func TestTheWayIsOpened(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	a, b := newEnds(), newEnds()
	offer, answer := introduce(t, one, two, peer.AllAddresses, a, b)
	a.link(t)
	b.link(t)
	later, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(onLoopback.Address))
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	at := later.LocalAddr().(*net.UDPAddr).AddrPort()
	info, err := datachannel.Parse(offer.Local())
	if err != nil {
		t.Fatal(err)
	}
	info.ICE.Candidates = []icetransport.Candidate{{
		Component: 1, Foundation: "1", ID: "1", Address: at, Priority: 1, Protocol: "udp", Kind: icetransport.ServerReflexive,
	}}
	if err := answer.Info(info.Node()); err != nil {
		t.Fatal(err)
	}
	_ = later.SetReadDeadline(time.Now().Add(limit))
	buffer := make([]byte, 1500)
	n, from, err := later.ReadFromUDPAddrPort(buffer)
	if err != nil {
		t.Fatal(err)
	}
	m := stun.Message{Raw: buffer[:n]}
	if err := m.Decode(); err != nil || m.Type.Class != stun.ClassIndication || from != two.mux.LocalAddr() {
		t.Errorf("%v from %v, %v", m.Type, from, err)
	}
}

// TestNetworkChanged: what is known of the old network is told to nobody, and a
// session without a direct path tells what there is on the new one.
func TestNetworkChanged(t *testing.T) {
	transport := newTransport(t, onLoopback)
	old, mapped := netip.MustParseAddrPort("192.0.2.1:9"), netip.MustParseAddrPort("192.0.2.2:9")
	nonsense := []netip.AddrPort{netip.MustParseAddrPort("[fe80::1%eth0]:9"), netip.MustParseAddrPort("192.0.2.3:0"), {}}
	transport.SetMapped(append(nonsense, old))
	told := func(s peer.Session) (list []netip.AddrPort) {
		parsed, err := datachannel.Parse(s.Local())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range parsed.ICE.Candidates {
			if c.Kind == icetransport.ServerReflexive {
				list = append(list, c.Address)
			}
		}
		return list
	}
	a := newEnds()
	first, err := transport.Offer(a.params("s", bob, peer.AllAddresses))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if got := told(first); !slices.Equal(got, []netip.AddrPort{old}) {
		t.Errorf("told %v", got)
	}
	transport.NetworkChanged()
	second, err := transport.Offer(newEnds().params("t", bob, peer.AllAddresses))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := told(second); len(got) != 0 {
		t.Errorf("told of the old network: %v", got)
	}
	transport.SetMapped([]netip.AddrPort{mapped})
	select {
	case n := <-a.later:
		info, err := datachannel.Parse(n)
		if err != nil || len(info.ICE.Candidates) != 1 || info.ICE.Candidates[0].Address != mapped {
			t.Errorf("%+v, %v", info.ICE.Candidates, err)
		}
	case err := <-a.failed:
		t.Fatal(err)
	case <-time.After(limit):
		t.Fatal("the session under way was not told the new address")
	}
}

// TestDialingEndsWithTheSession: a server that takes the connection and says
// nothing keeps nobody.
func TestDialingEndsWithTheSession(t *testing.T) {
	silent, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	transport := newTransport(t, onLoopback)
	at := addrPort(silent.Addr())
	transport.SetServices([]extdisco.Service{{Type: extdisco.TURNS, Host: at.Addr().String(), Port: at.Port(), Username: "u", Password: "p"}})
	s, err := transport.Offer(newEnds().params("s", bob, peer.RelayOnly))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.Close()
	_ = conn.SetReadDeadline(time.Now().Add(dialTimeout / 2)) // before it gives up by itself
	for {
		if _, err := conn.Read(make([]byte, 4096)); err != nil {
			var slow net.Error
			if errors.As(err, &slow) && slow.Timeout() {
				t.Error("the session is over, and its connection open")
			}
			return
		}
	}
}
