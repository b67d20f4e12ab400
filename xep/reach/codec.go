package reach

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// maxClient bounds the name of the software, in bytes.
const maxClient = 128

// The values that are known. What else arrives may come from a later version
// and is read as if it had not been said.
var (
	behaviours = []Behaviour{None, EndpointIndependent, AddressDependent, AtMostAddress, AddressPortDependent, AtLeastAddress}
	classes    = []Class{Open, Firewall, FullCone, RestrictedCone, PortRestricted, Symmetric, Blocked}
	tristates  = []Tristate{Yes, No}
	protocols  = []string{"pcp", "nat-pmp", "upnp"}
)

// IsZero reports whether r says nothing.
func (r Reach) IsZero() bool { return r.Equal(Reach{}) }

// Equal reports whether r and o say the same.
func (r Reach) Equal(o Reach) bool {
	return r.Class == o.Class && r.Mapping == o.Mapping && r.Filtering == o.Filtering && r.PortPreserved == o.PortPreserved &&
		r.Carrier == o.Carrier && r.IPv4 == o.IPv4 && r.IPv6 == o.IPv6 && r.Mapped == o.Mapped && r.Client == o.Client &&
		slices.Equal(r.Addresses, o.Addresses)
}

// WithoutAddresses is r for those who may not learn where this device is.
func (r Reach) WithoutAddresses() Reach {
	r.Addresses = nil
	return r
}

// clean leaves out what cannot be said.
func (r Reach) clean() Reach {
	known(&r.Mapping, behaviours)
	known(&r.Filtering, behaviours)
	known(&r.Class, classes)
	known(&r.PortPreserved, tristates)
	known(&r.Carrier, tristates)
	known(&r.IPv4, tristates)
	known(&r.IPv6, tristates)
	known(&r.Mapped, protocols)
	if r.Client = wire.Cut(r.Client, maxClient); !xmlstream.ValidText(r.Client) || strings.ContainsAny(r.Client, "\t\r\n") {
		r.Client = ""
	}
	var addresses []netip.AddrPort
	for _, a := range r.Addresses {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if len(addresses) < MaxAddresses && plausible(a) && !slices.Contains(addresses, a) {
			addresses = append(addresses, a)
		}
	}
	r.Addresses = addresses
	return r
}

func known[T ~string](v *T, all []T) {
	if !slices.Contains(all, *v) {
		*v = ""
	}
}

// plausible reports whether somebody else could send packets to a.
func plausible(a netip.AddrPort) bool {
	ip := a.Addr()
	return ip.IsValid() && a.Port() != 0 && ip.Zone() == "" && !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLoopback() &&
		!ip.IsLinkLocalUnicast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Parse reads <reach/>. Values it does not know, addresses that lead nowhere and
// those beyond MaxAddresses are left out.
func Parse(n xmlstream.Node) (Reach, error) {
	if err := wire.Expect(n, NS, "reach"); err != nil {
		return Reach{}, err
	}
	r := Reach{
		Class: Class(n.Attr("class")), Mapping: Behaviour(n.Attr("mapping")), Filtering: Behaviour(n.Attr("filtering")),
		PortPreserved: Tristate(n.Attr("port-preserved")), Carrier: Tristate(n.Attr("carrier")),
		IPv4: Tristate(n.Attr("ipv4")), IPv6: Tristate(n.Attr("ipv6")), Mapped: n.Attr("mapped"), Client: n.Attr("client"),
	}
	for c := range n.Elements() {
		if len(r.Addresses) == MaxAddresses {
			break
		}
		if c.Name.Space != NS || c.Name.Local != "address" {
			continue
		}
		ip, err := netip.ParseAddr(c.Attr("ip"))
		port, ok := wire.Uint(c.Attr("port"), math.MaxUint16)
		if a := netip.AddrPortFrom(ip.Unmap(), uint16(port)); err == nil && ok && plausible(a) {
			r.Addresses = append(r.Addresses, a)
		}
	}
	return r.clean(), nil
}

// Encode writes <reach/>. What Parse would leave out is not written.
func (r Reach) Encode(e *xmlstream.Encoder) { r.Node().Encode(e) }

// Node is <reach/> as a tree, to stand inside other elements.
func (r Reach) Node() xmlstream.Node {
	r = r.clean()
	n := xmlstream.NewNode(NS, "reach")
	for _, a := range []struct{ name, value string }{
		{"carrier", string(r.Carrier)}, {"class", string(r.Class)}, {"client", r.Client}, {"filtering", string(r.Filtering)},
		{"ipv4", string(r.IPv4)}, {"ipv6", string(r.IPv6)}, {"mapped", r.Mapped}, {"mapping", string(r.Mapping)},
		{"port-preserved", string(r.PortPreserved)},
	} {
		if a.value != "" {
			n = n.WithAttr(xmlstream.A(a.name, a.value))
		}
	}
	for _, a := range r.Addresses {
		n = n.With(xmlstream.NewNode(NS, "address", xmlstream.A("ip", a.Addr().String()), xmlstream.A("port", strconv.Itoa(int(a.Port())))))
	}
	return n
}
