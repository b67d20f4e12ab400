package nat

import (
	"net/netip"
	"slices"
	"time"

	"godwit/xep/reach"
)

// Report is what one discovery found. It is a value: nothing changes it once it
// was returned.
type Report struct {
	// Reach is what contacts may be told. Its Mapped, Client and Addresses are
	// empty: whoever publishes it fills them in. Class, Mapping, Filtering and
	// PortPreserved are those of IPv4, or of IPv6 where there is no IPv4.
	Reach reach.Reach `json:"reach"`
	// IPv4 and IPv6 are what was found in each family.
	IPv4 Family `json:"ipv4"`
	IPv6 Family `json:"ipv6"`
	// Doubts are what could not be told, each with its reason.
	Doubts []Doubt `json:"doubts,omitempty"`
	// TCP tells what TCP to the same servers did; it is asked only where UDP is silent.
	TCP TCP `json:"tcp,omitempty"`
	// At is when the discovery ended, Took how long it took.
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took"`
}

// State says how far a family came.
type State string

// The states.
const (
	Unasked  State = ""         // no server has an address of this family
	NoRoute  State = "no-route" // this machine has no address or no way out
	Silent   State = "silent"   // asked often enough; no answer came
	Answered State = "answered"
)

// Vantage says what the server could show.
type Vantage string

// The vantages.
const (
	NoVantage    Vantage = ""
	Plain        Vantage = "plain"         // tells the address it sees, nothing more
	TwoPorts     Vantage = "two-ports"     // answers from another port of its address
	TwoAddresses Vantage = "two-addresses" // answers from another address: all of RFC 5780
)

// Family is what was found in IPv4 or IPv6.
type Family struct {
	State   State   `json:"state"`
	Vantage Vantage `json:"vantage,omitempty"`
	// Server is the address that was asked for the most part.
	Server netip.AddrPort `json:"server,omitzero"`
	// Local and Public are the inside and outside address of one of the sockets,
	// which is closed by now. Only the addresses mean something later, not the ports.
	Local  netip.AddrPort `json:"local,omitzero"`
	Public netip.AddrPort `json:"public,omitzero"`

	Class         reach.Class     `json:"class,omitempty"`
	Mapping       reach.Behaviour `json:"mapping,omitempty"`
	Filtering     reach.Behaviour `json:"filtering,omitempty"`
	PortPreserved reach.Tristate  `json:"portPreserved,omitempty"`
	Allocation    Allocation      `json:"allocation,omitzero"`

	// RoundTrip is the shortest seen to Server.
	RoundTrip time.Duration `json:"roundTrip,omitempty"`
	// Tries and Lost are how many plain questions were asked of addresses that do
	// answer, and how many of those came to nothing.
	Tries int `json:"tries,omitempty"`
	Lost  int `json:"lost,omitempty"`
}

// Translated reports whether there is a NAT: the outside address is another one
// than the inside one.
func (f Family) Translated() bool { return f.State == Answered && f.Mapping != reach.None }

// Pattern says how a NAT gives out outside ports.
type Pattern string

// The patterns.
const (
	UnknownPattern Pattern = ""
	Preserved      Pattern = "preserved"  // the outside port is the inside one
	Sequential     Pattern = "sequential" // one after the other, Step apart
	Random         Pattern = "random"
)

// Allocation is what the outside ports of several sockets, opened one after the
// other, show.
type Allocation struct {
	Pattern Pattern `json:"pattern,omitempty"`
	// Step is the usual distance of two ports; of a sequential pattern only, and
	// negative where they fall.
	Step int `json:"step,omitempty"`
	// Ports are the outside ports, in the order in which the sockets spoke first.
	Ports []uint16 `json:"ports,omitempty"`
}

// Subject is what a doubt is about.
type Subject string

// The subjects.
const (
	AboutMapping   Subject = "mapping"
	AboutFiltering Subject = "filtering"
	AboutUDP       Subject = "udp"
	AboutIPv4      Subject = "ipv4"
	AboutIPv6      Subject = "ipv6"
	AboutCarrier   Subject = "carrier"
)

// Why is the reason of a doubt: a stable code.
type Why string

// The reasons.
const (
	// PlainServer: the server has no second address or port to ask (RFC 5780 is
	// not served), and there is no second server.
	PlainServer Why = "plain-server"
	// OneAddress: the server has two ports, but only one address.
	OneAddress Why = "one-address"
	// OtherSilent: the server names another address that does not answer.
	OtherSilent Why = "other-address-silent"
	// ChangeIgnored: the server does not answer from where it was asked to.
	ChangeIgnored Why = "change-ignored"
	// Refused: the server answers with errors only.
	Refused Why = "refused"
	// Unstable: the outside address changed while asking.
	Unstable Why = "unstable"
	// HeavyLoss: so much was lost that silence proves nothing.
	HeavyLoss Why = "heavy-loss"
	// LocalUnknown: the inside address could not be told.
	LocalUnknown Why = "local-unknown"
	// NothingAnswers: neither UDP nor TCP brings an answer. The server may be
	// down, its name wrong, or the network away.
	NothingAnswers Why = "nothing-answers"
	// ServerUnproven: UDP is silent and TCP to the server's host works, but nothing
	// shows that STUN is served there.
	ServerUnproven Why = "server-unproven"
	// NoServer: no server has an address of that family.
	NoServer Why = "no-server"
	// FamilySilent: there is a way out, but no answer came in that family though
	// the other one works.
	FamilySilent Why = "family-silent"
	// RouterSilent: the router does not tell its outside address.
	RouterSilent Why = "router-silent"
)

// Doubt is something that could not be told.
type Doubt struct {
	About Subject `json:"about"`
	Why   Why     `json:"why"`
}

// TCP is what TCP connections to the servers did.
type TCP string

// The outcomes.
const (
	TCPUnasked TCP = ""
	TCPSilent  TCP = "silent"  // nothing connects
	TCPAlive   TCP = "alive"   // the host answers, be it by refusing
	TCPAnswers TCP = "answers" // STUN was answered over TCP (RFC 8489 §6.2.2)
)

// Doubtful reports whether something about the subject could not be told.
func (r Report) Doubtful(about Subject) bool {
	return slices.ContainsFunc(r.Doubts, func(d Doubt) bool { return d.About == about })
}

// Public is the outside address that is more useful to tell a network apart by:
// IPv4's, else IPv6's. It is invalid if none was seen.
func (r Report) Public() netip.Addr {
	if a := r.IPv4.Public.Addr(); a.IsValid() {
		return a
	}
	return r.IPv6.Public.Addr()
}

// WithRouter is the report with what the router tells, which may be learned
// before or after a discovery: external is its outside IPv4 address (from a port
// mapping), gateway its inside one; both may be invalid. It decides anew whether
// a second NAT, the provider's, stands behind the router.
func (r Report) WithRouter(external, gateway netip.Addr) Report {
	r.Doubts = slices.DeleteFunc(slices.Clone(r.Doubts), func(d Doubt) bool { return d.About == AboutCarrier })
	carrier, why := carrierOf(r.IPv4, external.Unmap(), gateway.Unmap())
	r.Reach.Carrier = carrier
	if why != "" {
		r.Doubts = append(r.Doubts, Doubt{AboutCarrier, why})
	}
	return r
}
