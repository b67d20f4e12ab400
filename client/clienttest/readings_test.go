package clienttest

import (
	"context"
	"testing"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/client/path"
	"godwit/jid"
)

func readBy(by client.Reader, chat jid.JID, id string) func(client.ReadChanged) bool {
	return func(e client.ReadChanged) bool { return e.By == by && e.Chat == chat && e.ID == id }
}

// TestReadings: what is read on one device is read on the others, those that come later too, and the other side learns it if it may.
func TestReadings(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	phone, bob := w.join("alice"), w.join("bob")
	store := memory.New()
	tablet := w.joinWith("alice", store)
	befriend(phone, bob)
	tablet.online()
	read := func(id string) {
		t.Helper()
		if err := phone.c.MarkRead(ctx, bob.jid, id); err != nil {
			t.Fatal(err)
		}
	}
	arrives := func(p *person, id string) {
		t.Helper()
		await(p, "message "+id, func(e client.Message) bool { return e.ID == id })
	}
	bob.sendBy(phone, "m1", "1", path.OnlyServer)
	arrives(phone, "m1")
	arrives(tablet, "m1")
	read("")
	await(phone, "reading", readBy(client.ReadHere, bob.jid, "m1"))
	await(bob, "marker", readBy(client.ReadOther, phone.jid, "m1"))
	await(tablet, "reading elsewhere", readBy(client.ReadElse, bob.jid, "m1"))
	if m, err := bob.cache.Message(ctx, bob.jid, "m1"); err != nil || m.State != cache.StateRead {
		t.Errorf("bob's message has come as far as %v, %v", m.State, err)
	}
	if c, err := store.Chat(ctx, bob.jid); err != nil || c.Unread != 0 {
		t.Errorf("%d unread on the tablet, %v", c.Unread, err)
	}
	// A device that was away finds it when it comes back, with the message itself.
	if err := tablet.c.Close(); err != nil {
		t.Fatal(err)
	}
	bob.sendBy(phone, "m2", "2", path.OnlyServer)
	arrives(phone, "m2")
	read("m2")
	await(bob, "marker", readBy(client.ReadOther, phone.jid, "m2"))
	back := w.joinWith("alice", store)
	await(back, "reading elsewhere", readBy(client.ReadElse, bob.jid, "m2"))
	// The user does not want others to know, and the own devices know all the same. What is sent to a stranger is nobody's business either.
	if err := phone.c.Set(ctx, jid.JID{}, cache.SettingReceipts, "off"); err != nil {
		t.Fatal(err)
	}
	bob.sendBy(phone, "m3", "3", path.OnlyServer)
	arrives(phone, "m3")
	arrives(back, "m3")
	read("m3")
	await(back, "reading elsewhere", readBy(client.ReadElse, bob.jid, "m3"))
	phone.sendBy(bob, "m4", "4", path.OnlyServer)
	arrives(bob, "m4")
	if n := count(bob, readBy(client.ReadOther, phone.jid, "m3")); n != 0 {
		t.Error("bob was told what alice did not want told")
	}
	if err := phone.c.Set(ctx, jid.JID{}, cache.SettingReceipts, "on"); err != nil {
		t.Fatal(err)
	}
	mallory := w.join("mallory")
	mallory.online()
	mallory.sendBy(phone, "x1", "who reads this?", path.OnlyServer)
	arrives(phone, "x1")
	arrives(back, "x1")
	if err := phone.c.MarkRead(ctx, mallory.jid, ""); err != nil {
		t.Fatal(err)
	}
	await(back, "reading elsewhere", readBy(client.ReadElse, mallory.jid, "x1"))
	phone.sendBy(mallory, "x2", "go away", path.OnlyServer)
	arrives(mallory, "x2")
	if n := count(mallory, readBy(client.ReadOther, phone.jid, "x1")); n != 0 {
		t.Error("a stranger was told what alice has read")
	}
}

// TestReadingsDirect: markers travel by the link, and what has come by it is told to the other devices once it is in the archive.
func TestReadingsDirect(t *testing.T) {
	w := newWorld(t)
	phone, bob, tablet := w.join("alice"), w.join("bob"), w.join("alice")
	befriend(phone, bob)
	tablet.online()
	phone.send(bob, "m1", "1")
	bob.send(phone, "m2", "2")
	await(bob, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	bob.send(phone, "m3", "3")
	m := await(phone, "message", func(e client.Message) bool { return e.ID == "m3" })
	if err := phone.c.MarkRead(context.Background(), bob.jid, "m3"); err != nil {
		t.Fatal(err)
	}
	await(bob, "marker", readBy(client.ReadOther, phone.jid, "m3"))
	await(tablet, "reading elsewhere", readBy(client.ReadElse, bob.jid, "m3"))
	if m.Path != path.Direct {
		t.Logf("m3 went by %s: this run says less", m.Path)
	}
}
