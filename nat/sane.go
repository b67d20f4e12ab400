package nat

import (
	"slices"
	"time"

	"godwit/xep/reach"
)

// The values a report may hold, for those who read one from a file.
var (
	classes    = []reach.Class{reach.UnknownClass, reach.Open, reach.Firewall, reach.FullCone, reach.RestrictedCone, reach.PortRestricted, reach.Symmetric, reach.Blocked}
	behaviours = []reach.Behaviour{reach.Unknown, reach.None, reach.EndpointIndependent, reach.AddressDependent, reach.AtMostAddress, reach.AddressPortDependent, reach.AtLeastAddress}
	tristates  = []reach.Tristate{reach.Unsaid, reach.Yes, reach.No}
	states     = []State{Unasked, NoRoute, Silent, Answered}
	vantages   = []Vantage{NoVantage, Plain, TwoPorts, TwoAddresses}
	patterns   = []Pattern{UnknownPattern, Preserved, Sequential, Random}
	outcomes   = []TCP{TCPUnasked, TCPSilent, TCPAlive, TCPAnswers}
)

// maxDoubts bounds what is read; a discovery has one for each subject.
const maxDoubts = 16

// sane reports whether a report could be the outcome of a discovery.
func (r Report) sane() bool {
	x := r.Reach
	return slices.Contains(classes, x.Class) && slices.Contains(behaviours, x.Mapping) && slices.Contains(behaviours, x.Filtering) &&
		slices.Contains(tristates, x.PortPreserved) && slices.Contains(tristates, x.Carrier) &&
		slices.Contains(tristates, x.IPv4) && slices.Contains(tristates, x.IPv6) &&
		x.Mapped == "" && x.Client == "" && len(x.Addresses) == 0 &&
		r.IPv4.sane() && r.IPv6.sane() && len(r.Doubts) <= maxDoubts && slices.Contains(outcomes, r.TCP) &&
		!r.At.IsZero() && r.Took >= 0 && r.Took < time.Hour
}

func (f Family) sane() bool {
	return slices.Contains(states, f.State) && slices.Contains(vantages, f.Vantage) && slices.Contains(classes, f.Class) &&
		slices.Contains(behaviours, f.Mapping) && slices.Contains(behaviours, f.Filtering) &&
		slices.Contains(tristates, f.PortPreserved) && slices.Contains(patterns, f.Allocation.Pattern) && len(f.Allocation.Ports) <= socketCount
}
