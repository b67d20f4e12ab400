package allocation

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"godwit/udpmux"

	"github.com/pion/turn/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testUser     = "user"
	testPassword = "secret"
	testRealm    = "example.org"
)

// turnServer is pion's TURN server on loopback.
type turnServer struct {
	*turn.Server
	udp, tcp, tls netip.AddrPort
	roots         *x509.CertPool
	forbidden     atomic.Pointer[net.IP]
	channels      atomic.Int64
	allocations   atomic.Int64 // made so far
	ended         chan struct{}
}

func newTURNServer(t *testing.T, hosts ...string) *turnServer {
	t.Helper()
	s := &turnServer{ended: make(chan struct{}, 100)}
	generator := func() turn.RelayAddressGenerator {
		return &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"}
	}
	permission := func(_ net.Addr, peer net.IP) bool {
		f := s.forbidden.Load()
		return f == nil || !f.Equal(peer)
	}
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificate, roots := selfSigned(t, hosts...)
	s.roots = roots
	secure, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1", alpn}})
	if err != nil {
		t.Fatal(err)
	}
	s.udp, s.tcp, s.tls = addr(packets.LocalAddr()), addr(plain.Addr()), addr(secure.Addr())
	s.Server, err = turn.NewServer(turn.ServerConfig{
		Realm: testRealm, StrictAddressFamily: true,
		AuthHandler: func(a *turn.RequestAttributes) (string, []byte, bool) {
			return a.Username, turn.GenerateAuthKey(testUser, testRealm, testPassword), a.Username == testUser
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: packets, RelayAddressGenerator: generator(), PermissionHandler: permission}},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: plain, RelayAddressGenerator: generator(), PermissionHandler: permission},
			{Listener: secure, RelayAddressGenerator: generator(), PermissionHandler: permission},
		},
		EventHandler: turn.EventHandler{
			OnAllocationCreated: func(_, _ net.Addr, _, _, _ string, _ net.Addr, _ int) { s.allocations.Add(1) },
			OnAllocationDeleted: func(_, _ net.Addr, _, _, _ string) { s.ended <- struct{}{} },
			OnChannelCreated:    func(_, _ net.Addr, _, _, _ string, _, _ net.Addr, _ uint16) { s.channels.Add(1) },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func addr(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

func selfSigned(t *testing.T, hosts ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// way is the server by one protocol.
func (s *turnServer) way(p Protocol) Server {
	at := map[Protocol]netip.AddrPort{UDP: s.udp, TCP: s.tcp, TLS: s.tls}[p]
	return Server{Host: at.Addr().String(), Port: at.Port(), Protocol: p, Username: testUser, Password: testPassword}
}

// newPool makes a pool on a socket of its own.
func newPool(t *testing.T, config Config, servers ...Server) *Pool {
	t.Helper()
	mux, err := udpmux.Listen(udpmux.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	config.Mux = mux
	p := New(config)
	p.SetServers(servers)
	t.Cleanup(func() {
		p.Close()
		if err := mux.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// peerSocket is somebody on the network, without any protocol.
func peerSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return c
}

func read(t *testing.T, c net.PacketConn, want []byte, from netip.AddrPort) {
	t.Helper()
	b := make([]byte, 2000)
	for {
		n, source, err := c.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if addr(source) != from {
			t.Fatalf("from %v, not %v", source, from)
		}
		if bytes.Equal(b[:n], want) {
			return
		}
	}
}

var discard = slog.New(slog.DiscardHandler)
