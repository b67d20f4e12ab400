package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/store"
)

// lastingTests concern what happens between processes.
var lastingTests = map[string]func(*testing.T, Stores){
	"everything is there after reopening": func(t *testing.T, s Stores) {
		if s.Reopen == nil {
			t.Skip("this implementation keeps nothing")
		}
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		v := put(t, s, store.RosterItem{JID: bob, Groups: []string{"g"}})
		id := archive(t, s, entry(1))[0]
		inboxID := deposit(t, s, waiting(alice, "x"))[0]
		secret := must[[]byte](t)(s.Secrets.Ensure(ctx, "k", 32))
		ok(t, s.Blocklist.Add(ctx, alice, []jid.JID{bob}, 0))
		n := makeNode(t, s, alice, "n", 2)
		publish(t, s, alice, "n", "i")
		ok(t, s.Close())
		r := s.Reopen(t)
		defer r.Close()
		if got := must[store.Account](t)(r.Accounts.Get(ctx, alice)); !cmp.Equal(got, account(alice, 1), cmpJID) {
			t.Errorf("%+v", got)
		}
		if items, version, err := r.Roster.Load(ctx, alice); err != nil || len(items) != 1 || version != v {
			t.Errorf("%v %d %v", items, version, err)
		}
		if e := must[store.ArchiveEntry](t)(r.Archive.Entry(ctx, alice, id)); string(e.Stanza) != string(entry(1).Stanza) {
			t.Errorf("%+v", e)
		}
		if h := must[int64](t)(r.Archive.Highest(ctx)); h != inboxID {
			t.Errorf("highest %d, want %d", h, inboxID)
		}
		if got := texts(load(t, r, alice)); got != "x" {
			t.Errorf("inbox %q", got)
		}
		if got := must[[]byte](t)(r.Secrets.Get(ctx, "k")); string(got) != string(secret) {
			t.Error("another secret")
		}
		if l := must[[]jid.JID](t)(r.Blocklist.Load(ctx, alice)); !slices.Equal(l, []jid.JID{bob}) {
			t.Errorf("blocklist %v", l)
		}
		if got := must[store.Node](t)(r.PubSub.Node(ctx, alice, "n")); !cmp.Equal(got, n, cmpJID) {
			t.Errorf("node %+v, was %+v", got, n)
		}
		if got := items(t, r, alice, "n", store.ItemQuery{}); got != "i" {
			t.Errorf("items %s", got)
		}
	},
	"ids are not used again after reopening": func(t *testing.T, s Stores) {
		if s.Reopen == nil {
			t.Skip("this implementation keeps nothing")
		}
		last := deposit(t, s, waiting(alice, "x"))[0]
		_, err := commit(t, s.Commits, store.Batch{Deletes: []store.InboxDelete{{Owner: alice, UpTo: last}}})
		ok(t, err)
		ok(t, s.Close())
		r := s.Reopen(t)
		defer r.Close()
		if id := archive(t, r, entry(1))[0]; id <= last {
			t.Errorf("id %d after %d", id, last)
		}
	},
	"another process sees and is seen at once": func(t *testing.T, s Stores) {
		if s.Second == nil {
			t.Skip("this implementation is for one process")
		}
		o := s.Second(t)
		defer o.Close()
		_, err := s.Accounts.Get(ctx, alice)
		if !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		ok(t, o.Accounts.Create(ctx, account(alice, 1)))
		must[store.Account](t)(s.Accounts.Get(ctx, alice))
		ok(t, o.Accounts.SetCredentials(ctx, alice, credentials(7)))
		if got := must[store.Account](t)(s.Accounts.Get(ctx, alice)); got.Credentials["SHA-1"].Salt[0] != 7 {
			t.Error("old credentials")
		}
		full := waiting(alice, "x")
		full.Quota.Entries = 1
		deposit(t, s, full)
		archive(t, s, entry(1))
		ok(t, o.Accounts.Remove(ctx, alice))
		if _, err := s.Accounts.Get(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		deposit(t, s, full) // the quota counts what is there now
		if r, err := commit(t, s.Commits, store.Batch{Archive: []store.ArchiveEntry{entry(1)}}); err != nil || r.Archive[0].Duplicate {
			t.Errorf("after the account was removed: %+v %v", r, err)
		}
	},
	"two processes that write never get the same id": func(t *testing.T, s Stores) {
		if s.Second == nil {
			t.Skip("this implementation is for one process")
		}
		o := s.Second(t)
		defer o.Close()
		const n = 50
		ch := make(chan outcome, 2*n)
		for i := range n {
			for _, c := range []store.Committer{s.Commits, o.Commits} {
				ok(t, c.Commit(store.Batch{Inbox: []store.InboxAdd{waiting(alice, string(rune('a'+i)))}}, func(r store.Result, err error) { ch <- outcome{r, err} }))
			}
		}
		var ids []int64
		for range 2 * n {
			got := <-ch
			ok(t, got.err)
			ids = append(ids, got.result.Inbox[0])
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 2*n {
			t.Error("an id was given twice")
		}
		if size := must[store.InboxSize](t)(s.Inbox.Size(ctx, alice)); size.Entries != 2*n {
			t.Errorf("%+v", size)
		}
	},
	"secrets made at once are one": func(t *testing.T, s Stores) {
		if s.Second == nil {
			t.Skip("this implementation is for one process")
		}
		o := s.Second(t)
		defer o.Close()
		ch := make(chan []byte, 2)
		for _, x := range []store.Secrets{s.Secrets, o.Secrets} {
			go func() {
				b, _ := x.Ensure(ctx, "k", 32)
				ch <- b
			}()
		}
		if a, b := <-ch, <-ch; len(a) != 32 || string(a) != string(b) {
			t.Errorf("%x %x", a, b)
		}
	},
	"a context that has ended stops a question": func(t *testing.T, s Stores) {
		short, cancel := withCancel()
		cancel()
		if _, err := s.Accounts.Get(short, alice); !errors.Is(err, short.Err()) {
			t.Errorf("read: %v", err)
		}
		if err := s.Accounts.Create(short, account(alice, 1)); !errors.Is(err, short.Err()) {
			t.Errorf("write: %v", err)
		}
		if _, err := s.Accounts.Get(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("it was written all the same: %v", err)
		}
		_, err := s.Archive.Purge(short, time.Now(), 1)
		if !errors.Is(err, short.Err()) {
			t.Errorf("purge: %v", err)
		}
	},
}
