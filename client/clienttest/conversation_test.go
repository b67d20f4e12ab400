package clienttest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/path"
)

func (p *person) say(to *person, m client.Outgoing) {
	p.t.Helper()
	m.To = to.jid
	if _, err := p.c.Send(context.Background(), m); err != nil {
		p.t.Fatal(err)
	}
}

// history is a chat as this device has it, as "id=body" for each.
func (p *person) history(with *person, q client.PageQuery) (out []string) {
	p.t.Helper()
	q.Chat = with.jid
	page, err := p.c.Page(context.Background(), q)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range page.Messages {
		body := m.Body
		if !m.Retracted.IsZero() {
			body = "-"
		}
		out = append(out, m.OriginID+"="+body)
	}
	return out
}

func changedBy(id string) func(client.Changed) bool {
	return func(e client.Changed) bool { return e.By == id }
}

// TestChangesTakeEveryPath: an edit and a retraction arrive like any message, once and in order: through the server, as a copy on the
// author's other device, over the direct link, out of the deposit, from the archive after an absence, and on a device that comes later.
func TestChangesTakeEveryPath(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	noLinks := func(c *client.Config) { c.Transports = nil; c.Presence.Priority = -1 }
	phone, laptop := w.join("alice", noLinks), w.join("bob", noLinks)
	phone.online()
	laptop.online()
	befriend(alice, bob)

	alice.sendBy(bob, "m1", "frist", path.OnlyServer)
	alice.say(bob, client.Outgoing{ID: "e1", Body: "first", Replace: "m1", Route: path.OnlyServer})
	for _, p := range []*person{alice, bob, phone, laptop} {
		if e := await(p, "edit", changedBy("e1")); e.Body != "first" || e.ID != "m1" || e.Own != (p.jid == alice.jid) {
			t.Errorf("%s was told %+v", p.jid, e)
		}
	}

	alice.send(bob, "m2", "secret")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	alice.say(bob, client.Outgoing{ID: "e2", Body: "more secret", Replace: "m2", Route: path.OnlyDirect})
	alice.say(bob, client.Outgoing{ID: "r2", Retract: "m2", Route: path.OnlyDirect})
	alice.say(bob, client.Outgoing{ID: "m3", Body: "an answer", ReplyTo: "m1", Route: path.OnlyDirect})
	for _, p := range []*person{bob, phone, laptop} {
		if e := await(p, "retraction", changedBy("r2")); !e.Retracted || e.Body != "" {
			t.Errorf("%s was told %+v", p.jid, e)
		}
		if e := await(p, "reply", func(e client.Message) bool { return e.ID == "m3" }); e.Body != "an answer" || e.ReplyTo != "m1" || e.Quote != "> first\n" {
			t.Errorf("%s was told %+v", p.jid, e)
		}
	}
	if d := await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "r2" }); d.Path != path.Direct {
		t.Errorf("the retraction went by %s", d.Path)
	}

	// While bob's laptop is away alice's phone edits, and takes back.
	if err := laptop.c.Close(); err != nil {
		t.Fatal(err)
	}
	phone.say(bob, client.Outgoing{ID: "e3", Body: "the first", Replace: "m1"})
	phone.say(bob, client.Outgoing{ID: "r3", Retract: "m3"})
	await(bob, "retraction by the phone", changedBy("r3"))
	back := w.joinWith("bob", laptop.cache, noLinks)
	if e := await(back, "edit from the archive", changedBy("e3")); e.Body != "the first" {
		t.Errorf("from the archive: %+v", e)
	}
	await(back, "retraction from the archive", changedBy("r3"))

	// A device that knows nothing reads backwards.
	tablet := w.join("bob", noLinks, func(c *client.Config) { c.Limits.Backlog = 1 })
	tablet.online()
	want := []string{"m1=the first", "m2=-", "m3=-"}
	for _, p := range []*person{bob, back, tablet} {
		await(p, "sign-in", func(client.Online) bool { return true })
		if got := p.history(alice, client.PageQuery{}); !slices.Equal(got, want) {
			t.Errorf("%s has %q", p.jid, got)
		}
		if found, _, err := p.c.Search(context.Background(), cache.SearchQuery{Text: "secret"}); err != nil || len(found) != 0 {
			t.Errorf("%s finds %+v, %v", p.jid, found, err)
		}
	}
	if got := alice.history(bob, client.PageQuery{}); !slices.Equal(got, want) {
		t.Errorf("alice has %q", got)
	}
	for _, p := range []*person{bob, phone} {
		for _, id := range []string{"e1", "e2", "r2", "e3", "r3"} {
			if n := count(p, changedBy(id)); n != 1 {
				t.Errorf("%s was told %s %d times", p.jid, id, n)
			}
		}
	}
}

// TestOfflineChangesWait: what is written, edited and taken back without a connection goes out in order.
func TestOfflineChangesWait(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	w.reachable(false)
	await(alice, "offline", func(client.Offline) bool { return true })
	alice.send(bob, "m1", "one")
	alice.say(bob, client.Outgoing{ID: "e1", Body: "two", Replace: "m1"})
	alice.send(bob, "m2", "never mind")
	alice.say(bob, client.Outgoing{ID: "r2", Retract: "m2"})
	alice.say(bob, client.Outgoing{ID: "e2", Body: "three", Replace: "m1"})
	w.reachable(true)
	await(bob, "the last edit", changedBy("e2"))
	want := []string{"m1=three", "m2=-"}
	if got := bob.history(alice, client.PageQuery{Cached: true}); !slices.Equal(got, want) {
		t.Errorf("bob has %q", got)
	}
	if got := alice.history(bob, client.PageQuery{Cached: true}); !slices.Equal(got, want) {
		t.Errorf("alice has %q", got)
	}
}

// TestHistoryOnANewDevice: a new device scrolls back through hundreds of messages of two chats, page by page, without a hole.
func TestHistoryOnANewDevice(t *testing.T) {
	const n = 350
	w := newWorld(t)
	alice, bob, carol := w.join("alice", func(c *client.Config) { c.Transports = nil }), w.join("bob"), w.join("carol")
	for _, p := range []*person{alice, bob, carol} {
		p.online()
	}
	var want []string
	for i := range n {
		alice.sendBy(bob, fmt.Sprint("b", i), fmt.Sprint(i), path.OnlyServer)
		if i%3 == 0 {
			carol.sendBy(alice, fmt.Sprint("c", i), fmt.Sprint(i), path.OnlyServer)
		}
		want = append(want, fmt.Sprintf("b%d=%d", i, i))
	}
	await(alice, "the last sent", func(e client.Sent) bool { return e.ID == fmt.Sprint("b", n-1) })
	tablet := w.join("alice", func(c *client.Config) { c.Transports = nil; c.Limits.Backlog = 20 })
	await(tablet, "contacts", func(client.RosterLoaded) bool { return true })
	var got []string
	var before cache.Cursor
	for pages := 0; ; pages++ {
		page, err := tablet.c.Page(context.Background(), client.PageQuery{Chat: bob.jid, Before: before, Max: 40})
		if err != nil || page.Gap || pages > n {
			t.Fatalf("%+v, %v", page, err)
		}
		var ids []string
		for _, m := range page.Messages {
			ids = append(ids, m.OriginID+"="+m.Body)
		}
		got = append(ids, got...)
		if !page.Before {
			break
		}
		before = page.Messages[0].Place()
	}
	if !slices.Equal(got, want) {
		t.Errorf("the new device read %d messages: %q", len(got), got)
	}
	chats, err := tablet.c.Chats(context.Background(), 0)
	if err != nil || len(chats) == 0 {
		t.Fatal(err)
	}
	for _, c := range chats {
		if c.Unread != 0 {
			t.Errorf("%d messages of the past are unread in %s", c.Unread, c.Chat.Chat)
		}
	}
}
