package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"godwit/admin"
	"godwit/jid"
	"godwit/relay"
	"godwit/xep/extdisco"
)

// secretFile holds what the credentials for TURN are made from, in hexadecimal digits.
const secretFile = "turn.secret"

// Bounds on connections to STUN and TURN over TCP. Whole offices come from one address where only port 443 is open.
const (
	maxRelayConnections          = 8192
	maxRelayConnectionsPerSource = 512
)

// relayBuffer is how much the system keeps for a UDP socket that serves many.
const relayBuffer = 4 << 20

// places are the ports by which STUN and TURN are announced; 0 is none.
type places struct {
	stun, turn, shared uint16
	public             []netip.Addr // hosts to announce instead of the domain
}

// relayTexts are the settings of STUN and TURN that are more than a number, read.
type relayTexts struct {
	public    []relay.Mapping
	first     uint16
	last      uint16
	allow     []netip.Prefix
	addresses []netip.Addr // for STUN to answer from
}

// checkRelay looks for mistakes in the settings of STUN and TURN.
func (c *serveCommand) checkRelay() error {
	t, err := c.relayTexts()
	switch {
	case err != nil:
		return err
	case c.TURNBandwidth < 0:
		return usagef("--turn-bandwidth must not be negative; 0 is no limit")
	}
	settings := relay.Config{Public: t.public, MinPort: t.first, MaxPort: t.last}
	if err := settings.Check(); err != nil {
		return usagef("the settings of TURN: %v", err)
	}
	return nil
}

func (c *serveCommand) relayTexts() (t relayTexts, err error) {
	for s := range list(c.TURNPublic) {
		outer, inner, both := strings.Cut(s, "=")
		var m relay.Mapping
		if m.Public, err = netip.ParseAddr(outer); err == nil && both {
			m.Local, err = netip.ParseAddr(inner)
		}
		if err != nil {
			return t, usagef("--turn-public: %q is no address, such as 203.0.113.5, nor PUBLIC=OWN", s)
		}
		t.public = append(t.public, m)
	}
	if t.first, t.last, err = portRange(c.TURNPorts); err != nil {
		return t, err
	}
	for s := range list(c.TURNAllow) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return t, usagef("--turn-allow: %q is no network, such as 10.1.0.0/16", s)
		}
		t.allow = append(t.allow, p.Masked())
	}
	if c.STUNAddresses == "off" || c.STUNAddresses == automatic {
		return t, nil
	}
	for s := range list(c.STUNAddresses) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return t, usagef("--stun-addresses: %q is no address", s)
		}
		t.addresses = append(t.addresses, a)
	}
	return t, nil
}

// list are the parts of a text between commas.
func list(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" && !yield(part) {
				return
			}
		}
	}
}

func portRange(s string) (first, last uint16, err error) {
	a, b, ok := strings.Cut(s, "-")
	x, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	y, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
	if !ok || err1 != nil || err2 != nil || x == 0 || y < x {
		return 0, 0, usagef("--turn-ports: %q is no range of ports, such as 49152-65535", s)
	}
	return uint16(x), uint16(y), nil
}

// loadSecret reads the secret of TURN in a data directory, or makes it.
func loadSecret(data string) ([]byte, error) {
	path := filepath.Join(data, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		secret := make([]byte, 32)
		rand.Read(secret) // never fails
		if err := replaceFile(path, []byte(hex.EncodeToString(secret)+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("the secret of TURN can not be kept: %w", err)
		}
		return secret, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the secret of TURN can not be read: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) < relay.MinSecret {
		return nil, fmt.Errorf("%s must hold at least %d hexadecimal digits; without the file a new one is made", path, 2*relay.MinSecret)
	}
	return secret, nil
}

// listenRelay opens STUN and TURN.
func (n *node) listenRelay(ctx context.Context, c *serveCommand) error {
	stun, turn := c.ListenSTUN, c.ListenTURN
	if turn == automatic {
		turn = stun
	}
	if stun == "off" && turn == "off" {
		return nil
	}
	t, err := c.relayTexts()
	if err != nil {
		return err
	}
	if err := n.newRelay(c, t, turn != "off"); err != nil {
		return err
	}
	if stun != "off" {
		if err := n.listenSTUN(ctx, c, t, turn == stun); err != nil {
			return err
		}
	}
	switch {
	case turn == "off":
	case turn == stun:
		n.places.turn = n.places.stun
	default:
		udp, tcp, err := listenUDPAndTCP(ctx, turn)
		if err != nil {
			return listenError("turn", turn, err)
		}
		widen(udp)
		_, n.places.turn = splitPort(udp.LocalAddr())
		n.announce("turn", udp.LocalAddr())
		n.run(func() error { return endedRelay(n.relay.ServeUDP(udp)) })
		n.run(func() error { return endedRelay(n.relay.ServeTCP(tcp)) })
	}
	if turn != "off" {
		n.tellTURN(c, t)
	}
	return nil
}

// newRelay makes the server of STUN, and with a secret of TURN.
func (n *node) newRelay(c *serveCommand, t relayTexts, turn bool) error {
	cfg := relay.Config{
		Logger: n.log, Public: t.public, MinPort: t.first, MaxPort: t.last, Allow: t.allow,
		MaxConnections: maxRelayConnections, MaxConnectionsPerSource: maxRelayConnectionsPerSource,
		CredentialLifetime: c.TURNCredentials, MaxAllocationsPerUser: c.TURNPerAccount, MaxAllocations: c.TURNAllocations,
		Bandwidth: int64(c.TURNBandwidth) << 10,
	}
	for _, m := range t.public {
		n.places.public = append(n.places.public, m.Public)
	}
	if turn {
		var err error
		if cfg.Secret, err = loadSecret(c.Data); err != nil {
			return err
		}
	}
	n.relay = relay.New(cfg)
	return nil
}

// tellTURN logs what the relay may do, and what is missing for it to be of use.
func (n *node) tellTURN(c *serveCommand, t relayTexts) {
	public := c.TURNPublic
	if public == "" {
		public = "this machine's own"
	}
	allow := c.TURNAllow
	if allow == "" {
		allow = "public addresses only"
	}
	n.log.Info("TURN relays", "addresses", public, "ports", fmt.Sprintf("%d-%d/udp", t.first, t.last), "to", allow)
	if a, ok := outward(); ok && c.TURNPublic == "" && a.IsPrivate() {
		n.log.Info("this machine's address is a private one: if clients are to reach it from outside, --turn-public must say how", "address", a.String())
	}
}

// outward is the address this machine speaks to the internet from. Nothing is sent.
func outward() (netip.Addr, bool) {
	c, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}, false
	}
	defer c.Close()
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	return a.AddrPort().Addr().Unmap(), true
}

func endedRelay(err error) error {
	if errors.Is(err, relay.ErrClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// widen lets the system keep more for a socket that serves many. It gives what it may.
func widen(c net.PacketConn) {
	if u, ok := c.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(relayBuffer)
		_ = u.SetWriteBuffer(relayBuffer)
	}
}

// withdraw makes void what an account was given for TURN.
func (n *node) withdraw(account jid.JID) {
	if n.relay != nil {
		n.relay.Revoke(account.Bare().String(), time.Now())
	}
}

// services are announced to an account by XEP-0215. Hosts are named by the domain, which clients replace by the host they connected to if they
// were told one, or by public addresses where these are configured; with TLS always by the domain, which is what the certificate is for.
func (n *node) services(account jid.JID) []extdisco.Service {
	if n.relay == nil {
		return nil
	}
	hosts := []string{n.domain}
	if len(n.places.public) > 0 {
		hosts = nil
		for _, a := range n.places.public {
			if s := a.String(); !slices.Contains(hosts, s) {
				hosts = append(hosts, s)
			}
		}
	}
	var all []extdisco.Service
	add := func(kind, host string, port uint16, transport string) {
		if port != 0 {
			all = append(all, extdisco.Service{Type: kind, Host: host, Port: port, Transport: transport})
		}
	}
	for _, transport := range []string{"udp", "tcp"} {
		for _, h := range hosts {
			add(extdisco.STUN, h, n.places.stun, transport)
		}
	}
	username, password, expires := n.relay.Credentials(account.String(), time.Now())
	if username == "" {
		return all
	}
	open := len(all)
	for _, transport := range []string{"udp", "tcp"} {
		for _, h := range hosts {
			add(extdisco.TURN, h, n.places.turn, transport)
		}
	}
	add(extdisco.TURNS, n.domain, n.places.shared, "tcp")
	for i := range all[open:] {
		s := &all[open+i]
		s.Username, s.Password, s.Restricted, s.Expires = username, password, true, expires
	}
	return all
}

// countRelay hands what STUN and TURN count to the metrics.
func (n *node) countRelay(src *admin.Source) {
	if n.relay == nil {
		return
	}
	src.STUN = func() admin.STUN {
		t := n.relay.Stats()
		return admin.STUN{Requests: t.Requests, Answered: t.Answered, Limited: t.Limited, Malformed: t.Malformed}
	}
	if n.places.turn == 0 {
		return
	}
	src.TURN = func() admin.TURN {
		t := n.relay.Stats()
		out := admin.TURN{
			Live: t.Live, Users: t.Users, Allocations: t.Allocations, BytesIn: t.BytesIn, BytesOut: t.BytesOut,
			PacketsIn: t.PacketsIn, PacketsOut: t.PacketsOut, Challenged: t.Challenged, Errors: t.RelayErrors, Refused: map[string]uint64{},
		}
		for reason, count := range t.Refusals {
			out.Refused[reason.String()] = count
		}
		return out
	}
}
