package account_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
	"godwit/store"
	"godwit/xmlstream"
)

func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func big(to, from, id string) *stanza.Stanza {
	return stanza.Build(stanza.Message, stanza.Chat, jid.MustParse(to), jid.MustParse(from), id, func(e *xmlstream.Encoder) {
		e.Leaf("jabber:client", "body", strings.Repeat("x", 20_000))
	})
}

// TestInboxWaitsForSlowClient: a full inbox is handed over only as fast as the client takes it, in order, with what arrives meanwhile behind
// it; so its size never ends a stream.
func TestInboxWaitsForSlowClient(t *testing.T) {
	for _, managed := range []bool{true, false} {
		t.Run(fmt.Sprint("managed ", managed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, account.Limits{})
				w.account(t, "bob")
				for _, id := range numbers(0, 100) { // 2 MB
					w.put(t, big("bob@localhost", "alice@localhost/x", id))
				}
				out := newOutlet()
				if managed {
					out = newManaged(1 << 20)
				} else {
					out.queued = 1 << 20
				}
				s := w.online(t, "bob@localhost/desk", out, account.SessionOptions{})
				first := len(out.ids())
				if managed && (first == 0 || first > 20) || !managed && first != 0 {
					t.Errorf("%d messages of 20 kB were handed over at once", first)
				}
				if w.Reachable(s.Owner()) != 0 {
					t.Error("what comes now would overtake what waits")
				}
				w.deliverTo(chat("bob@localhost", "alice@localhost/x", "100"), 0)
				for i := 0; len(out.ids()) < 101 && i < 1000; i++ {
					if managed {
						w.Acked(s, out.ack())
					} else {
						out.setQueued(i % 2 << 20)
					}
					time.Sleep(60 * time.Millisecond) // in the bubble's time
				}
				if got := out.ids(); !slices.Equal(got, numbers(0, 101)) {
					t.Errorf("got %v", got)
				}
				if managed {
					w.Acked(s, out.ack())
				}
				synctest.Wait()
				w.Quiesce()
				if size, err := w.store.Inbox().Size(t.Context(), s.Owner()); err != nil || size.Entries != 0 {
					t.Errorf("%d entries stay in the inbox, %v", size.Entries, err)
				}
				if w.Reachable(s.Owner()) != 1 {
					t.Error("the session does not count as reachable afterwards")
				}
			})
		})
	}
}

// TestCatchUpGoesOnElsewhere: the session that is being handed the inbox leaves; another takes the rest.
func TestCatchUpGoesOnElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, account.Limits{})
		w.account(t, "bob")
		for _, id := range numbers(0, 3) {
			w.put(t, chat("bob@localhost", "alice@localhost/x", id))
		}
		slow, other := newOutlet(), newOutlet()
		slow.queued = 1 << 20
		s := w.online(t, "bob@localhost/slow", slow, account.SessionOptions{})
		w.online(t, "bob@localhost/other", other, account.SessionOptions{})
		if len(slow.ids())+len(other.ids()) != 0 {
			t.Fatal("handed over though the client takes nothing")
		}
		w.Lost(s, slow, io.EOF)
		synctest.Wait()
		if got := other.ids(); !slices.Equal(got, numbers(0, 3)) {
			t.Errorf("the other got %v", got)
		}
	})
}

// TestInboxAndEnvelopeMeet: a message that reached the inbox just before a session read it, and whose envelope comes after, is delivered once.
func TestInboxAndEnvelopeMeet(t *testing.T) {
	w := newWorld(t, account.Limits{})
	w.account(t, "bob")
	st := chat("bob@localhost", "alice@localhost/x", "1")
	id := w.put(t, st)
	out := newManaged(0)
	w.online(t, "bob@localhost/desk", out, account.SessionOptions{})
	w.deliverTo(st, id)
	if got := out.ids(); !slices.Equal(got, []string{"1"}) {
		t.Errorf("delivered as %v", got)
	}
}

// TestKeptWhileComingOnline: a message that has to be kept while a session comes online reaches it.
func TestKeptWhileComingOnline(t *testing.T) {
	w := newWorld(t, account.Limits{})
	w.account(t, "bob")
	out := newOutlet()
	s := w.Join(jid.MustParse("bob@localhost/desk"), out, account.SessionOptions{})
	w.deliverTo(chat("bob@localhost", "alice@localhost/x", "1"), 0) // on its way to the disk
	w.presence(t, s, "")
	out.wait(t, 2) // its own presence, and the message
	w.Quiesce()
	if got := out.ids(); !slices.Equal(got, []string{"1"}) {
		t.Errorf("delivered as %v", got)
	}
}

// TestAckDeadline: a client that takes nothing any more is found out by what is sent to it, and its session waits to be resumed.
func TestAckDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, account.Limits{})
		w.account(t, "bob")
		out := newManaged(0)
		s := w.online(t, "bob@localhost/desk", out, account.SessionOptions{ResumeFor: time.Minute})
		w.Acked(s, out.ack())
		time.Sleep(time.Hour)
		if asked, aborted := out.state(); asked != 0 || aborted {
			t.Fatalf("a client that owes nothing was asked %d times, aborted %v", asked, aborted)
		}
		w.deliverTo(chat("bob@localhost", "alice@localhost/x", "1"), 0)
		time.Sleep(3 * time.Second)
		if asked, _ := out.state(); asked != 1 {
			t.Fatalf("asked %d times after a message", asked)
		}
		w.Acked(s, out.ack())
		time.Sleep(2 * time.Minute)
		if _, aborted := out.state(); aborted {
			t.Fatal("given up though it answered")
		}
		w.deliverTo(chat("bob@localhost", "alice@localhost/x", "2"), 0)
		time.Sleep(2 * time.Minute)
		if _, aborted := out.state(); !aborted {
			t.Fatal("not given up though it did not answer")
		}
		w.Lost(s, out, errors.New("aborted"))
		if n := w.Counters.Hibernating.Load(); n != 1 {
			t.Fatalf("%d hibernate", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := w.Counters.Sessions.Load(); n != 0 {
			t.Errorf("%d sessions after the time to resume", n)
		}
		if w.InMemory() != 0 {
			t.Error("an account without sessions stays in memory")
		}
		if size, err := w.store.Inbox().Size(t.Context(), s.Owner()); err != nil || size.Entries != 1 {
			t.Errorf("%d messages wait, %v; want the one that was not acknowledged", size.Entries, err)
		}
	})
}

// TestManyAccountsLeaveNothing: accounts are in memory only while something happens to them.
func TestManyAccountsLeaveNothing(t *testing.T) {
	w := newWorld(t, account.Limits{})
	for i := range 500 {
		name := fmt.Sprint("user", i)
		w.account(t, name)
		s := w.online(t, name+"@localhost/r", newOutlet(), account.SessionOptions{})
		w.deliverTo(chat("nobody@localhost", name+"@localhost/r", "x"), 0)
		w.Lost(s, s.Outlet(), io.EOF)
	}
	w.Quiesce()
	synced := make(chan error, 1)
	if err := w.store.Commit(store.Batch{}, func(_ store.Result, err error) { synced <- err }); err != nil {
		t.Fatal(err)
	}
	<-synced
	w.Quiesce()
	if n := w.InMemory(); n != 0 {
		t.Errorf("%d accounts stay in memory", n)
	}
}

// TestDirectedPresenceEnds: whoever got directed presence hears of the end of the session, once.
func TestDirectedPresenceEnds(t *testing.T) {
	w := newWorld(t, account.Limits{Directed: 2})
	w.account(t, "alice")
	w.account(t, "bob")
	a, b := newOutlet(), newOutlet()
	alice := w.Join(jid.MustParse("alice@localhost/x"), a, account.SessionOptions{})
	w.online(t, "bob@localhost/y", b, account.SessionOptions{})
	for range 3 {
		w.Direct(alice, stanza.Build(stanza.Presence, stanza.Available, jid.MustParse("bob@localhost"), alice.JID, "", nil), true)
	}
	w.Lost(alice, a, io.EOF)
	w.Quiesce()
	var types []string
	for _, st := range b.all() {
		if st.From == alice.JID {
			types = append(types, st.Type)
		}
	}
	if !slices.Equal(types, []string{"", "", "", stanza.Unavailable}) {
		t.Errorf("bob saw %q", types)
	}
}

// TestInboxOverlapsArchive: a client that reads its archive is spared what it finds there, but not what was stored so shortly before that its
// question may have come first.
func TestInboxOverlapsArchive(t *testing.T) {
	for _, tt := range []struct {
		why  string
		wait time.Duration
		want []string
	}{
		{"found in the archive", time.Minute, nil},
		{"perhaps not found in the archive", time.Second, []string{"1"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, account.Limits{})
				w.account(t, "bob")
				st := chat("bob@localhost", "alice@localhost/x", "1")
				add := w.InboxAdd(st, time.Now())
				add.IfNew = 1
				done := make(chan error, 1)
				err := w.store.Commit(store.Batch{
					Archive: []store.ArchiveEntry{{Owner: st.To.Bare(), With: st.From, Time: time.Now(), Sender: st.From.Bare(), OriginID: "1", Stanza: st.Append(nil, "")}},
					Inbox:   []store.InboxAdd{add},
				}, func(_ store.Result, err error) { done <- err })
				if err != nil {
					t.Fatal(err)
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.wait)
				out := newOutlet()
				w.online(t, "bob@localhost/desk", out, account.SessionOptions{Bind2: true})
				synctest.Wait()
				w.Quiesce()
				if got := out.ids(); !slices.Equal(got, tt.want) {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			})
		})
	}
}
