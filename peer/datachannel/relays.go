package datachannel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"godwit/peer/allocation"
	"godwit/xep/extdisco"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"
)

const (
	dialTimeout = 10 * time.Second // of a connection to a TURN server, with its handshake
	maxServers  = 4                // of STUN
)

// Ports of services that are announced without one.
const (
	defaultPort    = 3478 // RFC 8489 §8, RFC 8656 §3
	defaultTLSPort = 5349
)

// sortServices tells who is asked by STUN, as host:port, and who relays: of each
// way to a TURN server (UDP, TCP, TLS) the first, if its credentials are known.
func sortServices(services []extdisco.Service) (stun []string, ways []allocation.Server) {
	for _, s := range services {
		port, protocol := s.Port, allocation.Protocol(s.Transport)
		if port == 0 {
			port = defaultPort
			if s.Type == extdisco.TURNS {
				port = defaultTLSPort
			}
		}
		if protocol == "" {
			protocol = allocation.UDP
			if s.Type == extdisco.TURNS {
				protocol = allocation.TCP
			}
		}
		switch {
		case s.Action == extdisco.Delete:
			continue
		case s.Type == extdisco.STUN && protocol == allocation.UDP:
			if len(stun) < maxServers {
				stun = append(stun, net.JoinHostPort(s.Host, strconv.Itoa(int(port))))
			}
			continue
		case s.Type == extdisco.TURN && (protocol == allocation.UDP || protocol == allocation.TCP):
		case s.Type == extdisco.TURNS && protocol == allocation.TCP:
			protocol = allocation.TLS
		default:
			continue
		}
		if s.Username == "" || s.Password == "" || slices.ContainsFunc(ways, func(w allocation.Server) bool { return w.Protocol == protocol }) {
			continue
		}
		ways = append(ways, allocation.Server{
			Host: s.Host, Port: port, Protocol: protocol, Username: s.Username, Password: s.Password, Expires: s.Expires,
		})
	}
	return stun, ways
}

// relays are the ways to TURN servers of one session. The library is left to
// reach servers over UDP. For TCP and TLS it comes back to Dial, because it can not
// be told whom to trust; the hosts it is given then are the names of protocols. Safe
// for concurrent use; what was opened is leaf data under mu.
type relays struct {
	ctx   context.Context // ends what is being opened
	trust *tls.Config
	ways  []allocation.Server

	mu     sync.Mutex
	opened map[netip.AddrPort]relayed // by our end
}

// relayed says which server a connection leads to, and how.
type relayed struct {
	server   netip.AddrPort // zero when it was named and not numbered
	protocol allocation.Protocol
}

// standIn is the domain of hosts that stand for protocols. It never is in DNS.
const standIn = ".invalid"

// servers is how the library is told.
func (r *relays) servers() []webrtc.ICEServer {
	var list []webrtc.ICEServer
	for _, w := range r.ways {
		host, transport := string(w.Protocol)+standIn, "tcp"
		if w.Protocol == allocation.UDP {
			host, transport = w.Host, "udp"
		}
		list = append(list, webrtc.ICEServer{
			URLs:     []string{fmt.Sprintf("turn:%s?transport=%s", net.JoinHostPort(host, strconv.Itoa(int(w.Port))), transport)},
			Username: w.Username, Credential: w.Password, CredentialType: webrtc.ICECredentialTypePassword,
		})
	}
	return list
}

// Dial opens a connection for the library, which takes it for one by TCP.
func (r *relays) Dial(network, address string) (net.Conn, error) {
	i := slices.IndexFunc(r.ways, func(w allocation.Server) bool {
		return w.Protocol != allocation.UDP && net.JoinHostPort(string(w.Protocol)+standIn, strconv.Itoa(int(w.Port))) == address
	})
	if i < 0 {
		return nil, fmt.Errorf("peer/datachannel: no TURN server is called %q", address)
	}
	way := r.ways[i]
	ctx, cancel := context.WithTimeout(r.ctx, dialTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(way.Host, strconv.Itoa(int(way.Port))))
	if err != nil {
		return nil, err
	}
	own, server := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	if way.Protocol == allocation.TLS {
		secured := tls.Client(conn, allocation.TLSConfig(r.trust, way.Host))
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("peer/datachannel: TLS with the TURN server %s: %w", way.Host, err)
		}
		conn = secured
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened[own] = relayed{server, way.Protocol}
	return conn, nil
}

// behind tells how the server of a relayed candidate of ours is reached: by the
// connection that the candidate is related to, or else by UDP.
func (r *relays) behind(candidate *webrtc.ICECandidate) relayed {
	if own, err := netip.ParseAddr(candidate.RelatedAddress); err == nil {
		r.mu.Lock()
		way, ok := r.opened[netip.AddrPortFrom(own.Unmap().WithZone(""), candidate.RelatedPort)]
		r.mu.Unlock()
		if ok {
			return way
		}
	}
	for _, w := range r.ways {
		if w.Protocol == allocation.UDP {
			server, _ := netip.ParseAddr(w.Host)
			way := relayed{protocol: w.Protocol}
			if server.IsValid() {
				way.server = netip.AddrPortFrom(server.Unmap(), w.Port)
			}
			return way
		}
	}
	return relayed{}
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}

var errSharedOnly = errors.New("peer/datachannel: only the shared socket is used")

// network is the system's, on which the library opens no socket of its own but to
// the relay. Left alone it would ask a TURN server for the public address of one
// more socket, and send to the peer from there.
type network struct{ *stdnet.Net }

// ListenUDP implements transport.Net.
func (network) ListenUDP(string, *net.UDPAddr) (transport.UDPConn, error) { return nil, errSharedOnly }
