package outlook

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"godwit/xep/reach"
)

// with is a network of IPv4 alone, with changes.
func with(c reach.Class, change ...func(*reach.Reach)) reach.Reach {
	r := reach.Reach{Class: c, IPv4: reach.Yes, IPv6: reach.No}
	for _, f := range change {
		f(&r)
	}
	return r
}

func mapped(r *reach.Reach)  { r.Mapped = "pcp" }
func carrier(r *reach.Reach) { r.Carrier = reach.Yes }
func single(r *reach.Reach)  { r.Carrier = reach.No }
func six(r *reach.Reach)     { r.IPv6 = reach.Yes }
func onlySix(r *reach.Reach) { r.IPv4, r.IPv6 = reach.No, reach.Yes }
func seen(m, f reach.Behaviour) func(*reach.Reach) {
	return func(r *reach.Reach) { r.Mapping, r.Filtering = m, f }
}

func TestBetween(t *testing.T) {
	fc, rc, pr, sym := with(reach.FullCone), with(reach.RestrictedCone), with(reach.PortRestricted), with(reach.Symmetric)
	open, fire, blocked := with(reach.Open), with(reach.Firewall), with(reach.Blocked)
	nothing := reach.Reach{}
	// what one server address shows of a cone, and of one that filters by port
	oneCone := with(reach.UnknownClass, seen(reach.AtMostAddress, reach.AtMostAddress))
	onePort := with(reach.UnknownClass, seen(reach.AtMostAddress, reach.AddressPortDependent))
	eim := with(reach.UnknownClass, seen(reach.EndpointIndependent, reach.Unknown))
	for _, tt := range []struct {
		a, b   reach.Reach
		way    Way
		reason Reason
		sure   bool
		why    string
	}{
		{open, open, Direct, Reachable, true, "nothing is in the way"},
		{open, sym, Direct, Reachable, true, "the open one sees where the other comes from and answers there"},
		{open, fire, Direct, Reachable, true, "the firewall lets answers in"},
		{open, blocked, Relay, UDPBlocked, true, "being reachable does not help who cannot send UDP"},
		{fire, fire, Direct, Punch, true, "both keep their address; each opens its firewall by sending"},
		{fire, pr, Direct, Punch, true, "a firewall is a NAT that does not translate"},
		{fire, sym, Guess, PortToGuess, true, "the firewall lets in only the very port it sent to"},
		{with(reach.Firewall, seen(reach.None, reach.AddressDependent)), sym, Direct, ByAddress, true, "this firewall does not look at ports"},
		{fc, fc, Direct, Reachable, true, "anybody gets in on both sides"},
		{fc, rc, Direct, Reachable, true, ""},
		{fc, pr, Direct, Reachable, true, ""},
		{fc, sym, Direct, Reachable, true, "the full cone sees where the other comes from"},
		{rc, rc, Direct, Punch, true, "both keep their mapping, so each knows where to send"},
		{rc, pr, Direct, Punch, true, ""},
		{rc, sym, Direct, ByAddress, true, "a packet of another port of a known address gets in and shows the port"},
		{pr, pr, Direct, Punch, true, "the usual case: two home routers"},
		{pr, sym, Guess, PortToGuess, true, "neither knows the port in time, but one of many tried may be it"},
		{sym, sym, Relay, BothSymmetric, true, "two unknown ports are too many to guess"},
		{with(reach.Symmetric, seen(reach.AddressDependent, reach.AddressDependent)), pr, Guess, PortToGuess, true, "the port toward the peer is still another one"},
		{blocked, pr, Relay, UDPBlocked, true, "TURN over TCP carries the blocked one"},
		{blocked, blocked, Relay, UDPBlocked, true, ""},

		{with(reach.Symmetric, mapped, single), sym, Direct, Mapped, true, "the mapped port is reachable though the rest is symmetric"},
		{with(reach.PortRestricted, mapped, single), sym, Direct, Mapped, true, ""},
		{with(reach.PortRestricted, mapped), sym, Direct, Mapped, false, "whether the router's outside address is public is not known"},
		{with(reach.PortRestricted, mapped), pr, Direct, Mapped, false, ""},
		{with(reach.Symmetric, mapped, carrier), sym, Relay, BothSymmetric, true, "the home router's mapping ends inside the provider's network"},
		{with(reach.PortRestricted, mapped, carrier), sym, Guess, PortToGuess, true, "the same"},
		{with(reach.PortRestricted, mapped, carrier), pr, Direct, Punch, true, "home router behind the provider's: the class is that of both together, and cones punch"},
		{with(reach.Blocked, mapped, single), sym, Relay, UDPBlocked, true, "a mapping for packets that do not pass"},

		{with(reach.Symmetric, six), with(reach.Symmetric, six), Direct, IPv6, true, "IPv6 has no NAT"},
		{with(reach.Blocked, six), with(reach.Symmetric, six), Direct, IPv6, true, "UDP works in IPv6"},
		{with(reach.Symmetric, six), sym, Relay, BothSymmetric, true, "one with IPv6 is not enough"},
		{with(reach.Firewall, onlySix), pr, Relay, FamiliesDiffer, true, "they have no address family in common"},
		{with(reach.Open, onlySix), open, Relay, FamiliesDiffer, true, ""},
		{with(reach.Open, onlySix), reach.Reach{IPv4: reach.Yes}, Unclear, TooLittleKnown, false, "the other may have IPv6"},

		{oneCone, pr, Direct, Punch, false, "most probably a cone; one address cannot tell"},
		{oneCone, sym, Direct, ByAddress, false, "a filter that at most looks at addresses"},
		{onePort, pr, Direct, Punch, false, ""},
		{onePort, sym, Guess, PortToGuess, false, ""},
		{eim, pr, Direct, Punch, true, "what the filter does is not needed for this"},
		{eim, sym, Unclear, TooLittleKnown, false, "direct or guessing: that depends on the filter"},
		{nothing, nothing, Unclear, TooLittleKnown, false, ""},
		{nothing, pr, Unclear, TooLittleKnown, false, "the other may be symmetric"},
		{nothing, sym, Unclear, TooLittleKnown, false, ""},
		{nothing, fc, Direct, Reachable, false, "unless it is blocked"},
		{nothing, rc, Direct, ByAddress, false, "unless it is blocked"},
		{nothing, blocked, Relay, UDPBlocked, true, "whatever the other is"},
	} {
		t.Run(fmt.Sprintf("%s-%s", label(tt.a), label(tt.b)), func(t *testing.T) {
			for _, p := range []Prospect{Between(tt.a, tt.b), Between(tt.b, tt.a)} {
				if p.Way != tt.way || p.Reason != tt.reason || p.Sure != tt.sure {
					t.Errorf("got %s by %s, sure %v; want %s by %s, sure %v: %s", p.Way, p.Reason, p.Sure, tt.way, tt.reason, tt.sure, tt.why)
				}
				if (p.Way == Direct) != (len(p.Help) == 0) && p.Way != Relay {
					t.Errorf("help %v for %s", p.Help, p.Way)
				}
			}
		})
	}
}

func label(r reach.Reach) string {
	s := string(r.Class)
	if s == "" {
		s = "unknown"
	}
	if r.Mapping != "" {
		s += "+" + string(r.Mapping)
	}
	if r.Mapped != "" {
		s += "+mapped"
	}
	if r.Carrier == reach.Yes {
		s += "+carrier"
	}
	if r.IPv6 == reach.Yes {
		s += "+ipv6"
	}
	return s
}

// What the two have at their disposal.
func TestLacks(t *testing.T) {
	pr, sym := with(reach.PortRestricted), with(reach.Symmetric)
	for _, tt := range []struct {
		a, b  reach.Reach
		lacks []Lack
		want  Way
		why   string
	}{
		{pr, sym, nil, Guess, ""},
		{pr, sym, []Lack{NoGuess}, Relay, "what cannot be guessed is relayed"},
		{pr, sym, []Lack{NoRelay}, Guess, "guessing needs no relay"},
		{pr, sym, []Lack{NoRelay, NoGuess}, Server, "the order of the lacks does not count"},
		{pr, sym, []Lack{NoGuess, NoRelay}, Server, ""},
		{sym, sym, []Lack{NoRelay}, Server, "messages still go through the server"},
		{pr, pr, []Lack{NoRelay, NoGuess}, Direct, "nothing is lacking"},
	} {
		if got := Between(tt.a, tt.b, tt.lacks...).Way; got != tt.want {
			t.Errorf("%s-%s without %v: %s, want %s: %s", tt.a.Class, tt.b.Class, tt.lacks, got, tt.want, tt.why)
		}
	}
}

func TestHelp(t *testing.T) {
	pr, sym, blocked, fire := with(reach.PortRestricted), with(reach.Symmetric), with(reach.Blocked), with(reach.Firewall)
	for _, tt := range []struct {
		why  string
		a, b reach.Reach
		want []Help
	}{
		{"either could map a port", pr, sym, []Help{{Self, MapPort}, {Peer, MapPort}, {Both, GetIPv6}}},
		{"a port mapped inside the provider's network is no use", with(reach.Symmetric, carrier), sym,
			[]Help{{Peer, MapPort}, {Self, PublicAddress}, {Both, GetIPv6}}},
		{"who is blocked must be unblocked, whatever the other does", pr, blocked, []Help{{Peer, UnblockUDP}, {Both, GetIPv6}}},
		{"both are blocked", blocked, blocked, []Help{{Self, UnblockUDP}, {Peer, UnblockUDP}, {Both, GetIPv6}}},
		{"one has IPv6 already", with(reach.Symmetric, six), sym, []Help{{Self, MapPort}, {Peer, MapPort}, {Peer, GetIPv6}}},
		{"a firewall can be opened", fire, sym, []Help{{Peer, MapPort}, {Self, OpenFirewall}, {Both, GetIPv6}}},
		{"nothing but a common family", with(reach.Open, onlySix), pr, []Help{{Peer, GetIPv6}}},
		{"direct needs no help", pr, pr, nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := Between(tt.a, tt.b).Help; !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// An advice that is given must help: with it followed, the way is better.
func TestHelpHelps(t *testing.T) {
	rank := func(w Way) int { return slices.Index(Ways, w) }
	follow := map[Advice]func(*reach.Reach){
		MapPort:       func(r *reach.Reach) { r.Mapped, r.Carrier = "pcp", reach.No },
		OpenFirewall:  func(r *reach.Reach) { r.Class, r.Mapping, r.Filtering = reach.Open, reach.None, reach.None },
		UnblockUDP:    func(r *reach.Reach) { r.Class = reach.FullCone },
		GetIPv6:       func(r *reach.Reach) { r.IPv6 = reach.Yes },
		PublicAddress: func(r *reach.Reach) { r.Class, r.Carrier, r.Mapped = reach.Open, reach.No, "" },
	}
	classes := append([]reach.Class{reach.Firewall, reach.UnknownClass}, Peers...)
	for _, a := range classes {
		for _, b := range classes {
			for _, change := range []func(*reach.Reach){carrier, mapped, single, six} {
				x, y := with(a, change), with(b)
				before := Between(x, y)
				for _, h := range before.Help {
					x, y := x, y
					if h.Who != Peer {
						follow[h.What](&x)
					}
					if h.Who != Self {
						follow[h.What](&y)
					}
					if h.What == UnblockUDP && a == b { // both have to
						continue
					}
					if after := Between(x, y); rank(after.Way) >= rank(before.Way) {
						t.Errorf("%s-%s: %v does not help: %s before, %s after", label(x), label(y), h, before.Way, after.Way)
					}
				}
			}
		}
	}
}

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		why           string
		r             reach.Reach
		direct, guess int
		relay         int
		help          []Advice
	}{
		{"open reaches all but who is blocked", with(reach.Open), 5, 0, 1, nil},
		{"so does a full cone", with(reach.FullCone), 5, 0, 1, nil},
		{"a restricted cone, too", with(reach.RestrictedCone), 5, 0, 1, nil},
		{"the home router has to guess with one", with(reach.PortRestricted), 4, 1, 1, []Advice{MapPort, GetIPv6}},
		{"symmetric", with(reach.Symmetric), 3, 1, 2, []Advice{MapPort, GetIPv6}},
		{"symmetric behind a carrier", with(reach.Symmetric, carrier), 3, 1, 2, []Advice{GetIPv6, PublicAddress}},
		{"symmetric with a mapped port", with(reach.Symmetric, mapped, single), 5, 0, 1, nil},
		{"blocked", with(reach.Blocked), 0, 0, 6, []Advice{UnblockUDP, GetIPv6}},
		{"firewall", with(reach.Firewall), 4, 1, 1, []Advice{OpenFirewall, GetIPv6}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			o := Of(tt.r)
			if len(o.With(Direct)) != tt.direct || len(o.With(Guess)) != tt.guess || len(o.With(Relay)) != tt.relay || !slices.Equal(o.Help, tt.help) {
				t.Errorf("direct %v, guess %v, relay %v, help %v", o.With(Direct), o.With(Guess), o.With(Relay), o.Help)
			}
		})
	}
	if !Of(with(reach.Symmetric, six)).IPv6 || Of(with(reach.Symmetric)).IPv6 {
		t.Error("IPv6 is not told")
	}
}

// Every code has words in both languages, and they are different words.
func TestWords(t *testing.T) {
	check := func(code string, text func(Lang) string) {
		t.Helper()
		en, zh := text(English), text(Chinese)
		if en == "" || zh == "" || en == zh {
			t.Errorf("%q: %q, %q", code, en, zh)
		}
		if strings.ContainsFunc(en, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || !strings.ContainsFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%q: %q, %q: in the wrong language", code, en, zh)
		}
	}
	for _, w := range Ways {
		check(string(w), w.Text)
	}
	for _, r := range Reasons {
		check(string(r), r.Text)
	}
	for _, a := range Advices {
		check(string(a), a.Text)
		check(string(a), Help{Self, a}.Text)
	}
	for _, s := range []Side{Self, Peer, Both} {
		check(string(s), s.Text)
		check(string(s), Help{s, GetIPv6}.Text)
	}
	for _, c := range append([]reach.Class{reach.UnknownClass, reach.Firewall}, Peers...) {
		check(string(c), func(l Lang) string { return ClassText(c, l) })
		check(string(c), func(l Lang) string { return ClassMeaning(c, l) })
	}
	for _, b := range []reach.Behaviour{reach.Unknown, reach.None, reach.EndpointIndependent, reach.AddressDependent, reach.AtMostAddress, reach.AddressPortDependent, reach.AtLeastAddress} {
		check(string(b), func(l Lang) string { return MappingText(b, l) })
		check(string(b), func(l Lang) string { return FilteringText(b, l) })
	}
	if got := Way("other").Text(Chinese); got != "other" {
		t.Errorf("an unknown code is shown as %q", got)
	}
	if en, zh := (Help{Peer, MapPort}).Text(English), (Help{Both, GetIPv6}).Text(Chinese); en != "your contact could switch on UPnP, NAT-PMP or PCP in the router" || zh != "双方可以各自在路由器中开启 IPv6，或向运营商申请" {
		t.Errorf("%q, %q", en, zh)
	}
	for tag, want := range map[string]Lang{"en": English, "EN": English, "zh-CN": Chinese, "zh_cn": Chinese, "zh": Chinese} {
		if got, ok := ParseLang(tag); got != want || !ok {
			t.Errorf("%q: %v, %v", tag, got, ok)
		}
	}
	for _, tag := range []string{"", "fr", "zh-TW", "english", "en_US.UTF-8"} {
		if _, ok := ParseLang(tag); ok {
			t.Errorf("%q is a language", tag)
		}
	}
	for _, l := range []Lang{English, Chinese} {
		if got, ok := ParseLang(l.String()); got != l || !ok {
			t.Errorf("%v is read as %v", l, got)
		}
	}
	for tag, want := range map[string]Lang{"zh-CN": Chinese, "zh": Chinese, "zh_TW.UTF-8": Chinese, "en": English, "": English, "de": English, "zhuang": English} {
		if got := LangOf(tag); got != want {
			t.Errorf("%q: %v", tag, got)
		}
	}
}
