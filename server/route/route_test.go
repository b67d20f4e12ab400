package route

import (
	"testing"

	"godwit/stanza"
)

// The rows of RFC 6121 §8.5.4 (table 1), as conditions on the account.
var (
	nobody       = Target{}
	nobodyFull   = Target{Full: true}
	offline      = Target{Exists: true}
	offlineFull  = Target{Exists: true, Full: true}
	negMatch     = Target{Exists: true, Full: true, Match: true}
	oneBare      = Target{Exists: true, Reachable: 1}
	oneMatch     = Target{Exists: true, Full: true, Match: true, Reachable: 1}
	oneNoMatch   = Target{Exists: true, Full: true, Reachable: 1}
	severalBare  = Target{Exists: true, Reachable: 3}
	severalOther = Target{Exists: true, Full: true, Reachable: 3}
)

func TestMessageTable(t *testing.T) {
	types := []string{stanza.Normal, stanza.Chat, stanza.Groupchat, stanza.Headline, stanza.ErrorType}
	for _, row := range []struct {
		why  string
		at   Target
		want [5]Action // in the order of types
	}{
		{"no such account, bare", nobody, [5]Action{Refuse, Refuse, Refuse, Ignore, Ignore}},
		{"no such account, full", nobodyFull, [5]Action{Refuse, Refuse, Refuse, Refuse, Ignore}},
		{"nobody reachable, bare", offline, [5]Action{Keep, Keep, Refuse, Ignore, Ignore}},
		{"nobody reachable, full without match", offlineFull, [5]Action{Refuse, Keep, Refuse, Refuse, Ignore}},
		{"only a negative priority, full with match", negMatch, [5]Action{ToMatch, ToMatch, ToMatch, ToMatch, ToMatch}},
		{"one reachable, bare", oneBare, [5]Action{ToReachable, ToReachable, Refuse, ToReachable, Ignore}},
		{"one reachable, full with match", oneMatch, [5]Action{ToMatch, ToMatch, ToMatch, ToMatch, ToMatch}},
		{"one reachable, full without match", oneNoMatch, [5]Action{Refuse, ToReachable, Refuse, Refuse, Ignore}},
		{"several reachable, bare: all get it", severalBare, [5]Action{ToReachable, ToReachable, Refuse, ToReachable, Ignore}},
		{"several reachable, full without match", severalOther, [5]Action{Refuse, ToReachable, Refuse, Refuse, Ignore}},
	} {
		for i, typ := range types {
			if got := Message(typ, row.at); got != row.want[i] {
				t.Errorf("%s, message type %q: %v, want %v", row.why, typ, got, row.want[i])
			}
		}
	}
}

func TestPresenceTable(t *testing.T) {
	for _, row := range []struct {
		why  string
		typ  string
		at   Target
		want Action
	}{
		{"available to a bare JID reaches all available resources", stanza.Available, severalBare, ToAvailable},
		{"directed to a resource", stanza.Available, negMatch, ToMatch},
		{"directed to a resource that left", stanza.Unavailable, offlineFull, Ignore},
		{"to nobody", stanza.Available, nobody, Ignore},
		{"a request to nobody leaks nothing", stanza.Subscribe, nobody, Ignore},
		{"a request is the account's, not the resource's", stanza.Subscribe, oneMatch, ToSubscription},
		{"an answer likewise", stanza.Unsubscribed, offline, ToSubscription},
		{"a probe is the server's to answer", stanza.Probe, oneBare, ToServer},
		{"a presence error to a bare JID ends here", stanza.ErrorType, oneBare, Ignore},
		{"a presence error to a resource reaches it", stanza.ErrorType, oneMatch, ToMatch},
	} {
		if got := Presence(row.typ, row.at); got != row.want {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
}

func TestIQTable(t *testing.T) {
	for _, row := range []struct {
		why  string
		typ  string
		at   Target
		want Action
	}{
		{"a request to a resource", stanza.Get, oneMatch, ToMatch},
		{"its answer", stanza.Result, oneMatch, ToMatch},
		{"an error as answer", stanza.ErrorType, negMatch, ToMatch},
		{"a request to a resource that left is answered", stanza.Set, oneNoMatch, Refuse},
		{"an answer to a resource that left goes nowhere", stanza.Result, offlineFull, Ignore},
		{"a request to the account", stanza.Get, offline, ToServer},
		{"an answer to the account", stanza.Result, oneBare, Ignore},
		{"a request to nobody is answered", stanza.Get, nobody, Refuse},
		{"an error to nobody ends here", stanza.ErrorType, nobodyFull, Ignore},
	} {
		if got := IQ(row.typ, row.at); got != row.want {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
}
