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

// slot is an upload of alice's that expires an hour after noon.
func slot(id string, size int64) store.Upload {
	return store.Upload{ID: id, Owner: alice, Name: "très cool.jpg", Type: "image/jpeg", Size: size, Token: []byte("hash"), State: store.UploadSlot,
		Created: noon, Expires: noon.Add(time.Hour)}
}

var uploadTests = map[string]func(*testing.T, Stores){
	"from slot to file": func(t *testing.T, s Stores) {
		if _, err := s.Uploads.Upload(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("before it was there: %v", err)
		}
		want := slot("a", 7)
		ok(t, s.Uploads.Reserve(ctx, want, store.UploadQuota{}, noon))
		if err := s.Uploads.Reserve(ctx, want, store.UploadQuota{}, noon); !errors.Is(err, store.ErrExists) {
			t.Errorf("the same id again: %v", err)
		}
		if err := s.Uploads.Finish(ctx, "a", noon, noon.Add(time.Hour)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("finished before it began: %v", err)
		}
		until, kept := noon.Add(2*time.Hour), noon.Add(30*24*time.Hour)
		ok(t, s.Uploads.Begin(ctx, "a", noon, until))
		if err := s.Uploads.Begin(ctx, "a", noon, until); !errors.Is(err, store.ErrExists) {
			t.Errorf("used twice: %v", err)
		}
		ok(t, s.Uploads.Finish(ctx, "a", noon, kept))
		if err := s.Uploads.Finish(ctx, "a", noon, kept); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("finished twice: %v", err)
		}
		want.State, want.Expires = store.UploadStored, kept
		if got := must[store.Upload](t)(s.Uploads.Upload(ctx, "a")); !cmp.Equal(got, want, cmpJID) {
			t.Errorf("%+v, want %+v", got, want)
		}
		ok(t, s.Uploads.Remove(ctx, "a"))
		ok(t, s.Uploads.Remove(ctx, "a"))
		if _, err := s.Uploads.Upload(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after it was removed: %v", err)
		}
	},
	"one of many gets the slot": func(t *testing.T, s Stores) {
		ok(t, s.Uploads.Reserve(ctx, slot("a", 7), store.UploadQuota{}, noon))
		const n = 8
		errs := make(chan error, n)
		for range n {
			go func() { errs <- s.Uploads.Begin(ctx, "a", noon, noon.Add(time.Hour)) }()
		}
		got := 0
		for range n {
			switch err := <-errs; {
			case err == nil:
				got++
			case !errors.Is(err, store.ErrExists):
				t.Error(err)
			}
		}
		if got != 1 {
			t.Errorf("%d got it", got)
		}
	},
	"the quota counts what has not expired": func(t *testing.T, s Stores) {
		q := store.UploadQuota{Files: 3, Bytes: 100}
		early := slot("a", 60)
		early.Expires = noon.Add(time.Minute)
		ok(t, s.Uploads.Reserve(ctx, early, q, noon))
		if err := s.Uploads.Reserve(ctx, slot("b", 41), q, noon); !errors.Is(err, store.ErrLimit) {
			t.Errorf("one byte too many: %v", err)
		}
		ok(t, s.Uploads.Reserve(ctx, slot("b", 40), q, noon))
		other := slot("o", 100)
		other.Owner = bob
		ok(t, s.Uploads.Reserve(ctx, other, q, noon))
		want := store.UploadUsage{Files: 2, Bytes: 100, Next: early.Expires}
		if got := must[store.UploadUsage](t)(s.Uploads.Usage(ctx, alice, noon)); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		later := noon.Add(time.Minute)
		if err := s.Uploads.Begin(ctx, "a", later, later.Add(time.Hour)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an expired slot was taken: %v", err)
		}
		ok(t, s.Uploads.Reserve(ctx, slot("c", 60), q, later))
		ok(t, s.Uploads.Begin(ctx, "b", later, later.Add(time.Hour)))
		ok(t, s.Uploads.Remove(ctx, "c"))
		ok(t, s.Uploads.Reserve(ctx, slot("d", 0), q, later))
		ok(t, s.Uploads.Reserve(ctx, slot("e", 0), q, later))
		if err := s.Uploads.Reserve(ctx, slot("f", 0), q, later); !errors.Is(err, store.ErrLimit) {
			t.Errorf("one file too many: %v", err)
		}
		if got := must[store.UploadUsage](t)(s.Uploads.Usage(ctx, carol, noon)); got != (store.UploadUsage{}) {
			t.Errorf("of somebody without: %+v", got)
		}
	},
	"what has expired is told until it is removed": func(t *testing.T, s Stores) {
		for i, id := range []string{"a", "b", "c"} {
			u := slot(id, 1)
			u.Expires = noon.Add(time.Duration(i) * time.Minute)
			ok(t, s.Uploads.Reserve(ctx, u, store.UploadQuota{}, noon.Add(-time.Hour)))
		}
		expired := func(at time.Time, max int) []string {
			ids := must[[]string](t)(s.Uploads.Expired(ctx, at, max))
			slices.Sort(ids)
			return ids
		}
		if got := expired(noon.Add(-time.Second), 0); len(got) != 0 {
			t.Errorf("too early: %v", got)
		}
		if got := expired(noon.Add(time.Minute), 0); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%v", got)
		}
		if got := expired(noon.Add(time.Hour), 2); len(got) != 2 {
			t.Errorf("a page of two: %v", got)
		}
		ok(t, s.Uploads.Remove(ctx, "a"))
		if got := expired(noon.Add(time.Hour), 0); !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("%v", got)
		}
	},
	"they go with their account": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		ok(t, s.Uploads.Reserve(ctx, slot("a", 1), store.UploadQuota{}, noon))
		ok(t, s.Uploads.Reserve(ctx, slot("b", 1), store.UploadQuota{}, noon))
		ok(t, s.Uploads.Begin(ctx, "b", noon, noon.Add(time.Hour)))
		other := slot("o", 1)
		other.Owner = bob
		ok(t, s.Uploads.Reserve(ctx, other, store.UploadQuota{}, noon))
		ok(t, s.Accounts.Remove(ctx, alice))
		ids := must[[]string](t)(s.Uploads.Expired(ctx, noon, 0))
		slices.Sort(ids)
		if !slices.Equal(ids, []string{"a", "b"}) {
			t.Errorf("expired with the account: %v", ids)
		}
		if err := s.Uploads.Finish(ctx, "b", noon, noon.Add(time.Hour)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one under way was finished: %v", err)
		}
		if got := must[store.UploadUsage](t)(s.Uploads.Usage(ctx, alice, noon)); got.Files != 0 {
			t.Errorf("%+v", got)
		}
	},
	"bad ones are refused": func(t *testing.T, s Stores) {
		for why, change := range map[string]func(*store.Upload){
			"no id":             func(u *store.Upload) { u.ID = "" },
			"a long id":         func(u *store.Upload) { u.ID = string(make([]byte, 65)) },
			"a negative size":   func(u *store.Upload) { u.Size = -1 },
			"a full owner":      func(u *store.Upload) { u.Owner = phone },
			"no owner":          func(u *store.Upload) { u.Owner = jid.JID{} },
			"stored from birth": func(u *store.Upload) { u.State = store.UploadStored },
			"no end":            func(u *store.Upload) { u.Expires = time.Time{} },
			"an endless name":   func(u *store.Upload) { u.Name = string(make([]byte, 2000)) },
		} {
			u := slot("a", 1)
			change(&u)
			if err := s.Uploads.Reserve(ctx, u, store.UploadQuota{}, noon); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
	},
}
