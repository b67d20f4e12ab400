package clienttest

import (
	"context"
	"net/netip"
	"testing"

	"godwit/client"
	"godwit/xep/reach"
)

var somewhere = reach.Reach{Class: reach.PortRestricted, Mapping: reach.EndpointIndependent, Mapped: "pcp", IPv6: reach.No,
	Addresses: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:61234")}}

// TestReachIsToldWithoutAddresses: contacts learn what network a device is on, where
// it is only if its owner shares that with all of them.
func TestReachIsToldWithoutAddresses(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	alice.c.SetReach(somewhere)
	e := await(bob, "reach", func(e client.PresenceChanged) bool { return e.From.Bare() == alice.jid && !e.Reach.IsZero() })
	want := somewhere.WithoutAddresses()
	want.Client = "Godwit 0.1"
	if !e.Reach.Equal(want) {
		t.Errorf("bob was told %+v", e.Reach)
	}
	if err := alice.c.SetShare(context.Background(), client.ShareContacts); err != nil {
		t.Fatal(err)
	}
	await(bob, "addresses", func(e client.PresenceChanged) bool { return len(e.Reach.Addresses) == 1 })
	if err := alice.c.SetShare(context.Background(), client.ShareNever); err != nil {
		t.Fatal(err)
	}
	// There is no relay in this world, so she can build no links and says nothing.
	told := false
	await(bob, "silence", func(e client.PresenceChanged) bool {
		told = told || len(e.Reach.Addresses) == 1
		return told && e.From.Bare() == alice.jid && e.Reach.IsZero() && !e.Direct
	})
}

func TestStrangersLearnNoReach(t *testing.T) {
	w := newWorld(t)
	alice, mallory := w.join("alice"), w.join("mallory")
	alice.online()
	mallory.online()
	alice.c.SetReach(somewhere)
	if err := mallory.c.Subscribe(context.Background(), alice.jid, "hello"); err != nil {
		t.Fatal(err)
	}
	await(alice, "request", func(client.SubscriptionAsked) bool { return true })
	alice.send(mallory, "m1", "who are you?")
	await(mallory, "message", func(e client.Message) bool { return e.ID == "m1" })
	if n := count(mallory, func(e client.PresenceChanged) bool { return e.From.Bare() == alice.jid }); n != 0 {
		t.Errorf("mallory was told %d times of alice's presence", n)
	}
}
