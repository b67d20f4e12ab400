package outlook

import "godwit/xep/reach"

// Way is how two devices will most probably talk.
type Way string

// The ways, from the best on.
const (
	Direct  Way = "direct"
	Guess   Way = "guess"   // direct, once the right port has been guessed
	Relay   Way = "relay"   // peer to peer through TURN
	Server  Way = "server"  // only through the XMPP server
	Unclear Way = "unclear" // too little is known; trying will tell
)

// Ways are all of them, the best first.
var Ways = []Way{Direct, Guess, Relay, Server, Unclear}

// Reason is why, as a stable code.
type Reason string

// The reasons.
const (
	IPv6           Reason = "ipv6"            // both have it
	Reachable      Reason = "reachable"       // one takes packets from anybody
	Mapped         Reason = "mapped"          // one's router maps a port to it
	Punch          Reason = "punch"           // both keep one outside address for everybody
	ByAddress      Reason = "by-address"      // one is symmetric; the other lets in any port of an address it sent to
	PortToGuess    Reason = "port-to-guess"   // one is symmetric; the other lets in only the port it sent to
	BothSymmetric  Reason = "both-symmetric"  // neither knows its own outside address
	UDPBlocked     Reason = "udp-blocked"     // one's network lets no UDP through
	FamiliesDiffer Reason = "families-differ" // one has only IPv6, the other only IPv4
	TooLittleKnown Reason = "too-little-known"
)

// Reasons are all of them.
var Reasons = []Reason{IPv6, Reachable, Mapped, Punch, ByAddress, PortToGuess, BothSymmetric, UDPBlocked, FamiliesDiffer, TooLittleKnown}

// Advice is what would help, as a stable code.
type Advice string

// The advice, the easiest first.
const (
	MapPort       Advice = "map-port"       // let the router map ports: UPnP, NAT-PMP or PCP
	OpenFirewall  Advice = "open-firewall"  // let UDP to this program in
	UnblockUDP    Advice = "unblock-udp"    // let UDP out, and its answers in
	GetIPv6       Advice = "get-ipv6"       // switch IPv6 on, or ask the provider for it
	PublicAddress Advice = "public-address" // ask the provider for an IPv4 address of one's own
)

// Advices are all of them.
var Advices = []Advice{MapPort, OpenFirewall, UnblockUDP, GetIPv6, PublicAddress}

// Side says who could follow an advice.
type Side string

// The sides.
const (
	Self Side = "self"
	Peer Side = "peer"
	Both Side = "both" // it takes both
)

// Help is an advice for somebody. Unless it takes both, following one is enough
// for a better way.
type Help struct {
	Who  Side   `json:"who"`
	What Advice `json:"what"`
}

// Prospect is what two devices can expect of each other.
type Prospect struct {
	Way    Way    `json:"way"`
	Reason Reason `json:"reason"`
	// Sure is false where it rests on something that is likely but was not seen,
	// such as whether a NAT looks at addresses when one server address was asked.
	Sure bool `json:"sure"`
	// Help is what would make it better; empty if it is direct.
	Help []Help `json:"help,omitempty"`
}

// Lack is something the two do not have at their disposal.
type Lack int

// What may be lacking.
const (
	NoRelay Lack = iota + 1 // no TURN server that either may use
	NoGuess                 // ports are not guessed
)

// Between says how self and peer will most probably talk. It is pure and
// symmetric, but for the sides of Help.
func Between(self, peer reach.Reach, lacks ...Lack) Prospect {
	p := between(self, peer)
	for _, l := range lacks {
		if l == NoGuess && p.Way == Guess {
			p.Way = Relay
		}
	}
	for _, l := range lacks {
		if l == NoRelay && p.Way == Relay {
			p.Way = Server
		}
	}
	if p.Way != Direct {
		p.Help = help(self, peer, p.Reason)
	}
	return p
}

// profile is what counts of a network when somebody wants in.
type profile struct {
	blocked bool
	// stable: everybody sees one outside address; varies: every destination
	// another. Neither: it is not known.
	stable, varies bool
	filter         filter
	mapped         bool // by the router
	sure           bool
}

// filter is who gets in through an outside address, from the loosest on.
type filter int

const (
	anybody filter = iota + 1
	sameAddress
	samePort
	unknownFilter
)

func (p profile) reachable() bool { return p.stable && p.filter == anybody }

func (p profile) known() bool { return p.blocked || p.stable || p.varies }

// profileOf reads the IPv4 side of a reach.
func profileOf(r reach.Reach) profile {
	mapping, filtering := r.Mapping, r.Filtering
	m, f := behaviours(r.Class)
	if mapping == reach.Unknown {
		mapping = m
	}
	if filtering == reach.Unknown {
		filtering = f
	}
	p := profile{blocked: r.Class == reach.Blocked, sure: true, filter: unknownFilter}
	if p.blocked {
		return p
	}
	switch mapping {
	case reach.None, reach.EndpointIndependent:
		p.stable = true
	case reach.AtMostAddress: // hardly any NAT looks at the address alone
		p.stable, p.sure = true, false
	case reach.AddressDependent, reach.AddressPortDependent, reach.AtLeastAddress:
		p.varies = true
	}
	switch filtering {
	case reach.None, reach.EndpointIndependent:
		p.filter = anybody
	case reach.AddressDependent:
		p.filter = sameAddress
	case reach.AtMostAddress:
		p.filter, p.sure = sameAddress, false
	case reach.AddressPortDependent:
		p.filter = samePort
	case reach.AtLeastAddress:
		p.filter, p.sure = samePort, false
	}
	// A mapping in the home router is no use behind the provider's NAT.
	if r.Mapped != "" && r.Carrier != reach.Yes {
		p = profile{stable: true, filter: anybody, mapped: true, sure: r.Carrier == reach.No}
	}
	return p
}

// behaviours are what a classic name stands for.
func behaviours(c reach.Class) (mapping, filtering reach.Behaviour) {
	switch c {
	case reach.Open:
		return reach.None, reach.None
	case reach.Firewall:
		return reach.None, reach.AddressPortDependent
	case reach.FullCone:
		return reach.EndpointIndependent, reach.EndpointIndependent
	case reach.RestrictedCone:
		return reach.EndpointIndependent, reach.AddressDependent
	case reach.PortRestricted:
		return reach.EndpointIndependent, reach.AddressPortDependent
	case reach.Symmetric:
		return reach.AddressPortDependent, reach.AddressPortDependent
	}
	return reach.Unknown, reach.Unknown
}

func between(a, b reach.Reach) Prospect {
	if a.IPv6 == reach.Yes && b.IPv6 == reach.Yes {
		// Firewalls there let answers in, and the address is the same for all.
		return Prospect{Way: Direct, Reason: IPv6, Sure: true}
	}
	if a.IPv4 == reach.No || b.IPv4 == reach.No {
		if a.IPv6 == reach.Unsaid || b.IPv6 == reach.Unsaid {
			return Prospect{Way: Unclear, Reason: TooLittleKnown}
		}
		return Prospect{Way: Relay, Reason: FamiliesDiffer, Sure: true}
	}
	pa, pb := profileOf(a), profileOf(b)
	if pa.blocked || pb.blocked {
		return Prospect{Way: Relay, Reason: UDPBlocked, Sure: true}
	}
	sure := pa.sure && pb.sure && pa.known() && pb.known()
	switch {
	case pa.reachable() && !pa.mapped, pb.reachable() && !pb.mapped:
		return Prospect{Way: Direct, Reason: Reachable, Sure: sure}
	case pa.mapped, pb.mapped:
		return Prospect{Way: Direct, Reason: Mapped, Sure: sure}
	case pa.stable && pb.stable:
		return Prospect{Way: Direct, Reason: Punch, Sure: sure}
	case pa.varies && pb.varies:
		return Prospect{Way: Relay, Reason: BothSymmetric, Sure: sure}
	case pa.stable:
		return toward(pa, pb, sure)
	case pb.stable:
		return toward(pb, pa, sure)
	}
	return Prospect{Way: Unclear, Reason: TooLittleKnown}
}

// toward says how one whose outside address stays gets together with one whose
// does not, or of whom that is not known.
func toward(stable, other profile, sure bool) Prospect {
	switch {
	case stable.filter <= sameAddress:
		return Prospect{Way: Direct, Reason: ByAddress, Sure: sure}
	case other.varies && stable.filter == samePort:
		return Prospect{Way: Guess, Reason: PortToGuess, Sure: sure}
	}
	return Prospect{Way: Unclear, Reason: TooLittleKnown}
}

// help lists what would make a prospect better.
func help(self, peer reach.Reach, why Reason) []Help {
	var list []Help
	switch why {
	case UDPBlocked, PortToGuess, BothSymmetric, TooLittleKnown:
		for _, advice := range []Advice{MapPort, OpenFirewall, UnblockUDP, PublicAddress} {
			list = appendFor(list, advice, helps(self, peer, advice), helps(peer, self, advice))
		}
	}
	selfLacks, peerLacks := self.IPv6 != reach.Yes, peer.IPv6 != reach.Yes
	switch {
	case why == FamiliesDiffer:
		// who has only IPv6 needs nothing: the other could have it, too
		list = appendFor(list, GetIPv6, selfLacks, peerLacks)
	case selfLacks && peerLacks:
		list = append(list, Help{Both, GetIPv6})
	default:
		list = appendFor(list, GetIPv6, selfLacks, peerLacks)
	}
	return list
}

func appendFor(list []Help, what Advice, self, peer bool) []Help {
	if self {
		list = append(list, Help{Self, what})
	}
	if peer {
		list = append(list, Help{Peer, what})
	}
	return list
}

// helps reports whether an advice would make r easier to get together with
// other.
func helps(r, other reach.Reach, advice Advice) bool {
	behindNAT := r.Class != reach.Blocked && r.Class != reach.Open && r.Class != reach.Firewall && r.Mapping != reach.None && r.IPv4 != reach.No
	switch advice {
	case MapPort: // for somebody who can send to the mapped port
		return behindNAT && r.Mapped == "" && r.Carrier != reach.Yes && other.Class != reach.Blocked
	case PublicAddress:
		return behindNAT && r.Carrier == reach.Yes && other.Class != reach.Blocked
	case OpenFirewall:
		return (r.Class == reach.Firewall || r.Mapping == reach.None && r.Class != reach.Open) && other.Class != reach.Blocked
	case UnblockUDP:
		return r.Class == reach.Blocked
	}
	return false
}
