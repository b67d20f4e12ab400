package stream_test

import (
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
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/link"
	"godwit/link/linktest"
	"godwit/link/tcp"
	"godwit/sasl"
	"godwit/stream"
)

var serverTLS, clientTLS = func() (*tls.Config, *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"b.example"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: pool}
}()

// serve accepts one client over TCP.
func serve(t testing.TB, direct bool, sc *stream.ServerConfig) (addr string, result func() (*stream.Stream, error)) {
	t.Helper()
	ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", tcp.ListenConfig{TLS: serverTLS, Direct: direct})
	if err != nil {
		t.Fatal(err)
	}
	type accepted struct {
		s   *stream.Stream
		err error
	}
	done := make(chan accepted, 1)
	var l link.Link
	go func() {
		defer ln.Close()
		var err error
		if l, err = ln.Accept(); err != nil {
			done <- accepted{nil, err}
			return
		}
		s, err := stream.Accept(context.Background(), l, sc)
		done <- accepted{s, err}
		if err == nil {
			untilEnd(s)
		}
		<-l.Done()
		close(done)
	}()
	t.Cleanup(func() {
		ln.Close()
		for range done {
		}
	})
	return ln.Addr().String(), func() (*stream.Stream, error) {
		a := <-done
		return a.s, a.err
	}
}

func TestRealTLS(t *testing.T) {
	for _, direct := range []bool{false, true} {
		addr, result := serve(t, direct, serverConfig(&registry{}))
		d := tcp.Dialer{TLS: clientTLS, Server: addr}
		if direct {
			d.Mode = tcp.DirectTLS
		}
		l, err := d.Dial(context.Background(), "b.example")
		if err != nil {
			t.Fatal(err)
		}
		c, session, err := stream.Connect(context.Background(), l, clientConfig())
		s, err2 := result()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		p := s.Peer()
		if p.Mechanism != sasl.ScramSHA512Plus || p.ChannelBinding != link.TLSExporter || p.TLS.Version != "TLS 1.3" || p.Remote != l.LocalAddr() {
			t.Errorf("direct %v: %+v", direct, p)
		}
		if want := map[bool]link.Kind{false: link.TCP, true: link.TLS}[direct]; p.Kind != want {
			t.Errorf("kind %s", p.Kind)
		}
		if !session.Pin.TLS || !c.Peer().TLS.PeerVerified {
			t.Errorf("%+v %+v", session.Pin, c.Peer().TLS)
		}
		c.Close(nil)
		<-l.Done()
	}
}

// script is a server of bytes: for each thing that must arrive, what to answer.
func script(t testing.TB, steps ...[2]string) (addr string, said func() string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer ln.Close()
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		buf := make([]byte, 4096)
		seen := ""
		for _, s := range steps {
			for !strings.Contains(seen, s[0]) {
				n, err := c.Read(buf)
				all.Write(buf[:n])
				seen += string(buf[:n])
				if err != nil {
					return
				}
			}
			seen = ""
			io.WriteString(c, s[1])
		}
		io.Copy(&all, c)
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String(), func() string { <-done; return all.String() }
}

const (
	srvHeader = "<stream:stream from='b.example' id='1' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	onlyPlain = "<stream:features><mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms></stream:features>"
	offerTLS  = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
)

// Somebody on the path answers in the server's place before TLS.
func TestBeforeTLS(t *testing.T) {
	tests := []struct {
		why   string
		steps [][2]string
		cc    func(*stream.ClientConfig)
		want  error
	}{
		{"STARTTLS taken away", [][2]string{{"<stream:stream", srvHeader + onlyPlain}}, nil, stream.ErrTLSRequired},
		{"taken away from somebody who had it before", [][2]string{{"<stream:stream", srvHeader + onlyPlain}},
			func(c *stream.ClientConfig) { c.AllowUnencrypted, c.Pin.TLS = true, true }, stream.ErrTLSRequired},
		{"refused", [][2]string{{"<stream:stream", srvHeader + offerTLS}, {"<starttls", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"}}, nil, stream.ErrTLSRequired},
		{"a stanza slipped in behind <proceed/>", [][2]string{{"<stream:stream", srvHeader + offerTLS}, {"<starttls", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message from='b.example'><body>evil</body></message>"}}, nil, link.ErrInjected},
		{"no TLS after <proceed/>", [][2]string{{"<stream:stream", srvHeader + offerTLS}, {"<starttls", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"}, {"\x16\x03", "this is no handshake, it is long enough"}}, nil, nil},
		{"another server", [][2]string{{"<stream:stream", srvHeader + "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>c.example:1</see-other-host></stream:error></stream:stream>"}}, nil, &stream.Error{Condition: stream.SeeOtherHost}},
		{"an unknown host", [][2]string{{"<stream:stream", strings.Replace(srvHeader, "b.example", "c.example", 1) + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"}}, nil, nil},
		{"another domain's header", [][2]string{{"<stream:stream", strings.Replace(srvHeader, "b.example", "c.example", 1) + onlyPlain}}, nil, nil},
		{"no version", [][2]string{{"<stream:stream", strings.Replace(srvHeader, "version='1.0'", "", 1)}}, nil, nil},
		{"no features", [][2]string{{"<stream:stream", srvHeader + "<presence/>"}}, nil, nil},
		{"the end", [][2]string{{"<stream:stream", srvHeader + "</stream:stream>"}}, nil, stream.ErrLost},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			addr, said := script(t, tt.steps...)
			d := tcp.Dialer{TLS: clientTLS, Server: addr}
			l, err := d.Dial(context.Background(), "b.example")
			if err != nil {
				t.Fatal(err)
			}
			cc := clientConfig()
			if tt.cc != nil {
				tt.cc(cc)
			}
			_, _, err = stream.Connect(context.Background(), l, cc)
			var e *stream.Error
			switch {
			case err == nil:
				t.Error("signed in")
			case errors.As(tt.want, &e):
				var got *stream.Error
				if !errors.As(err, &got) || got.Condition != e.Condition || !got.Remote || got.Host != "c.example:1" {
					t.Error(err)
				}
			case tt.want != nil && !errors.Is(err, tt.want):
				t.Error(err)
			}
			l.Abort()
			<-l.Done()
			if s := said(); strings.Contains(s, "alice") || strings.Contains(s, "<auth") {
				t.Errorf("told to the wire: %q", s)
			}
		})
	}
}

// A server that claims success must have proven that it knows the password.
func TestServerMustProveItself(t *testing.T) {
	mech := "<mechanism>SCRAM-SHA-256</mechanism>"
	tests := map[string][][2]string{
		"success at once": {
			{"<stream:stream", srvHeader + "<stream:features><mechanisms xmlns='" + nsSASL + "'>" + mech + "</mechanisms></stream:features>"},
			{"<auth", "<success xmlns='" + nsSASL + "'/>"}},
		"success at once, SASL2": {
			{"<stream:stream", srvHeader + "<stream:features><authentication xmlns='urn:xmpp:sasl:2'>" + mech + "</authentication></stream:features>"},
			{"<authenticate", "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@b.example/x</authorization-identifier></success><stream:features/>"}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			addr, _ := script(t, steps...)
			d := tcp.Dialer{Server: addr}
			l, err := d.Dial(context.Background(), "b.example")
			if err != nil {
				t.Fatal(err)
			}
			sec := &linktest.Secured{Link: l, Info: link.TLSInfo{Version: "TLS 1.3"}}
			if _, _, err = stream.Connect(context.Background(), sec, clientConfig()); !errors.Is(err, sasl.ErrServerProof) {
				t.Error(err)
			}
			l.Abort()
			<-l.Done()
		})
	}
}

// BenchmarkIdleStream reports what one signed-in client costs the server that
// says nothing: the Go heap and stacks of its end, over memory and over TLS.
func BenchmarkIdleStream(b *testing.B) {
	for _, kind := range []string{"tcp", "starttls", "directtls"} {
		b.Run(kind, func(b *testing.B) {
			const n = 400
			for b.Loop() {
				b.ReportMetric(idleCost(b, kind, n), "B/session")
			}
		})
	}
}

// idleCost signs n clients in, drops them and reports the difference for each
// of the 2n ends: both are made alike, but the clients' ends have no reader.
func idleCost(b *testing.B, kind string, n int) float64 {
	sc := serverConfig(&registry{})
	sc.AllowUnencrypted = kind == "tcp"
	lc := tcp.ListenConfig{TLS: serverTLS, Direct: kind == "directtls"}
	if kind == "tcp" {
		lc.TLS = nil
	}
	ln, err := tcp.Listen(context.Background(), "127.0.0.1:0", lc)
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	var wg sync.WaitGroup
	servers := make([]*stream.Stream, n)
	clients := make([]*stream.Stream, n)
	d := tcp.Dialer{TLS: clientTLS, Server: ln.Addr().String()}
	if kind == "directtls" {
		d.Mode = tcp.DirectTLS
	}
	for i := range n {
		wg.Go(func() {
			l, err := ln.Accept()
			if err != nil {
				b.Error(err)
				return
			}
			if servers[i], err = stream.Accept(context.Background(), l, sc); err != nil {
				b.Error(err)
			}
		})
		l, err := d.Dial(context.Background(), "b.example")
		if err != nil {
			b.Fatal(err)
		}
		cc := clientConfig()
		cc.AllowUnencrypted = kind == "tcp"
		cc.NoSM = kind == "tcp" // else the answer waits for a reader
		if clients[i], _, err = stream.Connect(context.Background(), l, cc); err != nil {
			b.Fatal(err)
		}
		wg.Wait()
	}
	var reading sync.WaitGroup
	for _, s := range servers {
		reading.Go(func() { untilEnd(s) })
	}
	with := memory()
	for _, c := range clients {
		c.Abort()
		<-c.Link().Done()
	}
	reading.Wait()
	for _, s := range servers {
		<-s.Link().Done()
	}
	for i := range clients {
		clients[i], servers[i] = nil, nil
	}
	without := memory()
	return float64(with-without) / float64(2*n)
}

func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkMessage carries one message from a client to the server's Read, over
// memory, acknowledged every 16.
func BenchmarkMessage(b *testing.B) {
	e := joinSecure(b, clientConfig(), serverConfig(&registry{}))
	go func() { untilEnd(e.client) }()
	msg := message("x")
	b.ReportAllocs()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if n, _ := e.client.Unacked(); n < 500 {
				e.client.Send(msg)
			} else {
				runtime.Gosched()
			}
		}
	}()
	for b.Loop() {
		for {
			if ev := <-e.in; ev.Kind == stream.StanzaEvent {
				e.server.Handled(ev.Seq)
				break
			}
		}
	}
	close(stop)
	<-stopped
	e.client.Abort()
}
