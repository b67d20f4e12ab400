package account_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
)

// TestMailboxOrder: events of one goroutine are dealt with in its order, one at a time, whether it works on them itself or not, while the
// account is forgotten and made anew all the time.
func TestMailboxOrder(t *testing.T) {
	w := newWorld(t, account.Limits{})
	owner := jid.MustParse("ghost@localhost") // without sessions: forgotten whenever nothing is queued
	const senders, each = 8, 2000
	next := make([]int, senders) // owned by the account's writer
	busy := false
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			var done sync.WaitGroup
			for i := range each {
				done.Add(1)
				w.Post(owner, (s+i)%2 == 0, func() {
					defer done.Done()
					if busy {
						t.Error("two at a time")
					}
					busy = true
					if next[s] != i {
						t.Errorf("event %d of %d came when it was the turn of %d", i, s, next[s])
					}
					next[s]++
					busy = false
				})
			}
			done.Wait()
		})
	}
	all.Wait()
	w.Quiesce()
	for range 1_000_000 { // the last event is done; the goroutine that ran it is about to forget the account
		if !w.Loaded(owner) {
			return
		}
		runtime.Gosched()
	}
	t.Error("an account without sessions stays in memory")
}

// TestPanicEndsOnlyTheEvent: a defect is logged, and the account goes on.
func TestPanicEndsOnlyTheEvent(t *testing.T) {
	w := newWorld(t, account.Limits{})
	owner := w.account(t, "alice")
	w.Post(owner, true, func() { panic("defect") })
	ran := false
	w.Post(owner, true, func() { ran = true })
	if !ran {
		t.Error("nothing is dealt with after a panic")
	}
}

// TestCrowdedMailboxHoldsReadersUp: what is queued for an account that waits for the disk stays bounded, however fast others send.
func TestCrowdedMailboxHoldsReadersUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, account.Limits{})
		bob := w.account(t, "bob")
		out := newOutlet()
		w.online(t, "bob@localhost/desk", out, account.SessionOptions{})
		stuck := make(chan struct{})
		w.Post(bob, false, func() { <-stuck })
		synctest.Wait()
		sent := 0
		go func() {
			for i := range 5000 {
				w.AwaitRoom(context.Background(), bob)
				w.deliverTo(chat("bob@localhost", "alice@localhost/x", fmt.Sprint(i)), 0)
				sent++
			}
		}()
		synctest.Wait()
		if sent != 1024 {
			t.Errorf("%d were taken for an account that does not move", sent)
		}
		close(stuck)
		synctest.Wait()
		if sent != 5000 || len(out.ids()) != 5000 {
			t.Errorf("%d sent, %d arrived", sent, len(out.ids()))
		}
		// A reader whose server stops waits no longer.
		stuck = make(chan struct{})
		defer close(stuck)
		w.Post(bob, false, func() { <-stuck })
		for range 2000 {
			w.Post(bob, false, func() {})
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.AwaitRoom(ctx, bob)
	})
}

// TestEndingWhileWalking: a message to an account may end one of its sessions on the way; the others get it once each.
func TestEndingWhileWalking(t *testing.T) {
	w := newWorld(t, account.Limits{})
	w.account(t, "bob")
	first, full, third, last := newOutlet(), newManaged(600), newOutlet(), newOutlet()
	w.online(t, "bob@localhost/1", first, account.SessionOptions{})
	s := w.online(t, "bob@localhost/2", full, account.SessionOptions{ResumeFor: 1e12})
	w.online(t, "bob@localhost/3", third, account.SessionOptions{})
	w.online(t, "bob@localhost/4", last, account.SessionOptions{})
	w.Lost(s, full, fmt.Errorf("cable pulled"))
	var want []string
	for i := range 5 {
		w.deliverTo(chat("bob@localhost", "alice@localhost/x", fmt.Sprint(i)), 0)
		want = append(want, fmt.Sprint(i))
	}
	w.Quiesce()
	for name, out := range map[string]*outlet{"1": first, "3": third, "4": last} {
		if got := out.ids(); !slices.Equal(got, want) {
			t.Errorf("resource %s got %v, want %v", name, got, want)
		}
	}
	if n := w.Counters.Sessions.Load(); n != 3 {
		t.Errorf("%d sessions left, want 3: the lost one was owed too much", n)
	}
	for _, st := range last.all() {
		if st.Kind == stanza.Presence && st.Type == stanza.Unavailable && st.From == s.JID {
			return
		}
	}
	t.Error("nobody was told that the session ended")
}
