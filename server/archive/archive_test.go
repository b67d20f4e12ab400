package archive

import (
	"slices"
	"testing"

	"godwit/jid"
	"godwit/store"
	"godwit/xep/archive"
	"godwit/xep/rsm"
)

func TestJudge(t *testing.T) {
	j := jid.MustParse
	with := j("bob@example.org/phone")
	list := func(all ...string) (out []jid.JID) {
		for _, s := range all {
			out = append(out, j(s))
		}
		return out
	}
	for _, c := range []struct {
		why      string
		prefs    store.ArchivePrefs
		inRoster bool
		want     bool
	}{
		{"by default all", store.ArchivePrefs{Default: store.ArchiveAlways}, false, true},
		{"by default nothing", store.ArchivePrefs{Default: store.ArchiveNever}, true, false},
		{"by default contacts", store.ArchivePrefs{Default: store.ArchiveRoster}, true, true},
		{"by default contacts, and this is none", store.ArchivePrefs{Default: store.ArchiveRoster}, false, false},
		{"never this person", store.ArchivePrefs{Default: store.ArchiveAlways, Never: list("bob@example.org")}, true, false},
		{"always this person", store.ArchivePrefs{Default: store.ArchiveNever, Always: list("bob@example.org")}, false, true},
		{"never the domain", store.ArchivePrefs{Default: store.ArchiveAlways, Never: list("example.org")}, true, false},
		{"never the domain, but this person", store.ArchivePrefs{Default: store.ArchiveAlways, Never: list("example.org"), Always: list("bob@example.org")}, false, true},
		{"always the person, never this device", store.ArchivePrefs{Default: store.ArchiveAlways, Always: list("bob@example.org"), Never: list("bob@example.org/phone")}, true, false},
		{"in both lists: never", store.ArchivePrefs{Default: store.ArchiveAlways, Always: list("bob@example.org"), Never: list("bob@example.org")}, true, false},
		{"another device", store.ArchivePrefs{Default: store.ArchiveNever, Always: list("bob@example.org/desk")}, true, false},
	} {
		if got := judge(c.prefs, with, func() bool { return c.inRoster }); got != c.want {
			t.Errorf("%s: %v", c.why, got)
		}
	}
}

func TestQuestion(t *testing.T) {
	owner := jid.MustParse("bob@localhost")
	page := func(r rsm.Request) archive.Query { return archive.Query{Page: r} }
	for _, c := range []struct {
		why  string
		q    archive.Query
		max  int
		fail string
	}{
		{"nothing said", archive.Query{}, defaultPage, ""},
		{"so many", page(rsm.Request{Max: rsm.Some(7)}), 7, ""},
		{"only the count", page(rsm.Request{Max: rsm.Some(0)}), 0, ""},
		{"more than all bounds", page(rsm.Request{Max: rsm.Some(1<<31 - 1)}), store.MaxArchivePage, ""},
		{"after what is no id", page(rsm.Request{After: "x"}), 0, "item-not-found"},
		{"after an id written another way", page(rsm.Request{After: "007"}), 0, "item-not-found"},
		{"before a negative one", page(rsm.Request{Before: "-1"}), 0, "item-not-found"},
		{"before one that overflows", page(rsm.Request{Before: "99999999999999999999"}), 0, "item-not-found"},
		{"a statement", archive.Query{AfterID: "1; DROP TABLE archive"}, 0, "item-not-found"},
		{"one bad id of several", archive.Query{IDs: []string{"1", "two"}}, 0, "item-not-found"},
		{"too many ids", archive.Query{IDs: slices.Repeat([]string{"1"}, store.MaxArchiveIDs+1)}, 0, "policy-violation"},
	} {
		got, bad := question(owner, c.q)
		switch {
		case c.fail != "":
			if bad == nil || bad.Condition != c.fail {
				t.Errorf("%s: %v", c.why, bad)
			}
		case bad != nil || got.Max != c.max || got.Owner != owner:
			t.Errorf("%s: %+v, %v", c.why, got, bad)
		}
	}
}

func TestCut(t *testing.T) {
	entries := func(sizes ...int) (all []store.ArchiveEntry) {
		for i, n := range sizes {
			all = append(all, store.ArchiveEntry{ID: int64(i + 1), Stanza: make([]byte, n)})
		}
		return all
	}
	const k = 1 << 10
	for _, c := range []struct {
		why         string
		sizes       []int
		backward    bool
		first, last int64
		complete    bool
	}{
		{"small ones", []int{k, k, k}, false, 1, 3, true},
		{"up to the bound", []int{100 * k, 156 * k, 1}, false, 1, 2, false},
		{"one that is too large alone", []int{300 * k, 1}, false, 1, 1, false},
		{"backwards the last ones stay", []int{1, 156 * k, 100 * k}, true, 2, 3, false},
		{"backwards a large one", []int{1, 300 * k}, true, 2, 2, false},
		{"nothing", nil, false, 0, 0, true},
	} {
		p := store.ArchivePage{Entries: entries(c.sizes...), Complete: true}
		if n := len(c.sizes); n > 0 {
			p.First, p.Last = 1, int64(n)
		}
		cut(&p, c.backward)
		if p.First != c.first || p.Last != c.last || p.Complete != c.complete || len(p.Entries) != int(c.last-c.first)+min(len(c.sizes), 1) {
			t.Errorf("%s: %d to %d, %d entries, complete %v", c.why, p.First, p.Last, len(p.Entries), p.Complete)
		}
	}
}
