package datachannel

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"godwit/xep/icetransport"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// gathered tells the peer a relay's address. Those of our own socket we find
// ourselves.
func (s *session) gathered(c *webrtc.ICECandidate) {
	if c == nil || c.Typ != webrtc.ICECandidateTypeRelay {
		return
	}
	if address, ok := addressOf(c); ok {
		s.tell(icetransport.Relayed, address)
	}
}

// gather finds the addresses of the socket and tells them: at once, and again when
// something has changed, as long as there is no direct path.
func (s *session) gather() {
	for {
		if l := s.current(); l == nil || l.path.Load().Relayed {
			s.look()
		}
		select {
		case <-s.changed:
		case <-s.ctx.Done():
			return
		}
	}
}

// lookAgain has the addresses gathered anew.
func (s *session) lookAgain() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// look tells those addresses that the peer has not been told, and asks the STUN
// servers for the socket's public one, all at once.
func (s *session) look() {
	hosts, mapped, servers, err := s.transport.addresses()
	if err != nil {
		s.transport.log.Warn("peer/datachannel: listing the addresses of this machine", "error", err)
	}
	s.tell(icetransport.Host, hosts...)
	s.tell(icetransport.ServerReflexive, mapped...)
	if !s.params.Addresses.Reflexive {
		return
	}
	var asking sync.WaitGroup
	for _, server := range servers {
		asking.Go(func() {
			for _, address := range s.transport.resolve(s.ctx, server) {
				ctx, cancel := context.WithTimeout(s.ctx, bindTimeout)
				seen, err := s.transport.mux.Bind(ctx, address)
				cancel()
				if err == nil {
					s.tell(icetransport.ServerReflexive, seen)
				}
			}
		})
	}
	asking.Wait()
}

// ownSocket reports whether packets may go to the peer from the shared socket.
func (s *session) ownSocket() bool { return s.params.Addresses.Host || s.params.Addresses.Reflexive }

// open makes routers on our side let packets from an address in, by a packet that
// asks for no answer (RFC 8445 §11).
func (s *session) open(to netip.AddrPort) {
	indication, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.Fingerprint)
	if err == nil {
		err = s.transport.mux.WriteTo(indication.Raw, to)
	}
	if err != nil {
		s.transport.log.Debug("peer/datachannel: opening the way", "to", to, "error", err)
	}
}

// addresses are the socket's now, and the STUN servers that may know more.
func (t *Transport) addresses() (hosts, mapped []netip.AddrPort, servers []string, err error) {
	hosts, err = t.mux.LocalAddresses(t.config.Loopback)
	t.mu.Lock()
	defer t.mu.Unlock()
	return hosts[:min(len(hosts), maxHosts)], t.mapped, t.stun, err
}

// resolve gives at most one address per family that the socket can send to.
func (t *Transport) resolve(ctx context.Context, server string) []netip.AddrPort {
	host, portText, err := net.SplitHostPort(server)
	if err != nil {
		return nil
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		t.log.Debug("peer/datachannel: resolving a STUN server", "server", server, "error", err)
		return nil
	}
	var chosen []netip.AddrPort
	for _, four := range []bool{true, false} {
		for _, a := range all {
			if a = a.Unmap(); a.Is4() == four && (four || !t.mux.LocalAddr().Addr().Is4()) {
				chosen = append(chosen, netip.AddrPortFrom(a, uint16(port)))
				break
			}
		}
	}
	return chosen
}
