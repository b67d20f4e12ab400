//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
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

// endpointIndependent tells whether the kind keeps one mapping for all
// destinations of UDP, and lets it through.
func (k Kind) endpointIndependent() bool { return k >= FullCone && k <= EIMNoPreserve }

// refusals are the rules of a forwarding chain for what a kind lets nobody send.
func refusals(k Kind) []string {
	switch k {
	case UDPBlocked:
		return []string{`oifname "wan" meta l4proto udp drop`}
	case TCP443Only:
		return []string{`oifname "wan" meta l4proto != tcp drop`, `oifname "wan" tcp dport != 443 drop`}
	}
	return nil
}

// natShape is what the rules of a box depend on.
type natShape struct {
	kind       Kind
	generation int
	outside    netip.Addr // of the box
	hairpin    bool
}

// natRules is the whole table of a NAT box whose outside interface is wan. It
// replaces the table that was there, maps and all. Each generation uses mapped
// ports that the one before did not: generation 0 preserves ports where the
// kind does, the later ones draw from ranges of their own.
//
// The kernel keeps one mapping per inside address and port as long as masquerade
// is not random: that makes EIM. It admits replies only: that makes APDF. The
// looser filters and hairpinning add a map from mapped ports back to the inside,
// learned from what has just been translated.
func natRules(s natShape) string {
	var b strings.Builder
	b.WriteString("table ip lab_nat\ndelete table ip lab_nat\ntable ip lab_nat {\n")
	cone := s.kind == FullCone || s.kind == Restricted
	set := func(kind, name, types string) {
		fmt.Fprintf(&b, "%s %s { type %s; size 65535; flags dynamic,timeout; timeout 120s; }\n", kind, name, types)
	}
	if cone || s.hairpin {
		set("map", "inside", "inet_service : ipv4_addr . inet_service")
	}
	if s.kind == Restricted {
		set("set", "met", "ipv4_addr . inet_service")
	}
	if s.hairpin {
		set("set", "tried", hairpinPair(s.kind).types)
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
	var own, pre, post []string
	if s.kind != PortRestrictedNoDrop {
		// Accepted by the box itself, an unsolicited packet would be remembered as
		// a connection and take the port away from the inside.
		own = append(own, `iifname "wan" meta l4proto { tcp, udp } ct state { new, invalid } drop`)
	}
	if s.hairpin {
		own = append(own, fmt.Sprintf(`iifname != "wan" ip daddr %v meta l4proto udp ct state { new, invalid } drop`, s.outside))
		pre = append(pre, fmt.Sprintf(`iifname != "wan" ip daddr %v meta l4proto udp dnat ip to udp dport map @inside`, s.outside))
		post = append(post, hairpinned(s.outside)+fmt.Sprintf(" snat ip to %v", s.outside)+mappedPorts(s.kind, s.generation))
		chain("hairpin", "filter hook forward priority filter", hairpinFilter(s)...)
	}
	chain("own", "filter hook input priority filter", own...)
	chain("refuse", "filter hook forward priority filter", refusals(s.kind)...)
	switch s.kind {
	case FullCone:
		pre = append(pre, `iifname "wan" meta l4proto udp dnat ip to udp dport map @inside`)
	case Restricted:
		pre = append(pre, `iifname "wan" ip saddr . udp dport @met dnat ip to udp dport map @inside`)
	}
	chain("pre", "nat hook prerouting priority dstnat", pre...)
	masquerade := `oifname "wan" meta l4proto { tcp, udp } masquerade`
	if ports := mappedPorts(s.kind, s.generation); ports != "" {
		masquerade += " to " + ports
	}
	if s.kind == Symmetric {
		masquerade += " random"
	}
	chain("post", "nat hook postrouting priority srcnat", append(post, masquerade, `oifname "wan" masquerade`)...)
	chain("learn", "filter hook postrouting priority srcnat + 1", learning(s)...)
	b.WriteString("}\n")
	return b.String()
}

// learning are the rules that fill the maps from what has just been translated.
func learning(s natShape) []string {
	var rules []string
	if s.kind == FullCone || s.kind == Restricted || s.hairpin {
		rules = append(rules,
			`oifname "wan" meta l4proto udp ct direction original update @inside { udp sport : ct original ip saddr . ct original proto-src }`,
			`oifname "wan" meta l4proto udp ct direction reply update @inside { udp sport : ct reply ip saddr . ct reply proto-src }`)
	}
	if s.kind == Restricted {
		rules = append(rules, `oifname "wan" meta l4proto udp update @met { ip daddr . udp sport }`)
	}
	if s.hairpin {
		rules = append(rules, hairpinned(s.outside)+` ct direction original update @inside { udp sport : ct original ip saddr . ct original proto-src }`)
	}
	return rules
}

// hairpinned matches, after routing, what came from the inside for a mapped
// address of the box.
func hairpinned(outside netip.Addr) string {
	return fmt.Sprintf(`iifname != "wan" oifname != "wan" ct original ip daddr %v meta l4proto udp`, outside)
}

// pair says what the filter of a hairpinning box remembers of a packet, and what
// it looks for when one comes the other way.
type pair struct{ types, sent, wanted string }

func hairpinPair(k Kind) pair {
	if k == Restricted { // the box has one outside address, so whoever tried any hairpin admits all
		return pair{"ipv4_addr . inet_service", "ip saddr . udp sport", "ip daddr . udp dport"}
	}
	return pair{"ipv4_addr . inet_service . ipv4_addr . inet_service",
		"ip saddr . udp sport . ip daddr . udp dport", "ip daddr . udp dport . ip saddr . udp sport"}
}

// hairpinFilter applies the filter of the kind to hairpinned packets: the target
// must have tried the sender before. Mappings are endpoint-independent, so inside
// addresses stand for the mapped ones.
func hairpinFilter(s natShape) []string {
	p := hairpinPair(s.kind)
	rules := []string{hairpinned(s.outside) + " ct direction original update @tried { " + p.sent + " }"}
	if s.kind != FullCone {
		rules = append(rules, hairpinned(s.outside)+" ct state new "+p.wanted+" != @tried drop")
	}
	return rules
}

// mappedPorts is the port part of a statement that translates sources. The ranges
// stay below the ephemeral ports of the inside (32768 and up): a range that held
// them would preserve them.
func mappedPorts(k Kind, generation int) string {
	const first, width, ranges = 2001, 2800, 10
	switch {
	case generation > 0:
		low := first + width*(generation%ranges)
		return fmt.Sprintf(":%d-%d", low, low+width-1)
	case k == EIMNoPreserve:
		return fmt.Sprintf(":%d-%d", first, first+width-1)
	}
	return ""
}
