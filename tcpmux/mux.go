package tcpmux

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// DefaultTimeout is how long a connection may take to say what it is, a TLS handshake included.
const DefaultTimeout = 10 * time.Second

// Config says how connections are told apart.
type Config struct {
	// TLS has GetCertificate, which is asked anew for each connection. Its protocols, its tickets and a minimum version below 1.2 are
	// replaced: a resumed session would present no certificate, on which channel binding rests (RFC 5929).
	TLS *tls.Config
	// Timeout bounds telling apart; DefaultTimeout.
	Timeout time.Duration
	// Admit takes the place of a connection for as long as it lives, Pending for as long as it has not said what it is. Without a place it
	// is closed at once. nil admits all.
	Admit, Pending func(netip.Addr) (release func(), ok bool)
	// Refused, if not nil, is told about each connection that found no place.
	Refused func(remote net.Addr)
	// Logger gets defects, and at debug level why connections were closed; nil is silence.
	Logger *slog.Logger
}

// Mux is a shared port. Listen, then Serve; safe for concurrent use.
type Mux struct {
	listener net.Listener
	cfg      Config
	tls      *tls.Config
	log      *slog.Logger
	count    counters

	mu      sync.Mutex // guards the rest, which is leaf data
	ports   [kinds]*port
	pending map[*transport]struct{}
	closed  bool
	running sync.WaitGroup
}

// New shares a listener, which the mux owns from now on unless New fails.
func New(l net.Listener, cfg Config) (*Mux, error) {
	if cfg.TLS == nil || cfg.TLS.GetCertificate == nil || cfg.TLS.GetConfigForClient != nil {
		return nil, errors.New("tcpmux: TLS needs GetCertificate, and GetConfigForClient would hide which certificate was shown")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	m := &Mux{listener: l, cfg: cfg, log: cfg.Logger, pending: make(map[*transport]struct{})}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.tls = cfg.TLS.Clone()
	m.tls.MinVersion = max(m.tls.MinVersion, tls.VersionTLS12)
	m.tls.SessionTicketsDisabled = true
	m.tls.NextProtos = protocols
	m.tls.Certificates = nil // with these, GetCertificate might not be asked
	m.tls.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := cfg.TLS.GetCertificate(hello)
		if t, ok := hello.Conn.(*transport); ok && err == nil {
			t.cert.Store(cert)
		}
		return cert, err
	}
	return m, nil
}

// Addr is where the port is.
func (m *Mux) Addr() net.Addr { return m.listener.Addr() }

// Listen returns the share of a protocol, always the same. A protocol that nobody listened for is switched off. It must be called before Serve.
func (m *Mux) Listen(k Kind) net.Listener {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ports[k] == nil {
		m.ports[k] = newPort(k, m.Addr())
		if m.closed {
			m.ports[k].end()
		}
	}
	return m.ports[k]
}

// Serve accepts until Close, when it returns nil, or until the listener is of no more use. Errors that pass, such as too many open files, are
// waited out with a growing pause.
func (m *Mux) Serve() error {
	var pause time.Duration
	for {
		c, err := m.listener.Accept()
		if err == nil {
			pause = 0
			m.accept(c)
			continue
		}
		var passing net.Error
		if errors.Is(err, net.ErrClosed) || !errors.As(err, &passing) {
			if m.isClosed() {
				return nil
			}
			return err
		}
		m.log.Warn("the shared port can not accept", "address", m.Addr(), "error", err)
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		time.Sleep(pause)
	}
}

// Close stops accepting, ends what is being told apart and the shares of all protocols. Connections handed over stay.
func (m *Mux) Close() error {
	m.mu.Lock()
	m.closed = true
	ports := m.ports
	open := m.pending
	m.pending = make(map[*transport]struct{})
	m.mu.Unlock()
	err := m.listener.Close()
	for _, p := range ports {
		if p != nil {
			p.end()
		}
	}
	for t := range open {
		t.Close()
	}
	m.running.Wait()
	return err
}

func (m *Mux) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// accept gives a connection a place and a goroutine.
func (m *Mux) accept(c net.Conn) {
	m.count.accepted.Add(1)
	from := remoteAddr(c)
	release, ok := acquire(m.cfg.Admit, from)
	t := &transport{Conn: c, release: release}
	told, free := func() {}, ok
	if ok {
		told, free = acquire(m.cfg.Pending, from)
	}
	if !free {
		m.count.refused.Add(1)
		if t.Close(); m.cfg.Refused != nil {
			m.cfg.Refused(c.RemoteAddr())
		}
		return
	}
	if !m.begin(t) {
		told()
		t.Close()
		m.count.dropped.Add(1)
		return
	}
	go func() {
		defer m.running.Done()
		defer told()
		m.tell(t)
	}()
}

func acquire(from func(netip.Addr) (func(), bool), a netip.Addr) (release func(), ok bool) {
	if from == nil {
		return func() {}, true
	}
	return from(a)
}

// begin registers a connection that Close must end.
func (m *Mux) begin(t *transport) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.pending[t] = struct{}{}
	m.running.Add(1)
	m.count.pending.Add(1)
	return true
}

// end takes it out again: it has been told apart, or closed.
func (m *Mux) end(t *transport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pending, t)
	m.count.pending.Add(-1)
}

// tell finds out what a connection is, and hands it over or closes it. A defect costs this connection only.
func (m *Mux) tell(t *transport) {
	handed := false
	defer func() {
		if p := recover(); p != nil {
			m.count.panics.Add(1)
			m.log.Error("defect on the shared port", "address", t.RemoteAddr().String(), "panic", p, "stack", string(debug.Stack()))
		}
		m.end(t)
		if !handed {
			t.Close()
		}
	}()
	deadline := time.Now().Add(m.cfg.Timeout)
	t.SetDeadline(deadline)
	c, kind, why := m.examine(t)
	if c == nil {
		m.log.Debug("a connection on the shared port was closed", "address", t.RemoteAddr().String(), "reason", why)
		return
	}
	t.SetDeadline(time.Time{})
	handed = m.hand(c, kind, time.Until(deadline))
}

// examine looks at the first bytes and does TLS. It counts whatever is not to be handed over, and says why; the connection returned is nil then.
func (m *Mux) examine(t *transport) (c *Conn, k Kind, why string) {
	head, b, err := look(t)
	if err != nil {
		return nil, 0, m.ended(head, err)
	}
	t.head = head
	switch b {
	case beginsTLS:
		return m.secure(t)
	case beginsHTTP:
		m.count.plainHTTP.Add(1)
		refuseHTTP(t)
		return nil, 0, "HTTP without TLS"
	}
	k, ok := byBytes(b)
	if !ok {
		m.count.unknown.Add(1)
		return nil, 0, "no protocol of this port"
	}
	return &Conn{Conn: t, raw: t}, k, ""
}

// ended counts a connection that ended before it was known.
func (m *Mux) ended(head []byte, err error) string {
	switch {
	case len(head) == 0:
		m.count.silent.Add(1)
		return "it said nothing"
	case errors.Is(err, os.ErrDeadlineExceeded):
		m.count.slow.Add(1)
		return "it took too long"
	}
	m.count.unknown.Add(1)
	return "it ended before it said what it is"
}

// secure does the server's part of TLS and tells apart what is inside.
func (m *Mux) secure(t *transport) (c *Conn, k Kind, why string) {
	s := tls.Server(t, m.tls)
	if err := s.Handshake(); err != nil { // the deadline of the transport bounds it
		if errors.Is(err, os.ErrDeadlineExceeded) {
			m.count.slow.Add(1)
			return nil, 0, "the TLS handshake took too long"
		}
		m.count.handshake.Add(1)
		return nil, 0, "TLS handshake: " + err.Error()
	}
	c = &Conn{Conn: s, raw: t, tls: s}
	if k, ok := byALPN(s.ConnectionState().NegotiatedProtocol); ok {
		return c, k, ""
	}
	head, b, err := look(s)
	if err != nil {
		return nil, 0, m.ended(head, err)
	}
	c.head = head
	k, ok := byBytes(b)
	if !ok {
		m.count.unknown.Add(1)
		s.Close()
		return nil, 0, "no protocol of this port inside TLS"
	}
	return c, k, ""
}

// hand gives a connection to its protocol. It reports whether that took it.
func (m *Mux) hand(c *Conn, k Kind, wait time.Duration) bool {
	m.mu.Lock()
	p := m.ports[k]
	m.mu.Unlock()
	secure := c.tls != nil // what was handed over belongs to its protocol
	result := off
	if p != nil {
		result = p.offer(c, wait)
	}
	switch {
	case result == taken:
		m.count.handed(k, secure)
		return true
	case result == off && !m.isClosed():
		m.count.unserved.Add(1)
		c.Close()
	default:
		m.count.dropped.Add(1)
	}
	return false
}

// refusal is for people who write http:// in front of the name.
const refusal = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nThis port speaks HTTPS: write https:// in front of the name.\n"

// refuseHTTP says so, and waits a moment for the other end to have read it: closing with bytes unread would take the words back.
func refuseHTTP(t *transport) {
	const patience, most = time.Second, 16 << 10
	t.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(t, refusal); err != nil {
		return
	}
	if t.CloseWrite() == nil {
		io.Copy(io.Discard, io.LimitReader(t, most))
	}
}
