package clienttest

import (
	"context"
	"slices"
	"testing"

	"godwit/client"
	"godwit/client/path"
	"godwit/jid"
)

// TestBlocked: a direct link with somebody who is blocked ends at once, and neither the server nor a new link brings anything of theirs, until
// they are let through again.
func TestBlocked(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	alice, bob, tablet := w.join("alice"), w.join("bob"), w.join("alice")
	befriend(alice, bob)
	tablet.online()
	alice.send(bob, "m1", "1")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	await(bob, "message", func(e client.Message) bool { return e.ID == "m1" })
	if err := alice.c.Block(ctx, bob.jid); err != nil {
		t.Fatal(err)
	}
	isBob := func(e client.BlocksChanged) bool { return slices.Equal(e.Blocked, []jid.JID{bob.jid}) }
	await(alice, "blocklist", isBob)
	await(tablet, "blocklist", isBob)
	await(alice, "end of the link", func(e client.LinkChanged) bool { return e.State == client.LinkDown })
	await(bob, "end of the link", func(e client.LinkChanged) bool { return e.State == client.LinkDown })
	await(alice, "bob out of sight", func(e client.PresenceChanged) bool { return e.From.Bare() == bob.jid && !e.Available })
	await(bob, "alice out of sight", func(e client.PresenceChanged) bool { return e.From.Bare() == alice.jid && !e.Available })
	bob.send(alice, "m2", "are you there?")
	if f := await(bob, "refusal", func(e client.Failed) bool { return e.ID == "m2" }); f.Code != "service-unavailable" {
		t.Errorf("bob is told %q", f.Code)
	}
	alice.send(bob, "m3", "no")
	if f := await(alice, "refusal", func(e client.Failed) bool { return e.ID == "m3" }); f.Code != "not-acceptable" {
		t.Errorf("alice is told %q", f.Code)
	}
	if who, err := tablet.c.Blocked(ctx); err != nil || !slices.Equal(who, []jid.JID{bob.jid}) {
		t.Errorf("blocked %v, %v", who, err)
	}
	for _, wrong := range []jid.JID{{}, alice.jid} {
		if err := alice.c.Block(ctx, wrong); err == nil {
			t.Errorf("%q was blocked", wrong)
		}
	}
	if err := tablet.c.Unblock(ctx, bob.jid); err != nil {
		t.Fatal(err)
	}
	blocked := false
	await(alice, "empty blocklist", func(e client.BlocksChanged) bool {
		blocked = blocked || isBob(e)
		return blocked && len(e.Blocked) == 0
	})
	bob.send(alice, "m4", "4")
	await(alice, "message", func(e client.Message) bool { return e.ID == "m4" })
	if got := alice.messages(bob.jid); !slices.Equal(got, []string{"4"}) {
		t.Errorf("alice got %q", got)
	}
	alice.send(bob, "m5", "5")
	await(bob, "message", func(e client.Message) bool { return e.ID == "m5" })
	ups := 0
	await(alice, "another link", func(e client.LinkChanged) bool {
		if isUp(e) {
			ups++
		}
		return ups > 1
	})
}
