package clienttest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/client/path"
	"godwit/jid"
	"godwit/server"
	"godwit/store"
	"godwit/store/memory"
	"godwit/xep/version"
)

// oneWay is the delay between anybody and the server, and between any two devices.
const oneWay = 20 * time.Millisecond

// newRoamingWorld is a server in memory, for virtual time.
func newRoamingWorld(t *testing.T, options ...option) *world {
	t.Helper()
	t.Cleanup(func() { time.Sleep(time.Minute) }) // the last: what is still in cables comes out
	level := slog.LevelError
	if os.Getenv("GODWIT_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	st := memory.New()
	w := &world{t: t, domain: jid.MustParse("localhost"), air: newAir(), log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	w.air.delay = oneWay
	s := server.Store{Accounts: st.Accounts(), Rosters: st.Roster(), Archive: st.Archive(), Inbox: st.Inbox(), LastSeen: st.LastSeen(), Blocklist: st.Blocklist(), PubSub: st.PubSub(),
		Secrets: st.Secrets(), Grants: st.Grants(), Invitations: st.Invitations(), Commits: st}
	w.config = server.Config{Domain: w.domain, Store: s, Log: w.log, Program: version.Version{Name: "Godwit", Version: "test"}, AllowUnencrypted: true}
	for _, o := range options {
		o(&w.config)
	}
	ctx := context.Background()
	var err error
	if w.server, err = server.New(ctx, w.config); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob"} {
		if err := s.CreateAccount(ctx, store.Account{JID: jid.MustParse(name + "@localhost"), Created: time.Now()}, password); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := w.server.Stop(ctx); err != nil {
			t.Error("the server did not stop:", err)
		}
		_ = st.Close()
	})
	return w
}

// roamer joins somebody by an uplink of their own, with the times of a real client.
func (w *world) roamer(name string) (*person, *uplink) {
	u := &uplink{w: w, delay: oneWay}
	return w.join(name, func(c *client.Config) { c.Dialer, c.Times = u, client.Times{} }), u
}

// figures are what a trial measures.
type figures struct{ delivery, direct []time.Duration }

func (f *figures) String() string {
	part := func(d []time.Duration) string {
		if len(d) == 0 {
			return "–"
		}
		slices.Sort(d)
		return fmt.Sprintf("p50 %v, p99 %v, most %v", d[len(d)/2].Round(time.Millisecond), d[len(d)*99/100].Round(time.Millisecond), d[len(d)-1].Round(time.Millisecond))
	}
	return fmt.Sprintf("pending messages arrive after %s; direct again after %s", part(f.delivery), part(f.direct))
}

// TestStayingThrough breaks paths without a word in the middle of a talk and measures, in virtual time, how long what was under way
// takes and when the chat goes directly again. Nothing may be lost, doubled or out of order.
func TestStayingThrough(t *testing.T) {
	type both struct{ alice, bob *uplink }
	for _, tt := range []struct {
		why   string
		fault func(w *world, u both, a, b *person)
		p99   time.Duration // for what was pending; generous where the other side has to notice first
		back  time.Duration
	}{
		{"the direct path dies", func(w *world, _ both, _, _ *person) { w.air.forget() }, 1500 * time.Millisecond, 2 * time.Second},
		{"the sender's connection to the server dies", func(_ *world, u both, _, _ *person) { u.alice.forget() }, 1500 * time.Millisecond, 0},
		{"the sender's router forgets both", func(w *world, u both, _, _ *person) { w.air.forget(); u.alice.forget() }, 1700 * time.Millisecond, 2500 * time.Millisecond},
		{"the same, and the program is told", func(w *world, u both, a, _ *person) { w.air.forget(); u.alice.forget(); a.c.NetworkChanged() }, 1500 * time.Millisecond, 2 * time.Second},
		{"the recipient's router forgets both", func(w *world, u both, _, _ *person) { w.air.forget(); u.bob.forget() }, 7 * time.Second, 8 * time.Second},
		{"the same, and their program is told", func(w *world, u both, _, b *person) { w.air.forget(); u.bob.forget(); b.c.NetworkChanged() }, 1500 * time.Millisecond, 2 * time.Second},
		{"both routers forget everything", func(w *world, u both, _, _ *person) { w.air.forget(); u.alice.forget(); u.bob.forget() }, 7 * time.Second, 8 * time.Second},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRoamingWorld(t)
				alice, ua := w.roamer("alice")
				bob, ub := w.roamer("bob")
				befriend(alice, bob)
				alice.send(bob, "first", "first")
				await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
				r := rand.New(rand.NewPCG(1, 2))
				var f figures
				sent := map[string]time.Time{}
				var want []string
				n := 0
				say := func(spread time.Duration) {
					id := fmt.Sprint("m", n)
					n++
					sent[id] = time.Now()
					want = append(want, id)
					alice.send(bob, id, id)
					time.Sleep(time.Duration(r.Int64N(int64(spread))))
				}
				trials := 20
				if testing.Short() {
					trials = 4
				}
				for range trials {
					for range 20 {
						say(200 * time.Millisecond)
					}
					begun, before := time.Now(), n
					tt.fault(w, both{ua, ub}, alice, bob)
					for time.Since(begun) < 4*time.Second {
						say(200 * time.Millisecond)
					}
					time.Sleep(40 * time.Second)
					synctest.Wait()
					f.direct = append(f.direct, alice.directSince(begun)...)
					for id, took := range bob.arrivals(sent) {
						var k int
						fmt.Sscanf(id, "m%d", &k)
						if k >= before-1 && sent[id].Before(begun.Add(2*time.Second)) {
							f.delivery = append(f.delivery, took)
						}
					}
					clear(sent)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if got := bob.messages(alice.jid); !slices.Equal(got, append([]string{"first"}, want...)) {
					t.Errorf("bob was told %d messages of %d: %q", len(got), len(want)+1, got)
				}
				t.Logf("%s: %s (%d times)", tt.why, f.String(), trials)
				if d := f.delivery[len(f.delivery)*99/100]; d > tt.p99 {
					t.Errorf("what was pending took %v", d)
				}
				if tt.back > 0 && (len(f.direct) < trials || f.direct[len(f.direct)-1] > tt.back) {
					t.Errorf("direct again %d times of %d, after at most %v", len(f.direct), trials, f.direct)
				}
			})
		})
	}
}

// TestTheServerAloneStays breaks the sender's connection to the server without a word while
// no link is there to take over: only what is not acknowledged tells of it.
func TestTheServerAloneStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRoamingWorld(t)
		w.air.close(true)
		alice, line := w.roamer("alice")
		bob, _ := w.roamer("bob")
		befriend(alice, bob)
		sent := map[string]time.Time{}
		n := 0
		for range 10 {
			for range 30 {
				if n%30 == 10 {
					line.forget()
				}
				id := fmt.Sprint("m", n)
				sent[id] = time.Now()
				alice.send(bob, id, id)
				n++
				time.Sleep(150 * time.Millisecond)
			}
			time.Sleep(20 * time.Second)
		}
		took := bob.arrivals(sent)
		if len(took) != n {
			t.Errorf("%d of %d arrived", len(took), n)
		}
		var f figures
		for _, d := range took {
			f.delivery = append(f.delivery, d)
		}
		t.Log(f.String())
		if d := slices.Max(f.delivery); d > 1700*time.Millisecond {
			t.Errorf("one took %v", d)
		}
	})
}

// arrivals tells how long each of these messages took to be told.
func (p *person) arrivals(sent map[string]time.Time) map[string]time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]time.Duration{}
	for i, e := range p.events {
		if m, ok := e.(client.Message); ok {
			if at, ok := sent[m.ID]; ok {
				out[m.ID] = p.times[i].Sub(at)
			}
		}
	}
	return out
}

// directSince tells when a chat first went by the link alone again after a link that came up since then.
func (p *person) directSince(begun time.Time) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	up := false
	for i, e := range p.events {
		if p.times[i].Before(begun) {
			continue
		}
		switch e := e.(type) {
		case client.LinkChanged:
			up = up || e.State == client.LinkUp
		case client.RouteChanged:
			if up && e.Mode == path.ViaLink {
				return []time.Duration{p.times[i].Sub(begun)}
			}
		}
	}
	return nil
}
