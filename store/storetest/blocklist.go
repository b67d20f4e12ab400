package storetest

import (
	"errors"
	"slices"
	"testing"

	"godwit/jid"
	"godwit/store"
)

var spam = jid.MustParse("spam.example")

func blocked(t *testing.T, s Stores, owner jid.JID, want ...jid.JID) {
	t.Helper()
	if got := must[[]jid.JID](t)(s.Blocklist.Load(ctx, owner)); !slices.Equal(got, want) {
		t.Errorf("%s has blocked %v, want %v", owner, got, want)
	}
}

var blocklistTests = map[string]func(*testing.T, Stores){
	"people, resources and domains, each once, in order": func(t *testing.T, s Stores) {
		blocked(t, s, alice)
		ok(t, s.Blocklist.Add(ctx, alice, []jid.JID{spam, phone, bob, bob}, 3))
		ok(t, s.Blocklist.Add(ctx, alice, []jid.JID{bob}, 3))
		blocked(t, s, alice, bob, phone, spam)
		blocked(t, s, bob)
		ok(t, s.Blocklist.Remove(ctx, alice, []jid.JID{bob, carol}))
		blocked(t, s, alice, phone, spam)
	},
	"more than allowed is refused whole": func(t *testing.T, s Stores) {
		ok(t, s.Blocklist.Add(ctx, alice, []jid.JID{bob}, 2))
		if err := s.Blocklist.Add(ctx, alice, []jid.JID{spam, carol}, 2); !errors.Is(err, store.ErrLimit) {
			t.Errorf("%v", err)
		}
		blocked(t, s, alice, bob)
		ok(t, s.Blocklist.Add(ctx, alice, []jid.JID{carol, bob}, 2))
		blocked(t, s, alice, bob, carol)
	},
	"clear is for one owner": func(t *testing.T, s Stores) {
		ok(t, s.Blocklist.Add(ctx, alice, []jid.JID{bob, spam}, 0))
		ok(t, s.Blocklist.Add(ctx, carol, []jid.JID{bob}, 0))
		ok(t, s.Blocklist.Clear(ctx, alice))
		ok(t, s.Blocklist.Clear(ctx, bob))
		blocked(t, s, alice)
		blocked(t, s, carol, bob)
	},
	"bad ones are refused": func(t *testing.T, s Stores) {
		_, err := s.Blocklist.Load(ctx, phone)
		for what, err := range map[string]error{
			"a full owner asked": err, "a full owner adds": s.Blocklist.Add(ctx, phone, []jid.JID{bob}, 0), "nobody added": s.Blocklist.Add(ctx, alice, []jid.JID{{}}, 0),
			"nobody removed": s.Blocklist.Remove(ctx, alice, []jid.JID{{}}), "a full owner clears": s.Blocklist.Clear(ctx, phone),
		} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
	},
	"ends with its context": func(t *testing.T, s Stores) {
		gone, cancel := withCancel()
		cancel()
		if _, err := s.Blocklist.Load(gone, alice); err == nil {
			t.Error("an answer to nobody")
		}
	},
}
