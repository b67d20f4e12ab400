package tcp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/link"
	"godwit/link/linktest"
	"godwit/link/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// certificate makes a self-signed one for a domain; with cnOnly the domain is
// named only where it does not count.
func certificate(t testing.TB, domain string, cnOnly bool, key any) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: domain},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	if !cnOnly {
		template.DNSNames = []string{domain}
	}
	var pub any
	switch k := key.(type) {
	case nil:
		k2, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, pub = k2, k2.Public()
	case ed25519.PrivateKey:
		pub = k.Public()
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trust makes a client configuration that trusts exactly this certificate.
func trust(t testing.TB, c tls.Certificate) *tls.Config {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{RootCAs: pool}
}

const domain = "b.example"

type setup struct {
	server, client *tls.Config
	mode           tcp.Mode
	upgrade        bool
	conns          *link.AddressLimiter
}

// connect makes one connection; with upgrade it has been through STARTTLS.
func connect(t testing.TB, s setup, o linktest.Options) (*tcp.Link, *tcp.Link) {
	t.Helper()
	bc := o.Config()
	ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{
		TLS: s.server, Direct: s.mode == tcp.DirectTLS, Link: bc, Connections: s.conns,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	type result struct {
		l   link.Link
		err error
	}
	accepted := make(chan result, 1)
	go func() {
		l, err := ln.Accept()
		if err == nil && s.mode == tcp.DirectTLS {
			l.(*tcp.Link).Handshake(context.Background())
		}
		accepted <- result{l, err}
	}()
	d := tcp.Dialer{TLS: s.client, Server: ln.Addr().String(), Mode: s.mode, Link: bc}
	a, err := d.Dial(context.Background(), domain)
	if err != nil {
		t.Fatal(err)
	}
	r := <-accepted
	if r.err != nil {
		t.Fatal(r.err)
	}
	x, y := a.(*tcp.Link), r.l.(*tcp.Link)
	if s.upgrade {
		startTLS(t, x, y)
	}
	return x, y
}

// startTLS walks both ends through RFC 6120 §5.4.
func startTLS(t testing.TB, a, b *tcp.Link) {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		failed <- func() error {
			for range 2 {
				if _, err := b.Read(); err != nil {
					return err
				}
			}
			return b.StartTLS(context.Background(), []byte("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"))
		}()
	}()
	a.Open(link.Header{To: domain, Version: "1.0"})
	b.Open(link.Header{From: domain, Version: "1.0"})
	a.Send([]byte("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"))
	for range 2 {
		if _, err := a.Read(); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.StartTLS(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	cert := certificate(t, domain, false, nil)
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	for name, s := range map[string]setup{
		"tcp":       {},
		"starttls":  {server: server, client: trust(t, cert), upgrade: true},
		"directtls": {server: server, client: trust(t, cert), mode: tcp.DirectTLS},
	} {
		t.Run(name, func(t *testing.T) {
			linktest.Run(t, func(t testing.TB, o linktest.Options) (link.Link, link.Link) { return connect(t, s, o) })
		})
	}
}

func TestChannelBinding(t *testing.T) {
	cert := certificate(t, domain, false, nil)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	edCert := certificate(t, domain, false, edKey)
	tests := []struct {
		name               string
		s                  setup
		exporter, endPoint bool
	}{
		{"not encrypted, so there is nothing to bind to", setup{}, false, false},
		{"TLS 1.3", setup{server: &tls.Config{Certificates: []tls.Certificate{cert}}, client: trust(t, cert), upgrade: true}, true, true},
		{"TLS 1.2 with extended master secret", setup{
			server: &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12},
			client: trust(t, cert), mode: tcp.DirectTLS}, true, true},
		{"Ed25519: its signature has no hash (RFC 5929 §4.1)", setup{
			server: &tls.Config{Certificates: []tls.Certificate{edCert}}, client: trust(t, edCert), mode: tcp.DirectTLS}, true, false},
		{"a certificate chosen by callback", setup{
			server: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }},
			client: trust(t, cert), mode: tcp.DirectTLS}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := connect(t, tt.s, linktest.Options{})
			defer end(a, b)
			for kind, want := range map[string]bool{link.TLSExporter: tt.exporter, link.TLSServerEndPoint: tt.endPoint, "tls-unique": false} {
				x, ok1 := a.ChannelBinding(kind)
				y, ok2 := b.ChannelBinding(kind)
				if ok1 != want || ok2 != want || !bytes.Equal(x, y) || (want && len(x) < 32) {
					t.Errorf("%s: %x %v, %x %v", kind, x, ok1, y, ok2)
				}
			}
		})
	}
}

func end(links ...*tcp.Link) {
	for _, l := range links {
		l.Abort()
		<-l.Done()
	}
}

func TestTLSInfo(t *testing.T) {
	cert := certificate(t, domain, false, nil)
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	a, b := connect(t, setup{server: server, client: trust(t, cert), upgrade: true}, linktest.Options{})
	defer end(a, b)
	if i := a.TLS(); i.Version != "TLS 1.3" || i.Cipher == "" || !i.PeerVerified {
		t.Errorf("client: %+v", i)
	}
	if i := b.TLS(); i.Version != "TLS 1.3" || i.PeerVerified {
		t.Errorf("server: %+v", i)
	}
	if a.CanStartTLS() || b.CanStartTLS() {
		t.Error("TLS could be started twice")
	}
	c, d := connect(t, setup{server: server, client: &tls.Config{InsecureSkipVerify: true}, mode: tcp.DirectTLS}, linktest.Options{})
	defer end(c, d)
	if i := c.TLS(); i.Version == "" || i.PeerVerified {
		t.Errorf("unverified: %+v", i)
	}
	e, f := connect(t, setup{}, linktest.Options{})
	defer end(e, f)
	if i, ok := link.Secure(e); ok {
		t.Errorf("plain: %+v", i)
	}
}

// The certificate must be the domain's, by a subject alternative name.
func TestCertificateIsChecked(t *testing.T) {
	good := certificate(t, domain, false, nil)
	cnOnly := certificate(t, domain, true, nil)
	other := certificate(t, "c.example", false, nil)
	for name, tt := range map[string]struct {
		cert   tls.Certificate
		client *tls.Config
		ok     bool
	}{
		"right":                       {good, trust(t, good), true},
		"unknown authority":           {good, nil, false},
		"domain only as common name":  {cnOnly, trust(t, cnOnly), false},
		"another domain's":            {other, trust(t, other), false},
		"TLS 1.1 at most, by wish":    {good, &tls.Config{RootCAs: trust(t, good).RootCAs, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"not checked, for tests only": {other, &tls.Config{InsecureSkipVerify: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{
				TLS: &tls.Config{Certificates: []tls.Certificate{tt.cert}, MinVersion: tls.VersionTLS10}, Direct: true})
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			accepted := make(chan struct{})
			go func() {
				defer close(accepted)
				l, err := ln.Accept()
				if err != nil {
					return
				}
				l.Read()
				end(l.(*tcp.Link))
			}()
			d := tcp.Dialer{TLS: tt.client, Server: ln.Addr().String(), Mode: tcp.DirectTLS}
			l, err := d.Dial(context.Background(), domain)
			if (err == nil) != tt.ok {
				t.Errorf("dial: %v", err)
			}
			if err == nil {
				end(l.(*tcp.Link))
			}
			<-accepted
		})
	}
}

func TestALPN(t *testing.T) {
	cert := certificate(t, domain, false, nil)
	ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, tt := range []struct {
		protos []string
		ok     bool
	}{{[]string{"xmpp-client"}, true}, {nil, true}, {[]string{"h2"}, false}} {
		got := make(chan error, 1)
		go func() {
			l, err := ln.Accept()
			if err != nil {
				got <- err
				return
			}
			got <- l.(*tcp.Link).Handshake(context.Background())
			end(l.(*tcp.Link))
		}()
		cfg := trust(t, cert)
		cfg.ServerName, cfg.NextProtos = domain, tt.protos
		c, err := tls.Dial("tcp", ln.Addr().String(), cfg)
		if err == nil {
			if p := c.ConnectionState().NegotiatedProtocol; tt.protos != nil && p != "xmpp-client" {
				t.Errorf("%v: negotiated %q", tt.protos, p)
			}
			c.Close()
		}
		if serverErr := <-got; (serverErr == nil) != tt.ok {
			t.Errorf("%v: %v", tt.protos, serverErr)
		}
	}
}

// A client that speaks TLS late or not at all must not keep others waiting.
func TestAcceptDoesNotWaitForHandshakes(t *testing.T) {
	cert := certificate(t, domain, false, nil)
	ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var links []*tcp.Link
	for range 3 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		l, err := ln.Accept() // nothing was said
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, l.(*tcp.Link))
	}
	end(links...) // and a handshake under way can be ended
}

func TestConnectionLimit(t *testing.T) {
	refused := make(chan net.Addr, 10)
	ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{
		Connections: link.NewAddressLimiter(2, 0), Refused: func(a net.Addr) { refused <- a }})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accepted := make(chan link.Link, 10)
	go func() {
		for {
			l, err := ln.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- l
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	dial()
	first, second := <-accepted, <-accepted
	over := dial()
	<-refused
	if _, err := over.Read(make([]byte, 1)); err == nil {
		t.Error("a third connection was served")
	}
	first.Abort()
	<-first.Done() // gives its place back
	dial()
	third := <-accepted
	ln.Close()
	for _, l := range []link.Link{second, third} {
		l.Abort()
		<-l.Done()
	}
	if _, ok := <-accepted; ok {
		t.Error("accepted more than allowed")
	}
}

// Bytes that arrive with <starttls/> come from somebody on the path; they must
// not be read inside TLS.
func TestInjectionAtStartTLS(t *testing.T) {
	cert := certificate(t, domain, false, nil)
	ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "<stream:stream to='b.example' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"+
		"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq type='get' id='evil'/>")
	for range 2 {
		if _, err := l.Read(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.(link.Upgrader).StartTLS(context.Background(), []byte("<proceed/>")); !errors.Is(err, link.ErrInjected) {
		t.Errorf("StartTLS: %v", err)
	}
	if b, _ := io.ReadAll(c); len(b) > 0 {
		t.Errorf("the server answered %q", b)
	}
	<-l.Done()
}

func TestListenErrors(t *testing.T) {
	if _, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{Direct: true}); err == nil {
		t.Error("direct TLS without a configuration")
	}
	if _, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{TLS: &tls.Config{}}); err == nil {
		t.Error("TLS without a certificate")
	}
	first, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if l, err := tcp.Listen(context.Background(), first.Addr().String(), tcp.ListenConfig{}); err == nil {
		l.Close()
		t.Error("a port was opened twice")
	}
}

func TestAddresses(t *testing.T) {
	a, b := connect(t, setup{}, linktest.Options{})
	defer end(a, b)
	if a.LocalAddr() != b.RemoteAddr() || a.RemoteAddr() != b.LocalAddr() ||
		a.LocalAddr().Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("%v-%v and %v-%v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
	if a.Kind() != link.TCP {
		t.Error(a.Kind())
	}
}
