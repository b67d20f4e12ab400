package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"godwit/jid"
	"godwit/store"
)

var commitTests = map[string]func(*testing.T, Stores){
	"an empty batch is done": func(t *testing.T, s Stores) {
		r, err := commit(t, s.Commits, store.Batch{})
		if err != nil || len(r.Archive)+len(r.Inbox) != 0 {
			t.Errorf("%+v %v", r, err)
		}
	},
	"the same message is one entry": func(t *testing.T, s Stores) {
		first := archive(t, s, entry(1))[0]
		e := entry(1)
		e.Stanza, e.Time, e.With = []byte("<message>other bytes</message>"), noon.Add(time.Hour), desk
		r, err := commit(t, s.Commits, store.Batch{Archive: []store.ArchiveEntry{e, entry(2), entry(2)}})
		ok(t, err)
		if r.Archive[0] != (store.Archived{ID: first, Duplicate: true}) {
			t.Errorf("resent: %+v", r.Archive[0])
		}
		if r.Archive[1].Duplicate || !r.Archive[2].Duplicate || r.Archive[2].ID != r.Archive[1].ID {
			t.Errorf("twice in one batch: %+v", r.Archive)
		}
		got := must[store.ArchiveEntry](t)(s.Archive.Entry(ctx, alice, first))
		if string(got.Stanza) != string(entry(1).Stanza) {
			t.Error("the second copy replaced the first")
		}
	},
	"what differs is not the same message": func(t *testing.T, s Stores) {
		archive(t, s, entry(1))
		owner, sender, origin, none := entry(1), entry(1), entry(1), entry(1)
		owner.Owner, sender.Sender, origin.OriginID, none.OriginID = carol, alice, "O1", ""
		r, err := commit(t, s.Commits, store.Batch{Archive: []store.ArchiveEntry{owner, sender, origin, none, none}})
		ok(t, err)
		for i, a := range r.Archive {
			if a.Duplicate {
				t.Errorf("entry %d is taken for a duplicate", i)
			}
		}
	},
	"ids may be given": func(t *testing.T, s Stores) {
		e := entry(1)
		e.ID = 1000
		if got := archive(t, s, e)[0]; got != 1000 {
			t.Fatalf("id %d", got)
		}
		if next := archive(t, s, entry(2))[0]; next <= 1000 {
			t.Errorf("next id %d", next)
		}
		e = entry(3)
		e.ID = 1000
		if _, err := commit(t, s.Commits, store.Batch{Archive: []store.ArchiveEntry{entry(4), e}}); !errors.Is(err, store.ErrExists) {
			t.Errorf("taken id: %v", err)
		}
		if p := query(t, s, store.ArchiveQuery{Max: 10}); len(p.Entries) != 2 {
			t.Errorf("the failed batch left something: %v", idsOf(p))
		}
	},
	"what can never be stored is refused at once": func(t *testing.T, s Stores) {
		change := func(f func(*store.ArchiveEntry)) store.Batch {
			e := entry(1)
			f(&e)
			return store.Batch{Archive: []store.ArchiveEntry{entry(0), e}}
		}
		add := func(f func(*store.InboxAdd)) store.Batch {
			a := waiting(alice, "x")
			f(&a)
			return store.Batch{Inbox: []store.InboxAdd{a}}
		}
		many := store.Batch{Deletes: []store.InboxDelete{{Owner: alice, IDs: make([]int64, store.MaxBatchEntries+1)}}}
		for why, c := range map[string]struct {
			b    store.Batch
			want error
		}{
			"no owner":           {change(func(e *store.ArchiveEntry) { e.Owner = jid.JID{} }), store.ErrInvalid},
			"full owner":         {change(func(e *store.ArchiveEntry) { e.Owner = phone }), store.ErrInvalid},
			"no other side":      {change(func(e *store.ArchiveEntry) { e.With = jid.JID{} }), store.ErrInvalid},
			"full sender":        {change(func(e *store.ArchiveEntry) { e.Sender = phone }), store.ErrInvalid},
			"no sender":          {change(func(e *store.ArchiveEntry) { e.Sender = jid.JID{} }), store.ErrInvalid},
			"no stanza":          {change(func(e *store.ArchiveEntry) { e.Stanza = nil }), store.ErrInvalid},
			"no time":            {change(func(e *store.ArchiveEntry) { e.Time = time.Time{} }), store.ErrInvalid},
			"negative id":        {change(func(e *store.ArchiveEntry) { e.ID = -1 }), store.ErrInvalid},
			"too large":          {change(func(e *store.ArchiveEntry) { e.Stanza = make([]byte, store.MaxBatchBytes) }), store.ErrLimit},
			"inbox no owner":     {add(func(a *store.InboxAdd) { a.Entry.Owner = jid.JID{} }), store.ErrInvalid},
			"inbox no stanza":    {add(func(a *store.InboxAdd) { a.Entry.Stanza = nil }), store.ErrInvalid},
			"inbox no time":      {add(func(a *store.InboxAdd) { a.Entry.Time = time.Time{} }), store.ErrInvalid},
			"depends on nothing": {add(func(a *store.InboxAdd) { a.IfNew = 1 }), store.ErrInvalid},
			"negative position":  {add(func(a *store.InboxAdd) { a.IfNew = -1 }), store.ErrInvalid},
			"negative quota":     {add(func(a *store.InboxAdd) { a.Quota.Bytes = -1 }), store.ErrInvalid},
			"delete for nobody":  {store.Batch{Deletes: []store.InboxDelete{{UpTo: 1}}}, store.ErrInvalid},
			"too many":           {many, store.ErrLimit},
		} {
			err := s.Commits.Commit(c.b, func(store.Result, error) { t.Errorf("%s: done was called", why) })
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v", why, err)
			}
		}
		if _, _, err := s.Archive.Metadata(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("something was stored: %v", err)
		}
	},
	"done comes in the order of handing over": func(t *testing.T, s Stores) {
		const n = 500
		var order []int
		var lastID int64
		finished := make(chan struct{})
		full := waiting(carol, "x")
		full.Quota.Bytes = 1
		for i := range n {
			b := store.Batch{Archive: []store.ArchiveEntry{entry(i)}}
			if i%7 == 3 {
				b.Inbox = []store.InboxAdd{full, full} // fails in the middle; its neighbours must not notice
			}
			ok(t, s.Commits.Commit(b, func(r store.Result, err error) {
				order = append(order, i)
				if (i%7 == 3) != errors.Is(err, store.ErrQuota) || (i%7 != 3) != (err == nil) {
					t.Errorf("batch %d: %v", i, err)
				}
				if err == nil {
					if r.Archive[0].ID <= lastID {
						t.Errorf("batch %d got id %d after %d", i, r.Archive[0].ID, lastID)
					}
					lastID = r.Archive[0].ID
				}
				if len(order) == n {
					close(finished)
				}
			}))
		}
		<-finished
		if !slices.IsSorted(order) {
			t.Error("done was called out of order")
		}
		p := query(t, s, store.ArchiveQuery{Count: true})
		if want := n - (n-3+6)/7; p.Count != want {
			t.Errorf("%d entries stored, want %d", p.Count, want)
		}
	},
	"many at once": func(t *testing.T, s Stores) {
		const writers, each = 16, 40
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				ch := make(chan outcome, 1)
				for i := range each {
					e := entry(i)
					e.OriginID = fmt.Sprintf("%d/%d", w, i%(each/2)) // each one twice
					if err := s.Commits.Commit(store.Batch{Archive: []store.ArchiveEntry{e}}, func(r store.Result, err error) { ch <- outcome{r, err} }); err != nil {
						t.Error(err)
						return
					}
					if o := <-ch; o.err != nil || o.result.Archive[0].Duplicate != (i >= each/2) {
						t.Errorf("%+v", o)
					}
					if _, err := s.Archive.Query(ctx, store.ArchiveQuery{Owner: alice, Max: 5, Backward: true}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if p := query(t, s, store.ArchiveQuery{Count: true}); p.Count != writers*each/2 {
			t.Errorf("%d entries", p.Count)
		}
	},
	"done may commit again": func(t *testing.T, s Stores) {
		finished := make(chan error, 1)
		ok(t, s.Commits.Commit(store.Batch{Archive: []store.ArchiveEntry{entry(1)}}, func(store.Result, error) {
			err := s.Commits.Commit(store.Batch{Archive: []store.ArchiveEntry{entry(2)}}, func(_ store.Result, err error) { finished <- err })
			if err != nil {
				finished <- err
			}
		}))
		ok(t, <-finished)
	},
	"close finishes what was handed over": func(t *testing.T, s Stores) {
		var mu sync.Mutex
		calls := 0
		for i := range 200 {
			ok(t, s.Commits.Commit(store.Batch{Archive: []store.ArchiveEntry{entry(i)}}, func(_ store.Result, err error) {
				mu.Lock()
				defer mu.Unlock()
				calls++
				if err != nil {
					t.Error(err)
				}
			}))
		}
		ok(t, s.Close())
		mu.Lock()
		defer mu.Unlock()
		if calls != 200 {
			t.Errorf("done was called %d times before Close returned", calls)
		}
		if err := s.Commits.Commit(store.Batch{}, func(store.Result, error) { t.Error("done after Close") }); !errors.Is(err, store.ErrClosed) {
			t.Errorf("commit after Close: %v", err)
		}
		if _, err := s.Archive.Highest(ctx); !errors.Is(err, store.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
		if err := s.Accounts.Create(ctx, account(alice, 1)); !errors.Is(err, store.ErrClosed) {
			t.Errorf("write after Close: %v", err)
		}
	},
}

var secretTests = map[string]func(*testing.T, Stores){
	"made once": func(t *testing.T, s Stores) {
		a := must[[]byte](t)(s.Secrets.Ensure(ctx, "salt", 32))
		b := must[[]byte](t)(s.Secrets.Ensure(ctx, "salt", 64))
		other := must[[]byte](t)(s.Secrets.Ensure(ctx, "other", 32))
		if len(a) != 32 || string(a) != string(b) || string(a) == string(other) {
			t.Errorf("%x %x %x", a, b, other)
		}
		if got := must[[]byte](t)(s.Secrets.Get(ctx, "salt")); string(got) != string(a) {
			t.Errorf("got %x", got)
		}
	},
	"put and get": func(t *testing.T, s Stores) {
		if _, err := s.Secrets.Get(ctx, "x"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		ok(t, s.Secrets.Put(ctx, "x", []byte("1")))
		ok(t, s.Secrets.Put(ctx, "x", []byte("2")))
		if got := must[[]byte](t)(s.Secrets.Get(ctx, "x")); string(got) != "2" {
			t.Errorf("%q", got)
		}
	},
	"bad ones are refused": func(t *testing.T, s Stores) {
		for why, err := range map[string]error{
			"short": second(s.Secrets.Ensure(ctx, "x", 8)), "long": second(s.Secrets.Ensure(ctx, "x", store.MaxSecretBytes+1)),
			"no name": second(s.Secrets.Ensure(ctx, "", 32)), "empty": s.Secrets.Put(ctx, "x", nil),
			"put no name": s.Secrets.Put(ctx, "", []byte("x")), "put long": s.Secrets.Put(ctx, "x", make([]byte, store.MaxSecretBytes+1)),
		} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
	},
}

func second[T any](_ T, err error) error { return err }
