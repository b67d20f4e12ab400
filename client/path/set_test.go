package path

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"godwit/jid"
)

// TestNoFlapping: at 5 % loss, with traffic, the chat leaves the link at most once in 30 s.
func TestNoFlapping(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(plan{receipts: true, loss: 5}, r.IntN)
		w.serverUp(false)
		w.linkUp(w.devices[0], Direct)
		w.run(time.Second)
		const minutes = 10
		for end := w.now.Add(minutes * time.Minute); w.now.Before(end); {
			w.send()
			w.run(w.ms(0, 400))
		}
		w.run(time.Minute)
		w.check(true)
		if w.fail != "" {
			t.Fatalf("seed %d: %s", seed, w.fail)
		}
		if w.changes > minutes*2 {
			t.Fatalf("seed %d: left the link %d times in %d minutes", seed, w.changes, minutes)
		}
	}
}

func TestSet(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	carol := jid.MustParse("carol@example.org")
	bob := phone.Bare()
	set := NewSet(Config{}, func(peer jid.JID) Initial {
		if peer == carol {
			return Initial{Route: OnlyServer, NoReceipts: true}
		}
		return Initial{}
	})
	var got []string
	apply := func(peer jid.JID, e Effect) {
		if words := say([]Effect{e}); words != "" {
			got = append(got, peer.Local()+": "+words)
		}
	}
	expect := func(want ...string) {
		t.Helper()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		got = nil
	}
	set.ServerUp(now, false, apply)
	expect()
	set.Do(now, bob, func(c *Chat) []Effect { return c.Add(now, "m1", "") }, apply)
	set.Do(now, carol, func(c *Chat) []Effect { return c.Add(now, "m2", "") }, apply)
	expect("bob: [server]", "bob: m1>server", "carol: [server]", "carol: m2>server") // new chats know that the server is up
	set.ServerDown(now, apply)
	expect("bob: [none]", "carol: [none]")
	set.ServerUp(now, false, apply)
	expect("bob: [server]", "bob: m1>server", "carol: [server]", "carol: m2>server")
	set.Do(now, carol, func(c *Chat) []Effect { return c.ServerAcked(now, "m2") }, apply)
	expect("carol: sent m2 server", "carol: settled m2")
	if _, ok := set.Chat(carol); !ok {
		t.Fatal("a chat that still orders its messages is gone")
	}
	set.Do(now, bob, func(c *Chat) []Effect { return c.LinkUp(now, Link{ID: 1, Device: phone, Kind: Direct}) }, apply)
	expect("bob: probe link1")
	if next := set.Next(); !next.Equal(now.Add(time.Second)) {
		t.Fatalf("due at %v", next)
	}
	now = now.Add(time.Second)
	set.Wake(now, apply)
	expect("bob: probe link1")
	now = now.Add(4 * time.Second)
	set.Wake(now, apply)
	if _, ok := set.Chat(carol); ok {
		t.Fatal("an idle chat is kept")
	}
	if c, ok := set.Chat(bob); !ok || c.Route() != Auto {
		t.Fatal("a chat with a link is gone")
	}
}

func BenchmarkMessageOverLink(b *testing.B) {
	now := time.Unix(1_000_000, 0)
	c := NewChat(Config{})
	c.ServerUp(now, false)
	c.LinkUp(now, Link{ID: 1, Device: phone, Kind: Direct})
	c.LinkAcked(now, 1, 0)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		var tag uint64
		for _, e := range c.Add(now, "m", "") {
			tag = max(tag, e.Tag)
		}
		c.LinkAcked(now, 1, tag)
	}
}
