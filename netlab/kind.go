//go:build linux

package netlab

import (
	"fmt"
	"strings"
)

// Kind says how a NAT box maps and filters UDP, in the words of RFC 4787:
// mapping is endpoint-independent (EIM) or address and port-dependent (APDM),
// filtering endpoint-independent (EIF), address-dependent (ADF) or address and
// port-dependent (APDF).
type Kind int

const (
	// FullCone is EIM and EIF, port preserving: whoever knows the mapped
	// address gets in.
	FullCone Kind = iota + 1
	// Restricted is EIM and ADF, port preserving: addresses that the inside has
	// sent to get in, from any port.
	Restricted
	// PortRestricted is EIM and APDF, port preserving: the common home router.
	PortRestricted
	// PortRestrictedNoDrop is PortRestricted whose box accepts unsolicited
	// packets for itself (and answers that the port is closed). The entry that
	// this leaves behind takes the port, so toward a peer that sent first the
	// inside gets another one: such routers exist and break naive hole punching.
	PortRestrictedNoDrop
	// EIMNoPreserve is EIM and APDF with mapped ports unrelated to the inside
	// ones, always below 30001.
	EIMNoPreserve
	// Symmetric is APDM and APDF with random ports, one per destination.
	Symmetric
	// UDPBlocked is PortRestricted for TCP and lets no UDP through.
	UDPBlocked
	// TCP443Only lets through nothing but TCP to port 443.
	TCP443Only
)

var kindNames = map[Kind]string{
	FullCone:             "full cone",
	Restricted:           "restricted",
	PortRestricted:       "port restricted",
	PortRestrictedNoDrop: "port restricted, no drop",
	EIMNoPreserve:        "endpoint-independent, other ports",
	Symmetric:            "symmetric",
	UDPBlocked:           "UDP blocked",
	TCP443Only:           "TCP 443 only",
}

func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// natRules is the whole table of a NAT box whose outside interface is wan. It
// replaces the table that was there, maps and all. Each generation uses mapped
// ports that the one before did not: generation 0 preserves ports where the
// kind does, the later ones draw from ranges of their own.
//
// The kernel keeps one mapping per inside address and port as long as masquerade
// is not random: that makes EIM. It admits replies only: that makes APDF. The
// looser filters add a map from mapped ports back to the inside, learned from
// what has just been translated.
func natRules(k Kind, generation int) string {
	var b strings.Builder
	b.WriteString("table ip lab_nat\ndelete table ip lab_nat\ntable ip lab_nat {\n")
	cone := k == FullCone || k == Restricted
	if cone {
		b.WriteString(`map inside { type inet_service : ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 120s; }` + "\n")
	}
	if k == Restricted {
		b.WriteString(`set met { type ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 120s; }` + "\n")
	}
	chain := func(name, hook string, rules ...string) {
		fmt.Fprintf(&b, "chain %s {\n type %s;\n", name, hook)
		for _, r := range rules {
			if r != "" {
				b.WriteString(" " + r + "\n")
			}
		}
		b.WriteString("}\n")
	}
	if k != PortRestrictedNoDrop {
		// Accepted by the box itself, an unsolicited packet would be remembered as
		// a connection and take the port away from the inside.
		chain("own", "filter hook input priority filter",
			`iifname "wan" meta l4proto { tcp, udp } ct state { new, invalid } drop`)
	}
	switch k {
	case UDPBlocked:
		chain("refuse", "filter hook forward priority filter", `oifname "wan" meta l4proto udp drop`)
	case TCP443Only:
		chain("refuse", "filter hook forward priority filter",
			`oifname "wan" meta l4proto != tcp drop`, `oifname "wan" tcp dport != 443 drop`)
	}
	switch k {
	case FullCone:
		chain("pre", "nat hook prerouting priority dstnat",
			`iifname "wan" meta l4proto udp dnat ip to udp dport map @inside`)
	case Restricted:
		chain("pre", "nat hook prerouting priority dstnat",
			`iifname "wan" ip saddr . udp dport @met dnat ip to udp dport map @inside`)
	}
	chain("post", "nat hook postrouting priority srcnat",
		`oifname "wan" meta l4proto { tcp, udp } masquerade`+mappedPorts(k, generation),
		`oifname "wan" masquerade`)
	if cone {
		permit := ""
		if k == Restricted {
			permit = `oifname "wan" meta l4proto udp update @met { ip daddr . udp sport }`
		}
		chain("learn", "filter hook postrouting priority srcnat + 1",
			`oifname "wan" meta l4proto udp ct direction original update @inside { udp sport : ct original ip saddr . ct original proto-src }`,
			`oifname "wan" meta l4proto udp ct direction reply update @inside { udp sport : ct reply ip saddr . ct reply proto-src }`,
			permit)
	}
	b.WriteString("}\n")
	return b.String()
}

// mappedPorts is the port part of the masquerade statement. The ranges stay
// below the ephemeral ports of the inside (32768 and up): a range that held them
// would preserve them.
func mappedPorts(k Kind, generation int) string {
	const first, width, ranges = 2001, 2800, 10
	ports := ""
	switch {
	case generation > 0:
		low := first + width*(generation%ranges)
		ports = fmt.Sprintf(" to :%d-%d", low, low+width-1)
	case k == EIMNoPreserve:
		ports = fmt.Sprintf(" to :%d-%d", first, first+width-1)
	}
	if k == Symmetric {
		ports += " random"
	}
	return ports
}
