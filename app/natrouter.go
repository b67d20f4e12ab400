package app

import (
	"context"
	"slices"

	"godwit/nat/network"
	"godwit/nat/portmap"
)

// askRouters asks the routers of this network which protocols for mapping ports they speak, and makes no mapping. It takes as long as
// portMapPatience where one of them does not answer.
func askRouters(ctx context.Context) routerFacts {
	state, err := network.Current()
	if err != nil {
		return routerFacts{}
	}
	var routers []portmap.Router
	for _, r := range state.Routers() {
		routers = append(routers, portmap.Router{Gateway: r.Gateway, Local: r.Local, Subnet: r.Subnet})
	}
	if len(routers) == 0 {
		return routerFacts{}
	}
	ctx, cancel := context.WithTimeout(ctx, portMapPatience)
	defer cancel()
	facts := routerFacts{asked: true}
	for _, r := range routers {
		if r.Gateway.Is4() {
			facts.gateway = r.Gateway
		}
	}
	facts.take(portmap.Probe(ctx, routers, nil, nil))
	return facts
}

// take adds what the routers said, the best protocol first. Whether the router is behind another NAT is a matter of IPv4 alone.
func (f *routerFacts) take(answers []portmap.Answer) {
	for _, a := range answers {
		if a.Err != nil || a.Router.Gateway.Is6() {
			continue
		}
		if !slices.Contains(f.protocols, a.Protocol) {
			f.protocols = append(f.protocols, a.Protocol)
		}
		if a.External.IsValid() && !f.external.IsValid() {
			f.external = a.External
		}
	}
}
