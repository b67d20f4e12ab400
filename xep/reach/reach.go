// Package reach says how a device can be reached without a server in between
// (urn:godwit:reach:0): what kind of NAT it is behind, whether it has IPv6,
// whether its router maps a port, and, where its owner allows it, at which
// addresses. It rides on presence to authorised contacts and inside direct
// transports, so that a client knows before it asks.
//
// It is a codec: finding out is package nat's, drawing conclusions package
// nat/outlook's. Nothing here decides alone whether a direct path is tried
// (RFC 5780 §1: what was discovered may have changed); ICE does.
package reach

import "net/netip"

// NS is the namespace of the element and the name of the feature.
const NS = "urn:godwit:reach:0"

// Behaviour says how a NAT maps or filters, in the words of RFC 4787 §4.1 and
// §5.
type Behaviour string

// The behaviours. Two of them say how much is known: one server address cannot
// tell endpoint-independent from address-dependent.
const (
	Unknown              Behaviour = ""
	None                 Behaviour = "none" // no translation, or no filter
	EndpointIndependent  Behaviour = "endpoint-independent"
	AddressDependent     Behaviour = "address-dependent"
	AtMostAddress        Behaviour = "at-most-address-dependent" // one of the two above
	AddressPortDependent Behaviour = "address-and-port-dependent"
	AtLeastAddress       Behaviour = "at-least-address-dependent" // one of AddressDependent, AddressPortDependent
)

// Class is the classic name of a NAT (RFC 3489 §5), which people know.
type Class string

// The classes. UnknownClass is said rather than a guess.
const (
	UnknownClass   Class = ""
	Open           Class = "open"                 // no NAT, no filter
	Firewall       Class = "firewall"             // no NAT, but only answers come in
	FullCone       Class = "full-cone"            // EIM, EIF
	RestrictedCone Class = "restricted-cone"      // EIM, ADF
	PortRestricted Class = "port-restricted-cone" // EIM, APDF
	Symmetric      Class = "symmetric"            // the mapping depends on the destination
	Blocked        Class = "udp-blocked"          // no UDP answer comes back
)

// Tristate is a fact that may be unknown.
type Tristate string

// The three.
const (
	Unsaid Tristate = ""
	Yes    Tristate = "yes"
	No     Tristate = "no"
)

// Reach is <reach/>. The zero value says nothing.
type Reach struct {
	Class     Class
	Mapping   Behaviour
	Filtering Behaviour
	// PortPreserved: the outside port is the inside one.
	PortPreserved Tristate
	// Carrier: a second NAT, the provider's, stands behind the first.
	Carrier Tristate
	IPv4    Tristate // can exchange packets with the IPv4 internet
	IPv6    Tristate // can exchange packets with the IPv6 internet
	// Mapped is the protocol by which the router mapped a port to this device:
	// "pcp", "nat-pmp" or "upnp"; empty when none did.
	Mapped string
	// Client is name and version of the software, such as "Godwit 0.1".
	Client string
	// Addresses at which this device can be reached, as far as its owner lets
	// the receiver know; at most MaxAddresses.
	Addresses []netip.AddrPort
}

// MaxAddresses bounds the addresses that are written and read.
const MaxAddresses = 8
