package quic

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"godwit/udpmux"
	"godwit/xep/icetransport"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

// Tuning of ICE. The library's defaults wait up to two seconds for a better
// pair; here the first pair that works carries, because a better one replaces
// it later.
const (
	checkInterval   = 50 * time.Millisecond
	relayWait       = 200 * time.Millisecond
	iceKeepAlive    = 5 * time.Second
	maxChecks       = 400 // per pair: as long as an introduction may take
	maxRemote       = 16  // candidates of the peer that are checked
	ufragBytes      = 6   // 48 bits; RFC 8445 §5.3 asks for 24
	passwordBytes   = 18  // 144 bits; it asks for 128
	selectionBuffer = 8
)

// pair is what ICE selected.
type pair struct {
	remote                netip.AddrPort
	localKind, remoteKind string
	relayed               bool
}

// agent wraps one ICE agent. Its events come by channel, so that nothing is
// done on the library's goroutines.
type agent struct {
	ice         *ice.Agent
	ufrag, pwd  string
	selected    chan pair
	acceptable  func(netip.Addr) bool
	remoteCount int // owned by the caller of addRemote
}

// newAgent makes an agent on the shared socket. proven is called, on the
// socket's reading goroutine, with every address that answered a check, and
// before anything that arrives after the answer.
func newAgent(mux *udpmux.Mux, hosts []netip.AddrPort, loopback bool, logger *slog.Logger, proven func(netip.AddrPort)) (*agent, error) {
	a := &agent{
		ufrag: token(ufragBytes), pwd: token(passwordBytes),
		selected:   make(chan pair, selectionBuffer),
		acceptable: func(address netip.Addr) bool { return acceptable(address, loopback) },
	}
	options := []ice.AgentOption{
		ice.WithLocalCredentials(a.ufrag, a.pwd),
		ice.WithUDPMux(&iceMux{mux: mux, local: onePerFamily(hosts), proven: proven}),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		// Server-reflexive candidates are found and signalled by us; their base
		// is the host candidate, which is all that checks are sent from
		// (RFC 8445 §6.1.2.4).
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithHostAcceptanceMinWait(0),
		ice.WithSrflxAcceptanceMinWait(0),
		ice.WithPrflxAcceptanceMinWait(0),
		ice.WithRelayAcceptanceMinWait(relayWait),
		ice.WithCheckInterval(checkInterval),
		ice.WithKeepaliveInterval(iceKeepAlive),
		ice.WithMaxBindingRequests(maxChecks),
		ice.WithRenomination(ice.DefaultNominationValueGenerator()),
		// Deadlines are the introduction's and the connection's.
		ice.WithDisconnectedTimeout(0),
		ice.WithFailedTimeout(0),
		ice.WithRemoteIPFilter(func(ip net.IP) bool {
			address, ok := netip.AddrFromSlice(ip)
			return ok && a.acceptable(address.Unmap())
		}),
		ice.WithLoggerFactory(loggers{logger}),
	}
	if loopback {
		options = append(options, ice.WithIncludeLoopback())
	}
	var err error
	if a.ice, err = ice.NewAgentWithOptions(options...); err != nil {
		return nil, fmt.Errorf("peer/quic: ICE: %w", err)
	}
	_ = a.ice.OnCandidate(func(ice.Candidate) {}) // gathering demands a handler
	_ = a.ice.OnSelectedCandidatePairChange(a.pairSelected)
	if err := a.ice.GatherCandidates(); err != nil {
		a.close()
		return nil, fmt.Errorf("peer/quic: ICE: %w", err)
	}
	return a, nil
}

// pairSelected never blocks: only the first selections matter.
func (a *agent) pairSelected(local, remote ice.Candidate) {
	address, ok := addressOf(remote)
	if !ok {
		return
	}
	select {
	case a.selected <- pair{
		remote: address, localKind: local.Type().String(), remoteKind: remote.Type().String(),
		relayed: local.Type() == ice.CandidateTypeRelay || remote.Type() == ice.CandidateTypeRelay,
	}:
	default:
	}
}

// start begins the checks.
func (a *agent) start(controlling bool, ufrag, pwd string) error {
	begin := a.ice.StartAccept
	if controlling {
		begin = a.ice.StartDial
	}
	if _, err := begin(ufrag, pwd); err != nil {
		return fmt.Errorf("peer/quic: ICE: %w", err)
	}
	return nil
}

// addRemote checks candidates of the peer. Called by one goroutine at a time.
func (a *agent) addRemote(list []icetransport.Candidate) {
	for _, c := range list {
		if c.Component != 1 || !a.acceptable(c.Address.Addr()) || a.remoteCount >= maxRemote {
			continue
		}
		remote, err := remoteCandidate(c)
		if err != nil {
			continue
		}
		a.remoteCount++
		_ = a.ice.AddRemoteCandidate(remote) // fails only for kinds not made here
	}
}

func (a *agent) close() { _ = a.ice.GracefulClose() }

func remoteCandidate(c icetransport.Candidate) (ice.Candidate, error) {
	address, port := c.Address.Addr().String(), int(c.Address.Port())
	switch c.Kind {
	case icetransport.Host:
		return ice.NewCandidateHost(&ice.CandidateHostConfig{
			Network: "udp", Address: address, Port: port, Component: c.Component,
			Priority: c.Priority, Foundation: c.Foundation,
		})
	case icetransport.Relayed:
		return ice.NewCandidateRelay(&ice.CandidateRelayConfig{
			Network: "udp", Address: address, Port: port, Component: c.Component,
			Priority: c.Priority, Foundation: c.Foundation, RelAddr: "0.0.0.0", RelPort: 9,
		})
	case icetransport.PeerReflexive:
		return ice.NewCandidatePeerReflexive(&ice.CandidatePeerReflexiveConfig{
			Network: "udp", Address: address, Port: port, Component: c.Component,
			Priority: c.Priority, Foundation: c.Foundation, RelAddr: "0.0.0.0", RelPort: 9,
		})
	}
	return ice.NewCandidateServerReflexive(&ice.CandidateServerReflexiveConfig{
		Network: "udp", Address: address, Port: port, Component: c.Component,
		Priority: c.Priority, Foundation: c.Foundation, RelAddr: "0.0.0.0", RelPort: 9,
	})
}

// acceptable tells addresses that a check may be sent to. A peer could name any
// address; those that lead to this machine or to groups are none of its business.
func acceptable(a netip.Addr, loopback bool) bool {
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return false
	case a.Is4() && a.As4() == [4]byte{255, 255, 255, 255}:
		return false
	case a.IsLoopback():
		return loopback
	}
	return true
}

func addressOf(c ice.Candidate) (netip.AddrPort, bool) {
	address, err := netip.ParseAddr(c.Address())
	if err != nil || c.Port() < 1 || c.Port() > 65535 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(c.Port())), true
}

// onePerFamily keeps the first address of each IP family: all of them are the
// one socket, so checking from each would only repeat the same packets.
func onePerFamily(hosts []netip.AddrPort) []net.Addr {
	var chosen []net.Addr
	var four, six bool
	for _, h := range hosts {
		if seen := &six; h.Addr().Is4() {
			seen = &four
			if *seen {
				continue
			}
			*seen = true
		} else if *seen {
			continue
		} else {
			*seen = true
		}
		chosen = append(chosen, net.UDPAddrFromAddrPort(h))
	}
	return chosen
}

// iceMux shows the shared socket to an ICE agent.
type iceMux struct {
	mux    *udpmux.Mux
	local  []net.Addr
	proven func(netip.AddrPort)
}

var _ ice.UDPMux = (*iceMux)(nil)

// GetListenAddresses tells what to make host candidates of.
func (m *iceMux) GetListenAddresses() []net.Addr { return m.local }

// RemoveConnByUfrag ends what GetConn gave.
func (m *iceMux) RemoveConnByUfrag(fragment string) { m.mux.Drop(fragment) }

// Close does nothing: the socket outlives its agents.
func (m *iceMux) Close() error { return nil }

// GetConn gives the agent its part of the socket.
func (m *iceMux) GetConn(fragment string, addr net.Addr) (net.PacketConn, error) {
	conn, err := m.mux.Family(fragment, addrPortOf(addr))
	if err != nil {
		return nil, err
	}
	conn.OnAnswer(m.proven)
	return conn, nil
}

// token returns n unguessable bytes in characters that ICE allows.
func token(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}

// loggers passes the library's log on, at debug level: what it calls a warning
// is the everyday life of hole punching.
type loggers struct{ to *slog.Logger }

func (l loggers) NewLogger(string) logging.LeveledLogger { return logger(l) }

type logger struct{ to *slog.Logger }

func (l logger) Trace(string)          {}
func (l logger) Tracef(string, ...any) {}
func (l logger) Debug(string)          {}
func (l logger) Debugf(string, ...any) {}
func (l logger) Info(string)           {}
func (l logger) Infof(string, ...any)  {}
func (l logger) Warn(m string)         { l.to.Debug("ice", "says", m) }
func (l logger) Error(m string)        { l.to.Debug("ice", "says", m) }
func (l logger) Warnf(format string, args ...any) {
	l.to.Debug("ice", "says", fmt.Sprintf(format, args...))
}
func (l logger) Errorf(format string, args ...any) {
	l.to.Debug("ice", "says", fmt.Sprintf(format, args...))
}
