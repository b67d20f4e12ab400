package app

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"godwit/relay"
)

// listenSTUN opens STUN on UDP and on the same port of TCP, and on a second port, and second addresses, for discovery of what routers do
// (RFC 5780). With turn the first port relays too.
func (n *node) listenSTUN(ctx context.Context, c *serveCommand, t relayTexts, turn bool) error {
	udp, tcp, err := listenUDPAndTCP(ctx, c.ListenSTUN)
	if err != nil {
		return listenError("stun", c.ListenSTUN, err)
	}
	widen(udp)
	_, n.places.stun = splitPort(udp.LocalAddr())
	set := relay.Sockets{Primary: []net.PacketConn{udp}, STUNOnly: !turn}
	other, err := n.listenAlternate(ctx, c)
	if err != nil {
		udp.Close()
		tcp.Close()
		return err
	}
	n.announce("stun", udp.LocalAddr())
	if other != nil {
		set.Other = []net.PacketConn{other}
		n.announce("stun-alternate", other.LocalAddr())
		n.addAddresses(ctx, &set, c, t)
	}
	if turn {
		n.announce("turn", udp.LocalAddr())
	}
	n.run(func() error { return endedRelay(n.relay.ServeTCP(tcp)) })
	n.run(func() error {
		switch {
		case set.Other != nil:
			return endedRelay(n.relay.ServeSockets(set))
		case turn:
			return endedRelay(n.relay.ServeUDP(udp))
		}
		return endedRelay(n.relay.ServeSTUN(udp))
	})
	return nil
}

// listenAlternate opens the second port. nil is none: it is off, or automatic and can not be had.
func (n *node) listenAlternate(ctx context.Context, c *serveCommand) (net.PacketConn, error) {
	address, must := c.ListenSTUN2, true
	switch address {
	case "off":
		return nil, nil
	case automatic:
		must = false
		host, port, err := net.SplitHostPort(c.ListenSTUN)
		if err != nil {
			return nil, err
		}
		if p, err := strconv.ParseUint(port, 10, 16); err == nil && p != 0 {
			port = strconv.FormatUint(p%65535+1, 10)
		}
		address = net.JoinHostPort(host, port)
	}
	var lc net.ListenConfig
	udp, err := lc.ListenPacket(ctx, "udp", address)
	switch {
	case err == nil:
		return udp, nil
	case must:
		return nil, listenError("stun-alternate", address, err)
	}
	n.log.Warn("there is no second port for STUN: clients can not learn what their routers do", "reason", whyNot(err), "address", address,
		"help", "--listen-stun-alternate ADDRESS, or off")
	return nil, nil
}

// addAddresses makes STUN answer from a second address too. Sockets at the wildcard address can do so themselves; beside one at an address of
// its own more are opened.
func (n *node) addAddresses(ctx context.Context, set *relay.Sockets, c *serveCommand, t relayTexts) {
	first, ok := set.Primary[0].LocalAddr().(*net.UDPAddr)
	if !ok {
		return
	}
	if first.IP.IsUnspecified() {
		if set.Addresses = t.addresses; c.STUNAddresses == automatic {
			set.Addresses = twoPublic()
		}
		return
	}
	_, port := splitPort(set.Other[0].LocalAddr())
	for _, a := range t.addresses {
		if a.Unmap() == first.AddrPort().Addr().Unmap() {
			continue
		}
		one, err := listenUDP(ctx, a, uint16(first.Port))
		if err == nil {
			var two net.PacketConn
			if two, err = listenUDP(ctx, a, port); err == nil {
				set.Primary, set.Other = append(set.Primary, one), append(set.Other, two)
				n.announce("stun-address", one.LocalAddr())
				continue
			}
			one.Close()
		}
		n.log.Warn("STUN can not answer from this address", "address", a.String(), "error", err)
	}
}

func listenUDP(ctx context.Context, a netip.Addr, port uint16) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, "udp", netip.AddrPortFrom(a, port).String())
}

// twoPublic are two public IPv4 addresses of this machine, if it has two. Private ones are left alone: that a client hears nothing from them
// would say nothing about its router.
func twoPublic() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if ip := p.Addr().Unmap(); ip.Is4() && ip.IsGlobalUnicast() && !ip.IsPrivate() && !carrierNAT.Contains(ip) {
			out = append(out, ip)
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out[:2]
}

// carrierNAT is the space of RFC 6598.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// listenUDPAndTCP opens both on one port. A port that the system picked for UDP may be taken on TCP; then it picks another.
func listenUDPAndTCP(ctx context.Context, address string) (udp net.PacketConn, tcp net.Listener, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, err
	}
	tries := 1
	if port == "0" {
		tries = 20
	}
	var lc net.ListenConfig
	for range tries {
		if udp, err = lc.ListenPacket(ctx, "udp", address); err != nil {
			return nil, nil, err
		}
		_, picked := splitPort(udp.LocalAddr())
		if tcp, err = lc.Listen(ctx, "tcp", net.JoinHostPort(host, fmt.Sprint(picked))); err == nil {
			return udp, tcp, nil
		}
		udp.Close()
	}
	return nil, nil, err
}
