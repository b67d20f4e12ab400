package client

import (
	"testing"

	"godwit/client/path"
	"godwit/nat/outlook"
	"godwit/xep/reach"
)

func TestExplain(t *testing.T) {
	symmetric, restricted := reach.Reach{Class: reach.Symmetric}, reach.Reach{Class: reach.PortRestricted}
	fine := plight{transports: true, share: ShareChats, relays: true, online: true, route: path.Auto, mutual: true, there: true, able: true,
		talking: true, wrote: true, room: true}
	for _, tt := range []struct {
		change func(*plight)
		want   Why
		help   bool
	}{
		{func(p *plight) { p.link = path.Direct }, WhyDirect, false},
		{func(p *plight) { p.link, p.own, p.other = path.Direct, symmetric, symmetric }, WhyDirect, false}, // the facts count
		{func(p *plight) { p.link, p.share = path.Relay, ShareNever }, WhyRelayOnly, true},
		{func(p *plight) { p.link, p.own, p.other = path.Relay, symmetric, symmetric }, Why(outlook.BothSymmetric), true},
		{func(p *plight) { p.link, p.own, p.other = path.Relay, symmetric, restricted }, Why(outlook.PortToGuess), true},
		{func(p *plight) { p.link, p.own, p.other = path.Relay, restricted, restricted }, WhyTrying, false},
		{func(p *plight) { p.link = path.Relay }, WhyTrying, true},
		{func(p *plight) { p.transports = false }, WhyNoTransport, false},
		{func(p *plight) { p.route = path.OnlyServer }, WhyServerRoute, true},
		{func(p *plight) { p.share, p.relays = ShareNever, false }, WhyNoRelay, true},
		{func(p *plight) { p.mutual = false }, WhyNotMutual, true},
		{func(p *plight) { p.online = false }, WhyOffline, false},
		{func(p *plight) { p.there, p.able = false, false }, WhyAway, false},
		{func(p *plight) { p.able = false }, WhyTheirClient, true},
		{func(p *plight) { p.building = true }, WhyConnecting, false},
		{func(p *plight) { p.refused, p.failed = true, true }, WhyRefused, false},
		{func(p *plight) { p.talking, p.wrote = false, false }, WhyNotTalking, true},
		{func(p *plight) { p.failed = true }, WhyFailed, true},
		{func(p *plight) { p.failed, p.own, p.other, p.relays = true, symmetric, symmetric, false }, Why(outlook.BothSymmetric), true},
		{func(p *plight) { p.wrote = false }, WhyNotWriting, true},
		{func(p *plight) { p.room = false }, WhyTooManyLinks, false},
		{func(p *plight) {}, WhyTrying, false},
	} {
		p := fine
		tt.change(&p)
		why, words, help := explain(p)
		if why != tt.want || words == "" || len(help) > 0 != tt.help {
			t.Errorf("%+v: %q, %q, %v; want %q", p, why, words, help, tt.want)
		}
		for _, h := range help {
			if h.Who == "" || h.What == "" || h.Words == "" {
				t.Errorf("%s: help without words: %+v", why, h)
			}
		}
	}
}
