package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/store"
)

func query(t *testing.T, s Stores, q store.ArchiveQuery) store.ArchivePage {
	t.Helper()
	if q.Owner.IsZero() {
		q.Owner = alice
	}
	return must[store.ArchivePage](t)(s.Archive.Query(ctx, q))
}

func idsOf(p store.ArchivePage) []int64 {
	var l []int64
	for _, e := range p.Entries {
		l = append(l, e.ID)
	}
	return l
}

// conversation fills alice's archive with twelve entries: phone, desk and carol in turn, one second apart, and some of
// bob's own between them that must never show.
func conversation(t *testing.T, s Stores) []int64 {
	t.Helper()
	var ids []int64
	for i := range 12 {
		e := entry(i)
		e.With = []jid.JID{phone, desk, carol}[i%3]
		e.Sender = e.With.Bare()
		other := entry(i)
		other.Owner = bob
		ids = append(ids, archive(t, s, e, other)[0])
	}
	return ids
}

func pick(ids []int64, at ...int) []int64 {
	var l []int64
	for _, i := range at {
		l = append(l, ids[i])
	}
	return l
}

var archiveTests = map[string]func(*testing.T, Stores){
	"an entry comes back whole": func(t *testing.T, s Stores) {
		e := store.ArchiveEntry{
			Owner: alice, With: jid.MustParse("bob@example.org/a/b@c \u2603"), Time: noon, Sender: bob,
			OriginID: "x'\u2603", Stanza: []byte("<message>\u2603\x00</message>"),
		}
		e.ID = archive(t, s, e)[0]
		got := must[store.ArchiveEntry](t)(s.Archive.Entry(ctx, alice, e.ID))
		if d := cmp.Diff(e, got, cmpJID); d != "" {
			t.Error(d)
		}
		if p := query(t, s, store.ArchiveQuery{Max: 1}); !cmp.Equal([]store.ArchiveEntry{e}, p.Entries, cmpJID) {
			t.Errorf("page: %+v", p)
		}
		if _, err := s.Archive.Entry(ctx, bob, e.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("seen through another owner: %v", err)
		}
	},
	"ids grow over all owners": func(t *testing.T, s Stores) {
		last := int64(0)
		for i := range 20 {
			e := entry(i)
			if i%2 == 1 {
				e.Owner = bob
			}
			id := archive(t, s, e)[0]
			if id <= last {
				t.Fatalf("id %d after %d", id, last)
			}
			last = id
		}
		if h := must[int64](t)(s.Archive.Highest(ctx)); h != last {
			t.Errorf("highest %d, want %d", h, last)
		}
	},
	"filters and pages": func(t *testing.T, s Stores) {
		ids := conversation(t, s)
		at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Second) }
		for _, c := range []struct {
			why      string
			q        store.ArchiveQuery
			want     []int64
			complete bool
			count    int
		}{
			{"all", store.ArchiveQuery{Max: 250, Count: true}, ids, true, 12},
			{"more than the bound is brought down to it", store.ArchiveQuery{Max: 1 << 30, Count: true}, ids, true, 12},
			{"first page", store.ArchiveQuery{Max: 5, Count: true}, ids[:5], false, 12},
			{"page ends exactly at the end", store.ArchiveQuery{Max: 12}, ids, true, -1},
			{"after", store.ArchiveQuery{Max: 5, After: ids[4], Count: true}, ids[5:10], false, 12},
			{"after, last page", store.ArchiveQuery{Max: 5, After: ids[9]}, ids[10:], true, -1},
			{"after the last", store.ArchiveQuery{Max: 5, After: ids[11]}, nil, true, -1},
			{"last page", store.ArchiveQuery{Max: 5, Backward: true, Count: true}, ids[7:], false, 12},
			{"before", store.ArchiveQuery{Max: 5, Backward: true, Before: ids[7]}, ids[2:7], false, -1},
			{"before, first page", store.ArchiveQuery{Max: 5, Backward: true, Before: ids[2]}, ids[:2], true, -1},
			{"forward but bounded above", store.ArchiveQuery{Max: 5, Before: ids[3]}, ids[:3], true, -1},
			{"count only", store.ArchiveQuery{Max: 0, Count: true}, nil, false, 12},
			{"count only of nothing", store.ArchiveQuery{Max: 0, Count: true, With: alice}, nil, true, 0},
			{"with bare: any resource", store.ArchiveQuery{Max: 50, With: bob, Count: true}, pick(ids, 0, 1, 3, 4, 6, 7, 9, 10), true, 8},
			{"with full: only it", store.ArchiveQuery{Max: 50, With: desk, Count: true}, pick(ids, 1, 4, 7, 10), true, 4},
			{"with, paged backward", store.ArchiveQuery{Max: 2, With: carol, Backward: true}, pick(ids, 8, 11), false, -1},
			{"with nobody", store.ArchiveQuery{Max: 50, With: jid.MustParse("bob@example.org/ghost")}, nil, true, -1},
			{"start is inclusive", store.ArchiveQuery{Max: 50, Start: at(9)}, ids[9:], true, -1},
			{"start between microseconds excludes the earlier", store.ArchiveQuery{Max: 50, Start: at(9).Add(1)}, ids[10:], true, -1},
			{"end is inclusive", store.ArchiveQuery{Max: 50, End: at(2), Count: true}, ids[:3], true, 3},
			{"end between microseconds keeps the earlier", store.ArchiveQuery{Max: 50, End: at(2).Add(1)}, ids[:3], true, -1},
			{"start and end", store.ArchiveQuery{Max: 2, Start: at(2), End: at(5), Count: true}, ids[2:4], false, 4},
			{"end before start", store.ArchiveQuery{Max: 50, Start: at(5), End: at(2)}, nil, true, -1},
			{"after-id is a filter, so it counts", store.ArchiveQuery{Max: 50, AfterID: ids[8], Count: true}, ids[9:], true, 3},
			{"before-id likewise", store.ArchiveQuery{Max: 1, BeforeID: ids[2], Count: true}, ids[:1], false, 2},
			{"both kinds together", store.ArchiveQuery{Max: 50, AfterID: ids[1], BeforeID: ids[8], After: ids[4], Count: true}, ids[5:8], true, 6},
			{"ids, whatever their order", store.ArchiveQuery{Max: 50, IDs: pick(ids, 7, 2), Count: true}, pick(ids, 2, 7), true, 2},
			{"ids and with", store.ArchiveQuery{Max: 50, IDs: pick(ids, 1, 2), With: carol}, pick(ids, 2), true, -1},
			{"an empty list of ids is no ids", store.ArchiveQuery{Max: 50, IDs: []int64{}}, nil, true, -1},
			{"everything at once", store.ArchiveQuery{Max: 1, With: bob, Start: at(1), End: at(10), AfterID: ids[1], Before: ids[10], Backward: true, Count: true}, pick(ids, 9), false, 6},
		} {
			p := query(t, s, c.q)
			if d := cmp.Diff(c.want, idsOf(p)); d != "" || p.Complete != c.complete || p.Count != c.count {
				t.Errorf("%s: complete %t want %t, count %d want %d\n%s", c.why, p.Complete, c.complete, p.Count, c.count, d)
			}
			if n := len(c.want); n > 0 && (p.First != c.want[0] || p.Last != c.want[n-1]) || n == 0 && (p.First != 0 || p.Last != 0) {
				t.Errorf("%s: first %d last %d", c.why, p.First, p.Last)
			}
		}
	},
	"paging both ways meets every entry once": func(t *testing.T, s Stores) {
		ids := conversation(t, s)
		for size := 1; size <= 13; size++ {
			var got []int64
			q := store.ArchiveQuery{Max: size}
			for range len(ids) + 1 { // so that an answer that never ends fails
				p := query(t, s, q)
				got = append(got, idsOf(p)...)
				if p.Complete {
					break
				}
				q.After = p.Last
			}
			if !slices.Equal(got, ids) {
				t.Errorf("forward by %d: %v", size, got)
			}
			got = nil
			q = store.ArchiveQuery{Max: size, Backward: true}
			for range len(ids) + 1 {
				p := query(t, s, q)
				got = append(idsOf(p), got...)
				if p.Complete {
					break
				}
				q.Before = p.First
			}
			if !slices.Equal(got, ids) {
				t.Errorf("backward by %d: %v", size, got)
			}
		}
	},
	"order is that of arrival, not of time": func(t *testing.T, s Stores) {
		late := entry(0)
		late.Time = noon.Add(-time.Hour)
		ids := archive(t, s, entry(1), late, entry(2)) // the middle one was deposited late
		if d := cmp.Diff(ids, idsOf(query(t, s, store.ArchiveQuery{Max: 9}))); d != "" {
			t.Error(d)
		}
	},
	"unknown ids are told": func(t *testing.T, s Stores) {
		ids := conversation(t, s)
		theirs := must[store.ArchivePage](t)(s.Archive.Query(ctx, store.ArchiveQuery{Owner: bob, Max: 1})).First
		for why, q := range map[string]store.ArchiveQuery{
			"after nowhere":        {After: 1 << 40},
			"before nowhere":       {Before: 1 << 40},
			"after-id nowhere":     {AfterID: 1 << 40},
			"before-id nowhere":    {BeforeID: 1 << 40},
			"one of the ids":       {IDs: []int64{ids[0], 1 << 40}},
			"in another's archive": {After: theirs},
			"id 0 in a list":       {IDs: []int64{0}},
		} {
			q.Owner, q.Max = alice, 10
			if _, err := s.Archive.Query(ctx, q); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", why, err)
			}
		}
	},
	"questions without sense are refused": func(t *testing.T, s Stores) {
		for why, c := range map[string]struct {
			q    store.ArchiveQuery
			want error
		}{
			"no owner":     {store.ArchiveQuery{Max: 1}, store.ErrInvalid},
			"full owner":   {store.ArchiveQuery{Owner: phone, Max: 1}, store.ErrInvalid},
			"negative max": {store.ArchiveQuery{Owner: alice, Max: -1}, store.ErrInvalid},
			"negative id":  {store.ArchiveQuery{Owner: alice, After: -1}, store.ErrInvalid},
			"many ids":     {store.ArchiveQuery{Owner: alice, IDs: make([]int64, store.MaxArchiveIDs+1)}, store.ErrLimit},
		} {
			if _, err := s.Archive.Query(ctx, c.q); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", why, err)
			}
		}
	},
	"a page is bounded in bytes": func(t *testing.T, s Stores) {
		var ids []int64
		for i := range 6 {
			e := entry(i)
			e.Stanza = make([]byte, store.MaxArchivePageBytes/3)
			ids = append(ids, archive(t, s, e)...)
		}
		p := query(t, s, store.ArchiveQuery{Max: 50})
		if p.Complete || !slices.Equal(idsOf(p), ids[:3]) {
			t.Errorf("forward: %v complete %t", idsOf(p), p.Complete)
		}
		p = query(t, s, store.ArchiveQuery{Max: 50, Backward: true})
		if p.Complete || !slices.Equal(idsOf(p), ids[3:]) {
			t.Errorf("backward: %v complete %t", idsOf(p), p.Complete)
		}
		e := entry(7)
		e.Stanza = make([]byte, store.MaxArchivePageBytes+1)
		big := archive(t, s, e)[0]
		if p := query(t, s, store.ArchiveQuery{Max: 50, After: ids[5]}); !p.Complete || p.First != big {
			t.Errorf("an entry larger than a page: %v", idsOf(p))
		}
	},
	"metadata": func(t *testing.T, s Stores) {
		if _, _, err := s.Archive.Metadata(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("empty: %v", err)
		}
		ids := conversation(t, s)
		first, last, err := s.Archive.Metadata(ctx, alice)
		ok(t, err)
		if first != (store.ArchiveMark{ID: ids[0], Time: noon}) || last != (store.ArchiveMark{ID: ids[11], Time: noon.Add(11 * time.Second)}) {
			t.Errorf("%+v %+v", first, last)
		}
	},
	"purge removes the old in steps": func(t *testing.T, s Stores) {
		ids := conversation(t, s) // and as many of bob's
		cut := noon.Add(5 * time.Second)
		if n := must[int](t)(s.Archive.Purge(ctx, cut, 4)); n != 4 {
			t.Errorf("first step removed %d", n)
		}
		if n := must[int](t)(s.Archive.Purge(ctx, cut, 100)); n != 6 {
			t.Errorf("second step removed %d", n)
		}
		if n := must[int](t)(s.Archive.Purge(ctx, cut, 100)); n != 0 {
			t.Errorf("third step removed %d", n)
		}
		if p := query(t, s, store.ArchiveQuery{Max: 50}); !slices.Equal(idsOf(p), ids[5:]) {
			t.Errorf("left: %v", idsOf(p))
		}
		if p := query(t, s, store.ArchiveQuery{Owner: bob, Max: 50}); len(p.Entries) != 7 {
			t.Errorf("bob has left: %v", idsOf(p))
		}
	},
	"ids are not used again after a purge": func(t *testing.T, s Stores) {
		last := archive(t, s, entry(1), entry(2))[1]
		must[int](t)(s.Archive.Purge(ctx, noon.Add(time.Hour), 100))
		if id := archive(t, s, entry(3))[0]; id <= last {
			t.Errorf("id %d after %d", id, last)
		}
	},
}

var prefsTests = map[string]func(*testing.T, Stores){
	"set, get, replace": func(t *testing.T, s Stores) {
		if _, err := s.Archive.Prefs(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("never set: %v", err)
		}
		for _, p := range []store.ArchivePrefs{
			{Default: store.ArchiveRoster, Always: []jid.JID{phone, carol}, Never: []jid.JID{jid.MustParse("example.com")}},
			{Default: store.ArchiveNever},
		} {
			ok(t, s.Archive.SetPrefs(ctx, alice, p))
			got := must[store.ArchivePrefs](t)(s.Archive.Prefs(ctx, alice))
			if d := cmp.Diff(p, got, cmpJID); d != "" {
				t.Error(d)
			}
		}
	},
	"bad ones are refused": func(t *testing.T, s Stores) {
		many := make([]jid.JID, store.MaxArchiveRules+1)
		for i := range many {
			many[i] = jid.MustParse(fmt.Sprintf("u%d@example.org", i))
		}
		for why, c := range map[string]struct {
			p    store.ArchivePrefs
			want error
		}{
			"no default":      {store.ArchivePrefs{}, store.ErrInvalid},
			"unknown default": {store.ArchivePrefs{Default: "sometimes"}, store.ErrInvalid},
			"empty address":   {store.ArchivePrefs{Default: store.ArchiveAlways, Never: []jid.JID{{}}}, store.ErrInvalid},
			"too many":        {store.ArchivePrefs{Default: store.ArchiveAlways, Always: many}, store.ErrLimit},
		} {
			if err := s.Archive.SetPrefs(ctx, alice, c.p); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", why, err)
			}
		}
	},
}
