package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/store"
)

// cmpJID compares addresses by value and takes no list and an empty list for the same.
var cmpJID = cmp.Options{cmp.Comparer(func(a, b jid.JID) bool { return a == b })}

func put(t *testing.T, s Stores, it store.RosterItem) uint64 {
	t.Helper()
	return must[uint64](t)(s.Roster.Put(ctx, alice, it, store.RosterLimits{}))
}

func contact(n int) jid.JID { return jid.MustParse(fmt.Sprintf("c%03d@example.org", n)) }

func jids(items []store.RosterItem) (l []string) {
	for _, it := range items {
		l = append(l, it.JID.Local())
	}
	return l
}

var hiddenRequest = store.RosterItem{JID: carol, Subscription: store.SubNone, PendingIn: true, Hidden: true, Request: []byte("<presence/>")}

var rosterTests = map[string]func(*testing.T, Stores){
	"an item comes back whole": func(t *testing.T, s Stores) {
		want := store.RosterItem{
			JID: bob, Name: "Bob \x00\u2603 <&'", Groups: []string{"Z", "a", "[]", "ü\""}, Subscription: store.SubBoth,
			Ask: true, Approved: true, PendingIn: true, Request: []byte("<presence type='subscribe'/>"),
		}
		want.Version = put(t, s, want)
		items, version, err := s.Roster.Load(ctx, alice)
		ok(t, err)
		if d := cmp.Diff([]store.RosterItem{want}, items, cmpJID); d != "" || version != want.Version {
			t.Errorf("version %d, want %d\n%s", version, want.Version, d)
		}
	},
	"stored form: default subscription, groups once": func(t *testing.T, s Stores) {
		put(t, s, store.RosterItem{JID: bob, Groups: []string{"x", "y", "x"}, Version: 99})
		items, version, err := s.Roster.Load(ctx, alice)
		ok(t, err)
		want := store.RosterItem{JID: bob, Groups: []string{"x", "y"}, Subscription: store.SubNone, Version: version}
		if d := cmp.Diff([]store.RosterItem{want}, items, cmpJID); d != "" {
			t.Error(d)
		}
	},
	"bad items are refused": func(t *testing.T, s Stores) {
		for why, it := range map[string]store.RosterItem{
			"no address":              {},
			"full address":            {JID: phone},
			"unknown subscription":    {JID: bob, Subscription: "remove"},
			"empty group":             {JID: bob, Groups: []string{""}},
			"hidden without request":  {JID: bob, Hidden: true},
			"hidden but subscribed":   {JID: bob, Hidden: true, PendingIn: true, Subscription: store.SubTo},
			"hidden but pre-approved": {JID: bob, Hidden: true, PendingIn: true, Approved: true},
		} {
			if _, err := s.Roster.Put(ctx, alice, it, store.RosterLimits{}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
		if _, err := s.Roster.Put(ctx, phone, store.RosterItem{JID: alice}, store.RosterLimits{}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("full owner: %v", err)
		}
	},
	"empty roster has version 0": func(t *testing.T, s Stores) {
		items, version, err := s.Roster.Load(ctx, alice)
		if err != nil || len(items) != 0 || version != 0 {
			t.Errorf("%v %d %v", items, version, err)
		}
		c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, 0))
		if len(c.Items)+len(c.Removed) != 0 || c.Version != 0 {
			t.Errorf("%+v", c)
		}
	},
	"since tells changes in order and removals": func(t *testing.T, s Stores) {
		for i := range 3 {
			put(t, s, store.RosterItem{JID: contact(i)})
		}
		_, base, err := s.Roster.Load(ctx, alice)
		ok(t, err)
		put(t, s, store.RosterItem{JID: contact(2), Name: "two"})
		put(t, s, store.RosterItem{JID: contact(0), Name: "zero"})
		v := must[uint64](t)(s.Roster.Delete(ctx, alice, contact(1)))
		c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, base))
		if c.Full || c.Version != v {
			t.Errorf("full %t, version %d, want %d", c.Full, c.Version, v)
		}
		if d := cmp.Diff([]string{"c002", "c000"}, jids(c.Items)); d != "" {
			t.Error(d)
		}
		if len(c.Removed) != 1 || c.Removed[0] != contact(1) {
			t.Errorf("removed %v", c.Removed)
		}
		if again := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, v)); again.Full || len(again.Items)+len(again.Removed) != 0 {
			t.Errorf("nothing changed, but %+v", again)
		}
	},
	"added again is no longer removed": func(t *testing.T, s Stores) {
		base := put(t, s, store.RosterItem{JID: bob})
		must[uint64](t)(s.Roster.Delete(ctx, alice, bob))
		put(t, s, store.RosterItem{JID: bob, Name: "back"})
		c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, base))
		if len(c.Removed) != 0 || len(c.Items) != 1 || c.Items[0].Name != "back" {
			t.Errorf("%+v", c)
		}
	},
	"unknown versions get everything": func(t *testing.T, s Stores) {
		put(t, s, store.RosterItem{JID: bob})
		v := put(t, s, store.RosterItem{JID: contact(1)})
		for why, since := range map[string]uint64{"never seen one": 0, "from the future": v + 1, "of another server": 7, "nonsense": 1<<64 - 1} {
			c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, since))
			if !c.Full || len(c.Items) != 2 || len(c.Removed) != 0 || c.Version != v {
				t.Errorf("%s: %+v", why, c)
			}
		}
	},
	"delete what is not there": func(t *testing.T, s Stores) {
		v := put(t, s, store.RosterItem{JID: contact(1)})
		if _, err := s.Roster.Delete(ctx, alice, bob); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v", err)
		}
		if _, now, _ := s.Roster.Load(ctx, alice); now != v {
			t.Error("the version moved although nothing changed")
		}
	},
	"hidden requests are kept but not shown": func(t *testing.T, s Stores) {
		v := put(t, s, store.RosterItem{JID: bob})
		if got := put(t, s, hiddenRequest); got != v {
			t.Errorf("a hidden item moved the version from %d to %d", v, got)
		}
		items, _, err := s.Roster.Load(ctx, alice)
		ok(t, err)
		want := hiddenRequest
		if len(items) != 2 || !cmp.Equal(items[1], want, cmpJID) {
			t.Errorf("load: %+v", items)
		}
		for _, since := range []uint64{0, v} {
			c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, since))
			for _, it := range c.Items {
				if it.Hidden {
					t.Errorf("since %d shows %+v", since, it)
				}
			}
		}
		if got := must[uint64](t)(s.Roster.Delete(ctx, alice, carol)); got != v {
			t.Errorf("removing a hidden item moved the version")
		}
		if c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, v)); len(c.Removed) != 0 {
			t.Errorf("a client is told of a contact it never saw: %+v", c)
		}
	},
	"hiding a shown item removes it for clients": func(t *testing.T, s Stores) {
		v := put(t, s, store.RosterItem{JID: carol, PendingIn: true, Request: []byte("x")})
		if after := put(t, s, hiddenRequest); after <= v {
			t.Errorf("version %d after %d", after, v)
		}
		c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, v))
		if len(c.Items) != 0 || len(c.Removed) != 1 || c.Removed[0] != carol {
			t.Errorf("%+v", c)
		}
		// And it can come back.
		back := put(t, s, store.RosterItem{JID: carol, Subscription: store.SubFrom})
		c = must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, v))
		if len(c.Items) != 1 || len(c.Removed) != 0 || c.Version != back {
			t.Errorf("%+v", c)
		}
	},
	"limits count each kind": func(t *testing.T, s Stores) {
		l := store.RosterLimits{Items: 2, Requests: 1}
		for i := range 2 {
			must[uint64](t)(s.Roster.Put(ctx, alice, store.RosterItem{JID: contact(i)}, l))
		}
		if _, err := s.Roster.Put(ctx, alice, store.RosterItem{JID: bob}, l); !errors.Is(err, store.ErrLimit) {
			t.Errorf("third contact: %v", err)
		}
		must[uint64](t)(s.Roster.Put(ctx, alice, store.RosterItem{JID: contact(0), Name: "changed"}, l))
		must[uint64](t)(s.Roster.Put(ctx, alice, hiddenRequest, l))
		other := hiddenRequest
		other.JID = bob
		if _, err := s.Roster.Put(ctx, alice, other, l); !errors.Is(err, store.ErrLimit) {
			t.Errorf("second request: %v", err)
		}
		if _, err := s.Roster.Put(ctx, alice, store.RosterItem{JID: carol}, l); !errors.Is(err, store.ErrLimit) {
			t.Errorf("request becomes a third contact: %v", err)
		}
		must[uint64](t)(s.Roster.Put(ctx, bob, store.RosterItem{JID: carol}, l)) // another owner is not concerned
	},
	"removals are bounded, then everything is sent": func(t *testing.T, s Stores) {
		base := put(t, s, store.RosterItem{JID: bob})
		n := 4 * store.RosterHistory
		var versions []uint64
		for i := range n {
			put(t, s, store.RosterItem{JID: contact(i)})
			versions = append(versions, must[uint64](t)(s.Roster.Delete(ctx, alice, contact(i))))
		}
		if c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, base)); !c.Full || len(c.Items) != 1 {
			t.Errorf("full %t, %d items, %d removed", c.Full, len(c.Items), len(c.Removed))
		}
		c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, versions[n-1-store.RosterHistory]))
		if c.Full || len(c.Removed) != store.RosterHistory {
			t.Errorf("the promised history: full %t, %d removed", c.Full, len(c.Removed))
		}
	},
	"every answer is whole or right at any version": func(t *testing.T, s Stores) {
		// A client that applies what Since tells always ends with the same roster as one that loads it.
		type state struct {
			version uint64
			have    map[jid.JID]bool
		}
		var clients []state
		have := map[jid.JID]bool{}
		for i := range 3 * store.RosterHistory {
			c := contact(i * 7 % 40)
			var v uint64
			if have[c] {
				v = must[uint64](t)(s.Roster.Delete(ctx, alice, c))
				delete(have, c)
			} else {
				v = put(t, s, store.RosterItem{JID: c})
				have[c] = true
			}
			copied := map[jid.JID]bool{}
			for k := range have {
				copied[k] = true
			}
			clients = append(clients, state{v, copied})
		}
		for _, cl := range clients {
			c := must[store.RosterChanges](t)(s.Roster.Since(ctx, alice, cl.version))
			if c.Full {
				cl.have = map[jid.JID]bool{}
			}
			for _, j := range c.Removed {
				delete(cl.have, j)
			}
			for _, it := range c.Items {
				cl.have[it.JID] = true
			}
			if !cmp.Equal(cl.have, have, cmpJID) {
				t.Fatalf("a client of version %d ends with %v, want %v", cl.version, cl.have, have)
			}
		}
	},
	"versions do not repeat after the account was removed": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		var last uint64
		for i := range 5 {
			last = put(t, s, store.RosterItem{JID: contact(i)})
		}
		ok(t, s.Accounts.Remove(ctx, alice))
		ok(t, s.Accounts.Create(ctx, account(alice, 1)))
		if v := put(t, s, store.RosterItem{JID: bob}); v <= last {
			t.Errorf("version %d after %d", v, last)
		}
	},
}
