package headless

import "godwit/client"

// reachOf gives the words for a network, or nil when nothing is known of it.
func reachOf(r client.Reach) *Reach {
	if r.IsZero() {
		return nil
	}
	out := &Reach{Class: string(r.Class), Mapping: string(r.Mapping), Filtering: string(r.Filtering), PortPreserved: string(r.PortPreserved),
		Carrier: string(r.Carrier), IPv4: string(r.IPv4), IPv6: string(r.IPv6), Mapped: r.Mapped, Client: r.Client}
	for _, a := range r.Addresses {
		out.Addresses = append(out.Addresses, a.String())
	}
	return out
}
