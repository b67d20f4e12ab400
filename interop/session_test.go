package interop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"godwit/netlab/story"
)

func TestSlixmppSignsIn(t *testing.T) {
	t.Parallel()
	s := serve(t, alice)
	for _, c := range []struct {
		transport string
		options   []string
	}{
		{"STARTTLS", nil},
		{"direct TLS", []string{"direct"}},
	} {
		a := launchSlix(t, s, alice+"/"+strings.Fields(c.transport)[0], password(alice), s.CA(), c.options...)
		e := a.await("online by "+c.transport, func(e told) bool { return e.Event == "online" || e.Event == "failed" })
		if e.Event != "online" || !strings.HasPrefix(e.JID, alice+"/") || e.TLS != "TLSv1.3" {
			t.Errorf("by %s: %+v", c.transport, e)
		}
		if v := a.ask("version", "version", "jid", "localhost"); v.Name != "Godwit" {
			t.Errorf("the server is called %q", v.Name)
		}
	}
	// Both are registered, with the name of the client, which the server asked for (XEP-0092).
	var names []string
	for line := range strings.Lines(story.Run(t, "sessions", "--json", "--data", s.Data)) {
		var session map[string]any
		if err := json.Unmarshal([]byte(line), &session); err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(session))
	}
	if len(names) != 2 || !strings.Contains(names[0], "lixmpp") || !strings.Contains(names[0], "127.0.0.1") {
		t.Errorf("sessions: %q", names)
	}
}

func TestSlixmppIsRefused(t *testing.T) {
	t.Parallel()
	s, other := serve(t, alice), serve(t)
	for _, c := range []struct{ password, ca, why string }{
		{"wrong", s.CA(), "authentication"},
		{password(alice), other.CA(), "certificate"},
	} {
		a := launchSlix(t, s, alice, c.password, c.ca)
		if e := a.await("the refusal", func(e told) bool { return e.Event == "online" || e.Event == "failed" }); e.Why != c.why {
			t.Errorf("want failure by %s, got %+v", c.why, e)
		}
	}
}

func TestSlixmppFindsFeatures(t *testing.T) {
	t.Parallel()
	s := serve(t, alice)
	a := signIn(t, s, alice)
	want := map[string][]string{
		"localhost": {"http://jabber.org/protocol/disco#info", "urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time", "jabber:iq:last", "urn:xmpp:extdisco:2", "urn:xmpp:carbons:2"},
		alice:       {"urn:xmpp:mam:2", "urn:xmpp:sid:0"},
	}
	for jid, features := range want {
		got := a.ask("features", "disco", "jid", jid).Features
		for _, f := range features {
			if !slices.Contains(got, f) {
				t.Errorf("%s does not announce %s, but %q", jid, f, got)
			}
		}
	}
}

func TestSlixmppRoster(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := signIn(t, s, alice), signIn(t, s, alice)
	if items := a.ask("roster", "roster").Items; len(items) != 0 {
		t.Errorf("a new roster has %+v", items)
	}
	a.do("add", "jid", bob, "name", "Bob 鲍勃")
	for _, c := range []*slix{a, b} {
		push := c.await("the push", func(e told) bool { return e.Event == "push" })
		if len(push.Items) != 1 || push.Items[0].JID != bob || push.Items[0].Name != "Bob 鲍勃" || push.Items[0].Subscription != "none" {
			t.Errorf("pushed %+v", push.Items)
		}
	}
	if items := b.ask("roster", "roster").Items; len(items) != 1 || items[0].Name != "Bob 鲍勃" {
		t.Errorf("the roster has %+v", items)
	}
	a.do("remove", "jid", bob)
	b.await("the removal", func(e told) bool {
		return e.Event == "push" && len(e.Items) == 1 && e.Items[0].Subscription == "remove"
	})
	if e := a.try("remove", "jid", bob); e.Condition != "item-not-found" {
		t.Errorf("removing nobody gives %+v", e)
	}
}

func TestSlixmppSubscription(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := signIn(t, s, alice), signIn(t, s, bob)
	befriend(a, b)
	a.await("both", func(e told) bool {
		return e.Event == "push" && len(e.Items) == 1 && e.Items[0].JID == bob && e.Items[0].Subscription == "both"
	})
	b.do("presence", "show", "away", "status", "午饭", "priority", 5)
	if e := a.await("bob's lunch", func(e told) bool { return e.Event == "presence" && e.Status != "" }); e.Status != "午饭" || e.Type != "away" || e.Priority != 5 {
		t.Errorf("bob's presence: %+v", e)
	}
	b.quit()
	a.presence("unavailable", bob)
	// The next sign-in is announced, and bob learns that alice is there.
	b = signIn(t, s, bob)
	a.presence("available", bob)
	b.presence("available", alice)
	b.do("presence", "to", alice, "type", "unsubscribed")
	a.presence("unavailable", bob)
	a.presence("unsubscribed", bob)
}

func TestSlixmppIsAwayAndReads(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a := signIn(t, s, alice, "sm")
	a.do("message", "to", bob, "body", "for later 你好 <&>", "id", "m1")
	a.do("ping", "jid", "localhost") // slixmpp asks for an acknowledgement before each stanza, not after
	a.await("the server has it", func(e told) bool { return e.Event == "acked" && e.ID == "m1" })
	s.Kill9() // what was acknowledged is on disk
	s.Restart(t)
	b := signIn(t, s, bob)
	if e := b.message("for later 你好 <&>"); !e.Delayed || bare(e.From) != alice || e.ID != "m1" {
		t.Errorf("the message came as %+v", e)
	}
	b.noMore()
	b.quit()
	signIn(t, s, bob).noMore()
}

func TestSlixmppArchive(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := signIn(t, s, alice), signIn(t, s, bob)
	const n = 7
	var live []told
	for i := range n {
		body := fmt.Sprintf("message %d", i)
		a.do("message", "to", b.jid, "body", body, "id", fmt.Sprintf("m%d", i))
		live = append(live, b.message(body))
	}
	for _, c := range []struct {
		who  *slix
		with string
	}{{a, bob}, {b, alice}} {
		h := c.who.ask("history", "history", "with", c.with, "max", 50)
		if !h.Complete || len(h.Messages) != n {
			t.Fatalf("%s reads %d messages, complete: %v", c.who.account, len(h.Messages), h.Complete)
		}
		for i, m := range h.Messages {
			if m.Body != live[i].Body || m.ID != live[i].ID {
				t.Errorf("%s reads %q (%s) as message %d", c.who.account, m.Body, m.ID, i)
			}
			if c.who == b && (m.ArchiveID == "" || m.ArchiveID != live[i].StanzaID) {
				t.Errorf("message %d came with stanza-id %q and is archived as %q", i, live[i].StanzaID, m.ArchiveID)
			}
		}
	}
	if h := b.ask("history", "history", "max", 3); h.Complete || len(h.Messages) != 3 {
		t.Errorf("a page of 3 has %d, complete: %v", len(h.Messages), h.Complete)
	}
	if h := b.ask("history", "history", "with", "carol@localhost"); !h.Complete || len(h.Messages) != 0 {
		t.Errorf("with carol: %+v", h.Messages)
	}
}

func TestSlixmppCarbons(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	desk, phone, b := signIn(t, s, alice+"/desk"), signIn(t, s, alice+"/phone"), signIn(t, s, bob)
	phone.do("carbons")
	desk.do("message", "to", b.jid, "body", "from the desk")
	b.message("from the desk")
	carbon := func(direction, body string) {
		t.Helper()
		e := phone.await("the carbon of "+body, func(e told) bool { return e.Event == "carbon" })
		if e.Direction != direction || e.Body != body {
			t.Errorf("want %s %q, got %+v", direction, body, e)
		}
	}
	carbon("sent", "from the desk")
	b.do("message", "to", desk.jid, "body", "to the desk")
	desk.message("to the desk")
	carbon("received", "to the desk")
	desk.noMore()
	phone.noMore()
}

func TestSlixmppResumes(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := signIn(t, s, alice), signIn(t, s, bob, "sm")
	a.do("message", "to", bob, "body", "before")
	b.message("before")
	b.tell("cut")
	b.await("the cut", func(e told) bool { return e.Event == "disconnected" })
	const n = 20
	for i := range n {
		a.do("message", "to", b.jid, "body", fmt.Sprintf("meanwhile %d", i))
	}
	a.do("ping", "jid", "localhost") // they have been handled
	b.tell("again")
	b.await("the resumption", func(e told) bool { return e.Event == "resumed" })
	for i := range n {
		if e := b.await("a message", func(e told) bool { return e.Event == "message" }); e.Body != fmt.Sprintf("meanwhile %d", i) {
			t.Fatalf("message %d is %q", i, e.Body)
		}
	}
	b.noMore()
	a.noMore()
}

func TestSlixmppAsksSlixmpp(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	a, b := signIn(t, s, alice), signIn(t, s, bob)
	befriend(a, b)
	if e := a.ask("version", "version", "jid", b.jid); e.Name != "Slixmpp" {
		t.Errorf("bob's client is %q", e.Name)
	}
	b.quit()
	a.presence("unavailable", bob)
	if e := a.try("version", "jid", b.jid); e.Condition != "service-unavailable" {
		t.Errorf("a session that is gone answers %+v", e)
	}
}
