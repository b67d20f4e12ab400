package clienttest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/path"
)

func TestTwoPeopleMeetAndTalk(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	e := await(alice, "bob's presence", func(e client.PresenceChanged) bool { return e.From.Bare() == bob.jid })
	if e.Client != "Godwit 0.1" || !e.Direct {
		t.Errorf("bob's client is %q, direct %v", e.Client, e.Direct)
	}

	alice.send(bob, "m1", "hello")
	m := await(bob, "message", func(e client.Message) bool { return e.ID == "m1" })
	if m.Body != "hello" || m.Path != path.Server || m.From.Bare() != alice.jid || m.Own {
		t.Errorf("bob got %+v", m)
	}
	if s := await(alice, "sent", func(e client.Sent) bool { return e.ID == "m1" }); s.Path != path.Server {
		t.Errorf("the first message was sent by %q", s.Path)
	}
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "m1" })

	await(alice, "link", func(e client.LinkChanged) bool { return e.State == client.LinkUp })
	await(bob, "link", func(e client.LinkChanged) bool { return e.State == client.LinkUp })
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	alice.send(bob, "m2", "direct")
	if m := await(bob, "message", func(e client.Message) bool { return e.ID == "m2" }); m.Path != path.Direct {
		t.Errorf("the second message came by %q", m.Path)
	}
	if d := await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "m2" }); d.Path != path.Direct {
		t.Errorf("the second message was delivered by %q", d.Path)
	}
}

func TestDirectMessagesAreDepositedOnceAndShownOnce(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	phone := w.join("bob", func(c *client.Config) { c.Transports = nil; c.Presence.Priority = -1 })
	phone.online()
	befriend(alice, bob)
	alice.send(bob, "m0", "first")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	for i := range 20 {
		alice.sendBy(bob, fmt.Sprintf("d%d", i), fmt.Sprintf("direct %d", i), path.OnlyDirect)
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("direct %d", i))
		m := await(phone, "copy on the phone", func(e client.Message) bool { return e.ID == fmt.Sprintf("d%d", i) })
		if m.From.Bare() != alice.jid || m.Own {
			t.Errorf("the phone got %+v", m)
		}
	}
	got := bob.messages(alice.jid)
	if !slices.Equal(got[1:], want) {
		t.Errorf("bob was told %q", got)
	}
	// A new device of alice finds everything in her archive, once.
	tablet := w.join("alice", func(c *client.Config) { c.Transports = nil })
	for i := range 20 {
		m := await(tablet, "archived message", func(e client.Message) bool { return e.ID == fmt.Sprintf("d%d", i) })
		if !m.Own || m.Chat != bob.jid {
			t.Errorf("alice's new device got %+v", m)
		}
	}
	if n := count(tablet, func(e client.Message) bool { return e.ID == "d3" }); n != 1 {
		t.Errorf("a message was told %d times", n)
	}
}

func TestCutPathMovesChatBack(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	alice.send(bob, "m0", "0")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	for i := 1; i <= 100; i++ {
		alice.send(bob, fmt.Sprintf("m%d", i), fmt.Sprint(i))
		if i == 50 {
			w.air.close(true)
			w.air.jam()
		}
	}
	await(bob, "the last message", func(e client.Message) bool { return e.ID == "m100" })
	var want []string
	for i := range 101 {
		want = append(want, fmt.Sprint(i))
	}
	if got := bob.messages(alice.jid); !slices.Equal(got, want) {
		t.Errorf("bob was told %q", got)
	}
	for i := range 101 {
		await(alice, "delivered", func(e client.Delivered) bool { return e.ID == fmt.Sprintf("m%d", i) })
	}
}

func TestServerGoneChatGoesOnDirectly(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	alice.send(bob, "m0", "0")
	await(alice, "direct route", func(e client.RouteChanged) bool { return e.Mode == path.ViaLink })
	w.reachable(false)
	await(alice, "offline", func(client.Offline) bool { return true })
	await(bob, "offline", func(client.Offline) bool { return true })
	for i := 1; i <= 20; i++ {
		alice.send(bob, fmt.Sprintf("m%d", i), fmt.Sprint(i))
	}
	if m := await(bob, "message without a server", func(e client.Message) bool { return e.ID == "m20" }); m.Path != path.Direct {
		t.Errorf("it came by %q", m.Path)
	}
	w.reachable(true)
	for _, p := range []*person{alice, bob} {
		n := 0
		await(p, "second sign-in", func(client.Online) bool { n++; return n == 2 })
	}
	alice.send(bob, "m21", "21")
	await(bob, "message afterwards", func(e client.Message) bool { return e.ID == "m21" })
	var want []string
	for i := range 22 {
		want = append(want, fmt.Sprint(i))
	}
	if got := bob.messages(alice.jid); !slices.Equal(got, want) {
		t.Errorf("bob was told %q", got)
	}
}

func TestAbsentGetsMessageAtNextSignIn(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	if err := bob.c.Close(); err != nil {
		t.Fatal(err)
	}
	await(alice, "bob leaving", func(e client.PresenceChanged) bool { return e.From.Bare() == bob.jid && !e.Available })
	for i := range 300 { // more than a page of the archive
		alice.send(bob, fmt.Sprintf("m%d", i), fmt.Sprint(i))
	}
	await(alice, "sent", func(e client.Sent) bool { return e.ID == "m299" })
	again := w.joinWith("bob", bob.cache)
	await(again, "the last message", func(e client.Message) bool { return e.ID == "m299" })
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint(i))
	}
	if got := again.messages(alice.jid); !slices.Equal(got, want) {
		t.Errorf("bob was told %d messages: %q", len(got), got)
	}
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "m299" })
}

func TestInterruptionsLoseAndDoubleNothing(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", func(c *client.Config) { c.Route = path.OnlyServer })
	bob := w.join("bob", func(c *client.Config) { c.Route = path.OnlyServer })
	befriend(alice, bob)
	const n = 200
	for i := range n {
		alice.send(bob, fmt.Sprintf("a%d", i), fmt.Sprint(i))
		bob.send(alice, fmt.Sprintf("b%d", i), fmt.Sprint(i))
		if i%40 == 20 {
			w.cut()
		}
	}
	await(bob, "the last message", func(e client.Message) bool { return e.ID == fmt.Sprintf("a%d", n-1) })
	await(alice, "the last message", func(e client.Message) bool { return e.ID == fmt.Sprintf("b%d", n-1) })
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	if got := bob.messages(alice.jid); !slices.Equal(got, want) {
		t.Errorf("bob was told %q", got)
	}
	if got := alice.messages(bob.jid); !slices.Equal(got, want) {
		t.Errorf("alice was told %q", got)
	}
}

func TestServerRestartsLoseAndDoubleNothing(t *testing.T) {
	for _, route := range []path.Route{path.OnlyServer, path.Auto} {
		t.Run(string(route), func(t *testing.T) {
			w := newWorld(t)
			tune := func(c *client.Config) { c.Route = route }
			alice, bob := w.join("alice", tune), w.join("bob", tune)
			befriend(alice, bob)
			const n = 120
			var want []string
			for i := range n {
				want = append(want, fmt.Sprint(i))
				alice.send(bob, fmt.Sprintf("a%d", i), fmt.Sprint(i))
				bob.send(alice, fmt.Sprintf("b%d", i), fmt.Sprint(i))
				if i%40 == 20 {
					w.restart()
				}
			}
			await(bob, "the last message", func(e client.Message) bool { return e.ID == fmt.Sprintf("a%d", n-1) })
			await(alice, "the last message", func(e client.Message) bool { return e.ID == fmt.Sprintf("b%d", n-1) })
			if got := bob.messages(alice.jid); !slices.Equal(got, want) {
				t.Errorf("bob was told %q", got)
			}
			if got := alice.messages(bob.jid); !slices.Equal(got, want) {
				t.Errorf("alice was told %q", got)
			}
		})
	}
}

func TestCrashedClientMissesNothing(t *testing.T) {
	w := newWorld(t)
	tune := func(c *client.Config) { c.Route = path.OnlyServer }
	alice, bob := w.join("alice", tune), w.join("bob", tune)
	befriend(alice, bob)
	var want, got []string
	for round := range 4 {
		for i := range 50 {
			n := round*50 + i
			want = append(want, fmt.Sprint(n))
			alice.send(bob, fmt.Sprintf("a%d", n), fmt.Sprint(n))
			if i == 25 {
				// What was not told by now is in the cache: an application finds it there.
				w.cut()
				bob.cancel()
				<-bob.c.Done()
				bob = w.joinWith("bob", bob.cache, tune)
			}
		}
	}
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == fmt.Sprintf("a%d", len(want)-1) })
	page, _, err := bob.c.History(context.Background(), cache.HistoryQuery{Chat: alice.jid, Max: 500})
	if err != nil {
		t.Fatal(err)
	}
	// In the order in which they were kept. The history is ordered by time, and what was told before the crash has that of bob's clock when it
	// came, what the archive told that of the server's when it was stored, which is a little earlier.
	slices.SortFunc(page, func(a, b cache.Message) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range page {
		got = append(got, m.Body)
	}
	if !slices.Equal(got, want) {
		t.Errorf("bob has %q", got)
	}
}

func TestOfflineOutboxSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	w.reachable(false)
	await(alice, "offline", func(client.Offline) bool { return true })
	// Without server and without direct link nothing can go out.
	for i := range 5 {
		alice.sendBy(bob, fmt.Sprintf("m%d", i), fmt.Sprint(i), path.OnlyServer)
	}
	_ = alice.c.Close()
	w.reachable(true)
	w.joinWith("alice", alice.cache)
	await(bob, "the last message", func(e client.Message) bool { return e.ID == "m4" })
	if got := bob.messages(alice.jid); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
		t.Errorf("bob was told %q", got)
	}
}

func TestHistoryHoldsBothSides(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice"), w.join("bob")
	befriend(alice, bob)
	alice.send(bob, "m1", "question")
	await(bob, "message", func(e client.Message) bool { return e.ID == "m1" })
	bob.send(alice, "m2", "answer")
	await(alice, "message", func(e client.Message) bool { return e.ID == "m2" })
	await(alice, "delivered", func(e client.Delivered) bool { return e.ID == "m1" })
	page, _, err := alice.c.History(context.Background(), cache.HistoryQuery{Chat: bob.jid})
	if err != nil {
		t.Fatal(err)
	}
	if len(page) != 2 || page[0].Body != "question" || page[0].Direction != cache.Out || page[1].Body != "answer" || page[1].Direction != cache.In {
		t.Errorf("history: %+v", page)
	}
}
