package relay

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// maxPerConnection bounds the requests served on one TCP connection. A client
// needs one; the bound ends those that only occupy a slot.
const maxPerConnection = 64

// ServeTCP accepts connections and answers Binding requests on them (RFC 8489
// §6.2.2) until the listener fails or Close is called, which returns ErrClosed.
// It owns the listener from now on.
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
	from := remoteOf(conn)
	if !from.IsValid() || !s.admit(from) {
		s.count.turned.Add(1)
		_ = conn.Close()
		return
	}
	if !s.track(conn) {
		s.dismiss(from)
		return
	}
	s.count.connections.Add(1)
	go func() {
		defer s.untrack(conn) // last: it is what Close waits for
		defer s.dismiss(from)
		s.serveConnection(conn, from)
	}()
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

// serveConnection answers one request after the other. The deadline covers a
// whole request, so dripping bytes does not extend it.
func (s *Server) serveConnection(conn net.Conn, from netip.AddrPort) {
	respond := new(responder).respond
	buffer := make([]byte, headerSize, 128)
	for range maxPerConnection {
		if conn.SetDeadline(time.Now().Add(s.config.IdleTimeout)) != nil {
			return
		}
		message, err := readMessage(conn, buffer)
		if err != nil {
			if errors.Is(err, errNotSTUN) {
				s.count.requests.Add(1)
				s.count.malformed.Add(1)
			}
			return
		}
		buffer = message
		response := s.answer(respond, message, from)
		if response == nil {
			continue
		}
		if _, err := conn.Write(response); err != nil {
			return
		}
	}
}

var errNotSTUN = errors.New("relay: not a STUN message")

// readMessage reads exactly one message; on a stream the header's length is the
// only framing there is (RFC 8489 §6.2.2).
func readMessage(conn io.Reader, buffer []byte) ([]byte, error) {
	buffer = buffer[:headerSize]
	if _, err := io.ReadFull(conn, buffer); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(buffer[2:4]))
	if !headerValid(buffer) || headerSize+length > maxMessage {
		return nil, errNotSTUN
	}
	if cap(buffer) < headerSize+length {
		grown := make([]byte, headerSize+length)
		copy(grown, buffer)
		buffer = grown
	}
	buffer = buffer[:headerSize+length]
	if _, err := io.ReadFull(conn, buffer[headerSize:]); err != nil {
		return nil, err
	}
	return buffer, nil
}
