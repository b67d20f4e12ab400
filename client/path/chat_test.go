package path

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/jid"
)

var (
	phone  = jid.MustParse("bob@example.org/phone")
	laptop = jid.MustParse("bob@example.org/laptop")
)

func TestFirstMessageNeverWaits(t *testing.T) {
	s := begin(t)
	s.want(s.chat.ServerUp(s.now, false), "[server]")
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Direct}), "probe link1")
	s.want(s.chat.Add(s.now, "m1", ""), "m1>server")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "") // proven, but m1 is not confirmed
	s.want(s.chat.ServerAcked(s.now, "m1"), "sent m1 server")
	s.want(s.chat.Receipt(s.now, "m1", phone), "delivered m1 server, settled m1, [link]")
	s.want(s.chat.Add(s.now, "m2", ""), "m2>link1, probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, s.tag()), "sent m2 direct, delivered m2 direct, settled m2")
}

func TestReceiptOfAnotherDeviceDoesNotOpenTheLink(t *testing.T) {
	s := begin(t)
	s.want(s.chat.ServerUp(s.now, false), "[server]")
	s.want(s.chat.Add(s.now, "m1", ""), "m1>server")
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: laptop, Kind: Direct}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "")
	s.want(s.chat.Receipt(s.now, "m1", phone), "sent m1 server, delivered m1 server, settled m1")
	if got := s.pass(4 * time.Second); got != "probe link1" {
		t.Fatal(got)
	}
	s.want(s.chat.LinkAcked(s.now, 1, 0), "")
	if got := s.pass(2 * time.Second); got != "[link]" { // the laptop has had its moment
		t.Fatal(got)
	}
}

// busy returns a chat with a proven link and a message under way on the server path.
func busy(t *testing.T) *story {
	s := begin(t)
	s.want(s.chat.ServerUp(s.now, false), "[server]")
	s.want(s.chat.Add(s.now, "m1", ""), "m1>server")
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Direct}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "")
	return s
}

func TestBarrierClears(t *testing.T) {
	s := busy(t)
	s.pass(50 * time.Millisecond)
	s.want(s.chat.Add(s.now, "m2", ""), "")
	s.want(s.chat.Add(s.now, "m3", ""), "")
	s.pass(50 * time.Millisecond)
	s.want(s.chat.Receipt(s.now, "m1", phone), "sent m1 server, delivered m1 server, settled m1, [link], m2>link1, m3>link1, probe link1")
}

func TestBarrierIsShortAndBacksOff(t *testing.T) {
	s := busy(t)
	s.want(s.chat.Add(s.now, "m2", ""), "")
	if got := s.pass(299 * time.Millisecond); got != "" {
		t.Fatal(got)
	}
	if got := s.pass(time.Millisecond); got != "m2>server" {
		t.Fatal(got)
	}
	s.want(s.chat.ServerAcked(s.now, "m1"), "sent m1 server")
	s.want(s.chat.ServerAcked(s.now, "m2"), "sent m2 server")
	s.want(s.chat.Add(s.now, "m3", ""), "m3>server") // not held again so soon
	s.pass(900 * time.Millisecond)
	s.want(s.chat.ServerAcked(s.now, "m3"), "sent m3 server")
	s.pass(100 * time.Millisecond)
	s.want(s.chat.Add(s.now, "m4", ""), "m4>server") // more than a second after m3: not continuous traffic
	s.want(s.chat.Add(s.now, "m5", ""), "")          // now it is
	if got := s.pass(300 * time.Millisecond); got != "m5>server" {
		t.Fatal(got)
	}
}

func TestSlowConfirmationsDoNotKeepTheLinkOutForEver(t *testing.T) {
	s := busy(t)
	held, n := 0, 2
	for range 400 { // a message each 100 ms; each is confirmed 400 ms later
		id := fmt.Sprint("m", n)
		n++
		if say(s.chat.Add(s.now, id, "")) == "" {
			held++
		}
		s.pass(100 * time.Millisecond)
		s.chat.LinkAcked(s.now, 1, 0)
		if n > 6 {
			s.chat.ServerAcked(s.now, fmt.Sprint("m", n-5))
			s.chat.Receipt(s.now, fmt.Sprint("m", n-5), phone)
		}
		if mode, _ := s.chat.Mode(); mode == ViaLink {
			break
		}
	}
	if mode, _ := s.chat.Mode(); mode != ViaLink {
		t.Fatalf("still %v after %d messages", mode, n)
	}
	if held > 3*maxHolds {
		t.Fatalf("%d messages were held", held)
	}
}

func TestServerThatDoesNotAcknowledgeIsLeft(t *testing.T) {
	s := busy(t)
	if got := s.pass(2 * time.Second); got != "[link], m1>link1, probe link1" {
		t.Fatal(got)
	}
}

func TestTrustLapses(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.want(s.chat.Add(s.now, "m1", ""), "m1>link1, probe link1")
	s.pass(100 * time.Millisecond)
	s.want(s.chat.Add(s.now, "m2", ""), "m2>link1")
	if got := s.pass(899 * time.Millisecond); got != "" {
		t.Fatal(got)
	}
	if got := s.pass(time.Millisecond); got != "repair link1, [both], m1>server, m2>server, probe link1" {
		t.Fatal(got)
	}
	s.want(s.chat.Add(s.now, "m3", ""), "m3>server, m3>link1")
	s.pass(500 * time.Millisecond)
	s.want(s.chat.LinkAcked(s.now, 1, s.tag()), "sent m1 direct, delivered m1 direct, settled m1, sent m2 direct, delivered m2 direct, settled m2, "+
		"sent m3 direct, delivered m3 direct, settled m3, [link]")
	s.want(s.chat.Add(s.now, "m4", ""), "m4>link1, probe link1")
}

// TestLinksLostAfterTheyWereGoodDoNotHaveToWait: three breaks within half a minute, each of a link that had carried for a while, say
// nothing about the next.
func TestLinksLostAfterTheyWereGoodDoNotHaveToWait(t *testing.T) {
	s := begin(t)
	for n := LinkID(1); n < 9; n++ {
		s.direct(n, phone) // it carries at once
		s.pass(4 * time.Second)
		s.chat.LinkAcked(s.now, n, 0)
		s.want(s.chat.LinkDown(s.now, n), "[server]")
	}
}

// TestBrokenLinkThatMendsIsNotShaky: silence far longer than loss explains, on a link that was good, is a break. When that is mended the link
// has no record, so that a second break within half a minute does not keep it out; lost trust of a moment does.
func TestBrokenLinkThatMendsIsNotShaky(t *testing.T) {
	for _, tt := range []struct {
		why        string
		good, gone time.Duration
		lapses     int
	}{
		{"good, then broken", 4 * time.Second, 3 * time.Second, 0},
		{"good, then late", 4 * time.Second, 2500 * time.Millisecond, 1},
		{"young, then broken", 2 * time.Second, 3 * time.Second, 1},
	} {
		s := begin(t)
		s.direct(1, phone)
		for until := s.now.Add(tt.good); s.now.Before(until); {
			s.pass(time.Second)
			s.chat.Suspect(s.now)
			s.chat.LinkAcked(s.now, 1, 0)
		}
		s.chat.Suspect(s.now)
		s.pass(tt.gone)
		if l := s.chat.find(1); l.trust != lapsed {
			t.Fatalf("%s: trust is %v", tt.why, l.trust)
		}
		s.chat.LinkAcked(s.now, 1, 0)
		if l := s.chat.find(1); l.trust != trusted || l.lapses != tt.lapses {
			t.Errorf("%s: trust %v, %d lapses; want %d", tt.why, l.trust, l.lapses, tt.lapses)
		}
	}
}

func TestLinkThatKeepsLosingTrustStaysDoubled(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	lapse := func(id string) {
		s.chat.Add(s.now, id, "")
		s.pass(1100 * time.Millisecond)
		if mode, _ := s.chat.Mode(); mode != DoubledUp {
			t.Fatalf("%v after a second of silence", mode)
		}
	}
	lapse("m1")
	s.chat.LinkAcked(s.now, 1, s.tag())
	back := s.now
	lapse("m2")
	s.chat.LinkAcked(s.now, 1, s.tag())
	for s.now.Before(back.Add(29 * time.Second)) {
		s.pass(time.Second)
		s.chat.LinkAcked(s.now, 1, s.tag())
		if mode, _ := s.chat.Mode(); mode != DoubledUp {
			t.Fatalf("back to %v after %v", mode, s.now.Sub(back))
		}
	}
	s.pass(1100 * time.Millisecond)
	if mode, _ := s.chat.Mode(); mode != ViaLink {
		t.Fatalf("still %v after %v", mode, s.now.Sub(back))
	}
}

func TestOneLateProbeAmongAcknowledgedDataChangesNothing(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.want(s.chat.Add(s.now, "m0", ""), "m0>link1, probe link1")
	last := s.tag()
	for i := range 50 {
		s.pass(900 * time.Millisecond) // each answer comes late, but in time
		s.chat.Add(s.now, fmt.Sprint("m", i+1), "")
		s.chat.LinkAcked(s.now, 1, last)
		last = s.tag()
		if mode, _ := s.chat.Mode(); mode != ViaLink {
			t.Fatalf("%v after %d messages", mode, i)
		}
	}
}

func TestAnswersWithoutProgressAreNotTrustedForEver(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.chat.Add(s.now, "m1", "")
	for range 5 {
		s.pass(500 * time.Millisecond)
		s.want(s.chat.LinkAcked(s.now, 1, 0), "probe link1")
	}
	if got := s.pass(500 * time.Millisecond); got != "repair link1, [both], m1>server" {
		t.Fatal(got)
	}
	s.want(s.chat.LinkAcked(s.now, 1, 0), "probe link1") // and another such answer does not bring trust back
}

func TestLinksLostThriceHaveToWait(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.want(s.chat.LinkDown(s.now, 1), "[server]")
	s.direct(4, phone) // the first loss costs nothing, nor does the second: both may have had one cause
	s.want(s.chat.LinkDown(s.now, 4), "[server]")
	s.direct(2, phone)
	s.want(s.chat.LinkDown(s.now, 2), "[server]")
	s.want(s.chat.LinkUp(s.now, Link{ID: 3, Device: phone, Kind: Direct}), "probe link3")
	s.want(s.chat.LinkAcked(s.now, 3, 0), "")
	since := s.now
	for {
		s.pass(time.Second)
		s.chat.LinkAcked(s.now, 3, 0)
		if mode, _ := s.chat.Mode(); mode == ViaLink {
			break
		}
	}
	if d := s.now.Sub(since); d < 29*time.Second || d > 31*time.Second {
		t.Fatalf("back after %v", d)
	}
}

func TestAnswerNobodyAskedForProvesNothing(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.pass(3 * time.Second)
	s.want(s.chat.LinkAcked(s.now, 1, 0), "")
	if got := s.pass(time.Second); got != "probe link1" {
		t.Fatalf("not probed after four quiet seconds: %q", got)
	}
	s.want(s.chat.LinkAcked(s.now, 9, 5), "") // nor does one from a link that is gone
}

func TestMessageThatMayTakeAnyWayInAChatThatMayNot(t *testing.T) {
	s := begin(t)
	s.chat.SetRoute(s.now, OnlyDirect)
	s.want(s.chat.ServerUp(s.now, false), "")
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Direct}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "[link]")
	s.want(s.chat.Add(s.now, "a1", Auto), "a1>link1, probe link1")
	s.want(s.chat.Add(s.now, "d1", ""), "d1>link1")
	s.want(s.chat.LinkDown(s.now, 1), "[none], a1>server")
	s.want(s.chat.Add(s.now, "a2", Auto), "a2>server")
}

func TestRestoredMessages(t *testing.T) {
	s := begin(t)
	s.want(s.chat.Restore(s.now, "m1", "", true), "")
	s.want(s.chat.Restore(s.now, "m2", "", false), "")
	s.want(s.chat.ServerUp(s.now, false), "[server], m2>server") // the server has m1
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Direct}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "")
	s.want(s.chat.ServerAcked(s.now, "m2"), "sent m2 server")
	s.want(s.chat.Receipt(s.now, "m1", phone), "delivered m1 server, settled m1")
	s.want(s.chat.Receipt(s.now, "m2", phone), "delivered m2 server, settled m2, [link]")
	s = begin(t)
	s.chat.Restore(s.now, "m1", "", true)
	s.beside(1, phone)
	s.want(s.chat.Receipt(s.now, "m1", phone), "delivered m1 server, settled m1, [link]") // the device knows it: no need to linger
}

func TestDeadLinkIdle(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	if got := s.pass(5 * time.Second); got != "probe link1, repair link1, [both], probe link1" {
		t.Fatalf("a dead idle link must be noticed within 6 s: %s", got)
	}
	if got := s.pass(5 * time.Second); !strings.HasSuffix(got, "drop link1 (no answer), [server]") {
		t.Fatal(got)
	}
	if next := s.chat.Next(); !next.IsZero() {
		t.Fatalf("something is due at %v with nothing left to do", next)
	}
}

func TestLinkGone(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.chat.Add(s.now, "m1", "")
	s.chat.Add(s.now, "m2", "")
	s.want(s.chat.LinkDown(s.now, 1), "[server], m1>server, m2>server")
	s.want(s.chat.Add(s.now, "m3", ""), "m3>server")
}

func TestServerGoneGoesOnDirect(t *testing.T) {
	s := busy(t)
	s.want(s.chat.Add(s.now, "m2", ""), "") // held
	s.want(s.chat.ServerDown(s.now), "[link], m1>link1, m2>link1, probe link1")
	s.want(s.chat.Add(s.now, "m3", ""), "m3>link1")
	s.want(s.chat.LinkAcked(s.now, 1, s.tag()), "sent m1 direct, delivered m1 direct, settled m1, sent m2 direct, delivered m2 direct, settled m2, "+
		"sent m3 direct, delivered m3 direct, settled m3")
	s.want(s.chat.ServerUp(s.now, false), "")
	s.want(s.chat.Add(s.now, "m4", ""), "m4>link1, probe link1")
}

func TestBothGoneQueues(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.chat.Add(s.now, "m1", "")
	s.want(s.chat.ServerDown(s.now), "")
	s.want(s.chat.LinkDown(s.now, 1), "[none]")
	s.want(s.chat.Add(s.now, "m2", ""), "")
	s.want(s.chat.ServerUp(s.now, false), "[server], m1>server, m2>server")
	s.want(s.chat.ServerDown(s.now), "[none]")
	s.want(s.chat.ServerUp(s.now, true), "[server]") // resumed: the stream sends them itself
	s.want(s.chat.ServerAcked(s.now, "m1"), "sent m1 server")
	s.want(s.chat.ServerDown(s.now), "[none]")
	s.want(s.chat.ServerUp(s.now, false), "[server], m2>server")
}

func TestPeerWithoutReceipts(t *testing.T) {
	s := begin(t)
	s.chat.SetReceipts(s.now, false)
	s.want(s.chat.ServerUp(s.now, false), "[server]")
	s.want(s.chat.Add(s.now, "m1", ""), "m1>server")
	s.want(s.chat.ServerAcked(s.now, "m1"), "sent m1 server, settled m1")
	s.pass(time.Minute)
	if !s.chat.Idle() {
		t.Fatal("something is left")
	}
	s = begin(t)
	s.want(s.chat.ServerUp(s.now, false), "[server]")
	s.want(s.chat.Add(s.now, "m1", ""), "m1>server")
	s.want(s.chat.ServerAcked(s.now, "m1"), "sent m1 server")
	s.want(s.chat.SetReceipts(s.now, false), "settled m1") // learnt later
}

func TestOnlyDirectNeverTouchesTheServer(t *testing.T) {
	s := begin(t)
	s.chat.SetRoute(s.now, OnlyDirect)
	s.want(s.chat.ServerUp(s.now, false), "")
	s.want(s.chat.Add(s.now, "m1", ""), "")
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Direct}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "[link], m1>link1, probe link1")
	s.want(s.chat.LinkDown(s.now, 1), "[none]")
	s.want(s.chat.Add(s.now, "m2", ""), "")
	s.want(s.chat.LinkUp(s.now, Link{ID: 2, Device: phone, Kind: Direct}), "probe link2")
	s.want(s.chat.LinkAcked(s.now, 2, 0), "[link], m1>link2, m2>link2, probe link2")
}

func TestOnlyServerNeverGoesDirect(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.want(s.chat.Add(s.now, "m1", ""), "m1>link1, probe link1")
	s.want(s.chat.SetRoute(s.now, OnlyServer), "[server], m1>server")
	s.want(s.chat.Add(s.now, "m2", ""), "m2>server")
	s.want(s.chat.ServerDown(s.now), "[none]")
	s.want(s.chat.Add(s.now, "m3", ""), "")
	if q := s.chat.Quick(nil); len(q) != 0 {
		t.Fatalf("even chat states must not go direct: %v", q)
	}
}

func TestMessageWithItsOwnRoute(t *testing.T) {
	s := begin(t)
	s.want(s.chat.ServerUp(s.now, false), "[server]")
	s.want(s.chat.Add(s.now, "d1", OnlyDirect), "")
	s.want(s.chat.Add(s.now, "m1", ""), "m1>server") // does not wait behind it
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Direct}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "m1>link1, d1>link1, [link], probe link1")
	s.chat.LinkAcked(s.now, 1, s.tag())
	s.want(s.chat.Add(s.now, "s1", OnlyServer), "s1>server, [server]")
	s.want(s.chat.Add(s.now, "m2", ""), "m2>server") // s1 may not go direct, and m2 not before it
	s.want(s.chat.Receipt(s.now, "s1", phone), "sent s1 server, delivered s1 server, settled s1")
	s.want(s.chat.Receipt(s.now, "m2", phone), "sent m2 server, delivered m2 server, settled m2, [link]")
}

func TestDirectReplacesRelay(t *testing.T) {
	s := begin(t)
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Relay}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "[link]") // better than nothing
	s.want(s.chat.Add(s.now, "m1", ""), "m1>link1, probe link1")
	s.want(s.chat.LinkUp(s.now, Link{ID: 2, Device: phone, Kind: Direct}), "probe link2")
	s.want(s.chat.LinkAcked(s.now, 2, 0), "[link], m1>link2, probe link2")
	s.want(s.chat.LinkUp(s.now, Link{ID: 3, Device: phone, Kind: Relay}), "probe link3")
	s.want(s.chat.LinkAcked(s.now, 3, 0), "") // never back
}

func TestNewLinkReplacesOneThatDoesNotAnswer(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.chat.Add(s.now, "m1", "")
	s.pass(time.Second)
	s.want(s.chat.LinkUp(s.now, Link{ID: 2, Device: phone, Kind: Direct}), "probe link2")
	s.want(s.chat.LinkAcked(s.now, 2, 0), "[link], m1>link2, probe link2")
}

func TestBothEndsKeepTheNewestOfTwoGoodLinks(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.want(s.chat.LinkUp(s.now, Link{ID: 2, Device: phone, Kind: Direct}), "probe link2")
	s.want(s.chat.LinkAcked(s.now, 2, 0), "[link]")
	dropped := ""
	for range 12 {
		dropped += s.pass(time.Second)
		s.chat.LinkAcked(s.now, 1, 0)
		s.chat.LinkAcked(s.now, 2, 0)
	}
	if !strings.Contains(dropped, "drop link1 (replaced)") || strings.Contains(dropped, "drop link2") {
		t.Fatal(dropped)
	}
}

func TestPreferredDevice(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.want(s.chat.LinkUp(s.now, Link{ID: 2, Device: laptop, Kind: Direct}), "probe link2")
	s.want(s.chat.LinkAcked(s.now, 2, 0), "") // the phone goes on
	s.want(s.chat.PeerActive(s.now, laptop), "[link]")
	if _, id := s.chat.Mode(); id != 2 {
		t.Fatal(id)
	}
}

func TestRefused(t *testing.T) {
	s := begin(t)
	s.want(s.chat.ServerUp(s.now, false), "[server]")
	s.chat.Add(s.now, "m1", "")
	s.want(s.chat.Refuse(s.now, "m1", "blocked"), "failed m1, settled m1")
	s.want(s.chat.Receipt(s.now, "m1", phone), "") // nothing more is told
	s.direct(1, phone)
	s.chat.Add(s.now, "m2", "")
	s.pass(time.Second) // doubled up
	s.want(s.chat.Refuse(s.now, "m2", "blocked"), "")
	s.want(s.chat.LinkAcked(s.now, 1, s.tag()), "sent m2 direct, delivered m2 direct, settled m2, [link]") // the link had it
	s.chat.Add(s.now, "m3", "")
	s.pass(time.Second)
	s.chat.Refuse(s.now, "m3", "blocked")
	s.want(s.chat.LinkDown(s.now, 1), "failed m3, settled m3, [server]")
}

func TestMemoryIsBoundedWhenThePeerStaysAway(t *testing.T) {
	s := begin(t)
	s.chat.ServerUp(s.now, false)
	settled := 0
	for i := range 10_000 {
		id := fmt.Sprint("m", i)
		effects := slices.Clone(s.chat.Add(s.now, id, ""))
		for _, e := range append(effects, s.chat.ServerAcked(s.now, id)...) {
			if e.Action == Settled {
				settled++
			}
		}
		s.now = s.now.Add(10 * time.Second)
	}
	if n := len(s.chat.byID); n > 2048*5/4+1 || n+settled != 10_000 {
		t.Fatalf("%d tracked, %d settled", n, settled)
	}
	// A device that comes back and has not confirmed anything later must not be talked to directly.
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Direct}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "")
	for range 20 {
		s.pass(time.Second)
		s.chat.LinkAcked(s.now, 1, 0)
		if mode, _ := s.chat.Mode(); mode != ViaServer {
			t.Fatalf("%v although nobody knows what the device has", mode)
		}
	}
	s.want(s.chat.Add(s.now, "new", ""), "new>server")
	words := say(s.chat.Receipt(s.now, "new", phone))
	if !strings.Contains(words, "[link]") {
		t.Fatal(words)
	}
}

func TestQuick(t *testing.T) {
	s := begin(t)
	if q := s.chat.Quick(nil); len(q) != 0 {
		t.Fatal(q)
	}
	s.direct(1, phone)
	if q := s.chat.Quick(nil); !slices.Equal(q, []LinkID{1}) {
		t.Fatal(q)
	}
	s.chat.Add(s.now, "m1", "")
	s.pass(time.Second)
	if q := s.chat.Quick(nil); !slices.Equal(q, []LinkID{1, 0}) {
		t.Fatalf("while in doubt both: %v", q)
	}
	s.chat.LinkDown(s.now, 1)
	if q := s.chat.Quick(nil); !slices.Equal(q, []LinkID{0}) {
		t.Fatal(q)
	}
}
