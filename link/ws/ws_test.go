package ws_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"godwit/link"
	"godwit/link/framing"
	"godwit/link/linktest"
	"godwit/link/ws"
	"godwit/xmlstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit ends a test that hangs, without being a measure of anything.
const limit = 30 * time.Second

// testServer is an HTTPS server of "example.com" and 127.0.0.1 whose WebSocket is at the usual path.
type testServer struct {
	*httptest.Server
	mux      *http.ServeMux
	accepted chan link.Link
}

func start(t testing.TB, cfg ws.Config) *testServer {
	t.Helper()
	s := &testServer{mux: http.NewServeMux(), accepted: make(chan link.Link, 8)}
	cfg.Accept = func(l link.Link) { s.accepted <- l }
	s.mux.Handle("/xmpp-websocket", ws.NewHandler(cfg))
	s.Server = httptest.NewUnstartedServer(s.mux)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *testServer) trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{RootCAs: pool}
}

func (s *testServer) socket() string {
	return "wss://" + s.Listener.Addr().String() + "/xmpp-websocket"
}

func (s *testServer) dialer() *ws.Dialer { return &ws.Dialer{URL: s.socket(), TLS: s.trust()} }

func (s *testServer) next(t testing.TB) link.Link {
	t.Helper()
	select {
	case l := <-s.accepted:
		return l
	case <-time.After(limit):
		t.Fatal("nobody came")
		return nil
	}
}

// connect joins two ends.
func (s *testServer) connect(t testing.TB, d *ws.Dialer) (client, server link.Link) {
	t.Helper()
	a, err := d.Dial(t.Context(), "example.com")
	if err != nil {
		t.Fatal(err)
	}
	return a, s.next(t)
}

func end(links ...link.Link) {
	for _, l := range links {
		l.Abort()
		<-l.Done()
	}
}

func framingConfig(o linktest.Options) framing.Config {
	return framing.Config{Limits: o.Config().Limits, MaxQueued: o.MaxQueued, WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout}
}

func TestConformance(t *testing.T) {
	linktest.Run(t, func(t testing.TB, o linktest.Options) (link.Link, link.Link) {
		s := start(t, ws.Config{Link: framingConfig(o)})
		d := s.dialer()
		d.Link = framingConfig(o)
		a, b := s.connect(t, d)
		s.Close() // what it handed over stays
		return a, b
	})
}

// What an operator sees of a session is what TCP shows, and no header changes it.
func TestWhatIsObserved(t *testing.T) {
	s := start(t, ws.Config{})
	a, b := s.connect(t, s.dialer())
	defer end(a, b)
	if a.Kind() != link.WebSocket || b.Kind() != link.WebSocket {
		t.Error(a.Kind(), b.Kind())
	}
	if a.LocalAddr() != b.RemoteAddr() || a.RemoteAddr() != b.LocalAddr() || !b.RemoteAddr().IsValid() || !b.LocalAddr().IsValid() {
		t.Errorf("%v-%v and %v-%v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
	for name, l := range map[string]link.Link{"client": a, "server": b} {
		info, ok := link.Secure(l)
		if !ok || info.Version != "TLS 1.3" || info.PeerVerified != (name == "client") {
			t.Errorf("%s: %+v %v", name, info, ok)
		}
	}
	x, ok1 := a.(link.Secured).ChannelBinding(link.TLSExporter)
	y, ok2 := b.(link.Secured).ChannelBinding(link.TLSExporter)
	if !ok1 || !ok2 || string(x) != string(y) || len(x) < 32 {
		t.Errorf("%x %v, %x %v", x, ok1, y, ok2)
	}
	if _, ok := b.(link.Secured).ChannelBinding(link.TLSServerEndPoint); ok {
		t.Error("a binding that is not there")
	}
	if _, is := b.(link.Upgrader); is {
		t.Error("STARTTLS on a WebSocket")
	}

	c, _, err := websocket.Dial(t.Context(), s.socket(), &websocket.DialOptions{
		HTTPClient: s.Client(), Subprotocols: []string{"xmpp"},
		HTTPHeader: http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.1"}, "X-Real-IP": {"192.0.2.1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	forged := s.next(t)
	defer end(forged)
	if got := forged.RemoteAddr().Addr().String(); got != "127.0.0.1" {
		t.Errorf("the client says it is %s", got)
	}
}

// ask makes a handshake by hand and returns the status line and body of what is answered.
func (s *testServer) ask(t *testing.T, header ...string) (status int, answer http.Header, body string) {
	t.Helper()
	c, err := tls.Dial("tcp", s.Listener.Addr().String(), s.trust())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	lines := append([]string{"GET /xmpp-websocket HTTP/1.1"}, header...)
	io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusSwitchingProtocols {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}
	return r.StatusCode, r.Header, body
}

// upgrade is a handshake in order; more lines are added.
func upgrade(more ...string) []string {
	return append([]string{"Host: example.com:5443", "Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Protocol: chat, xmpp"}, more...)
}

func without(lines []string, prefix string) (out []string) {
	for _, l := range lines {
		if !strings.HasPrefix(l, prefix) {
			out = append(out, l)
		}
	}
	return out
}

func TestHandshake(t *testing.T) {
	s := start(t, ws.Config{Origins: ws.Origins{Own: func(h string) bool { return h == "example.com" }}})
	for _, tt := range []struct {
		why    string
		header []string
		status int
	}{
		{"in order", upgrade(), 101},
		{"from the own page", upgrade("Origin: https://example.com:5443"), 101},
		{"from somebody else's page", upgrade("Origin: https://evil.example"), 403},
		{"from two pages", upgrade("Origin: https://example.com:5443", "Origin: https://evil.example"), 403},
		{"from a file", upgrade("Origin: null"), 403},
		{"without the subprotocol", without(upgrade(), "Sec-WebSocket-Protocol"), 400},
		{"for another one", append(without(upgrade(), "Sec-WebSocket-Protocol"), "Sec-WebSocket-Protocol: xmpp2"), 400},
		{"a page view", []string{"Host: example.com"}, 426},
		{"an old version", append(without(upgrade(), "Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"), 400},
		{"a short key", append(without(upgrade(), "Sec-WebSocket-Key"), "Sec-WebSocket-Key: YQ=="), 400},
	} {
		status, answer, body := s.ask(t, tt.header...)
		if status != tt.status || answer.Get("Sec-WebSocket-Extensions") != "" {
			t.Errorf("%s: %d %v %s", tt.why, status, answer, body)
		}
		if tt.status == 101 {
			if answer.Get("Sec-WebSocket-Protocol") != "xmpp" {
				t.Errorf("%s: subprotocol %q", tt.why, answer.Get("Sec-WebSocket-Protocol"))
			}
			end(s.next(t))
		}
	}
	select {
	case <-s.accepted:
		t.Error("something that was refused was accepted")
	default:
	}
}

// Compression is refused even when a client offers it: what inflates is a bomb.
func TestNoCompression(t *testing.T) {
	s := start(t, ws.Config{})
	status, answer, _ := s.ask(t, upgrade("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")...)
	if status != 101 || answer.Get("Sec-WebSocket-Extensions") != "" {
		t.Error(status, answer)
	}
	end(s.next(t))
}

func TestConnectionsAreLimited(t *testing.T) {
	refused := make(chan net.Addr, 1)
	s := start(t, ws.Config{Connections: link.NewAddressLimiter(1, 0), Refused: func(a net.Addr) { refused <- a }})
	a, b := s.connect(t, s.dialer())
	if _, err := s.dialer().Dial(t.Context(), "example.com"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a second one: %v", err)
	}
	if got := (<-refused).String(); !strings.HasPrefix(got, "127.0.0.1:") {
		t.Error(got)
	}
	end(a, b) // gives its place back
	c, d := s.connect(t, s.dialer())
	end(c, d)
}

// raw is a client without framing.
func (s *testServer) raw(t *testing.T) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), s.socket(), &websocket.DialOptions{HTTPClient: s.Client(), Subprotocols: []string{"xmpp"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func TestBinaryMessagesEndIt(t *testing.T) {
	s := start(t, ws.Config{})
	c := s.raw(t)
	l := s.next(t)
	defer end(l)
	read := make(chan error, 1)
	go func() {
		_, err := l.Read()
		read <- err
	}()
	c.Write(t.Context(), websocket.MessageBinary, []byte("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"))
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("the client hears %v", err)
	}
	if err := <-read; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the server reads %v", err)
	}
}

// A message without end costs what a stanza may be, and the client is told.
func TestMessagesWithoutEnd(t *testing.T) {
	s := start(t, ws.Config{Link: framing.Config{CloseTimeout: 2 * time.Second}})
	c := s.raw(t)
	l := s.next(t)
	defer end(l)
	w, err := c.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // fragments for ever
		for {
			if _, err := w.Write([]byte("<a>" + strings.Repeat("x", 4<<10))); err != nil {
				return
			}
		}
	}()
	l.Open(link.Header{From: "example.com"})
	var refused *xmlstream.Error
	if _, err := l.Read(); !errors.As(err, &refused) || refused.Condition != xmlstream.PolicyViolation {
		t.Fatalf("read: %v", err)
	}
	if got := l.Quality().BytesIn; got > 11<<10 {
		t.Errorf("%d bytes were taken before signing in", got)
	}
	l.Close([]byte("<why/>"))
	for _, want := range []string{"<open", "<why/>", "<close"} {
		if _, m, err := c.Read(t.Context()); err != nil || !strings.HasPrefix(string(m), want) {
			t.Fatalf("%q, %v instead of %q", m, err, want)
		}
	}
	select {
	case <-l.Done():
	case <-time.After(limit):
		t.Error("the flood keeps the link")
	}
}

// A page that is closed says so in WebSocket only: that is a cut, and the session may be resumed.
func TestPageThatIsClosed(t *testing.T) {
	s := start(t, ws.Config{})
	c := s.raw(t)
	l := s.next(t)
	defer end(l)
	go c.Close(websocket.StatusGoingAway, "")
	if _, err := l.Read(); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "1001") {
		t.Errorf("read: %v", err)
	}
}

// Closing ends with WebSocket's own goodbye (RFC 7395 §3.6).
func TestClosingInOrder(t *testing.T) {
	s := start(t, ws.Config{})
	c := s.raw(t)
	l := s.next(t)
	l.Open(link.Header{From: "example.com"})
	l.Close(nil)
	for _, want := range []string{"<open", "<close"} {
		if _, m, err := c.Read(t.Context()); err != nil || !strings.HasPrefix(string(m), want) {
			t.Fatalf("%q, %v instead of %q", m, err, want)
		}
	}
	c.Write(t.Context(), websocket.MessageText, []byte(framing.Closing))
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the client hears %v", err)
	}
	<-l.Done()
}

// Who is silent is asked; who answers stays, with a round trip measured, and who does not is dropped.
func TestPings(t *testing.T) {
	s := start(t, ws.Config{Pings: ws.Pings{Every: time.Millisecond, Timeout: limit}})
	c := s.raw(t)
	l := s.next(t)
	read := make(chan error, 1)
	go func() {
		_, err := l.Read()
		read <- err
	}()
	ctx := c.CloseRead(t.Context()) // answers pings
	for deadline := time.Now().Add(limit); l.Quality().RTT == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never measured")
		}
	}
	if l.Quality().LastHeard.IsZero() || ctx.Err() != nil {
		t.Error("an answer is not something heard")
	}
	end(l)
	<-read

	deaf := start(t, ws.Config{Pings: ws.Pings{Every: time.Millisecond, Timeout: 20 * time.Millisecond}})
	deaf.raw(t) // never reads
	l = deaf.next(t)
	if _, err := l.Read(); !errors.Is(err, ws.ErrSilent) {
		t.Errorf("read: %v", err)
	}
	<-l.Done()
}

// Slow handshakes are the HTTP server's; once a WebSocket, its timeouts are over.
func TestTimeoutsOfHTTPEnd(t *testing.T) {
	s := &testServer{accepted: make(chan link.Link, 1)}
	s.Server = httptest.NewUnstartedServer(ws.NewHandler(ws.Config{Accept: func(l link.Link) { s.accepted <- l }}))
	s.Config.ReadTimeout, s.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.StartTLS()
	t.Cleanup(s.Close)
	a, b := s.connect(t, s.dialer())
	defer end(a, b)
	timer := time.NewTimer(100 * time.Millisecond) // beyond both
	<-timer.C
	a.Open(link.Header{To: "example.com"})
	if f, err := b.Read(); err != nil || f.Kind != link.Open {
		t.Error(f, err)
	}
}

func TestConcurrentAborts(t *testing.T) {
	s := start(t, ws.Config{})
	for i := range 20 {
		a, b := s.connect(t, s.dialer())
		a.Open(link.Header{To: "example.com"})
		if i%2 == 0 {
			a.Close(nil)
		}
		go a.Abort()
		b.Abort()
		<-a.Done()
		<-b.Done()
	}
}

func TestCancelledDial(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := (&ws.Dialer{URL: fmt.Sprintf("wss://%s/", ln.Addr())}).Dial(ctx, "example.com")
		done <- err
	}()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a link to nobody")
		}
	case <-time.After(limit):
		t.Error("it goes on")
	}
}
