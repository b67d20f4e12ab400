package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/store"
)

func credentials(n byte) map[store.Hash]store.Credentials {
	return map[store.Hash]store.Credentials{
		"SHA-1":   {Salt: []byte{n, 1}, Iterations: 4096, StoredKey: []byte{n, 2}, ServerKey: []byte{n, 3}},
		"SHA-256": {Salt: []byte{n, 4}, Iterations: 10000, StoredKey: []byte{n, 5}, ServerKey: []byte{n, 0}},
	}
}

func account(j jid.JID, n byte) store.Account {
	return store.Account{JID: j, Created: noon, Credentials: credentials(n)}
}

var accountTests = map[string]func(*testing.T, Stores){
	"created is found": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		got := must[store.Account](t)(s.Accounts.Get(ctx, alice))
		if d := cmp.Diff(account(alice, 1), got, cmpJID); d != "" {
			t.Error(d)
		}
	},
	"missing is not found": func(t *testing.T, s Stores) {
		if _, err := s.Accounts.Get(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get: %v", err)
		}
		if err := s.Accounts.SetCredentials(ctx, alice, credentials(1)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("set: %v", err)
		}
		if err := s.Accounts.Remove(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("remove: %v", err)
		}
	},
	"taken is refused and unchanged": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		if err := s.Accounts.Create(ctx, account(alice, 2)); !errors.Is(err, store.ErrExists) {
			t.Fatalf("second create: %v", err)
		}
		got := must[store.Account](t)(s.Accounts.Get(ctx, alice))
		if got.Credentials["SHA-1"].Salt[0] != 1 {
			t.Error("the second create changed the first account")
		}
	},
	"bad ones are refused": func(t *testing.T, s Stores) {
		for why, a := range map[string]store.Account{
			"full address":           {JID: phone},
			"domain":                 {JID: jid.MustParse("example.org")},
			"no address":             {},
			"credentials incomplete": {JID: alice, Credentials: map[store.Hash]store.Credentials{"SHA-1": {Iterations: 4096}}},
		} {
			if err := s.Accounts.Create(ctx, a); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
		if l := must[[]store.Account](t)(s.Accounts.List(ctx, jid.JID{}, 0)); len(l) != 0 {
			t.Errorf("left behind: %v", l)
		}
	},
	"credentials are replaced whole": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		only := map[store.Hash]store.Credentials{"SHA-512": {Salt: []byte{9}, Iterations: 1, StoredKey: []byte{9}, ServerKey: []byte{9}}}
		ok(t, s.Accounts.SetCredentials(ctx, alice, only))
		got := must[store.Account](t)(s.Accounts.Get(ctx, alice))
		if d := cmp.Diff(only, got.Credentials); d != "" {
			t.Error(d)
		}
	},
	"returned bytes belong to the caller": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		got := must[store.Account](t)(s.Accounts.Get(ctx, alice))
		got.Credentials["SHA-1"].Salt[0] = 77
		again := must[store.Account](t)(s.Accounts.Get(ctx, alice))
		if again.Credentials["SHA-1"].Salt[0] != 1 {
			t.Error("changing what Get returned changed the store")
		}
	},
	"list pages in order": func(t *testing.T, s Stores) {
		for i := range 25 {
			ok(t, s.Accounts.Create(ctx, account(jid.MustParse(fmt.Sprintf("u%02d@example.org", 24-i)), 1)))
		}
		var after jid.JID
		var got []string
		for range 4 { // three pages, and one so that an answer that never ends fails
			page := must[[]store.Account](t)(s.Accounts.List(ctx, after, 10))
			for _, a := range page {
				if a.Credentials != nil {
					t.Fatal("credentials in a list")
				}
				got = append(got, a.JID.Local())
				after = a.JID
			}
			if len(page) < 10 {
				break
			}
		}
		if len(got) != 25 || got[0] != "u00" || got[24] != "u24" {
			t.Errorf("got %v", got)
		}
	},
	"remove takes everything of the account and nothing else": func(t *testing.T, s Stores) {
		for _, j := range []jid.JID{alice, bob} {
			ok(t, s.Accounts.Create(ctx, account(j, 1)))
			_, err := s.Roster.Put(ctx, j, store.RosterItem{JID: carol}, store.RosterLimits{})
			ok(t, err)
			e := entry(1)
			e.Owner = j
			archive(t, s, e)
			_, err = commit(t, s.Commits, store.Batch{Inbox: []store.InboxAdd{waiting(j, "x")}, Seen: []store.Seen{{Owner: j, Time: noon}}})
			ok(t, err)
			ok(t, s.Archive.SetPrefs(ctx, j, store.ArchivePrefs{Default: store.ArchiveNever}))
			ok(t, s.Blocklist.Add(ctx, j, []jid.JID{carol}, 0))
			makeNode(t, s, j, "n", 1)
			publish(t, s, j, "n", "i")
		}
		ok(t, s.Accounts.Remove(ctx, alice))
		checkEmpty(t, s, alice)
		if items, v, err := s.Roster.Load(ctx, bob); err != nil || len(items) != 1 || v == 0 {
			t.Errorf("bob's roster: %v %d %v", items, v, err)
		}
		if _, _, err := s.Archive.Metadata(ctx, bob); err != nil {
			t.Errorf("bob's archive: %v", err)
		}
		if n := must[store.InboxSize](t)(s.Inbox.Size(ctx, bob)); n.Entries != 1 {
			t.Errorf("bob's inbox: %+v", n)
		}
		must[store.Seen](t)(s.LastSeen.LastSeen(ctx, bob))
		if l := must[[]jid.JID](t)(s.Blocklist.Load(ctx, bob)); len(l) != 1 {
			t.Errorf("bob's blocklist: %v", l)
		}
		if got := items(t, s, bob, "n", store.ItemQuery{}); got != "i" {
			t.Errorf("bob's items: %s", got)
		}
		// Made again under the same address it starts empty.
		ok(t, s.Accounts.Create(ctx, account(alice, 2)))
		checkEmpty(t, s, alice)
	},
}

func checkEmpty(t *testing.T, s Stores, owner jid.JID) {
	t.Helper()
	if items, _, err := s.Roster.Load(ctx, owner); err != nil || len(items) != 0 {
		t.Errorf("roster: %v %v", items, err)
	}
	if _, _, err := s.Archive.Metadata(ctx, owner); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("archive: %v", err)
	}
	if _, err := s.Archive.Prefs(ctx, owner); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("prefs: %v", err)
	}
	if _, err := s.LastSeen.LastSeen(ctx, owner); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("last seen: %v", err)
	}
	if n, err := s.Inbox.Size(ctx, owner); err != nil || n != (store.InboxSize{}) {
		t.Errorf("inbox: %+v %v", n, err)
	}
	if l, _, err := s.Inbox.Load(ctx, owner, 0, 0, noon); err != nil || len(l) != 0 {
		t.Errorf("inbox: %v %v", l, err)
	}
	if l, err := s.Blocklist.Load(ctx, owner); err != nil || len(l) != 0 {
		t.Errorf("blocklist: %v %v", l, err)
	}
	if l, err := s.PubSub.Nodes(ctx, owner); err != nil || len(l) != 0 {
		t.Errorf("nodes: %v %v", l, err)
	}
	if l, err := s.PubSub.Items(ctx, owner, "n", store.ItemQuery{}); err != nil || len(l) != 0 {
		t.Errorf("items: %v %v", l, err)
	}
}
