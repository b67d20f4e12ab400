package nat

import (
	"net/netip"
	"slices"

	"godwit/xep/reach"
)

// conclude says what the evidence of a family shows, and what it does not. It is
// pure.
func conclude(e evidence) (Family, []Doubt) {
	f := Family{State: Answered, Server: e.primary, Local: e.local, Tries: e.judged, Lost: e.lost}
	for _, s := range e.seen {
		if s.by == e.primary {
			f.Public = s.mapped
		}
	}
	var doubts []Doubt
	doubt := func(about Subject, why Why) {
		if why != "" && !slices.Contains(doubts, Doubt{about, why}) {
			doubts = append(doubts, Doubt{about, why})
		}
	}
	f.Vantage = vantageOf(e)
	f.Allocation = allocationOf(e.sockets)
	f.PortPreserved = preservedOf(e.sockets)

	mapping, why := mappingOf(e)
	doubt(AboutMapping, why)
	filtering, why := filteringOf(e)
	doubt(AboutFiltering, why)
	if f.Public == e.local {
		f.Mapping, f.Filtering = reach.None, filtering
		if filtering == reach.EndpointIndependent {
			f.Filtering = reach.None
		}
		doubts = slices.DeleteFunc(doubts, func(d Doubt) bool { return d.About == AboutMapping })
	} else {
		f.Mapping, f.Filtering = mapping, filtering
		if e.local.Addr().IsUnspecified() {
			f.Mapping = reach.Unknown
			doubt(AboutMapping, LocalUnknown)
		}
	}
	f.Class = classOf(f.Mapping, f.Filtering)
	return f, doubts
}

// vantageOf is what the server turned out to be able to show.
func vantageOf(e evidence) Vantage {
	switch {
	case e.answers(otherAddress(e.primary, e.other)):
		return TwoAddresses
	case e.answers(otherPort(e.primary, e.other)):
		return TwoPorts
	}
	return Plain
}

// mappingOf compares what the servers saw of one socket (RFC 4787 §4.1). The
// behaviours are nested: who gives two addresses the same mapping gives it to
// their ports as well.
func mappingOf(e evidence) (reach.Behaviour, Why) {
	var samePort, sameAddress, otherPorts, otherAddresses bool // compared, with which result
	for i, a := range e.seen {
		if a.unstable {
			return reach.Unknown, Unstable
		}
		for _, b := range e.seen[:i] {
			if !a.mapped.IsValid() || !b.mapped.IsValid() {
				continue
			}
			same := a.mapped == b.mapped
			switch {
			case a.by.Addr() == b.by.Addr():
				samePort, otherPorts = samePort || same, otherPorts || !same
			default:
				sameAddress, otherAddresses = sameAddress || same, otherAddresses || !same
			}
		}
	}
	switch {
	case (otherPorts || otherAddresses) && !e.confirmed:
		return reach.Unknown, HeavyLoss
	case otherPorts:
		return reach.AddressPortDependent, ""
	case otherAddresses && samePort:
		return reach.AddressDependent, ""
	case otherAddresses:
		return reach.AtLeastAddress, noOther(e)
	case sameAddress:
		return reach.EndpointIndependent, ""
	case samePort:
		return reach.AtMostAddress, noOther(e)
	}
	return reach.Unknown, noOther(e)
}

// noOther is why the server's other address or port told nothing.
func noOther(e evidence) Why {
	port, address := otherPort(e.primary, e.other), otherAddress(e.primary, e.other)
	switch {
	case address.IsValid() && !e.answers(address), port.IsValid() && !e.answers(port):
		return OtherSilent
	case port.IsValid() && !address.IsValid():
		return OneAddress
	}
	return PlainServer
}

// filteringOf says what came in that nothing had been sent to (RFC 4787 §5).
func filteringOf(e evidence) (reach.Behaviour, Why) {
	if e.both.passed {
		return reach.EndpointIndependent, ""
	}
	bothOut, whyBoth := keptOut(e, e.both, otherAddress(e.primary, e.other))
	portOut, whyPort := keptOut(e, e.port, otherPort(e.primary, e.other))
	switch {
	case e.port.passed && bothOut:
		return reach.AddressDependent, ""
	case e.port.passed:
		return reach.AtMostAddress, whyBoth
	case portOut:
		return reach.AddressPortDependent, ""
	case bothOut:
		return reach.AtLeastAddress, whyPort
	case whyPort == HeavyLoss, whyPort == ChangeIgnored:
		return reach.Unknown, whyPort
	}
	return reach.Unknown, whyBoth
}

// keptOut reports whether silence means that a filter kept the answers out, and
// if not, why not. The sender must have answered a direct question: a server
// whose other address is down is no filter.
func keptOut(e evidence, t trial, from netip.AddrPort) (bool, Why) {
	switch {
	case t.passed:
		return false, ""
	case t.ignored || t.refused:
		return false, ChangeIgnored
	case !from.IsValid() || t.sent == 0 || !e.answers(from):
		return false, noOther(e)
	case t.sent < neededRounds(e.judged, e.lost):
		return false, HeavyLoss
	}
	return true, ""
}

// classOf is the classic name (RFC 3489 §5). Symmetric is whatever depends on the
// destination; the cones need to be known for sure.
func classOf(mapping, filtering reach.Behaviour) reach.Class {
	switch mapping {
	case reach.AddressDependent, reach.AddressPortDependent, reach.AtLeastAddress:
		return reach.Symmetric
	case reach.None:
		switch filtering {
		case reach.None:
			return reach.Open
		case reach.AddressDependent, reach.AddressPortDependent, reach.AtLeastAddress:
			return reach.Firewall
		}
	case reach.EndpointIndependent:
		switch filtering {
		case reach.EndpointIndependent:
			return reach.FullCone
		case reach.AddressDependent:
			return reach.RestrictedCone
		case reach.AddressPortDependent:
			return reach.PortRestricted
		}
	}
	return reach.UnknownClass
}

// preservedOf is what most sockets show: a NAT that preserves ports gives another
// one now and then, when the port is taken by another machine.
func preservedOf(sockets []pair) reach.Tristate {
	same := 0
	for _, s := range sockets {
		if s.local.Port() == s.mapped.Port() {
			same++
		}
	}
	switch {
	case len(sockets) < 2 || 2*same == len(sockets):
		return reach.Unsaid
	case 2*same > len(sockets):
		return reach.Yes
	}
	return reach.No
}

// How near to each other sequential ports are: five ports chosen at random are
// within such a window once in 10^11.
const (
	sequentialWindow = 64
	enoughSockets    = 4
)

// allocationOf finds the pattern in the outside ports. Other machines behind the
// same NAT take ports in between, and a packet lost on the way changes the order,
// so the step is the most usual distance of neighbours.
func allocationOf(sockets []pair) Allocation {
	a := Allocation{}
	for _, s := range sockets {
		a.Ports = append(a.Ports, s.mapped.Port())
	}
	if len(a.Ports) < enoughSockets {
		return a
	}
	if preservedOf(sockets) == reach.Yes {
		a.Pattern = Preserved
		return a
	}
	sorted := slices.Sorted(slices.Values(a.Ports))
	if int(sorted[len(sorted)-1])-int(sorted[0]) > sequentialWindow {
		a.Pattern = Random
		return a
	}
	a.Pattern, a.Step = Sequential, usualStep(sorted)
	rising, falling := 0, 0
	for i, p := range a.Ports[1:] {
		if p > a.Ports[i] {
			rising++
		} else {
			falling++
		}
	}
	if falling > rising {
		a.Step = -a.Step
	}
	return a
}

// usualStep is the most frequent distance of neighbours, the smaller of two that
// are equally frequent.
func usualStep(sorted []uint16) int {
	count := map[int]int{}
	best := 0
	for i, p := range sorted[1:] {
		count[int(p-sorted[i])]++
	}
	for step, n := range count {
		if best == 0 || n > count[best] || n == count[best] && step < best {
			best = step
		}
	}
	return best
}

// carrierOf decides whether a second NAT stands behind the first: the router's
// own outside address is not the one the world sees, or lies in the space that
// providers use for it (RFC 6598), as may this machine's own.
func carrierOf(f Family, external, gateway netip.Addr) (reach.Tristate, Why) {
	public := f.Public.Addr()
	switch {
	case external.IsValid() && !external.IsUnspecified() && private(external):
		return reach.Yes, ""
	case f.State != Answered || !public.IsValid():
		return reach.Unsaid, ""
	case f.Mapping == reach.None:
		return reach.No, ""
	case shared.Contains(f.Local.Addr()), gateway.IsValid() && shared.Contains(gateway):
		return reach.Yes, ""
	case external.IsValid() && !external.IsUnspecified():
		if external != public {
			return reach.Yes, ""
		}
		return reach.No, ""
	}
	return reach.Unsaid, RouterSilent
}
