package path

import "testing"

func TestDecide(t *testing.T) {
	up := facts{route: Auto, server: true, none: true, mode: ViaServer, steady: true}
	with := func(f facts, change func(*facts)) facts { change(&f); return f }
	linked := with(up, func(f *facts) { f.none = false })
	proven := with(linked, func(f *facts) { f.link = trusted })
	direct := with(proven, func(f *facts) { f.mode, f.same, f.carrier = ViaLink, true, trusted })
	doubled := with(direct, func(f *facts) { f.mode = DoubledUp })
	for _, c := range []struct {
		why  string
		f    facts
		want verdict // without reason
	}{
		{"no link: the first message goes by the server at once", up, verdict{mode: ViaServer}},
		{"a link that is not proven carries nothing", linked, verdict{mode: ViaServer}},
		{"nor when there is no server: messages wait", with(linked, func(f *facts) { f.server = false }), verdict{}},
		{"both down: queue", with(up, func(f *facts) { f.server = false }), verdict{}},
		{"proven and everything confirmed", with(proven, func(f *facts) { f.clear = true }), verdict{mode: ViaLink, best: true}},
		{"proven, earlier messages unconfirmed, nothing to send: wait without holding", proven, verdict{mode: ViaServer}},
		{"a first message after silence is not held", with(proven, func(f *facts) { f.waiting = true }), verdict{mode: ViaServer}},
		{"continuous traffic is held for a moment", with(proven, func(f *facts) { f.waiting, f.brisk = true, true }), verdict{mode: ViaServer, hold: true}},
		{"and goes on being held while the moment lasts", with(proven, func(f *facts) { f.hold = holdOn }), verdict{mode: ViaServer, hold: true}},
		{"until it is over", with(proven, func(f *facts) { f.waiting, f.brisk, f.hold = true, true, holdOver }), verdict{mode: ViaServer}},
		{"then not again for a while", with(proven, func(f *facts) { f.waiting, f.brisk, f.hold = true, true, holdBackoff }), verdict{mode: ViaServer}},
		{"after too many moments the rest is sent again on the link", with(proven, func(f *facts) { f.hold = holdGivenUp }), verdict{mode: ViaLink, best: true}},
		{"a server that does not acknowledge counts as dead", with(proven, func(f *facts) { f.stale = true }), verdict{mode: ViaLink, best: true}},
		{"a server that is down is left at once", with(proven, func(f *facts) { f.server = false }), verdict{mode: ViaLink, best: true}},
		{"links that were lost too often have to wait", with(proven, func(f *facts) { f.clear, f.tired = true, true }), verdict{mode: ViaServer}},
		{"but not when there is nothing else", with(proven, func(f *facts) { f.tired, f.server = true, false }), verdict{mode: ViaLink, best: true}},
		{"a barred link would break the order", with(proven, func(f *facts) { f.clear, f.barred = true, true }), verdict{mode: ViaServer}},
		{"even without a server", with(proven, func(f *facts) { f.barred, f.server = true, false }), verdict{}},

		{"direct stays direct while trusted", direct, verdict{mode: ViaLink, best: true}},
		{"also when the server goes", with(direct, func(f *facts) { f.server = false }), verdict{mode: ViaLink, best: true}},
		{"trust lapses: both", with(direct, func(f *facts) { f.link, f.carrier = lapsed, lapsed }), verdict{mode: DoubledUp}},
		{"trust lapses without a server: queue", with(direct, func(f *facts) { f.link, f.carrier, f.server = lapsed, lapsed, false }), verdict{}},
		{"proven again: direct alone", doubled, verdict{mode: ViaLink, best: true}},
		{"proven again but too soon: still both", with(doubled, func(f *facts) { f.steady = false }), verdict{mode: DoubledUp}},
		{"a lapsed link that does not carry is not begun with", with(linked, func(f *facts) { f.link = lapsed }), verdict{mode: ViaServer}},

		{"a new link replaces one that does not answer, at once", with(doubled, func(f *facts) { f.same, f.carrier = false, lapsed }), verdict{mode: ViaLink, best: true}},
		{"a better link waits until the other is confirmed", with(direct, func(f *facts) { f.same = false }), verdict{mode: ViaLink}},
		{"and takes over then", with(direct, func(f *facts) { f.same, f.clear = false, true }), verdict{mode: ViaLink, best: true}},

		{"a relay carries like any link", with(proven, func(f *facts) { f.relay, f.clear = true, true }), verdict{mode: ViaLink, best: true}},
		{"a link that lost trust before does not take over from a working one too soon", with(direct, func(f *facts) { f.same, f.clear, f.shaky, f.steady = false, true, true, false }), verdict{mode: ViaLink}},
		{"but later it does", with(direct, func(f *facts) { f.same, f.clear, f.shaky = false, true, true }), verdict{mode: ViaLink, best: true}},
		{"and a fresh one at once", with(direct, func(f *facts) { f.same, f.clear, f.steady = false, true, false }), verdict{mode: ViaLink, best: true}},
		{"and when the working one stops", with(direct, func(f *facts) { f.same, f.carrier, f.shaky, f.steady = false, lapsed, true, false }), verdict{mode: ViaLink, best: true}},
		{"a relay carries when there is no server", with(proven, func(f *facts) { f.relay, f.server = true, false }), verdict{mode: ViaLink, best: true}},

		{"server only: never direct", with(direct, func(f *facts) { f.route, f.clear = OnlyServer, true }), verdict{mode: ViaServer}},
		{"server only, no server: queue", with(direct, func(f *facts) { f.route, f.server = OnlyServer, false }), verdict{}},
		{"direct only, no link: queue although the server is there", with(up, func(f *facts) { f.route = OnlyDirect }), verdict{}},
		{"direct only, not trusted: queue", with(direct, func(f *facts) { f.route, f.link = OnlyDirect, lapsed }), verdict{}},
		{"direct only: does not wait for the server's confirmations", with(proven, func(f *facts) { f.route = OnlyDirect }), verdict{mode: ViaLink, best: true}},
		{"direct only: a relay belongs to the server", with(proven, func(f *facts) { f.route, f.relay = OnlyDirect, true }), verdict{}},
	} {
		got := decide(c.f)
		if got.reason == "" {
			t.Errorf("%s: no reason given", c.why)
		}
		got.reason = ""
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.why, got, c.want)
		}
	}
}
