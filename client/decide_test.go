package client

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"godwit/client/path"
	"godwit/jid"
	"godwit/peer"
	"godwit/xep/reach"
)

func TestPause(t *testing.T) {
	for _, tt := range []struct {
		why    string
		tries  int
		jitter float64
		want   time.Duration
	}{
		{"the first pause, at its shortest", 0, 0, 500 * time.Millisecond},
		{"the first pause, nearly at its longest", 0, 0.999, 999500 * time.Microsecond},
		{"doubles", 1, 0, time.Second},
		{"doubles again", 3, 0.5, 6 * time.Second},
		{"is bounded", 10, 0, time.Minute},
		{"does not overflow", 1000, 0.5, 90 * time.Second},
	} {
		if got := pause(tt.tries, time.Second, 2*time.Minute, tt.jitter); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
	}
	for range 1000 {
		if j := jitter(); j < 0 || j >= 1 {
			t.Fatalf("jitter %v", j)
		}
	}
}

func TestReconnectPause(t *testing.T) {
	for _, tt := range []struct {
		tries int
		want  time.Duration
	}{{0, 0}, {1, 500 * time.Millisecond}, {2, 750 * time.Millisecond}, {3, 1125 * time.Millisecond}, {40, time.Minute}, {1 << 40, time.Minute}} {
		if got := reconnectPause(tt.tries, time.Second, 2*time.Minute, 0); got != tt.want {
			t.Errorf("attempt %d: %v, want %v", tt.tries, got, tt.want)
		}
	}
	// Whoever waits for a server adds at most half of what it was away, and one that is
	// away for an hour is asked less than 50 times.
	at, n := time.Duration(0), 0
	for ; at < time.Hour; n++ {
		next := reconnectPause(n, 500*time.Millisecond, 2*time.Minute, 0.999)
		if n > 1 && next > at/2+500*time.Millisecond {
			t.Errorf("attempt %d comes %v after %v", n, next, at)
		}
		at += next
	}
	if n >= 50 {
		t.Errorf("%d attempts in an hour", n)
	}
}

func TestPrompt(t *testing.T) {
	for _, tt := range []struct {
		rtt   time.Duration
		moved int
		want  time.Duration
	}{
		{0, 0, 3 * time.Second}, // not measured
		{40 * time.Millisecond, 0, time.Second},
		{400 * time.Millisecond, 0, 1600 * time.Millisecond},
		{time.Second, 0, 3 * time.Second},
		{40 * time.Millisecond, 1, 2 * time.Second}, // it was in vain: perhaps the server is slow
		{40 * time.Millisecond, 2, 4 * time.Second},
		{40 * time.Millisecond, 3, 8 * time.Second},
		{40 * time.Millisecond, 1 << 20, 8 * time.Second},
		{0, 1, 6 * time.Second},
	} {
		if got := prompt(tt.rtt, 3*time.Second, tt.moved); got != tt.want {
			t.Errorf("round trip %v, moved %d times: %v, want %v", tt.rtt, tt.moved, got, tt.want)
		}
	}
}

func TestMovesAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := connection{moved: 2, movedAt: now}
	if got := c.moves(now.Add(movedFor - 1)); got != 2 {
		t.Errorf("before a minute is over: %d", got)
	}
	if got := c.moves(now.Add(movedFor)); got != 0 {
		t.Errorf("after a minute: %d", got)
	}
}

func TestDialTime(t *testing.T) {
	for tries, want := range []time.Duration{10 * time.Second, 15 * time.Second, 22500 * time.Millisecond, 30 * time.Second, 30 * time.Second} {
		if got := dialTime(tries, 30*time.Second); got != want {
			t.Errorf("attempt %d: %v, want %v", tries, got, want)
		}
	}
	if got := dialTime(0, time.Second); got != time.Second {
		t.Errorf("a short limit: %v", got)
	}
}

func TestIntroduction(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	window := 5 * time.Minute
	good := situation{able: true, online: true, route: path.Auto, mutual: true, wrote: now.Add(-time.Minute), room: true}
	soon := now.Add(10 * time.Second)
	for _, tt := range []struct {
		why    string
		change func(*situation)
		begin  bool
		wait   time.Time
	}{
		{"a mutual contact the user just wrote to", func(*situation) {}, true, time.Time{}},
		{"also when only direct is wanted", func(s *situation) { s.route = path.OnlyDirect }, true, time.Time{}},
		{"addresses are kept secret, or nothing can build links", func(s *situation) { s.able = false }, false, time.Time{}},
		{"nobody passes the offer on", func(s *situation) { s.online = false }, false, time.Time{}},
		{"the chat is to stay on the server", func(s *situation) { s.route = path.OnlyServer }, false, time.Time{}},
		{"not a mutual contact", func(s *situation) { s.mutual = false }, false, time.Time{}},
		{"the user only read", func(s *situation) { s.wrote = time.Time{} }, false, time.Time{}},
		{"the chat has gone quiet", func(s *situation) { s.wrote = now.Add(-window) }, false, time.Time{}},
		{"there is a link, or one is being built", func(s *situation) { s.linked = true }, false, time.Time{}},
		{"too many links", func(s *situation) { s.room = false }, false, time.Time{}},
		{"it failed a moment ago", func(s *situation) { s.notBefore = soon }, false, soon},
		{"it failed long ago", func(s *situation) { s.notBefore = now }, true, time.Time{}},
	} {
		s := good
		tt.change(&s)
		if begin, wait := introduction(s, now, window); begin != tt.begin || !wait.Equal(tt.wait) {
			t.Errorf("%s: %v, %v", tt.why, begin, wait)
		}
	}
}

func TestPermission(t *testing.T) {
	all, relay, nothing := peer.Decision{Talk: true, Addresses: peer.AllAddresses}, peer.Decision{Talk: true, Addresses: peer.RelayOnly}, peer.Decision{}
	for _, tt := range []struct {
		why                     string
		share                   Share
		route                   path.Route
		mutual, talking, relays bool
		want                    peer.Decision
	}{
		{"a contact one talks to", ShareChats, path.Auto, true, true, true, all},
		{"with or without a relay", ShareChats, path.Auto, true, true, false, all},
		{"a contact one does not talk to", ShareChats, path.Auto, true, false, true, nothing},
		{"any contact, if the user says so", ShareContacts, path.Auto, true, false, true, all},
		{"never a stranger, even one who talks", ShareContacts, path.Auto, false, true, true, nothing},
		{"never a stranger, even one who talks", ShareChats, path.Auto, false, true, true, nothing},
		{"never a stranger, not even through a relay", ShareNever, path.Auto, false, true, true, nothing},
		{"only a relay, if the user says so", ShareNever, path.Auto, true, true, true, relay},
		{"which takes one", ShareNever, path.Auto, true, true, false, nothing},
		{"and somebody to talk to", ShareNever, path.Auto, true, false, true, nothing},
		{"and a chat that may use it", ShareNever, path.OnlyDirect, true, true, true, nothing},
		{"nobody in a chat that stays on the server", ShareContacts, path.OnlyServer, true, true, true, nothing},
		{"what is not a choice permits nothing", Share(""), path.Auto, true, true, true, nothing},
	} {
		if got := permission(tt.share, tt.route, tt.mutual, tt.talking, tt.relays); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		had  peer.Addresses
		may  peer.Decision
		want bool
	}{
		{peer.AllAddresses, peer.Decision{Talk: true, Addresses: peer.AllAddresses}, true},
		{peer.AllAddresses, peer.Decision{Talk: true, Addresses: peer.RelayOnly}, false},
		{peer.RelayOnly, peer.Decision{Talk: true, Addresses: peer.RelayOnly}, true},
		{peer.RelayOnly, peer.Decision{Talk: true, Addresses: peer.AllAddresses}, true},
		{peer.RelayOnly, peer.Decision{}, false},
	} {
		if got := within(tt.had, tt.may); got != tt.want {
			t.Errorf("%+v within %+v: %v", tt.had, tt.may, got)
		}
	}
}

func TestAWorkingRelayIsNotAskedForAgain(t *testing.T) {
	var p permissions
	p.init()
	bare, full := jid.MustParse("bob@example.org"), jid.MustParse("bob@example.org/desk")
	p.set(bare, peer.Decision{Talk: true, Addresses: peer.AllAddresses})
	p.setAround(map[jid.JID]bool{full: true})
	if got := p.decide(full); got.Addresses != (peer.Addresses{Host: true, Reflexive: true}) {
		t.Errorf("%+v", got)
	}
	p.set(bare, peer.Decision{Talk: true, Addresses: peer.RelayOnly})
	if got := p.decide(full); got.Addresses != peer.RelayOnly {
		t.Errorf("nothing is left to show: %+v", got)
	}
}

func TestRenewing(t *testing.T) {
	now := time.Now()
	const window = 5 * time.Minute
	relay := renewal{online: true, mutual: true, route: path.Auto, room: true, relayed: true, addresses: true, wrote: now.Add(-time.Minute),
		upgradeAt: now}
	sick := renewal{online: true, mutual: true, route: path.Auto, room: true, sick: true}
	for _, tt := range []struct {
		why    string
		base   renewal
		change func(*renewal)
		begin  bool
		wait   time.Time
	}{
		{"around a relay, when it is due", relay, func(*renewal) {}, true, time.Time{}},
		{"not before", relay, func(r *renewal) { r.upgradeAt = now.Add(time.Hour) }, false, now.Add(time.Hour)},
		{"a pause after failures of another kind does not count", relay, func(r *renewal) { r.notBefore = now.Add(time.Hour) }, true, time.Time{}},
		{"not for somebody one does not write to", relay, func(r *renewal) { r.wrote = time.Time{} }, false, time.Time{}},
		{"any more", relay, func(r *renewal) { r.wrote = now.Add(-window) }, false, time.Time{}},
		{"not if they may only see the relay", relay, func(r *renewal) { r.addresses = false }, false, time.Time{}},
		{"not for a link that is direct", relay, func(r *renewal) { r.relayed = false }, false, time.Time{}},
		{"instead of a sick link at once", sick, func(*renewal) {}, true, time.Time{}},
		{"whoever wrote", sick, func(r *renewal) { r.wrote = time.Time{} }, true, time.Time{}},
		{"after failures later", sick, func(r *renewal) { r.notBefore = now.Add(time.Second) }, false, now.Add(time.Second)},
		{"not without a server", sick, func(r *renewal) { r.online = false }, false, time.Time{}},
		{"not for a contact no more", sick, func(r *renewal) { r.mutual = false }, false, time.Time{}},
		{"not twice at once", sick, func(r *renewal) { r.building = true }, false, time.Time{}},
		{"not without room", sick, func(r *renewal) { r.room = false }, false, time.Time{}},
		{"not in a chat that stays on the server", sick, func(r *renewal) { r.route = path.OnlyServer }, false, time.Time{}},
	} {
		r := tt.base
		tt.change(&r)
		if begin, wait := renewing(r, now, window); begin != tt.begin || !wait.Equal(tt.wait) {
			t.Errorf("%s: %v, %v", tt.why, begin, wait)
		}
	}
	var pauses []time.Duration
	for i := range 7 {
		pauses = append(pauses, upgradePause(i))
	}
	if want := []time.Duration{2e9, 5e9, 15e9, 60e9, 300e9, 300e9, 300e9}; !slices.Equal(pauses, want) {
		t.Errorf("%v", pauses)
	}
}

func TestAlarmsRingInOrderAndOnce(t *testing.T) {
	var s alarms
	base := time.Now()
	var rang []int
	all := make([]alarm, 50)
	for i := range all {
		s.set(&all[i], base.Add(time.Duration((i*7)%50)*time.Second), func() { rang = append(rang, (i*7)%50) })
	}
	s.stop(&all[1])                                                                // 7
	s.set(&all[2], base.Add(100*time.Second), func() { rang = append(rang, 100) }) // instead of 14
	s.stop(&all[1])                                                                // twice is once
	s.ring(base.Add(20 * time.Second))
	s.ring(base.Add(20 * time.Second))
	s.ring(base.Add(200 * time.Second))
	want := 0
	for _, r := range rang {
		for want == 7 || want == 14 {
			want++
		}
		if want == 50 {
			want = 100
		}
		if r != want {
			t.Fatalf("rang %v", rang)
		}
		want++
	}
	if len(rang) != 49 || !s.next().IsZero() {
		t.Errorf("%d rang, next %v", len(rang), s.next())
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"short", 10, "short"}, {"longer", 4, "long"}, {"æøå", 3, "æ"}, {"世界", 4, "世"}, {"世", 2, ""}} {
		if got := clip(tt.s, tt.n); got != tt.want {
			t.Errorf("clip(%q, %d) = %q", tt.s, tt.n, got)
		}
	}
}

func TestReachIsToldEverLessOften(t *testing.T) {
	for _, tt := range []struct {
		why          string
		pause, since time.Duration
		want         time.Duration
	}{
		{"the first change", 0, time.Hour, 5 * time.Second},
		{"another right after", 5 * time.Second, 5 * time.Second, 10 * time.Second},
		{"and on and on", 40 * time.Second, 40 * time.Second, time.Minute},
		{"not beyond a minute", time.Minute, time.Minute, time.Minute},
		{"after some quiet", time.Minute, 3 * time.Minute, 5 * time.Second},
	} {
		if got := reachAfter(tt.pause, tt.since); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
	}
}

func TestAddressesAreToldToAllOnlyIfAllMayKnow(t *testing.T) {
	r := reach.Reach{Class: reach.Symmetric, Addresses: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:1")}}
	for share, n := range map[Share]int{ShareContacts: 1, ShareChats: 0, ShareNever: 0, Share("?"): 0} {
		if got := told(r, share); len(got.Addresses) != n || got.Class != r.Class {
			t.Errorf("%s: %+v", share, got)
		}
	}
}
