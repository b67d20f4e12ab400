package client

import (
	"net/netip"
	"testing"
	"time"

	"godwit/client/path"
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
	for _, tt := range []struct {
		why             string
		share           Share
		route           path.Route
		mutual, talking bool
		want            bool
	}{
		{"a contact one talks to", ShareChats, path.Auto, true, true, true},
		{"a contact one does not talk to", ShareChats, path.Auto, true, false, false},
		{"any contact, if the user says so", ShareContacts, path.Auto, true, false, true},
		{"never a stranger, even one who talks", ShareContacts, path.Auto, false, true, false},
		{"never a stranger, even one who talks", ShareChats, path.Auto, false, true, false},
		{"nobody, if the user says so", ShareNever, path.Auto, true, true, false},
		{"nobody in a chat that stays on the server", ShareContacts, path.OnlyServer, true, true, false},
		{"what is not a choice permits nothing", Share(""), path.Auto, true, true, false},
	} {
		if got := permission(tt.share, tt.route, tt.mutual, tt.talking); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
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
