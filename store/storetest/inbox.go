package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"godwit/jid"
	"godwit/store"
)

func deposit(t *testing.T, s Stores, adds ...store.InboxAdd) []int64 {
	t.Helper()
	r, err := commit(t, s.Commits, store.Batch{Inbox: adds})
	ok(t, err)
	return r.Inbox
}

func load(t *testing.T, s Stores, owner jid.JID) []store.InboxEntry {
	t.Helper()
	l, more, err := s.Inbox.Load(ctx, owner, 0, 0, noon)
	ok(t, err)
	if more {
		t.Fatal("more than a page")
	}
	return l
}

func texts(l []store.InboxEntry) (all string) {
	for _, e := range l {
		all += string(e.Stanza)
	}
	return all
}

var inboxTests = map[string]func(*testing.T, Stores){
	"added entries come back in order": func(t *testing.T, s Stores) {
		a := waiting(alice, "1")
		a.Entry.Expires = noon.Add(time.Hour)
		ids := deposit(t, s, a, waiting(bob, "x"), waiting(alice, "2"))
		ids = append(ids, deposit(t, s, waiting(alice, "3"))...)
		l := load(t, s, alice)
		if texts(l) != "123" || l[0].ID != ids[0] || l[1].ID != ids[2] || l[2].ID != ids[3] {
			t.Errorf("%+v, ids %v", l, ids)
		}
		if e := l[0]; e.Archived != 0 || e.Owner != alice || !e.Time.Equal(noon) || !e.Expires.Equal(a.Entry.Expires) || !l[1].Expires.IsZero() {
			t.Errorf("%+v", e)
		}
	},
	"load pages": func(t *testing.T, s Stores) {
		for _, c := range "abcdefg" {
			deposit(t, s, waiting(alice, string(c)))
		}
		var got string
		after := int64(0)
		for range 4 { // three pages, and one so that an answer that never ends fails
			l, more, err := s.Inbox.Load(ctx, alice, after, 3, noon)
			ok(t, err)
			got += texts(l)
			if more != (len(got) < 7) {
				t.Fatalf("after %q more is %t", got, more)
			}
			if !more {
				break
			}
			after = l[len(l)-1].ID
		}
		if got != "abcdefg" {
			t.Error(got)
		}
	},
	"a page is bounded in bytes": func(t *testing.T, s Stores) {
		big := string(bytes.Repeat([]byte("x"), store.MaxInboxPageBytes/2))
		deposit(t, s, waiting(alice, big))
		deposit(t, s, waiting(alice, big), waiting(alice, "y"))
		l, more, err := s.Inbox.Load(ctx, alice, 0, 0, noon)
		if err != nil || len(l) != 2 || !more {
			t.Errorf("%d entries, more %t, %v", len(l), more, err)
		}
	},
	"deletes": func(t *testing.T, s Stores) {
		var ids []int64
		for _, c := range "abcdef" {
			ids = append(ids, deposit(t, s, waiting(alice, string(c)))...)
		}
		theirs := deposit(t, s, waiting(bob, "x"))
		_, err := commit(t, s.Commits, store.Batch{Deletes: []store.InboxDelete{
			{Owner: alice, UpTo: ids[1], IDs: []int64{ids[4], ids[4], theirs[0], 1 << 40}},
			{Owner: carol, UpTo: 1 << 40},
		}})
		ok(t, err)
		if got := texts(load(t, s, alice)); got != "cdf" {
			t.Error(got)
		}
		if got := texts(load(t, s, bob)); got != "x" {
			t.Errorf("bob's inbox after alice deleted from hers: %q", got)
		}
		if n := must[store.InboxSize](t)(s.Inbox.Size(ctx, alice)); n != (store.InboxSize{Entries: 3, Bytes: 3}) {
			t.Errorf("%+v", n)
		}
	},
	"expired entries are not delivered, and go": func(t *testing.T, s Stores) {
		for i, c := range "abc" {
			a := waiting(alice, string(c))
			a.Entry.Expires = noon.Add(time.Duration(i) * time.Minute)
			deposit(t, s, a)
		}
		deposit(t, s, waiting(alice, "d"))
		if got := texts(load(t, s, alice)); got != "bcd" { // an entry expires at its time, not after it
			t.Errorf("loaded %q", got)
		}
		if n := must[int](t)(s.Inbox.Expire(ctx, noon.Add(time.Minute), 1)); n != 1 {
			t.Errorf("first step removed %d", n)
		}
		if n := must[int](t)(s.Inbox.Expire(ctx, noon.Add(time.Minute), 100)); n != 1 {
			t.Errorf("second step removed %d", n)
		}
		if got := texts(load(t, s, alice)); got != "cd" {
			t.Errorf("left %q", got)
		}
		if n := must[store.InboxSize](t)(s.Inbox.Size(ctx, alice)); n != (store.InboxSize{Entries: 2, Bytes: 2}) {
			t.Errorf("%+v", n)
		}
	},
	"quota by entries": func(t *testing.T, s Stores) {
		a := waiting(alice, "x")
		a.Quota.Entries = 2
		deposit(t, s, a)
		deposit(t, s, a)
		if _, err := commit(t, s.Commits, store.Batch{Inbox: []store.InboxAdd{a}}); !errors.Is(err, store.ErrQuota) {
			t.Fatalf("third: %v", err)
		}
		b := a
		b.Entry.Owner = bob
		deposit(t, s, b)
		_, err := commit(t, s.Commits, store.Batch{Deletes: []store.InboxDelete{{Owner: alice, UpTo: load(t, s, alice)[0].ID}}})
		ok(t, err)
		deposit(t, s, a) // there is room again
	},
	"quota by bytes": func(t *testing.T, s Stores) {
		a := waiting(alice, "12345")
		a.Quota.Bytes = 10
		deposit(t, s, a, a)
		a.Entry.Stanza = []byte("1")
		if _, err := commit(t, s.Commits, store.Batch{Inbox: []store.InboxAdd{a}}); !errors.Is(err, store.ErrQuota) {
			t.Fatal(err)
		}
	},
	"a full inbox undoes the whole batch": func(t *testing.T, s Stores) {
		a := waiting(alice, "x")
		a.Quota.Entries = 2
		deposit(t, s, a)
		for why, b := range map[string]store.Batch{
			"the second add does not fit": {Inbox: []store.InboxAdd{a, a}, Archive: []store.ArchiveEntry{entry(1)}},
			"nor does it without archive": {Inbox: []store.InboxAdd{waiting(bob, "y"), a, a}},
		} {
			if _, err := commit(t, s.Commits, b); !errors.Is(err, store.ErrQuota) {
				t.Errorf("%s: %v", why, err)
			}
		}
		if got := texts(load(t, s, alice)) + texts(load(t, s, bob)); got != "x" {
			t.Errorf("inboxes hold %q", got)
		}
		if _, _, err := s.Archive.Metadata(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the archive keeps an entry of a failed batch: %v", err)
		}
	},
	"an add that depends on a new archive entry": func(t *testing.T, s Stores) {
		e := entry(1)
		e.Owner = bob
		add := waiting(bob, "once")
		add.IfNew = 2
		add.Quota.Entries = 1
		b := store.Batch{Archive: []store.ArchiveEntry{entry(1), e}, Inbox: []store.InboxAdd{add}}
		first, err := commit(t, s.Commits, b)
		ok(t, err)
		// Handed over again: the same ids stand, nothing waits twice, and a full inbox is no reason to fail.
		again, err := commit(t, s.Commits, b)
		ok(t, err)
		for i := range again.Archive {
			if !again.Archive[i].Duplicate || again.Archive[i].ID != first.Archive[i].ID {
				t.Errorf("archive entry %d: %+v then %+v", i, first.Archive[i], again.Archive[i])
			}
		}
		if first.Inbox[0] == 0 || again.Inbox[0] != 0 {
			t.Errorf("inbox ids %v then %v", first.Inbox, again.Inbox)
		}
		l := load(t, s, bob)
		if got := texts(l); got != "once" {
			t.Fatalf("inbox holds %q", got)
		}
		if l[0].Archived != first.Archive[1].ID {
			t.Errorf("waits as archive entry %d, is %d", l[0].Archived, first.Archive[1].ID)
		}
		// A new one finds the inbox full; the archive has it, so nothing is lost and nothing fails.
		b.Archive[1].OriginID = "other"
		third, err := commit(t, s.Commits, b)
		ok(t, err)
		if third.Inbox[0] != 0 || third.Archive[1].Duplicate || texts(load(t, s, bob)) != "once" {
			t.Errorf("a new message into a full inbox: %+v, inbox %q", third, texts(load(t, s, bob)))
		}
		if _, err := s.Archive.Entry(ctx, bob, third.Archive[1].ID); err != nil {
			t.Errorf("the archive lacks it: %v", err)
		}
	},
}
