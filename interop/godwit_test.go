package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"godwit/netlab/story"
)

func startHeadless(t *testing.T, s *story.Server, account string, more ...string) *story.Person {
	t.Helper()
	return story.SignIn(t, story.Loopback, s, account, t.TempDir(), more...)
}

// TestGodwitBefriendsSlixmpp: both become contacts and see each other come and go.
func TestGodwitBefriendsSlixmpp(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := startHeadless(t, s, alice), signIn(t, s, bob)
	a.Do(t, map[string]any{"cmd": "subscribe", "jid": bob})
	b.presence("subscribe", alice)
	b.do("presence", "to", alice, "type", "subscribed")
	a.Await(t, "bob online", func(e story.Event) bool {
		return e.Event == "presence" && e.Available && e.From == b.jid
	})
	// Who asks for a contact wants to be one: the way back needs no second question.
	b.do("presence", "to", alice, "type", "subscribe")
	b.presence("subscribed", alice)
	b.presence("available", alice)
	b.quit()
	a.Await(t, "bob offline", func(e story.Event) bool { return e.Event == "presence" && !e.Available && e.From == b.jid })
	b = signIn(t, s, bob)
	a.Await(t, "bob online again", func(e story.Event) bool { return e.Event == "presence" && e.Available && e.From == b.jid })
	b.presence("available", alice)
	a.Quit(t)
	b.presence("unavailable", alice)
}

// TestSlixmppAsksGodwit: the user is asked, and decides.
func TestSlixmppAsksGodwit(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := startHeadless(t, s, alice), signIn(t, s, bob)
	b.do("presence", "to", alice, "type", "subscribe")
	a.Await(t, "bob's question", func(e story.Event) bool { return e.Event == "subscription" && e.From == bob })
	a.Do(t, map[string]any{"cmd": "accept", "jid": bob})
	b.presence("subscribed", alice)
	b.presence("available", alice)
	a.Do(t, map[string]any{"cmd": "unsubscribe", "jid": bob})
	b.presence("unavailable", alice)
}

// TestDirectMessagesReachOtherDevices: what two Godwit clients say to each other directly, a stock client of either
// account sees as carbons while it is online, and reads in the archive afterwards, once and in order.
func TestDirectMessagesReachOtherDevices(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := startHeadless(t, s, alice), startHeadless(t, s, bob)
	phone := signIn(t, s, alice+"/phone")
	phone.do("carbons")
	story.Befriend(t, a, b)
	a.Write(t, b, "first", "first")
	a.LinkUp(t, b)
	const n = 10
	want := []string{"first"}
	for i := range n {
		from, to := b, a // in turns
		if i%2 == 1 {
			from, to = a, b
		}
		body := fmt.Sprintf("direct %d", i)
		want = append(want, body)
		from.Write(t, to, fmt.Sprintf("d%d", i), body)
		to.Await(t, body, func(e story.Event) bool { return e.Event == "message" && e.Body == body })
	}
	carried := 0
	for _, e := range append(a.Told(), b.Told()...) {
		if e.Event == "message" && strings.HasPrefix(e.Body, "direct ") && e.Path == "direct" {
			carried++
		}
	}
	if carried == 0 {
		t.Error("no message took the direct path, so this test shows nothing")
	}
	seen := map[string]int{}
	for len(seen) < len(want) {
		e := phone.await("all carbons", func(e told) bool { return e.Event == "carbon" && e.Body != "" || e.Event == "message" && e.Body != "" })
		if seen[e.Body]++; seen[e.Body] > 1 {
			t.Errorf("%q came %d times", e.Body, seen[e.Body])
		}
		if direction := map[bool]string{true: "sent", false: "received"}[bare(e.From) == alice]; e.Event == "carbon" && e.Direction != direction {
			t.Errorf("%q from %s is a carbon of something %s", e.Body, e.From, e.Direction)
		}
	}
	phone.noMore()
	for _, account := range []string{alice, bob} {
		other := map[string]string{alice: bob, bob: alice}[account]
		reader := signIn(t, s, account+"/reader")
		var got []string
		for _, m := range reader.ask("history", "history", "with", other, "max", 100).Messages {
			if m.Body != "" {
				got = append(got, m.Body)
			}
		}
		checkOnceInOrder(t, account, got, want)
	}
}

// checkOnceInOrder wants every body once, and those of each sender in the order sent; how two senders interleave is
// decided by when each batch was deposited.
func checkOnceInOrder(t *testing.T, reader string, got, want []string) {
	t.Helper()
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("%s reads %q, not %q", reader, got, want)
		return
	}
	for sender := range 2 {
		last := -1
		for i := sender; i < len(want); i += 2 { // said in turns
			at := slices.Index(got, want[i])
			if at < last {
				t.Errorf("%s reads %q out of the sender's order: %q", reader, want[i], got)
			}
			last = at
		}
	}
}

// TestGodwitOnANewDevice reads what was said before, with clients of both kinds.
func TestGodwitOnANewDevice(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := startHeadless(t, s, alice), signIn(t, s, bob)
	a.Do(t, map[string]any{"cmd": "send", "to": bob, "body": "one"})
	b.hears(alice, "one")
	b.write(alice, "two")
	a.Await(t, "two", func(e story.Event) bool { return e.Event == "message" && e.Body == "two" })
	tablet := startHeadless(t, s, alice)
	tablet.Until(t, "what was said", patience, func(events []story.Event) bool {
		var bodies []string
		for _, e := range events {
			if e.Event == "message" {
				bodies = append(bodies, e.Body)
			}
		}
		return slices.Equal(bodies, []string{"one", "two"})
	})
}
