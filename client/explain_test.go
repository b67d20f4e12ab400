package client

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

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
		e := explain(p)
		if e.Why != tt.want || len(e.Help) > 0 != tt.help {
			t.Errorf("%+v: %+v; want %q", p, e, tt.want)
		}
		inBoth(t, string(e.Why), e.Text)
		for _, h := range e.Help {
			if h.Who == "" || h.What == "" {
				t.Errorf("%s: %+v", e.Why, h)
			}
			inBoth(t, string(e.Why), h.Text)
		}
	}
	open := reach.Reach{Class: reach.Open, IPv4: reach.Yes}
	if e := explain(plight{link: path.Direct, own: open, other: open}); e.Because != outlook.Reachable ||
		e.Text(English) != "The two devices talk directly. One of the two takes packets from anybody." ||
		e.Text(Chinese) != "两台设备直接通信。其中一方接受任何人发来的数据包。" {
		t.Errorf("%+v: %s %s", e, e.Text(English), e.Text(Chinese))
	}
	if e := (Explanation{}); e.Text(English) != "" {
		t.Errorf("nothing is explained by %q", e.Text(English))
	}
}

// inBoth checks that there are words in both languages, and that they are in these languages.
func inBoth(t *testing.T, code string, text func(Lang) string) {
	t.Helper()
	isChinese := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
	if en, zh := text(English), text(Chinese); en == "" || isChinese(en) || !isChinese(zh) {
		t.Errorf("%s: %q, %q", code, en, zh)
	}
}

// Every code there is has words in both languages. The codes are read from the source, so that a new one is not forgotten.
func TestEveryWhyHasWords(t *testing.T) {
	source, err := os.ReadFile("explain.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`(?m)^\tWhy\w+ +Why = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) != len(sentences) {
		t.Errorf("%d codes and %d sentences", len(codes), len(sentences))
	}
	known := map[Why]bool{}
	for _, c := range codes {
		known[Why(c[1])] = true
		e := because(Why(c[1]))
		if _, ok := sentences[e.Why]; !ok {
			t.Errorf("%q has no words", c[1])
			continue
		}
		inBoth(t, c[1], e.Text)
		for _, h := range e.Help {
			inBoth(t, c[1], h.Text)
		}
	}
	for w := range settings {
		if !known[w] {
			t.Errorf("there is advice against %q, which is no code", w)
		}
	}
	for _, r := range outlook.Reasons {
		if known[Why(r)] {
			t.Errorf("%q means two things", r)
		}
		inBoth(t, string(r), Explanation{Why: Why(r)}.Text)
		inBoth(t, string(r), Explanation{Why: WhyDirect, Because: r}.Text)
	}
	for _, a := range outlook.Advices {
		if a == Settings {
			t.Errorf("%q means two things", a)
		}
		inBoth(t, string(a), Help{Who: outlook.Both, What: a}.Text)
	}
}
