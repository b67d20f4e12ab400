package allocation

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"godwit/udpmux"
)

const (
	maxFrame     = 16 << 10
	streamQueue  = 128 // packets; what does not fit is dropped, as on a slow network
	writeTimeout = 10 * time.Second
	alpn         = "stun.turn" // as registered for TURN (IANA, TLS ALPN)
)

// udpWire reaches the server over the shared socket.
type udpWire struct {
	mux     *udpmux.Mux
	server  netip.AddrPort
	release func()
}

func (w *udpWire) send(packet []byte) error { return w.mux.WriteTo(packet, w.server) }
func (w *udpWire) stream() bool             { return false }
func (w *udpWire) close()                   { w.release() }

// streamWire reaches the server over TCP or TLS.
type streamWire struct {
	conn  net.Conn
	queue chan []byte
	done  chan struct{}
	once  sync.Once
	gone  sync.WaitGroup
}

func newStreamWire(conn net.Conn) *streamWire {
	return &streamWire{conn: conn, queue: make(chan []byte, streamQueue), done: make(chan struct{})}
}

// start begins to read and write. lost is called when the connection ends by
// itself.
func (w *streamWire) start(receive func([]byte), lost func()) {
	w.gone.Go(func() { w.write(); lost() })
	w.gone.Go(func() { w.read(receive); lost() })
}

func (w *streamWire) send(packet []byte) error {
	select {
	case <-w.done:
		return net.ErrClosed
	default:
	}
	select {
	case w.queue <- packet:
	default: // dropped: whoever sends slows down when nothing comes back
	}
	return nil
}

func (w *streamWire) stream() bool { return true }

// close ends the connection after what is queued has gone out, or a second.
func (w *streamWire) close() { w.once.Do(func() { close(w.done) }) }

func (w *streamWire) write() {
	defer w.conn.Close() // ends the reading too
	for {
		select {
		case packet := <-w.queue:
			_ = w.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := w.conn.Write(packet); err != nil {
				return
			}
		case <-w.done:
			_ = w.conn.SetWriteDeadline(time.Now().Add(time.Second))
			for {
				select {
				case packet := <-w.queue:
					if _, err := w.conn.Write(packet); err != nil {
						return
					}
					continue
				default:
				}
				return
			}
		}
	}
}

func (w *streamWire) read(receive func([]byte)) {
	in := bufio.NewReaderSize(w.conn, maxFrame)
	buffer := make([]byte, maxFrame)
	for {
		if _, err := io.ReadFull(in, buffer[:channelHeader]); err != nil {
			return
		}
		length, err := frameLength(buffer[:channelHeader])
		if err != nil || length > maxFrame {
			return
		}
		if _, err := io.ReadFull(in, buffer[channelHeader:length]); err != nil {
			return
		}
		receive(buffer[:length])
	}
}

// dial opens a connection to a server.
func (p *Pool) dial(ctx context.Context, s Server, address netip.AddrPort) (net.Conn, error) {
	conn, err := p.config.Dial(ctx, "tcp", address.String())
	if err != nil || s.Protocol != TLS {
		return conn, err
	}
	secured := tls.Client(conn, TLSConfig(p.config.TLS, s.Host))
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// TLSConfig is a trust, as Config.TLS, applied to a TURN server: its certificate
// must be for its own name, or for the account's domain, which announced it. The
// protocol asked for is TURN (RFC 7443 §3).
func TLSConfig(trust *tls.Config, host string) *tls.Config {
	config := &tls.Config{}
	if trust != nil {
		config = trust.Clone()
	}
	config.NextProtos = []string{alpn}
	domain := config.ServerName
	if _, err := netip.ParseAddr(host); err != nil || domain == "" {
		config.ServerName = host
	}
	if config.InsecureSkipVerify {
		return config // the user asked for it
	}
	config.InsecureSkipVerify = true // replaced by the following
	roots := config.RootCAs
	config.VerifyConnection = func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		if err != nil && domain != "" && domain != host {
			options.DNSName = domain
			_, err = state.PeerCertificates[0].Verify(options)
		}
		return err
	}
	return config
}
