package relay

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxPerConnection bounds the messages served on one TCP connection without an
// allocation. A client needs one; the bound ends those that only occupy a slot.
const maxPerConnection = 64

// ServeTCP accepts connections, answers Binding requests on them (RFC 8489
// §6.2.2) and relays if the server has a secret (RFC 8656), until the listener
// fails or Close is called, which returns ErrClosed. It owns the listener from
// now on, which may as well be one that yields TLS connections.
func (s *Server) ServeTCP(listener net.Listener) error {
	if !s.track(listener) {
		return ErrClosed
	}
	defer s.untrack(listener)
	pause := time.Millisecond
	for {
		conn, err := listener.Accept()
		if err != nil {
			if s.isClosed() {
				return ErrClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Such as too many open files: others will close theirs.
			s.log.Warn("stun: accepting a connection", "address", listener.Addr(), "error", err)
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		s.startConnection(conn)
	}
}

func (s *Server) startConnection(conn net.Conn) {
	if serve := s.take(conn); serve != nil {
		go serve()
	}
}

// ServeConn serves one connection, such as one whose TLS somebody else has ended
// or that shares its port with other protocols, until it ends. It owns the
// connection from now on and closes it. The connection's addresses must be those
// of the two ends. It returns ErrClosed after Close, and an error when the
// connection was turned away by a bound.
func (s *Server) ServeConn(conn net.Conn) error {
	serve := s.take(conn)
	if serve == nil {
		if s.isClosed() {
			return ErrClosed
		}
		return ErrTooMany
	}
	serve()
	return nil
}

// ErrTooMany is returned for a connection beyond Config.MaxConnections or
// Config.MaxConnectionsPerSource.
var ErrTooMany = errors.New("relay: too many connections")

// take takes a connection in, and returns what serves it; nil if it was closed.
func (s *Server) take(conn net.Conn) (serve func()) {
	from := remoteOf(conn)
	if !from.IsValid() || !s.admit(from) {
		s.count.turned.Add(1)
		_ = conn.Close()
		return nil
	}
	if !s.track(conn) {
		s.dismiss(from)
		return nil
	}
	s.count.connections.Add(1)
	return func() {
		defer s.untrack(conn) // last: it is what Close waits for
		defer s.dismiss(from)
		s.serveConnection(conn, from)
	}
}

func remoteOf(conn net.Conn) netip.AddrPort {
	if address, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return address.AddrPort()
	}
	parsed, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return parsed
}

// admit takes a slot of the whole and of the source's share.
func (s *Server) admit(from netip.AddrPort) bool {
	source := sourceOf(from.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count.open.Load() >= int64(s.config.MaxConnections) ||
		s.sources[source] >= s.config.MaxConnectionsPerSource {
		return false
	}
	s.sources[source]++
	s.count.open.Add(1)
	return true
}

func (s *Server) dismiss(from netip.AddrPort) {
	source := sourceOf(from.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.open.Add(-1)
	if s.sources[source]--; s.sources[source] <= 0 {
		delete(s.sources, source)
	}
}

// serveConnection serves one connection until it ends.
func (s *Server) serveConnection(conn net.Conn, from netip.AddrPort) {
	transport := "tcp"
	if _, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		transport = "tls"
	}
	w := &tcpWire{server: s, conn: conn, from: from, local: addrPortOf(conn.LocalAddr())}
	e := s.newEndpoint(w, transport, true)
	w.turn = e.turn
	buffer := make([]byte, maxFrame+1)
	for {
		if _, _, err := e.read(buffer); err != nil {
			return
		}
		if !e.request.ready {
			continue
		}
		// The first request that needs the library. From now on it reads.
		buffer = nil
		if err := e.start(); err != nil {
			s.log.Error("turn: starting on a connection", "client", from, "error", err)
			return
		}
		<-e.done
		return
	}
}

var errNotSTUN = errors.New("relay: not a STUN message")

// errEnough ends a connection that only occupies a slot.
var errEnough = errors.New("relay: enough requests on one connection")

// tcpWire is one TCP or TLS connection as a wire. Its reader owns served and
// reader; relays is leaf data under mu, as it decides about the deadline.
type tcpWire struct {
	server *Server
	conn   net.Conn
	from   netip.AddrPort
	local  netip.AddrPort
	turn   bool
	served int
	reader *bufio.Reader // made when there is something to relay

	mu     sync.Mutex
	relays bool

	writing sync.Mutex
}

// next implements wire.
func (w *tcpWire) next(b []byte) (packet, error) {
	relays, err := w.await()
	if err != nil {
		return packet{}, err
	}
	var source io.Reader = w.conn
	if relays && w.reader == nil {
		w.reader = bufio.NewReaderSize(w.conn, 2048)
	}
	if w.reader != nil {
		source = w.reader
	}
	message, err := w.read(source, b)
	if errors.Is(err, errNotSTUN) {
		w.server.count.requests.Add(1)
		w.server.count.malformed.Add(1)
	}
	if err != nil {
		_ = w.conn.Close() // the stream has no way back to a boundary
		return packet{}, err
	}
	return packet{data: message, from: w.from, local: w.local}, nil
}

// await sets the deadline of the next message. A whole message is to arrive
// within the idle time, so dripping bytes does not extend it; only the wait for
// the next one of a client with an allocation has no end but the allocation's.
func (w *tcpWire) await() (relays bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.relays {
		return true, w.conn.SetReadDeadline(time.Time{})
	}
	if w.served++; w.served > maxPerConnection {
		return false, errEnough
	}
	return false, w.conn.SetReadDeadline(time.Now().Add(w.server.config.IdleTimeout))
}

// relaying implements wire.
func (w *tcpWire) relaying(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.relays = is
	if !is {
		w.served = 0
		_ = w.conn.SetReadDeadline(time.Now().Add(w.server.config.IdleTimeout))
	}
}

// read reads one message into b; on a stream the header's length is the only
// framing there is (RFC 8489 §6.2.2, RFC 8656 §12.5). What is well framed but
// longer than anything of use is read over, and comes back empty.
func (w *tcpWire) read(source io.Reader, b []byte) ([]byte, error) {
	if _, err := io.ReadFull(source, b[:channelHeader]); err != nil {
		return nil, err
	}
	if w.reader != nil { // the rest of what has begun has to come
		w.mu.Lock()
		if w.relays {
			_ = w.conn.SetReadDeadline(time.Now().Add(w.server.config.IdleTimeout))
		}
		w.mu.Unlock()
	}
	length := int(binary.BigEndian.Uint16(b[2:4]))
	have, whole := channelHeader, 0
	if b[0]&0xC0 == 0x40 && w.turn {
		whole = channelHeader + (length+3)&^3
	} else {
		if _, err := io.ReadFull(source, b[have:headerSize]); err != nil {
			return nil, err
		}
		have, whole = headerSize, headerSize+length
		if !headerValid(b) || whole > maxMessage && w.reader == nil {
			return nil, errNotSTUN
		}
	}
	if whole > maxFrame {
		w.server.refuse(ReasonOversize)
		_, err := io.CopyN(io.Discard, source, int64(whole-have))
		return nil, err
	}
	if _, err := io.ReadFull(source, b[have:whole]); err != nil {
		return nil, err
	}
	return b[:whole], nil
}

// send implements wire. A client that does not take what it asked for loses the
// connection: half a message can not be taken back.
func (w *tcpWire) send(data []byte, _ netip.AddrPort, _ route) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	err := w.conn.SetWriteDeadline(time.Now().Add(w.server.config.IdleTimeout))
	if err == nil {
		_, err = w.conn.Write(data)
	}
	if err != nil {
		_ = w.conn.Close()
	}
	return err
}

func (w *tcpWire) close() error { return w.conn.Close() }
