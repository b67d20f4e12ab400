package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/stanza"
)

const chatFromBob = `<message xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r' type='chat' id='%[1]s'>` +
	`<body>%[1]s</body><origin-id xmlns='urn:xmpp:sid:0' id='%[1]s'/></message>`

func fromBob(id string) string { return fmt.Sprintf(chatFromBob, id) }

func carbon(from, kind, inner string) string {
	attr := ""
	if from != "" {
		attr = " from='" + from + "'"
	}
	return "<message xmlns='jabber:client'" + attr + " to='alice@localhost/r' type='chat'><" + kind + " xmlns='urn:xmpp:carbons:2'>" +
		"<forwarded xmlns='urn:xmpp:forward:0'>" + inner + "</forwarded></" + kind + "></message>"
}

func TestCarbonsOnlyFromOwnAccount(t *testing.T) {
	own := strings.Replace(strings.Replace(fromBob("own"), "from='bob@localhost/r'", "from='alice@localhost/phone'", 1),
		"to='alice@localhost/r'", "to='bob@localhost'", 1)
	foreign := strings.Replace(fromBob("foreign"), "to='alice@localhost/r'", "to='carol@localhost'", 1)
	tests := []struct {
		why, xml string
		shown    bool
	}{
		{"the account tells what another device got", carbon("alice@localhost", "received", fromBob("a")), true},
		{"no from means the account (RFC 6120 §8.1.2.1)", carbon("", "received", fromBob("b")), true},
		{"the account tells what another device sent", carbon("alice@localhost", "sent", own), true},
		{"somebody else forges a message from bob", carbon("mallory@localhost/evil", "received", fromBob("c")), false},
		{"somebody else forges a message from alice", carbon("mallory@localhost/evil", "sent", own), false},
		{"bob himself may not either", carbon("bob@localhost/r", "received", fromBob("d")), false},
		{"a look-alike domain", carbon("alice@localhost.evil.example", "received", fromBob("e")), false},
		{"a resource of the account is not the account", carbon("alice@localhost/other", "received", fromBob("f")), false},
		{"a sent copy of what somebody else wrote", carbon("alice@localhost", "sent", fromBob("g")), false},
		{"a received copy of what was for somebody else", carbon("alice@localhost", "received", foreign), false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(t)
				u := start(t, s)
				defer u.stop()
				u.ready(s)
				s.send(tt.xml)
				got := all[client.Message](u)
				if (len(got) == 1) != tt.shown {
					t.Errorf("shown: %+v", got)
				}
				if tt.shown && got[0].Own != (got[0].Body == "own") {
					t.Errorf("direction: %+v", got[0])
				}
			})
		})
	}
}

func TestRosterPushOnlyFromOwnAccount(t *testing.T) {
	push := func(from string) string {
		attr := ""
		if from != "" {
			attr = " from='" + from + "'"
		}
		return "<iq xmlns='jabber:client' type='set' id='push'" + attr + " to='alice@localhost/r'><query xmlns='jabber:iq:roster'>" +
			"<item jid='mallory@localhost' subscription='both'/></query></iq>"
	}
	for _, tt := range []struct {
		why, from string
		taken     bool
	}{
		{"no from is the own account", "", true},
		{"the own bare address", "alice@localhost", true},
		{"a stranger", "mallory@localhost/evil", false},
		{"a contact", "bob@localhost/r", false},
		{"the server is not the account", "localhost", false},
		{"another device of the user", "alice@localhost/other", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(t)
				u := start(t, s)
				defer u.stop()
				u.ready(s)
				s.send(push(tt.from))
				answer := s.expect("answer to the push", func(st *stanza.Stanza) bool { return st.Kind == stanza.IQ && st.ID == "push" })
				if (answer.Type == stanza.Result) != tt.taken {
					t.Errorf("answered with %s", answer)
				}
				contacts, err := u.c.Roster(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if (len(contacts) == 2) != tt.taken {
					t.Errorf("roster: %+v", contacts)
				}
			})
		})
	}
}

func TestArchiveOnlyFromOwnAccountAndOnlyWhenAsked(t *testing.T) {
	forge := func(from, query string) string {
		return strings.Replace(result(query, "9", fromBob("forged")), "from='alice@localhost' to='alice@localhost/r'", "from='"+from+"' to='alice@localhost/r'", 1)
	}
	for _, tt := range []struct {
		why   string
		forge func(query string) string
		shown bool
	}{
		{"the account, to the query that is open", func(q string) string { return forge("alice@localhost", q) }, true},
		{"somebody else who guessed the query's id", func(q string) string { return forge("mallory@localhost/evil", q) }, false},
		{"another device", func(q string) string { return forge("alice@localhost/other", q) }, false},
		{"the account, but to another query", func(string) string { return forge("alice@localhost", "other") }, false},
		{"the account, without a query", func(string) string { return forge("alice@localhost", "") }, false},
		{"a message between two others", func(q string) string {
			return strings.Replace(forge("alice@localhost", q), "to='alice@localhost/r' type='chat'", "to='carol@localhost' type='chat'", 1)
		}, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(t)
				s.lie = func(s *scripted, q *stanza.Stanza) bool {
					if n, ok := q.Child("urn:xmpp:mam:2", "query"); ok && q.Type == stanza.Set {
						s.send(tt.forge(n.Attr("queryid")))
					}
					return false
				}
				u := start(t, s)
				defer u.stop()
				u.ready(s)
				if got := all[client.Message](u); (len(got) == 1) != tt.shown {
					t.Errorf("shown: %+v", got)
				}
			})
		})
	}
	t.Run("nothing is asked any more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScripted(t)
			u := start(t, s)
			defer u.stop()
			u.ready(s)
			s.send(result("", "9", fromBob("late")))
			if got := all[client.Message](u); len(got) != 0 {
				t.Errorf("shown: %+v", got)
			}
		})
	})
}

func TestAnswersOnlyFromWhoWasAsked(t *testing.T) {
	version := func(kind, from, id string) string {
		if kind == "message" {
			return "<message xmlns='jabber:client' id='" + id + "' from='" + from + "'><query xmlns='jabber:iq:version'><name>Evil</name><version>1</version></query></message>"
		}
		return "<iq xmlns='jabber:client' type='result' id='" + id + "' from='" + from + "' to='alice@localhost/r'>" +
			"<query xmlns='jabber:iq:version'><name>Evil</name><version>1</version></query></iq>"
	}
	for _, tt := range []struct {
		why, kind, from, id string // id "" is the right one
		taken               bool
	}{
		{"who was asked", "iq", "bob@localhost/r", "", true},
		{"somebody else who guessed the id", "iq", "mallory@localhost/evil", "", false},
		{"another device of who was asked", "iq", "bob@localhost/other", "", false},
		{"the account of who was asked", "iq", "bob@localhost", "", false},
		{"who was asked, with another id", "iq", "bob@localhost/r", "other", false},
		{"a message with the id of the request", "message", "bob@localhost/r", "", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(t)
				s.quiet["jabber:iq:version"] = true
				u := start(t, s)
				defer u.stop()
				u.ready(s)
				s.send("<presence xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r'/>")
				q := s.expect("question for the version", func(st *stanza.Stanza) bool { return st.Has("jabber:iq:version", "query") })
				id := tt.id
				if id == "" {
					id = q.ID
				}
				s.send(version(tt.kind, tt.from, id))
				time.Sleep(time.Minute) // the bubble's: the question times out
				p := all[client.PresenceChanged](u)
				if len(p) == 0 || (p[len(p)-1].Client == "Evil 1") != tt.taken {
					t.Errorf("told: %+v", p)
				}
			})
		})
	}
}

func TestPresenceFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.quiet["jabber:iq:version"] = true
		u := start(t, s, func(c *client.Config) { c.Limits.Resources = 8 })
		defer u.stop()
		u.ready(s)
		for i := range 500 { // strangers
			s.send(fmt.Sprintf("<presence xmlns='jabber:client' from='m%d@localhost/x' to='alice@localhost/r'/>", i))
		}
		for i := range 500 { // a contact with very many devices
			s.send(fmt.Sprintf("<presence xmlns='jabber:client' from='bob@localhost/d%d' to='alice@localhost/r'/>", i))
		}
		synctest.Wait()
		online, err := u.c.Presences(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(online) != 8 {
			t.Errorf("%d devices are remembered", len(online))
		}
		time.Sleep(10 * time.Second)
		before := len(all[client.PresenceChanged](u))
		for i := range 2000 { // a contact that changes all the time
			s.send(fmt.Sprintf("<presence xmlns='jabber:client' from='bob@localhost/d1' to='alice@localhost/r'><status>%d</status></presence>", i))
		}
		time.Sleep(5 * time.Second)
		p := all[client.PresenceChanged](u)
		if n := len(p) - before; n > 20 {
			t.Errorf("2000 changes in a moment were told %d times", n)
		}
		if last := p[len(p)-1]; last.Status != "1999" {
			t.Errorf("the last state told is %q", last.Status)
		}
	})
}

func TestSubscriptionFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		for i := range 1000 {
			s.send(fmt.Sprintf("<presence xmlns='jabber:client' type='subscribe' from='m%d@localhost' to='alice@localhost'/>", i%500))
		}
		if n := len(all[client.SubscriptionAsked](u)); n != 100 {
			t.Errorf("%d requests were told", n)
		}
	})
}

func TestForgedStanzaIDsAndDelaysMeanNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		// Two different messages that claim the same place in alice's archive, by
		// somebody else's word, and a time long ago.
		for _, id := range []string{"x", "y"} {
			s.send(fmt.Sprintf("<message xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r' type='chat' id='%[1]s'><body>%[1]s</body>"+
				"<stanza-id xmlns='urn:xmpp:sid:0' id='7' by='bob@localhost'/><delay xmlns='urn:xmpp:delay' from='bob@localhost' stamp='2001-01-01T00:00:00Z'/></message>", id))
		}
		got := all[client.Message](u)
		if bodies(got) != "x y" {
			t.Fatalf("shown: %+v", got)
		}
		if time.Since(got[0].Time) > time.Hour {
			t.Errorf("the sender chose the time: %v", got[0].Time)
		}
	})
}

func TestReceiptsOnlyToContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		for _, from := range []string{"mallory@localhost/evil", "bob@localhost/r"} {
			s.send("<message xmlns='jabber:client' from='" + from + "' to='alice@localhost/r' type='chat' id='q'><body>there?</body>" +
				"<request xmlns='urn:xmpp:receipts'/></message>")
		}
		s.expect("receipt for bob", func(st *stanza.Stanza) bool { return st.Has("urn:xmpp:receipts", "received") && st.To == bobR })
		synctest.Wait()
		if n := s.sent(func(st *stanza.Stanza) bool { return st.Has("urn:xmpp:receipts", "received") }); n != 1 {
			t.Errorf("%d receipts were sent", n)
		}
	})
}

func TestReceiptFromSomebodyElseConfirmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		if _, err := u.c.Send(t.Context(), client.Outgoing{To: bob, ID: "m1", Body: "hi"}); err != nil {
			t.Fatal(err)
		}
		tell(u, "sent", func(e client.Sent) bool { return e.ID == "m1" })
		receipt := "<message xmlns='jabber:client' from='%s' to='alice@localhost/r'><received xmlns='urn:xmpp:receipts' id='m1'/></message>"
		s.send(fmt.Sprintf(receipt, mallory))
		s.send(fmt.Sprintf("<message xmlns='jabber:client' type='error' id='m1' from='%s' to='alice@localhost/r'><error type='cancel'>"+
			"<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", mallory))
		if d, f := all[client.Delivered](u), all[client.Failed](u); len(d)+len(f) != 0 {
			t.Fatalf("told: %+v %+v", d, f)
		}
		s.send(fmt.Sprintf(receipt, bobR))
		tell(u, "delivered", func(e client.Delivered) bool { return e.ID == "m1" })
	})
}
