//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
	"strings"
)

// The lab's IPv6 addresses look global, as its IPv4 ones look public, because
// clients and relays treat documentation and local ranges in ways of their own.

// wireSubnet6 is that of the k-th link of the wire.
func wireSubnet6(k int) netip.Prefix { return subnet6(1, k) }

// lan6 is the subnet behind the box.
func (n *NAT) lan6() netip.Prefix { return subnet6(2, n.number) }

func subnet6(area, number int) netip.Prefix {
	b := [16]byte{0x2a, 0x02, 0, 0x27, 0, byte(area), 0, byte(number)}
	return netip.PrefixFrom(netip.AddrFrom16(b), 64)
}

// allowIPv6 opens an existing interface for IPv6, or leaves it closed.
func (n *namespace) allowIPv6(ifname string, on bool) error {
	if !on {
		return nil
	}
	return n.sysctl("ipv6/conf/"+ifname+"/disable_ipv6", "0")
}

// buildIPv6 gives the LAN its subnet, tells the wire the way to it, and puts the
// firewall between.
func (n *NAT) buildIPv6(r *router) error {
	if err := n.ns.nft(firewallRules(n.kind)); err != nil {
		return err
	}
	if err := n.ns.allowIPv6("lan", true); err != nil {
		return err
	}
	if err := n.ns.ip(fmt.Sprintf("addr add %v/64 dev lan nodad", addresses(n.lan6(), lanGateway, 1)[0])); err != nil {
		return err
	}
	u := n.uplinks[0]
	return r.ns.ip(fmt.Sprintf("route add %v via %v dev %s", n.lan6(), u.addrs6[0], u.port))
}

// firewallRules is the table that a box has for IPv6: what the inside did not
// start does not get in (RFC 6092), and a kind that blocks something in IPv4
// blocks it here too.
func firewallRules(k Kind) string {
	rules := append(refusals(k),
		`iifname "wan" meta l4proto icmpv6 icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept`,
		`iifname "wan" ct state { new, invalid } drop`)
	return "table ip6 lab_firewall {\nchain forward {\n type filter hook forward priority filter;\n " +
		strings.Join(rules, "\n ") + "\n}\nchain own {\n type filter hook input priority filter;\n" +
		` iifname "wan" meta l4proto { tcp, udp } ct state { new, invalid } drop` + "\n}\n}\n"
}
