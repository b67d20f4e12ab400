package outlook

import (
	"slices"

	"godwit/xep/reach"
)

// Row is what to expect of peers of one class that have only IPv4 and no mapped
// port.
type Row struct {
	With     reach.Class `json:"with"`
	Prospect Prospect    `json:"prospect"`
}

// Outlook is what a device can expect of the world.
type Outlook struct {
	// Rows are one for each class, the easiest first.
	Rows []Row `json:"rows"`
	// IPv6 says that everybody who has IPv6 is reached directly.
	IPv6 bool `json:"ipv6"`
	// Help is what this side could do to reach more, the easiest first.
	Help []Advice `json:"help,omitempty"`
}

// Peers are the classes an Outlook has rows for.
var Peers = []reach.Class{reach.Open, reach.FullCone, reach.RestrictedCone, reach.PortRestricted, reach.Symmetric, reach.Blocked}

// Of says what will work with whom, and what would help.
func Of(r reach.Reach, lacks ...Lack) Outlook {
	o := Outlook{IPv6: r.IPv6 == reach.Yes}
	var wanted []Advice
	for _, class := range Peers {
		p := Between(r, reach.Reach{Class: class, IPv4: reach.Yes, IPv6: reach.No}, lacks...)
		o.Rows = append(o.Rows, Row{class, p})
		for _, h := range p.Help {
			if h.Who != Peer && h.What != GetIPv6 {
				wanted = append(wanted, h.What)
			}
		}
	}
	if r.IPv6 != reach.Yes && len(o.With(Direct)) < len(Peers)-1 { // all but who is blocked
		wanted = append(wanted, GetIPv6)
	}
	for _, a := range Advices {
		if slices.Contains(wanted, a) {
			o.Help = append(o.Help, a)
		}
	}
	return o
}

// With are the classes that are reached by one way.
func (o Outlook) With(w Way) []reach.Class {
	var list []reach.Class
	for _, row := range o.Rows {
		if row.Prospect.Way == w {
			list = append(list, row.With)
		}
	}
	return list
}
