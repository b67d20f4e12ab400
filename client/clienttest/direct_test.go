package clienttest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/path"
	"godwit/server"
	"godwit/server/introduce"
	"godwit/xep/chatstates"
)

func isUp(e client.LinkChanged) bool { return e.State == client.LinkUp }

func TestBothOfferAtOnceOneLink(t *testing.T) {
	for range 5 {
		w := newWorld(t)
		alice, bob := w.join("alice"), w.join("bob")
		befriend(alice, bob)
		var both sync.WaitGroup
		both.Go(func() { alice.send(bob, "a1", "at once") })
		both.Go(func() { bob.send(alice, "b1", "at once") })
		both.Wait()
		await(alice, "link", isUp)
		await(bob, "link", isUp)
		await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
		await(bob, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
		oneLink(t, alice)
	}
}

// oneLink waits until there is one link and it is up. On a busy machine a link may be distrusted for a moment and another built beside it.
func oneLink(t *testing.T, p *person) {
	t.Helper()
	var links []client.LinkInfo
	for range 10 {
		var err error
		if links, err = p.c.Links(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(links) == 1 && links[0].State == client.LinkUp {
			return
		}
		await(p, "change of links", func(client.LinkChanged) bool { return true })
	}
	t.Errorf("%+v", links)
}

func TestStrangersLearnNoAddress(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Introduce = introduce.Anyone }) // the server would pass it on
	alice, mallory := w.join("alice"), w.join("mallory")
	alice.online()
	mallory.online()
	mallory.send(alice, "m1", "hi there")
	await(alice, "message", func(e client.Message) bool { return e.ID == "m1" })
	alice.send(mallory, "m2", "who are you?")
	await(mallory, "message", func(e client.Message) bool { return e.ID == "m2" })
	await(alice, "sent", func(e client.Sent) bool { return e.ID == "m2" })
	if made, asked := w.air.counts(); made+asked != 0 {
		t.Errorf("%d links were made, %d times addresses would have been told", made, asked)
	}
}

func TestShareNeverTellsNoAddress(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", func(c *client.Config) { c.Share = client.ShareNever })
	bob := w.join("bob")
	befriend(alice, bob)
	if p := await(bob, "presence", func(e client.PresenceChanged) bool { return e.Available }); p.Direct {
		t.Error("alice announces direct links")
	}
	alice.send(bob, "m1", "1")
	bob.send(alice, "m2", "2")
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "m1" })
	await(bob, "delivered", func(e client.Delivered) bool { return e.ID == "m2" })
	if made, asked := w.air.counts(); made+asked != 0 {
		t.Errorf("%d links were made, %d times addresses would have been told", made, asked)
	}
	// The user changes their mind, and back.
	if err := alice.c.SetShare(context.Background(), client.ShareChats); err != nil {
		t.Fatal(err)
	}
	await(bob, "link", isUp)
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	if err := alice.c.SetShare(context.Background(), client.ShareNever); err != nil {
		t.Fatal(err)
	}
	await(alice, "link down", func(e client.LinkChanged) bool { return e.State == client.LinkDown })
	alice.send(bob, "m3", "3")
	if d := await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "m3" }); d.Path != path.Server {
		t.Errorf("delivered by %q", d.Path)
	}
}

func TestIntroductionsOffStayOnTheServer(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Introduce = introduce.Off })
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	alice.send(bob, "m1", "1")
	down := await(alice, "refusal", func(e client.LinkChanged) bool { return e.State == client.LinkDown })
	if down.Reason == "" {
		t.Error("no reason is told")
	}
	for i := range 10 {
		alice.send(bob, fmt.Sprintf("n%d", i), "more")
	}
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "n9" })
	if _, asked := w.air.counts(); asked != 1 {
		t.Errorf("%d introductions were begun, although the server had refused", asked)
	}
}

func TestIdleLinkIsClosed(t *testing.T) {
	w := newWorld(t)
	tune := func(c *client.Config) { c.Times.IdleLink = 300 * time.Millisecond }
	alice, bob := w.join("alice", tune), w.join("bob", tune)
	befriend(alice, bob)
	alice.send(bob, "m1", "1")
	await(alice, "link", isUp)
	await(bob, "link", isUp)
	for _, p := range []*person{alice, bob} {
		await(p, "the end of the link", func(e client.LinkChanged) bool { return e.State == client.LinkDown })
	}
	alice.send(bob, "m2", "2") // and comes back when it is wanted
	n := 0
	await(alice, "another link", func(e client.LinkChanged) bool {
		if isUp(e) {
			n++
		}
		return n == 2
	})
}

func TestDepositOffKeepsDirectMessagesFromTheServer(t *testing.T) {
	w := newWorld(t)
	off := func(c *client.Config) { c.NoDeposit = true }
	alice, bob := w.join("alice", off), w.join("bob", off)
	befriend(alice, bob)
	alice.send(bob, "m0", "0")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	alice.sendBy(bob, "d1", "secret", path.OnlyDirect)
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "d1" })
	alice.sendBy(bob, "m2", "open", path.OnlyServer)
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "m2" })
	for _, p := range []*person{alice, bob} {
		left, err := p.cache.Deposits(context.Background(), 10)
		if err != nil || len(left) != 0 {
			t.Errorf("%s would deposit %d messages, %v", p.jid, len(left), err)
		}
	}
	tablet := w.join("alice", func(c *client.Config) { c.Transports = nil })
	await(tablet, "archived message", func(e client.Message) bool { return e.ID == "m2" })
	if n := count(tablet, func(e client.Message) bool { return e.ID == "d1" }); n != 0 {
		t.Error("a direct message is in the archive")
	}
}

func TestDepositWaitsForTheServer(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	alice.send(bob, "m0", "0")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	w.reachable(false)
	await(alice, "offline", func(client.Offline) bool { return true })
	for i := range 250 { // more than a batch
		alice.send(bob, fmt.Sprintf("d%d", i), fmt.Sprint(i))
	}
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "d249" })
	_ = alice.c.Close() // before anything was deposited
	w.reachable(true)
	alice = w.joinWith("alice", alice.cache)
	alice.online()
	phone := w.join("alice", func(c *client.Config) { c.Transports = nil })
	for i := range 250 {
		await(phone, "copy", func(e client.Message) bool { return e.ID == fmt.Sprintf("d%d", i) && e.Own })
	}
	for i := range 250 {
		if n := count(phone, func(e client.Message) bool { return e.ID == fmt.Sprintf("d%d", i) }); n != 1 {
			t.Errorf("message %d was told %d times", i, n)
		}
	}
	left, err := alice.cache.Deposits(context.Background(), 10)
	if err != nil || len(left) != 0 {
		t.Errorf("%d deposits are left, %v", len(left), err)
	}
}

func TestDirectLinkSpeaksForItsPeerOnly(t *testing.T) {
	for _, tt := range []struct {
		why, from string
		shown     bool
	}{
		{"no from is the peer", "", true},
		{"the device itself", "DEVICE", true},
		{"its account", "bob@localhost", true},
		{"another contact", "carol@localhost/x", false},
		{"the user's own account", "alice@localhost", false},
		{"another device of the peer, which may be another person", "bob@localhost/other", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			w := newWorld(t)
			alice, bob := w.join("alice"), w.join("bob")
			befriend(alice, bob)
			alice.send(bob, "m0", "0")
			await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
			await(bob, "direct route", func(client.RouteChanged) bool { return true })
			from := ""
			switch tt.from {
			case "":
			case "DEVICE":
				from = " from='" + bob.c.JID().String() + "'"
			default:
				from = " from='" + tt.from + "'"
			}
			for _, inject := range []string{
				"<message" + from + " type='chat' id='x'><body>forged</body><origin-id xmlns='urn:xmpp:sid:0' id='x'/></message>",
				"<iq" + from + " type='set' id='y'><query xmlns='jabber:iq:roster'><item jid='mallory@localhost' subscription='both'/></query></iq>",
				"<message" + from + "><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>" +
					"<message xmlns='jabber:client' from='carol@localhost/x' to='alice@localhost'><body>copy</body></message></forwarded></received></message>",
				"<presence" + from + "/>",
				"<message type='chat' id='z'><body>last</body><origin-id xmlns='urn:xmpp:sid:0' id='z'/></message>",
			} {
				w.air.inject(bob.c.JID(), inject)
			}
			await(alice, "last", func(e client.Message) bool { return e.ID == "z" })
			if n := count(alice, func(e client.Message) bool { return e.ID == "x" }); (n == 1) != tt.shown {
				t.Errorf("shown %d times", n)
			}
			if n := count(alice, func(e client.Message) bool { return e.Body == "copy" }); n != 0 {
				t.Error("a copy was believed on a direct link")
			}
			contacts, err := alice.c.Roster(context.Background())
			if err != nil || len(contacts) != 1 {
				t.Errorf("roster: %+v, %v", contacts, err)
			}
		})
	}
}

func TestRouteDirectWaits(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	w.air.close(true)
	if err := alice.c.SetRoute(context.Background(), bob.jid, path.OnlyDirect); err != nil {
		t.Fatal(err)
	}
	alice.send(bob, "m1", "only to you")
	await(alice, "attempt", func(e client.LinkChanged) bool { return e.State == client.LinkConnecting })
	page, _, err := alice.c.History(context.Background(), cache.HistoryQuery{Chat: bob.jid})
	if err != nil || len(page) != 1 || page[0].State != cache.StateQueued {
		t.Errorf("history: %+v, %v", page, err)
	}
	if n := len(bob.messages(alice.jid)); n != 0 {
		t.Errorf("bob has %d messages", n)
	}
}

func TestChatStatesTravelAndAreNotKept(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	if err := alice.c.SetChatState(context.Background(), bob.jid, chatstates.Composing); err != nil {
		t.Fatal(err)
	}
	await(bob, "composing", func(e client.ChatState) bool { return e.State == chatstates.Composing })
	alice.send(bob, "m1", "1")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	if err := alice.c.SetChatState(context.Background(), bob.jid, chatstates.Paused); err != nil {
		t.Fatal(err)
	}
	await(bob, "paused", func(e client.ChatState) bool { return e.State == chatstates.Paused })
	page, _, err := bob.c.History(context.Background(), cache.HistoryQuery{})
	if err != nil || len(page) != 1 {
		t.Errorf("history: %+v, %v", page, err)
	}
}

func TestDirectLinkEndsInMidTalkManyTimes(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint(i))
		alice.send(bob, fmt.Sprintf("a%d", i), fmt.Sprint(i))
		bob.send(alice, fmt.Sprintf("b%d", i), fmt.Sprint(i))
		if i%60 == 30 {
			w.air.sever()
		}
	}
	await(bob, "the last", func(e client.Message) bool { return e.ID == "a299" })
	await(alice, "the last", func(e client.Message) bool { return e.ID == "b299" })
	if got := bob.messages(alice.jid); !slices.Equal(got, want) {
		t.Errorf("bob was told %q", got)
	}
	if got := alice.messages(bob.jid); !slices.Equal(got, want) {
		t.Errorf("alice was told %q", got)
	}
}
