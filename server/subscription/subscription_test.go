package subscription

import (
	"testing"

	"godwit/stanza"
)

// The nine states of RFC 6121 appendix A.1, by the letters used below: none, to, from, both; o = pending out, i = pending in.
var states = map[string]State{
	"n":   {},
	"n+o": {PendingOut: true},
	"n+i": {PendingIn: true},
	"n+b": {PendingOut: true, PendingIn: true},
	"t":   {To: true},
	"t+i": {To: true, PendingIn: true},
	"f":   {From: true},
	"f+o": {From: true, PendingOut: true},
	"b":   {To: true, From: true},
}

// row gives, for one state, whether the stanza goes on and the state that follows.
type row struct {
	forward bool
	next    string
}

// The tables of RFC 6121 appendix A.2 and A.3, cell by cell.
var tables = []struct {
	name  string
	apply func(State, string) Outcome
	typ   string
	rows  map[string]row
}{
	{"A.2.1 outbound subscribe", Outbound, stanza.Subscribe, map[string]row{
		"n": {true, "n+o"}, "n+o": {true, "n+o"}, "n+i": {true, "n+b"}, "n+b": {true, "n+b"}, "t": {true, "t"},
		"t+i": {true, "t+i"}, "f": {true, "f+o"}, "f+o": {true, "f+o"}, "b": {true, "b"}}},
	{"A.2.2 outbound unsubscribe", Outbound, stanza.Unsubscribe, map[string]row{
		"n": {true, "n"}, "n+o": {true, "n"}, "n+i": {true, "n+i"}, "n+b": {true, "n+i"}, "t": {true, "n"},
		"t+i": {true, "n+i"}, "f": {true, "f"}, "f+o": {true, "f"}, "b": {true, "f"}}},
	{"A.2.4 outbound unsubscribed", Outbound, stanza.Unsubscribed, map[string]row{
		"n": {false, "n"}, "n+o": {false, "n+o"}, "n+i": {true, "n"}, "n+b": {true, "n+o"}, "t": {false, "t"},
		"t+i": {true, "t"}, "f": {true, "n"}, "f+o": {true, "n+o"}, "b": {true, "t"}}},
	{"A.3.1 inbound subscribe", Inbound, stanza.Subscribe, map[string]row{
		"n": {true, "n+i"}, "n+o": {true, "n+b"}, "n+i": {false, "n+i"}, "n+b": {false, "n+b"}, "t": {true, "t+i"},
		"t+i": {false, "t+i"}, "f": {false, "f"}, "f+o": {false, "f+o"}, "b": {false, "b"}}},
	{"A.3.2 inbound unsubscribe", Inbound, stanza.Unsubscribe, map[string]row{
		"n": {false, "n"}, "n+o": {false, "n+o"}, "n+i": {true, "n"}, "n+b": {true, "n+o"}, "t": {false, "t"},
		"t+i": {true, "t"}, "f": {true, "n"}, "f+o": {true, "n+o"}, "b": {true, "t"}}},
	{"A.3.3 inbound subscribed", Inbound, stanza.Subscribed, map[string]row{
		"n": {false, "n"}, "n+o": {true, "t"}, "n+i": {false, "n+i"}, "n+b": {true, "t+i"}, "t": {false, "t"},
		"t+i": {false, "t+i"}, "f": {false, "f"}, "f+o": {true, "b"}, "b": {false, "b"}}},
	{"A.3.4 inbound unsubscribed", Inbound, stanza.Unsubscribed, map[string]row{
		"n": {false, "n"}, "n+o": {true, "n"}, "n+i": {false, "n+i"}, "n+b": {true, "n+i"}, "t": {true, "n"},
		"t+i": {true, "n+i"}, "f": {false, "f"}, "f+o": {true, "f"}, "b": {true, "f"}}},
}

func TestAppendixA(t *testing.T) {
	for _, table := range tables {
		if len(table.rows) != len(states) {
			t.Fatalf("%s: %d rows, want every one of %d states", table.name, len(table.rows), len(states))
		}
		for from, want := range table.rows {
			got := table.apply(states[from], table.typ)
			if got.Forward != want.forward || got.Next != states[want.next] {
				t.Errorf("%s in %q: forward %v, next %q; want %v, %q",
					table.name, states[from], got.Forward, got.Next, want.forward, states[want.next])
			}
		}
	}
}

func TestOutboundSubscribedAndPreApproval(t *testing.T) {
	approved := func(s State) State { s.Approved = true; return s }
	for _, c := range []struct {
		why      string
		from     State
		want     State
		forward  bool
		presence bool
	}{
		{"A.2.3: a pending request is granted", states["n+i"], states["f"], true, true},
		{"A.2.3: granted while our own request waits", states["n+b"], states["f+o"], true, true},
		{"A.2.3: granted when we already see the contact", states["t+i"], states["b"], true, true},
		{"§3.4: nobody asked yet, so it is remembered, and not sent on", states["n"], approved(states["n"]), false, false},
		{"§3.4: likewise with our request under way", states["n+o"], approved(states["n+o"]), false, false},
		{"§3.4: likewise when we see the contact", states["t"], approved(states["t"]), false, false},
		{"already granted: nothing to do", states["f"], states["f"], false, false},
		{"already mutual: nothing to do", states["b"], states["b"], false, false},
	} {
		got := Outbound(c.from, stanza.Subscribed)
		if got.Next != c.want || got.Forward != c.forward || got.SendPresence != c.presence {
			t.Errorf("%s: from %q got %+v", c.why, c.from, got)
		}
	}
}

func TestInboundRepliesOnBehalf(t *testing.T) {
	if got := Inbound(states["f"], stanza.Subscribe); got.Reply != stanza.Subscribed || got.SendPresence {
		t.Errorf("a contact that is subscribed already is told so again: %+v", got)
	}
	pre := State{To: true, Approved: true}
	got := Inbound(pre, stanza.Subscribe)
	if got.Reply != stanza.Subscribed || got.Forward || !got.SendPresence || !got.Next.From || !got.Next.To {
		t.Errorf("a pre-approved contact is let in without asking the account: %+v", got)
	}
}

func TestPresenceRightsFollowFrom(t *testing.T) {
	for name, s := range states {
		if got := Outbound(s, stanza.Unsubscribed).SendUnavailable; got != s.From {
			t.Errorf("outbound unsubscribed in %s: SendUnavailable %v", name, got)
		}
		if got := Inbound(s, stanza.Unsubscribe).SendUnavailable; got != s.From {
			t.Errorf("inbound unsubscribe in %s: SendUnavailable %v", name, got)
		}
	}
}
