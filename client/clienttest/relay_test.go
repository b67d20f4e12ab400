package clienttest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/client/path"
	"godwit/jid"
	"godwit/server"
	"godwit/xep/extdisco"
	"godwit/xep/reach"
)

// withRelay lets the server offer a TURN server.
func withRelay(c *server.Config) {
	c.Services = func(jid.JID) []extdisco.Service {
		return []extdisco.Service{{Type: extdisco.TURN, Host: "203.0.113.9", Port: 3478, Transport: "udp", Username: "u", Password: "p"}}
	}
}

// relayed is a world in which alice and bob talk through a relay.
func relayed(t *testing.T) (w *world, alice, bob *person) {
	w = newRoamingWorld(t)
	w.air.relay = true
	alice, _ = w.roamer("alice")
	bob, _ = w.roamer("bob")
	befriend(alice, bob)
	alice.send(bob, "first", "first")
	await(alice, "the relay", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink && e.Path == path.Relay })
	return w, alice, bob
}

// onlyDirect waits until alice's chat goes by one direct link and nothing else is there.
func onlyDirect(t *testing.T, alice *person) {
	t.Helper()
	await(alice, "the direct path", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink && e.Path == path.Direct })
	time.Sleep(20 * time.Second)
	synctest.Wait()
	links, err := alice.c.Links(context.Background())
	if err != nil || len(links) != 1 || links[0].Path != path.Direct || !links[0].Trusted || links[0].Why != client.WhyDirect {
		t.Errorf("%+v, %v", links, err)
	}
}

// TestRelayIsLeftHoursLater: a chat goes through a relay for hours, with a way around it looked for ever less often; then there is one.
func TestRelayIsLeftHoursLater(t *testing.T) {
	for _, tt := range []struct {
		why  string
		hint func(alice, bob *person)
		most time.Duration
	}{
		{"by itself", func(_, _ *person) {}, 6 * time.Minute},
		{"the own network changed", func(alice, _ *person) { alice.c.NetworkChanged() }, 2 * time.Second},
		{"the other one's network changed, and they tell", func(_, bob *person) { bob.c.SetReach(reach.Reach{Class: reach.FullCone}) }, 5 * time.Second},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, alice, bob := relayed(t)
				talk := func(d time.Duration, from int) {
					for i := range int(d / (100 * time.Second)) {
						alice.send(bob, fmt.Sprintf("m%d", from+i), "more")
						time.Sleep(100 * time.Second)
					}
				}
				talk(3*time.Hour, 0)
				links, err := alice.c.Explain(context.Background(), bob.jid)
				if err != nil || len(links) != 1 || links[0].Path != path.Relay || links[0].Why != client.WhyTrying || links[0].NextTry.IsZero() ||
					links[0].Failure == "" || links[0].Relay != airRelay {
					t.Errorf("%+v, %v", links, err)
				}
				_, asked := w.air.counts()
				if asked < 2*25 || asked > 2*60 {
					t.Errorf("a way around the relay was looked for %d times in 3 h", asked/2)
				}
				w.air.set(false)
				begun := time.Now()
				tt.hint(alice, bob)
				go talk(400*time.Second, 1000)
				isDirect := func(e client.RouteChanged) bool { return e.Mode == path.ViaLink && e.Path == path.Direct }
				for count(alice, isDirect) == 0 && time.Since(begun) < 2*tt.most {
					time.Sleep(10 * time.Millisecond)
				}
				d := time.Since(begun)
				t.Logf("%s: direct after %v; %d introductions in the hours before", tt.why, d, asked/2)
				if d > tt.most {
					t.Errorf("direct after %v", d)
				}
				onlyDirect(t, alice)
				if n := count(alice, func(e client.LinkChanged) bool { return e.State == client.LinkDown && e.Reason == "replaced" }) +
					count(bob, func(e client.LinkChanged) bool { return e.State == client.LinkDown && e.Reason == "replaced" }); n == 0 {
					t.Error("the relay was not replaced")
				}
				time.Sleep(400 * time.Second)
			})
		})
	}
}

// TestBetterPathWithinASession: the transport finds the direct path itself.
func TestBetterPathWithinASession(t *testing.T) {
	for _, move := range []bool{false, true} {
		t.Run(fmt.Sprint("move ", move), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, alice, bob := relayed(t)
				var want []string
				for i := range 200 {
					if i == 50 {
						w.air.upgrade(move)
					}
					want = append(want, fmt.Sprint(i))
					alice.send(bob, fmt.Sprint("m", i), fmt.Sprint(i))
					time.Sleep(10 * time.Millisecond)
				}
				onlyDirect(t, alice)
				if got := bob.messages(alice.jid); !slices.Equal(got[1:], want) {
					t.Errorf("bob was told %q", got)
				}
				if m := await(bob, "the last", func(e client.Message) bool { return e.ID == "m199" }); m.Path != path.Direct {
					t.Errorf("it came by %s", m.Path)
				}
			})
		})
	}
}

// TestNeverMeansRelayOnly: who shares addresses with nobody has links through a relay, tells nothing but it, and never goes around it.
func TestNeverMeansRelayOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRoamingWorld(t, withRelay)
		ua, ub := &uplink{w: w, delay: oneWay}, &uplink{w: w, delay: oneWay}
		alice := w.join("alice", func(c *client.Config) { c.Dialer, c.Times, c.Share = ua, client.Times{}, client.ShareNever })
		bob := w.join("bob", func(c *client.Config) { c.Dialer, c.Times = ub, client.Times{} })
		befriend(alice, bob)
		bob.send(alice, "m0", "0")
		await(alice, "message", func(e client.Message) bool { return e.ID == "m0" })
		for i := range 60 {
			alice.send(bob, fmt.Sprint("a", i), "a")
			bob.send(alice, fmt.Sprint("b", i), "b")
			time.Sleep(10 * time.Second)
		}
		await(alice, "the relay", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink && e.Path == path.Relay })
		if n := count(alice, func(e client.LinkChanged) bool { return e.Path == path.Direct }); n != 0 {
			t.Error("a direct link came up")
		}
		w.air.mu.Lock()
		hidden := 0
		for _, a := range w.air.shown {
			if !a.Host && !a.Reflexive {
				hidden++
			}
		}
		shown := len(w.air.shown)
		w.air.mu.Unlock()
		if hidden*2 < shown {
			t.Errorf("%d halves of %d hid their addresses", hidden, shown)
		}
		links, err := alice.c.Explain(context.Background(), jid.JID{})
		if err != nil || len(links) != 1 || links[0].Why != client.WhyRelayOnly || len(links[0].Help) == 0 || !links[0].NextTry.IsZero() {
			t.Errorf("%+v, %v", links, err)
		}
		// Taking more back: a link in which addresses were told must not live on.
		if err := alice.c.SetShare(context.Background(), client.ShareChats); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			alice.send(bob, fmt.Sprint("c", i), "c")
			time.Sleep(10 * time.Second)
		}
		await(alice, "direct", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink && e.Path == path.Direct })
		if err := alice.c.SetShare(context.Background(), client.ShareNever); err != nil {
			t.Fatal(err)
		}
		await(alice, "its end", func(e client.LinkChanged) bool { return e.State == client.LinkDown && e.Path == path.Direct })
	})
}

// TestRelayDiesWhileAWayAroundItIsTried: an attempt to get around the relay uses none, and runs long where there is no other way. It must not
// keep the next relayed link from being built when the relay dies.
func TestRelayDiesWhileAWayAroundItIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alice, bob := relayed(t)
		n := 0
		talk := func(d time.Duration) {
			for range int(d / (100 * time.Millisecond)) {
				alice.send(bob, fmt.Sprint("a", n), fmt.Sprint(n))
				bob.send(alice, fmt.Sprint("b", n), fmt.Sprint(n))
				n++
				time.Sleep(100 * time.Millisecond)
			}
		}
		for _, after := range []time.Duration{5 * time.Second, 12 * time.Second, 31 * time.Second} {
			talk(after)
			begun := time.Now()
			w.air.forget()
			talk(6 * time.Second)
			back := alice.directSince(begun)
			if len(back) == 0 || back[0] > 2*time.Second {
				t.Errorf("%v after it came up the relay died; the next carried after %v", after, back)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := bob.messages(alice.jid); len(got) != n+1 {
			t.Errorf("bob was told %d messages of %d", len(got), n+1)
		}
	})
}
