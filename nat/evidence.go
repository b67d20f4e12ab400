package nat

import (
	"math"
	"net/netip"
)

// evidence is all that one family's discovery saw, and all that conclude needs.
type evidence struct {
	primary netip.AddrPort // the server that was asked for the most part
	other   netip.AddrPort // its OTHER-ADDRESS, invalid if it named none
	local   netip.AddrPort // inside address of the mapping socket
	// seen is what the mapping socket looked like to each address it asked.
	seen []sighting
	// confirmed: where they saw different things, the primary server saw the same
	// before and after.
	confirmed bool
	// port and both are the questions to answer from another port of the same
	// address, and from the other address.
	port, both trial
	// sockets are inside and outside addresses of the sockets that spoke to the
	// primary server one after the other, as far as they were answered.
	sockets []pair
	// judged and lost are plain questions to addresses that do answer, old enough
	// to be judged, and how many of them came to nothing.
	judged, lost int
}

// sighting is what one address of a server saw.
type sighting struct {
	by       netip.AddrPort
	mapped   netip.AddrPort // invalid if it did not answer
	unstable bool           // it saw another address before
}

// pair is a socket's inside and outside address.
type pair struct{ local, mapped netip.AddrPort }

// trial is a CHANGE-REQUEST that was made several times.
type trial struct {
	sent    int
	passed  bool // an answer came from where it was asked for
	ignored bool // an answer came from elsewhere
	refused bool // the server said no (RFC 5780 §6.1)
}

// How often a question is asked whose answer may be kept out by a filter. The
// chance that all answers are lost, and the loss taken for a filter, is q^rounds
// where q is the loss of a round trip: at 5 % each way q = 1-0.95² = 0.0975 and
// 0.0975^7 = 8e-8; where two links lose 5 % each way, q = 1-0.95⁴ = 0.185 and
// 0.185^7 = 8e-6. Where more than that is seen to be lost it is asked more often,
// so that mistaken is not exceeded; where even maxRounds are too few, silence is
// not believed. TestChances computes it.
const (
	rounds    = 7
	maxRounds = 16
	mistaken  = 1e-4
)

// lossOf estimates the loss of a round trip from what was seen, on the careful
// side where little was (Laplace's rule).
func lossOf(judged, lost int) float64 {
	return float64(lost+1) / float64(judged+2)
}

// neededRounds is how often to ask before silence may be believed, more than
// maxRounds if it can not be.
func neededRounds(judged, lost int) int {
	needed := math.Ceil(math.Log(mistaken) / math.Log(lossOf(judged, lost)))
	return max(rounds, int(min(needed, maxRounds+1)))
}

// answers reports whether an address was seen to answer directly.
func (e evidence) answers(a netip.AddrPort) bool {
	for _, s := range e.seen {
		if s.by == a {
			return s.mapped.IsValid()
		}
	}
	return false
}

// otherPort is where an answer from another port comes from; invalid if the
// server has none.
func otherPort(primary, other netip.AddrPort) netip.AddrPort {
	if !other.IsValid() || other.Port() == primary.Port() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(primary.Addr(), other.Port())
}

// otherAddress is where an answer from the other address comes from; invalid if
// the server has none. What a server behind a NAT of its own names (a private
// address, while it is reached at a public one) is not one.
func otherAddress(primary, other netip.AddrPort) netip.AddrPort {
	p, o := primary.Addr(), other.Addr()
	if !other.IsValid() || o == p || o.Is4() != p.Is4() || private(o) && !private(p) {
		return netip.AddrPort{}
	}
	return other
}

func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// shared is the address space between providers and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")
