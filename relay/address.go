package relay

import (
	"encoding/binary"
	"net/netip"
)

// A span is a range of addresses that is not the public internet, and why.
type span struct {
	prefix netip.Prefix
	why    string
}

// closed4 are the IPv4 ranges a relay sends nothing to unless Config.Allow opens
// them: the special-purpose registry of RFC 6890, multicast, and the reserved
// upper end with the broadcast address.
var closed4 = spans(map[string]string{
	"0.0.0.0/8":       "this network",
	"10.0.0.0/8":      "private",
	"100.64.0.0/10":   "carrier NAT",
	"127.0.0.0/8":     "loopback",
	"169.254.0.0/16":  "link-local",
	"172.16.0.0/12":   "private",
	"192.0.0.0/24":    "protocol assignments",
	"192.0.2.0/24":    "documentation",
	"192.88.99.0/24":  "6to4 anycast",
	"192.168.0.0/16":  "private",
	"198.18.0.0/15":   "benchmarks",
	"198.51.100.0/24": "documentation",
	"203.0.113.0/24":  "documentation",
	"224.0.0.0/4":     "multicast",
	"240.0.0.0/4":     "reserved",
})

// closed6 are the closed ranges inside 2000::/3; what lies outside of it is
// closed altogether, as nothing there is a host on the internet.
var closed6 = spans(map[string]string{
	"2001::/32":     "Teredo",
	"2001::/23":     "protocol assignments",
	"2001:db8::/32": "documentation",
	"3fff::/20":     "documentation",
})

var (
	global6    = netip.MustParsePrefix("2000::/3")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
	siit       = netip.MustParsePrefix("::ffff:0:0:0/96")
	compatible = netip.MustParsePrefix("::/96")
)

// named6 are the ranges outside 2000::/3 that deserve their own word.
var named6 = spans(map[string]string{
	"::/128":          "unspecified",
	"::1/128":         "loopback",
	"::/96":           "IPv4-compatible",
	"::ffff:0:0:0/96": "IPv4-translated",
	"64:ff9b:1::/48":  "local NAT64",
	"100::/64":        "discard",
	"fc00::/7":        "unique local",
	"fe80::/10":       "link-local",
	"fec0::/10":       "site-local",
	"ff00::/8":        "multicast",
})

func spans(table map[string]string) []span {
	list := make([]span, 0, len(table))
	for prefix, why := range table {
		list = append(list, span{netip.MustParsePrefix(prefix), why})
	}
	return list
}

// find returns the word of the longest range that holds the address, or "".
func find(list []span, a netip.Addr) string {
	why, bits := "", -1
	for i := range list {
		if p := list[i].prefix; p.Bits() > bits && p.Contains(a) {
			why, bits = list[i].why, p.Bits()
		}
	}
	return why
}

// whyOwn is the refusal of an address of the server itself.
const whyOwn = "the server itself"

// A policy decides to whom relay sockets may send. It is a value without state:
// what changes, the server's own addresses and live relayed addresses, comes in
// with each question.
type policy struct {
	allow []netip.Prefix
}

// surroundings are what the policy has to know of the moment.
type surroundings struct {
	// own tells whether the address is one of this host, or a broadcast address
	// of one of its networks.
	own func(netip.Addr) bool
	// relayed tells whether an allocation lives at this transport address; with
	// port 0, whether one lives at any port of the address.
	relayed func(netip.AddrPort) bool
	// listening tells whether this server itself answers at this UDP address.
	listening func(netip.AddrPort) bool
}

// refuse tells why nothing may be sent to the peer, or "" when it may. Port 0
// stands for "any port" and is asked about permissions, which have none
// (RFC 8656 §9); a datagram is judged with its port.
//
// An address of ours is open where it is the relayed address of somebody else
// (two clients of one relay), and otherwise closed even if its range was opened,
// unless it was opened by itself; the ports this server listens on stay closed.
func (p policy) refuse(peer netip.AddrPort, around surroundings) string {
	address := peer.Addr()
	if !address.IsValid() {
		return "no address"
	}
	if address.Zone() != "" {
		return "zone"
	}
	address = address.Unmap()
	if around.relayed(netip.AddrPortFrom(address, peer.Port())) {
		return ""
	}
	for inner, ok := address, true; ok; inner, ok = embedded(inner) {
		if !around.own(inner) {
			continue
		}
		if around.listening(netip.AddrPortFrom(inner, peer.Port())) || !p.opened(inner, true) {
			return whyOwn
		}
	}
	return p.closed(address)
}

// closed judges an address that is none of ours. An address that carries another
// is as open as the one it carries.
func (p policy) closed(address netip.Addr) string {
	if p.opened(address, false) {
		return ""
	}
	if address.Is4() {
		return find(closed4, address)
	}
	inner, carries := embedded(address)
	if !nat64.Contains(address) {
		if !global6.Contains(address) {
			if why := find(named6, address); why != "" {
				return why
			}
			return "not global"
		}
		if why := find(closed6, address); why != "" {
			return why
		}
	}
	if carries {
		return p.closed(inner)
	}
	return ""
}

// opened tells whether the configuration opens the address, alone by a prefix
// that holds nothing else.
func (p policy) opened(address netip.Addr, alone bool) bool {
	for _, prefix := range p.allow {
		if prefix.Contains(address) && (!alone || prefix.IsSingleIP()) {
			return true
		}
	}
	return false
}

// embedded returns the IPv4 address that an IPv6 address leads to: by NAT64
// (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP (RFC 5214), and the
// compatible and translated forms (RFC 4291 §2.5.5, RFC 2765).
func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case a.Is4In6(), nat64.Contains(a), siit.Contains(a):
		return last, true
	case compatible.Contains(a):
		return last, binary.BigEndian.Uint32(b[12:16]) > 1
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(a):
		for i := 12; i < 16; i++ {
			b[i] ^= 0xFF
		}
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case localNAT64.Contains(a):
		return netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}), true
	case b[8]&^3 == 0 && b[9] == 0 && b[10] == 0x5E && b[11] == 0xFE:
		return last, true
	}
	return netip.Addr{}, false
}
