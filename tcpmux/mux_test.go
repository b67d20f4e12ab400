package tcpmux_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/link"
	"godwit/link/tcp"
	"godwit/relay"
	"godwit/tcpmux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	domain   = "b.example"
	patience = 20 * time.Second
)

func certificate(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<60))
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: []string{domain}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// port is a mux with what serves its protocols.
type port struct {
	*tcpmux.Mux
	cert  atomic.Pointer[tls.Certificate]
	links chan link.Link // of XMPP
}

// open makes a shared port on loopback that serves what is asked for.
func open(t testing.TB, cfg tcpmux.Config, serve ...tcpmux.Kind) *port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &port{links: make(chan link.Link, 16)}
	p.cert.Store(certificate(t))
	cfg.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.cert.Load(), nil }}
	if p.Mux, err = tcpmux.New(l, cfg); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	running := 0
	run := func(f func()) {
		running++
		go func() { f(); done <- struct{}{} }()
	}
	stun := relay.New(relay.Config{})
	web := &http.Server{Handler: http.HandlerFunc(page)}
	for _, k := range serve {
		share := p.Listen(k)
		switch k {
		case tcpmux.XMPP:
			links, err := tcp.NewListener(share, tcp.ListenConfig{TLS: cfg.TLS})
			if err != nil {
				t.Fatal(err)
			}
			run(func() {
				for {
					l, err := links.Accept()
					if err != nil {
						return
					}
					p.links <- l
				}
			})
		case tcpmux.TURN:
			run(func() { stun.ServeTCP(share) })
		case tcpmux.HTTP:
			run(func() { web.Serve(share) })
		}
	}
	run(func() {
		if err := p.Serve(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		web.Close()
		stun.Close()
		p.Close()
		for range running {
			<-done
		}
	})
	return p
}

func page(w http.ResponseWriter, r *http.Request) {
	state := "no TLS"
	if r.TLS != nil {
		state = tls.VersionName(r.TLS.Version)
	}
	io.WriteString(w, r.Proto+" "+state)
}

// trust is the configuration of a client that believes the certificate shown now.
func (p *port) trust(protocols ...string) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(p.cert.Load().Leaf)
	return &tls.Config{RootCAs: pool, ServerName: domain, NextProtos: protocols}
}

func (p *port) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func (p *port) dialTLS(t testing.TB, protocols ...string) *tls.Conn {
	t.Helper()
	c := tls.Client(p.dial(t), p.trust(protocols...))
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// request is a Binding request (RFC 8489).
const request = "\x00\x01\x00\x00\x21\x12\xa4\x42godwit-tests"

func askSTUN(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	header := make([]byte, 20)
	if _, err := io.ReadFull(c, header); err != nil || !bytes.HasPrefix(header, []byte("\x01\x01")) || string(header[8:]) != "godwit-tests" {
		t.Fatalf("answer %x, %v", header, err)
	}
}

// signIn opens a link as a client of the project does, has the server answer, and compares what both see of TLS.
func (p *port) signIn(t testing.TB, d *tcp.Dialer) (client, server *tcp.Link) {
	t.Helper()
	l, err := d.Dial(t.Context(), domain)
	if err != nil {
		t.Fatal(err)
	}
	client = l.(*tcp.Link)
	client.Open(link.Header{To: domain, Version: "1.0"})
	server = (<-p.links).(*tcp.Link)
	t.Cleanup(func() {
		for _, l := range []*tcp.Link{client, server} {
			l.Abort()
			<-l.Done()
		}
	})
	if f, err := server.Read(); err != nil || f.Kind != link.Open || f.Header.To != domain {
		t.Fatalf("the server reads %+v, %v", f, err)
	}
	server.Open(link.Header{From: domain, Version: "1.0"})
	if f, err := client.Read(); err != nil || f.Kind != link.Open {
		t.Fatalf("the client reads %+v, %v", f, err)
	}
	if client.LocalAddr() != server.RemoteAddr() || client.RemoteAddr() != server.LocalAddr() {
		t.Errorf("addresses: %v-%v and %v-%v", client.LocalAddr(), client.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
	}
	return client, server
}

func bindings(t testing.TB, client, server *tcp.Link) {
	t.Helper()
	for _, kind := range []string{link.TLSExporter, link.TLSServerEndPoint} {
		a, ok1 := client.ChannelBinding(kind)
		b, ok2 := server.ChannelBinding(kind)
		if !ok1 || !ok2 || !bytes.Equal(a, b) || len(a) < 32 {
			t.Errorf("%s: %x %v and %x %v", kind, a, ok1, b, ok2)
		}
	}
}

func TestXMPPByALPN(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.XMPP)
	client, server := p.signIn(t, &tcp.Dialer{TLS: p.trust(), Server: p.Addr().String(), Mode: tcp.DirectTLS})
	bindings(t, client, server)
	if i := server.TLS(); server.Kind() != link.TLS || i.Version != "TLS 1.3" || server.CanStartTLS() {
		t.Errorf("%v %+v, may begin TLS: %v", server.Kind(), i, server.CanStartTLS())
	}
	// Both can say goodbye: the end of one is the regular end for the other.
	go server.Close(nil)
	if f, err := client.Read(); err != nil || f.Kind != link.Close {
		t.Errorf("the end: %+v, %v", f, err)
	}
}

// A client without ALPN, or of TLS 1.2.
func TestXMPPByFirstByte(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.XMPP)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := p.trust()
		cfg.MaxVersion = version
		c := tls.Client(p.dial(t), cfg)
		io.WriteString(c, "<stream:stream to='b.example' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
		server := (<-p.links).(*tcp.Link)
		f, err := server.Read()
		if err != nil || f.Header.To != domain || server.Kind() != link.TLS {
			t.Errorf("%v %+v, %v", server.Kind(), f, err)
		}
		data, ok := server.ChannelBinding(link.TLSExporter)
		state := c.ConnectionState()
		want, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil || !ok || !bytes.Equal(data, want) {
			t.Errorf("tls-exporter: %x %v, want %x", data, ok, want)
		}
		server.Abort()
		<-server.Done()
	}
}

func TestXMPPWithStartTLS(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.XMPP)
	client, server := p.signIn(t, &tcp.Dialer{TLS: p.trust(), Server: p.Addr().String(), Mode: tcp.StartTLS})
	if _, secure := link.Secure(server); secure || server.Kind() != link.TCP || !server.CanStartTLS() {
		t.Fatalf("%v, secure: %v, may begin TLS: %v", server.Kind(), secure, server.CanStartTLS())
	}
	client.Send([]byte("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"))
	if _, err := server.Read(); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		failed <- server.StartTLS(context.Background(), []byte("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"))
	}()
	if _, err := client.Read(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(client.StartTLS(t.Context(), nil), <-failed); err != nil {
		t.Fatal(err)
	}
	bindings(t, client, server)
}

func TestSTUN(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.TURN)
	t.Run("over TCP", func(t *testing.T) { askSTUN(t, p.dial(t)) })
	t.Run("over TLS", func(t *testing.T) { askSTUN(t, p.dialTLS(t)) })
	t.Run("over TLS with ALPN (RFC 7443)", func(t *testing.T) {
		for _, name := range []string{"stun.turn", "stun.nat-discovery"} {
			c := p.dialTLS(t, name)
			askSTUN(t, c)
			if got := c.ConnectionState().NegotiatedProtocol; got != name {
				t.Errorf("agreed on %q, not %q", got, name)
			}
		}
	})
}

func TestHTTP(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.HTTP)
	for _, tt := range []struct {
		why, want string
		two       bool
		protocols []string
	}{
		{"a browser of today", "HTTP/2.0 TLS 1.3", true, nil},
		{"by ALPN", "HTTP/1.1 TLS 1.3", false, []string{"http/1.1"}},
		{"by its first bytes", "HTTP/1.1 TLS 1.3", false, nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			tr := &http.Transport{TLSClientConfig: p.trust(tt.protocols...), ForceAttemptHTTP2: tt.two}
			if !tt.two {
				tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
			}
			defer tr.CloseIdleConnections()
			for range 2 { // the second on the same connection
				r, err := (&http.Client{Transport: tr, Timeout: patience}).Get("https://" + p.Addr().String() + "/")
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(r.Body)
				r.Body.Close()
				if string(body) != tt.want {
					t.Errorf("the server saw %q, not %q", body, tt.want)
				}
			}
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		c := p.dial(t)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		if r.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "https://") {
			t.Errorf("%s %q", r.Status, body)
		}
	})
}

// All at once on one port, and each finds its own.
func TestAllTogether(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.XMPP, tcpmux.TURN, tcpmux.HTTP)
	p.signIn(t, &tcp.Dialer{TLS: p.trust(), Server: p.Addr().String(), Mode: tcp.DirectTLS})
	p.signIn(t, &tcp.Dialer{TLS: p.trust(), Server: p.Addr().String(), Mode: tcp.StartTLS})
	askSTUN(t, p.dial(t))
	askSTUN(t, p.dialTLS(t, "stun.turn"))
	tr := &http.Transport{TLSClientConfig: p.trust(), ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr, Timeout: patience}).Get("https://" + p.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	p.Close() // waits until all are counted
	if s := p.Stats(); s.Accepted != 5 || s.XMPP != 1 || s.XMPPPlain != 1 || s.TURN != 1 || s.TURNPlain != 1 || s.HTTP != 1 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
}

// What was agreed by ALPN is binding, whatever is said then: a browser can not be made to speak another protocol.
func TestALPNBinds(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.XMPP, tcpmux.TURN, tcpmux.HTTP)
	c := p.dialTLS(t, "http/1.1")
	io.WriteString(c, request+"\r\n\r\n")
	if answer, _ := io.ReadAll(c); !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) {
		t.Errorf("STUN where HTTP was agreed on: %q", answer)
	}
	c = p.dialTLS(t, "stun.turn", "http/1.1")
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
	if answer, _ := io.ReadAll(c); len(answer) > 0 {
		t.Errorf("HTTP where TURN was agreed on: %q", answer)
	}
	bad := tls.Client(p.dial(t), p.trust("xmpp-server"))
	if err := bad.Handshake(); err == nil || !strings.Contains(err.Error(), "no application protocol") {
		t.Errorf("a protocol that is not here: %v", err)
	}
}

// The certificate is asked for at each connection.
func TestCertificateReload(t *testing.T) {
	p := open(t, tcpmux.Config{}, tcpmux.XMPP)
	p.signIn(t, &tcp.Dialer{TLS: p.trust(), Server: p.Addr().String(), Mode: tcp.DirectTLS})
	p.cert.Store(certificate(t))
	client, server := p.signIn(t, &tcp.Dialer{TLS: p.trust(), Server: p.Addr().String(), Mode: tcp.DirectTLS})
	bindings(t, client, server)
}

// Whoever is silent, slow or talks something else is closed, counted, and keeps nobody else waiting.
func TestBadClients(t *testing.T) {
	const short = 200 * time.Millisecond
	for _, tt := range []struct {
		why   string
		talk  func(*testing.T, *port)
		count func(tcpmux.Stats) uint64
	}{
		{"silent", func(t *testing.T, p *port) { gone(t, p.dial(t)) }, func(s tcpmux.Stats) uint64 { return s.Silent }},
		{"gone at once", func(t *testing.T, p *port) { p.dial(t).Close() }, func(s tcpmux.Stats) uint64 { return s.Silent }},
		{"half a method", func(t *testing.T, p *port) { gone(t, p.dial(t), "PO") }, func(s tcpmux.Stats) uint64 { return s.Slow }},
		{"half a STUN header", func(t *testing.T, p *port) { gone(t, p.dial(t), request[:6]) }, func(s tcpmux.Stats) uint64 { return s.Slow }},
		{"half a ClientHello", func(t *testing.T, p *port) { gone(t, p.dial(t), "\x16\x03\x01\x02\x00\x01\x00") }, func(s tcpmux.Stats) uint64 { return s.Slow }},
		{"TLS and then nothing", func(t *testing.T, p *port) { gone(t, p.dialTLS(t)) }, func(s tcpmux.Stats) uint64 { return s.Silent }},
		{"TLS and then half a method", func(t *testing.T, p *port) { gone(t, p.dialTLS(t), "OPT") }, func(s tcpmux.Stats) uint64 { return s.Slow }},
		{"garbage", func(t *testing.T, p *port) { gone(t, p.dial(t), "SSH-2.0-x\r\n") }, func(s tcpmux.Stats) uint64 { return s.Unknown }},
		{"garbage in TLS", func(t *testing.T, p *port) { gone(t, p.dialTLS(t), "\x00\x00\x00\x00\x00") }, func(s tcpmux.Stats) uint64 { return s.Unknown }},
		{"TLS in TLS", func(t *testing.T, p *port) { gone(t, p.dialTLS(t), "\x16\x03\x01") }, func(s tcpmux.Stats) uint64 { return s.Unknown }},
		{"no handshake", func(t *testing.T, p *port) { gone(t, p.dial(t), "\x16\x03\x01\x00\x04aaaa") }, func(s tcpmux.Stats) uint64 { return s.Handshake }},
		{"TLS 1.1", func(t *testing.T, p *port) {
			cfg := p.trust()
			cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			if tls.Client(p.dial(t), cfg).Handshake() == nil {
				t.Error("it was accepted")
			}
		}, func(s tcpmux.Stats) uint64 { return s.Handshake }},
		{"HTTP without TLS", func(t *testing.T, p *port) { gone(t, p.dial(t), "GET / HTTP/1.0\r\n\r\n") }, func(s tcpmux.Stats) uint64 { return s.PlainHTTP }},
		{"a protocol that is off", func(t *testing.T, p *port) { gone(t, p.dial(t), request) }, func(s tcpmux.Stats) uint64 { return s.Unserved }},
		{"a protocol that is off, in TLS", func(t *testing.T, p *port) { gone(t, p.dialTLS(t, "stun.turn")) }, func(s tcpmux.Stats) uint64 { return s.Unserved }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			p := open(t, tcpmux.Config{Timeout: short}, tcpmux.XMPP)
			tt.talk(t, p)
			for ; tt.count(p.Stats()) == 0; time.Sleep(time.Millisecond) {
				if t.Context().Err() != nil {
					return
				}
			}
			p.Close()
			if s := p.Stats(); s.Accepted != 1 || tt.count(s) != 1 || s.XMPP+s.XMPPPlain != 0 || s.Pending != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// gone says something and waits until the other end has closed.
func gone(t testing.TB, c net.Conn, words ...string) {
	t.Helper()
	for _, w := range words {
		io.WriteString(c, w)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) {
		t.Error("it was not closed")
	}
}

// Many that hang do not keep anybody waiting, and no more of them are there than allowed.
func TestHangersOn(t *testing.T) {
	all, pending := link.NewAddressLimiter(0, 100), link.NewAddressLimiter(20, 0)
	var refused atomic.Int64
	p := open(t, tcpmux.Config{Admit: all.Acquire, Pending: pending.Acquire, Refused: func(net.Addr) { refused.Add(1) }}, tcpmux.XMPP)
	first := p.dial(t)
	io.WriteString(first, "<") // told apart: it takes no place of those that hang
	l := <-p.links
	defer func() { l.Abort(); <-l.Done() }()
	for range 20 {
		p.dial(t)
	}
	for p.Stats().Pending != 20 {
		time.Sleep(time.Millisecond)
	}
	gone(t, p.dial(t)) // one too many
	if refused.Load() != 1 || p.Stats().Refused != 1 {
		t.Errorf("%d told, %+v", refused.Load(), p.Stats())
	}
	p.Close()
	if s := p.Stats(); s.Pending != 0 || s.Silent != 20 {
		t.Errorf("%+v", s)
	}
	if release, ok := pending.Acquire(netip.MustParseAddr("127.0.0.1")); !ok {
		t.Error("a place was not given back")
	} else {
		release()
	}
	l.Abort()
	<-l.Done()
	var held []func()
	for range 100 { // every place of a connection is free again
		release, ok := all.Acquire(netip.MustParseAddr("127.0.0.1"))
		if !ok {
			t.Fatalf("%d places are free, not 100", len(held))
		}
		held = append(held, release)
	}
}

// A protocol that takes no connections costs those of others nothing.
func TestBusyConsumer(t *testing.T) {
	p := open(t, tcpmux.Config{Timeout: 300 * time.Millisecond}, tcpmux.XMPP)
	p.Listen(tcpmux.TURN) // nobody accepts
	gone(t, p.dial(t), request)
	p.signIn(t, &tcp.Dialer{TLS: p.trust(), Server: p.Addr().String(), Mode: tcp.DirectTLS})
	if s := p.Stats(); s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []*tls.Config{nil, {}, {GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }}} {
		if _, err := tcpmux.New(nil, tcpmux.Config{TLS: cfg}); err == nil {
			t.Errorf("accepted: %v", cfg)
		}
	}
}
