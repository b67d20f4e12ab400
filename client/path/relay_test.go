package path

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// most is the largest number of times within a span.
func most(times []time.Time, span time.Duration) int {
	n := 0
	for i := range times {
		j := i
		for j < len(times) && times[j].Sub(times[i]) < span {
			j++
		}
		n = max(n, j-i)
	}
	return n
}

// TestRelayIsLeftForGoodWhenDirectWorks plays chats that begin on the server, go on through a relay and later, between half a second and
// hours after, get a direct link, all with packet loss: the chat ends on the direct link, the relay is given up, and nothing flaps.
func TestRelayIsLeftForGoodWhenDirectWorks(t *testing.T) {
	for _, loss := range []int{0, 5, 10} {
		switches, late, doubts, doubled, runs := 0, time.Duration(0), 0, 0, 200
		if testing.Short() {
			runs = 40
		}
		for seed := range uint64(runs) {
			r := rand.New(rand.NewPCG(seed, 11))
			w := newWorld(plan{receipts: true, loss: loss, pace: 80 * time.Millisecond}, r.IntN)
			w.after(0, func() { w.serverUp(false) })
			talk := func(d time.Duration) {
				for end := w.now.Add(d); w.now.Before(end) && w.fail == ""; {
					w.send()
					w.run(w.ms(10, 2000))
				}
			}
			talk(time.Second)
			w.linkUp(w.devices[0], Relay)
			talk(time.Minute)
			if mode, id := w.chat.Mode(); mode == ViaServer || id == 0 {
				w.failf("%v although a relay has worked for a minute", mode)
			}
			if r.IntN(2) == 0 {
				w.run(time.Duration(1+r.IntN(5)) * time.Hour)
			}
			up, before := w.now, len(w.changed)
			w.linkUp(w.devices[0], Direct)
			talk(2 * time.Minute)
			i := slices.IndexFunc(w.changed[before:], func(at time.Time) bool { return true })
			if mode, id := w.chat.Mode(); mode != ViaLink || w.links[id].kind != Direct || i < 0 {
				w.failf("%v although a direct link has worked for minutes", mode)
			} else {
				late = max(late, w.changed[before+i].Sub(up))
			}
			if n := len(w.liveLinks()); n != 1 {
				w.failf("%d links are kept", n)
			}
			w.run(time.Minute)
			w.check(true)
			if w.fail != "" {
				t.Fatalf("loss %d, seed %d: %s", loss, seed, w.fail)
			}
			// The first steps up are no flapping: server, relay, direct.
			switches = max(switches, most(w.changed[before+1:], 30*time.Second))
			doubts, doubled = doubts+w.doubts, doubled+w.changes
		}
		t.Logf("loss %d %%: at most %d switches in 30 s after the direct link took over, which it did after at most %v; %d doubts, %d times doubled up in %d chats",
			loss, switches, late, doubts, doubled, runs)
		if switches > 1 && loss <= 5 {
			t.Errorf("%d switches in 30 s at a loss of %d %%", switches, loss)
		}
	}
}

func TestDirectReplacesRelayWithTheServerThere(t *testing.T) {
	s := begin(t)
	s.chat.ServerUp(s.now, false)
	s.want(s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Relay}), "probe link1")
	s.want(s.chat.LinkAcked(s.now, 1, 0), "[link]")
	s.want(s.chat.Add(s.now, "m1", ""), "m1>link1, probe link1")
	s.want(s.chat.LinkUp(s.now, Link{ID: 2, Device: phone, Kind: Direct}), "probe link2")
	s.want(s.chat.LinkAcked(s.now, 2, 0), "") // m1 is on its way
	s.want(s.chat.LinkAcked(s.now, 1, s.tag()), "sent m1 relay, delivered m1 relay, settled m1, [link]")
	dropped := ""
	for range 12 {
		dropped += s.pass(time.Second)
		s.chat.LinkAcked(s.now, 1, 0)
		s.chat.LinkAcked(s.now, 2, 0)
	}
	if dropped == "" || s.chat.find(1) != nil || s.chat.find(2) == nil {
		t.Fatalf("the relay was not given up: %s", dropped)
	}
}

func TestLinkMoves(t *testing.T) {
	s := begin(t)
	s.chat.ServerUp(s.now, false)
	s.chat.LinkUp(s.now, Link{ID: 1, Device: phone, Kind: Relay})
	s.want(s.chat.LinkAcked(s.now, 1, 0), "[link]")
	s.want(s.chat.LinkMoved(s.now, 1, Direct), "[link]") // told again: the way has another name now
	s.want(s.chat.LinkMoved(s.now, 1, Direct), "")
	s.want(s.chat.SetRoute(s.now, OnlyDirect), "")
	s.want(s.chat.LinkMoved(s.now, 1, Relay), "[none]")
	s.want(s.chat.LinkMoved(s.now, 9, Relay), "")
}

// TestDoubtComesBeforeLapse: the server is asked for a sign of life before it is needed.
func TestDoubtComesBeforeLapse(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.chat.Add(s.now, "m1", "")
	begun := s.now
	var doubt, repair time.Duration
	for doubt == 0 || repair == 0 {
		s.now = s.chat.Next()
		for _, e := range s.chat.Wake(s.now) {
			switch e.Action {
			case Doubt:
				doubt = s.now.Sub(begun)
			case Repair:
				repair = s.now.Sub(begun)
			}
		}
	}
	if doubt != 500*time.Millisecond || repair != time.Second {
		t.Errorf("doubt after %v, repair after %v", doubt, repair)
	}
}

// TestSuspectProbesEveryLinkAtOnce: after a change of network a dead link is found out within a second, also an idle one.
func TestSuspectProbesEveryLinkAtOnce(t *testing.T) {
	s := begin(t)
	s.direct(1, phone)
	s.pass(2 * time.Second)
	s.want(s.chat.Suspect(s.now), "probe link1")
	if got := s.pass(time.Second); got != "[both], probe link1, repair link1" && got != "repair link1, [both], probe link1" {
		t.Error(got)
	}
}
