//go:build linux

package netlab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Count is an amount of traffic.
type Count struct {
	Packets uint64 // a batch that the kernel segments later counts as one
	Bytes   uint64 // with IP headers
}

// Traffic is what one node sent toward another. Loss on a Link happens before
// the count on the sender's link and after it on the receiver's.
type Traffic struct {
	UDP, TCP Count // passed on
	Cut      Count // UDP dropped by Cut
}

// Sub is the traffic since an earlier reading.
func (t Traffic) Sub(earlier Traffic) Traffic {
	sub := func(a, b Count) Count { return Count{a.Packets - b.Packets, a.Bytes - b.Bytes} }
	return Traffic{sub(t.UDP, earlier.UDP), sub(t.TCP, earlier.TCP), sub(t.Cut, earlier.Cut)}
}

// meterRules is a table that counts forwarded packets by source, destination and
// protocol, and drops UDP of the pairs that are cut. family is inet (routed) or
// bridge (a LAN). What ends in 6 is for IPv6.
func meterRules(family string) string {
	return "table " + family + ` lab_meter {
set cut { type ipv4_addr . ipv4_addr; }
set cut6 { type ipv6_addr . ipv6_addr; }
set passed { type ipv4_addr . ipv4_addr . inet_proto; size 65535; flags dynamic; counter; }
set passed6 { type ipv6_addr . ipv6_addr . inet_proto; size 65535; flags dynamic; counter; }
set dropped { type ipv4_addr . ipv4_addr . inet_proto; size 65535; flags dynamic; counter; }
set dropped6 { type ipv6_addr . ipv6_addr . inet_proto; size 65535; flags dynamic; counter; }
chain forward {
 type filter hook forward priority filter + 10;
 meta l4proto udp ip saddr . ip daddr @cut update @dropped { ip saddr . ip daddr . meta l4proto counter } drop
 meta l4proto udp ip6 saddr . ip6 daddr @cut6 update @dropped6 { ip6 saddr . ip6 daddr . meta l4proto counter } drop
 update @passed { ip saddr . ip daddr . meta l4proto counter }
 update @passed6 { ip6 saddr . ip6 daddr . meta l4proto counter }
}
}
`
}

// crossing is the one place that everything between two nodes passes, however
// many NATs are on the way: the wire, a carrier's box or a LAN.
type crossing struct {
	ns     *namespace
	family string
	a, b   []netip.Addr // as seen there, of both families
}

// cross finds the crossing of two nodes.
func cross(a, b Node) (crossing, error) {
	up, vp := a.base().chain(), b.base().chain()
	if up[0] == vp[0] {
		return crossing{}, fmt.Errorf("netlab: %s and %s are the same node", a.Name(), b.Name())
	}
	for i, n := range up {
		for j, m := range vp {
			if n.outer != m.outer {
				continue
			}
			if n == m {
				return crossing{}, fmt.Errorf("netlab: one of %s and %s is behind the other", a.Name(), b.Name())
			}
			c := crossing{ns: n.outer, family: "inet", a: seen(a, up[i]), b: seen(b, vp[j])}
			if n.onLAN && m.onLAN {
				c.family = "bridge"
			}
			return c, nil
		}
	}
	return crossing{}, fmt.Errorf("netlab: %s and %s are in different labs", a.Name(), b.Name())
}

// seen are the addresses under which the traffic of a node appears at the outer
// end of the link of a box that it is behind, or of its own: in IPv4 those of that
// box, and since IPv6 is not translated, its own.
func seen(n Node, at *node) []netip.Addr {
	list := append(slices.Clone(at.uplinks[0].addrs), n.base().uplinks[0].addrs6...)
	if nat, ok := n.(*NAT); ok {
		for _, h := range nat.lab.nodes {
			if u := h.base().uplinks[0]; u.nat == nat {
				list = append(list, u.addrs6...)
			}
		}
	}
	return list
}

// Cut drops UDP between two nodes, both ways, until Restore. Everything else
// passes, and so does what goes by way of a third host. A NAT in place of a host
// means everything that leaves through it, of the hosts it has at that time.
func (l *Lab) Cut(a, b Node) {
	l.t.Helper()
	l.must(l.setCut(a, b, "add element %[1]s lab_meter %[2]s { %[3]s }\n"))
}

// Restore ends a Cut. Without one it does nothing.
func (l *Lab) Restore(a, b Node) {
	l.t.Helper()
	l.must(l.setCut(a, b, "add element %[1]s lab_meter %[2]s { %[3]s }\ndelete element %[1]s lab_meter %[2]s { %[3]s }\n"))
}

func (l *Lab) setCut(a, b Node, format string) error {
	c, err := cross(a, b)
	if err != nil {
		return err
	}
	pairs := map[string][]string{}
	for _, x := range c.a {
		for _, y := range c.b {
			if x.Is4() == y.Is4() {
				set := "cut"
				if x.Is6() {
					set = "cut6"
				}
				pairs[set] = append(pairs[set], fmt.Sprintf("%v . %v", x, y), fmt.Sprintf("%v . %v", y, x))
			}
		}
	}
	var rules strings.Builder
	for set, list := range pairs {
		fmt.Fprintf(&rules, format, c.family, set, strings.Join(list, ", "))
	}
	return c.ns.nft(rules.String())
}

// Traffic tells what from has sent toward to since the lab was built, counted
// where the ways of both meet. Two hosts behind the same NAT count as that NAT
// does: its traffic is theirs.
func (l *Lab) Traffic(from, to Node) Traffic {
	l.t.Helper()
	c, err := cross(from, to)
	l.must(err)
	var t Traffic
	count := func(protocol string, n Count) {
		switch protocol {
		case "udp":
			t.UDP = t.UDP.add(n)
		case "tcp":
			t.TCP = t.TCP.add(n)
		}
	}
	dropped := func(_ string, n Count) { t.Cut = t.Cut.add(n) }
	for _, family := range []string{"", "6"} {
		l.must(c.tally("passed"+family, count))
		l.must(c.tally("dropped"+family, dropped))
	}
	return t
}

func (c Count) add(d Count) Count { return Count{c.Packets + d.Packets, c.Bytes + d.Bytes} }

// tally reads the counters of one set from a to b.
func (c crossing) tally(set string, each func(protocol string, n Count)) error {
	out, err := c.ns.run("", "nft", "-j", "list", "set", c.family, "lab_meter", set)
	if err != nil {
		return err
	}
	flows, err := parseSet(out)
	if err != nil {
		return fmt.Errorf("netlab: reading counters: %w", err)
	}
	for _, f := range flows {
		if slices.Contains(c.a, f.from) && slices.Contains(c.b, f.to) {
			each(f.protocol, f.count)
		}
	}
	return nil
}

// flow is one element of a counting set.
type flow struct {
	from, to netip.Addr
	protocol string
	count    Count
}

// parseSet reads what "nft -j list set" prints for a counting set.
func parseSet(out []byte) ([]flow, error) {
	var doc struct {
		Nftables []struct {
			Set struct {
				Elem []struct {
					Elem struct {
						Val struct {
							Concat []any `json:"concat"`
						} `json:"val"`
						Counter *Count `json:"counter"`
					} `json:"elem"`
				} `json:"elem"`
			} `json:"set"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, err
	}
	var flows []flow
	for _, object := range doc.Nftables {
		for _, e := range object.Set.Elem {
			key, n := e.Elem.Val.Concat, e.Elem.Counter
			if len(key) != 3 || n == nil {
				return nil, fmt.Errorf("an element %v without addresses, protocol and counter", e.Elem)
			}
			from, err := netip.ParseAddr(fmt.Sprint(key[0]))
			if err != nil {
				return nil, err
			}
			to, err := netip.ParseAddr(fmt.Sprint(key[1]))
			if err != nil {
				return nil, err
			}
			flows = append(flows, flow{from, to, fmt.Sprint(key[2]), *n})
		}
	}
	return flows, nil
}
