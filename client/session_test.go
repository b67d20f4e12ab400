package client_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/stanza"
	"godwit/stream"
)

func TestReconnectsWithBackoffAndJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.refuse = errNetwork
		u := start(t, s)
		defer u.stop()
		time.Sleep(30 * time.Minute)
		s.mu.Lock()
		dials := slices.Clone(s.dials)
		s.mu.Unlock()
		most := 2 * time.Minute
		grown := 500 * time.Millisecond // from the second on
		for i := 1; i < len(dials); i++ {
			whole := min(grown, most)
			least := whole / 2
			if i == 1 {
				whole, least = 50*time.Millisecond, 0 // at once
			} else {
				grown = whole + whole/2
			}
			if d := dials[i].Sub(dials[i-1]); d < least || d > whole {
				t.Errorf("pause %d was %v, want between %v and %v", i, d, least, whole)
			}
		}
		if len(dials) < 20 || len(dials) > 48 {
			t.Errorf("%d attempts in half an hour", len(dials))
		}
		off := all[client.Offline](u)
		if len(off) != len(dials) || !errors.Is(off[0].Err, errNetwork) || off[0].Final || off[0].Retry.IsZero() {
			t.Errorf("told: %+v", off)
		}
	})
}

func TestNetworkChangeConnectsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.refuse = errNetwork
		u := start(t, s)
		defer u.stop()
		time.Sleep(10 * time.Minute)
		s.mu.Lock()
		s.refuse = nil
		s.mu.Unlock()
		before := time.Now()
		u.c.NetworkChanged()
		tell(u, "sign-in", func(client.Online) bool { return true })
		if d := time.Since(before); d > time.Second {
			t.Errorf("signed in after %v", d)
		}
	})
}

func TestWrongPasswordIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s, func(c *client.Config) { c.Password = "wrong" })
		var auth *stream.AuthError
		if err := <-u.ended; !errors.As(err, &auth) {
			t.Errorf("ended with %v", err)
		}
		off := all[client.Offline](u)
		if len(off) != 1 || !off[0].Final || !errors.As(off[0].Err, &auth) {
			t.Errorf("told: %+v", off)
		}
		if _, err := u.c.Send(t.Context(), client.Outgoing{To: bob, Body: "late"}); !errors.Is(err, client.ErrClosed) {
			t.Errorf("sending afterwards: %v", err)
		}
		u.stop()
	})
}

func TestResumedSessionLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		s.cut()
		synctest.Wait()
		if _, err := u.c.Send(t.Context(), client.Outgoing{To: bob, ID: "m1", Body: "written while cut"}); err != nil {
			t.Fatal(err)
		}
		tell(u, "resumed session", func(e client.Online) bool { return e.Resumed })
		s.expect("message", func(st *stanza.Stanza) bool { return st.ID == "m1" })
		if n := s.sent(func(st *stanza.Stanza) bool { return st.Has("jabber:iq:roster", "query") }); n != 1 {
			t.Errorf("the roster was asked for %d times", n)
		}
	})
}

func TestLostSessionBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.noResume = true
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		s.quiet["nothing"] = true
		if _, err := u.c.Send(t.Context(), client.Outgoing{To: bob, ID: "m1", Body: "hi"}); err != nil {
			t.Fatal(err)
		}
		tell(u, "sent", func(e client.Sent) bool { return e.ID == "m1" })
		s.cut()
		n := 0
		tell(u, "second sign-in", func(e client.Online) bool { n++; return n == 2 && !e.Resumed })
		synctest.Wait()
		time.Sleep(time.Minute)
		if n := s.sent(func(st *stanza.Stanza) bool { return st.ID == "m1" }); n != 1 {
			t.Errorf("a message the server had acknowledged was sent %d times", n)
		}
		if n := s.sent(func(st *stanza.Stanza) bool { return st.Has("jabber:iq:roster", "query") }); n != 2 {
			t.Errorf("the roster was asked for %d times", n)
		}
	})
}

// TestSilentConnectionIsReplaced: a connection that died without a word is replaced by
// one made beside it, without a gap and with the same session.
func TestSilentConnectionIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		time.Sleep(10 * time.Minute) // a server that answers is kept
		if on := all[client.Online](u); len(on) != 1 {
			t.Fatalf("told: %+v", on)
		}
		for _, tt := range []struct {
			why  string
			hint func()
			most time.Duration
		}{
			{"nothing happens", func() {}, time.Minute + 4*time.Second},
			{"a message waits for its acknowledgement", func() {
				if _, err := u.c.Send(t.Context(), client.Outgoing{To: bob, ID: rand.Text(), Body: "hi"}); err != nil {
					t.Fatal(err)
				}
			}, 3 * time.Second},
			{"the network changed", u.c.NetworkChanged, time.Second},
		} {
			before := len(all[client.Online](u))
			s.deafen()
			begun := time.Now()
			tt.hint()
			n := 0
			on := tell(u, "another sign-in", func(e client.Online) bool { n++; return n > before })
			if !on.Resumed {
				t.Errorf("%s: %+v", tt.why, on)
			}
			if d := time.Since(begun); d > tt.most {
				t.Errorf("%s: replaced after %v", tt.why, d)
			} else {
				t.Logf("%s: replaced after %v", tt.why, d)
			}
			time.Sleep(time.Minute)
		}
		if off := all[client.Offline](u); len(off) != 0 {
			t.Errorf("told: %+v", off)
		}
	})
}

func TestSilentServerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		time.Sleep(10 * time.Minute) // a server that answers is kept
		if off := all[client.Offline](u); len(off) != 0 {
			t.Fatalf("told: %+v", off)
		}
		s.deafen()
		s.mu.Lock()
		s.refuse = errNetwork
		s.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if off := all[client.Offline](u); len(off) == 0 {
			t.Error("a server that answers nothing was kept")
		}
	})
}

func TestMissedMessagesComeOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		s := newScripted(t)
		u := start(t, s, func(c *client.Config) { c.Cache = store })
		u.ready(s)
		_ = u.c.Close()
		synctest.Wait()

		archived := func(id string) string { return fmt.Sprintf(chatFromBob, id) }
		for i := range 5 {
			s.archive = append(s.archive, archived(fmt.Sprint("m", i)))
		}
		s.forget()
		// While the archive is read, a message comes that is newer than all in it, and
		// one that is in it.
		s.lie = func(s *scripted, q *stanza.Stanza) bool {
			if q.Has("urn:xmpp:mam:2", "query") {
				s.send(withStanzaID(fromBob("new"), "6"))
				s.send(withStanzaID(fromBob("m4"), "5"))
			}
			return false
		}
		u = start(t, s, func(c *client.Config) { c.Cache = store })
		u.ready(s)
		if got := bodies(all[client.Message](u)); got != "m0 m1 m2 m3 m4 new" {
			t.Errorf("told: %s", got)
		}
		_ = u.c.Close()
		synctest.Wait()

		// The next sign-in asks for what comes after the last of these.
		s.forget()
		s.lie = nil
		u = start(t, s, func(c *client.Config) { c.Cache = store })
		defer u.stop()
		u.ready(s)
		if got := all[client.Message](u); len(got) != 0 {
			t.Errorf("told again: %+v", got)
		}
		q := s.expect("question to the archive", func(st *stanza.Stanza) bool { return st.Has("urn:xmpp:mam:2", "query") })
		if !strings.Contains(q.String(), "<after>5</after>") && !strings.Contains(q.String(), "<after>6</after>") {
			t.Errorf("the archive was asked %s", q)
		}
	})
}

func TestQuestionsOfALostSessionAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.noResume = true
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		// The second session ends before the server has said what it can do …
		s.quiet["http://jabber.org/protocol/disco#info"] = true
		s.cut()
		n := 0
		tell(u, "second sign-in", func(client.Online) bool { n++; return n == 2 })
		synctest.Wait()
		// … and in the third nothing is taken for an answer to the second: messages that
		// are newer than what is missed wait for it.
		s.mu.Lock()
		s.quiet = map[string]bool{}
		for i := range 5 {
			s.archive = append(s.archive, fromBob(fmt.Sprint("m", i)))
		}
		s.lie = func(s *scripted, q *stanza.Stanza) bool {
			if q.Has("urn:xmpp:mam:2", "query") {
				s.send(withStanzaID(fromBob("new"), "6"))
			}
			return false
		}
		s.mu.Unlock()
		s.cut()
		tell(u, "new message", func(e client.Message) bool { return e.ID == "new" })
		if got := bodies(all[client.Message](u)); got != "m0 m1 m2 m3 m4 new" {
			t.Errorf("told: %s", got)
		}
	})
}

func TestFirstSignInReadsOnlyTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s, func(c *client.Config) { c.Limits.Backlog = 7 })
		defer u.stop()
		u.ready(s)
		q := s.expect("question to the archive", func(st *stanza.Stanza) bool { return st.Has("urn:xmpp:mam:2", "query") })
		if x := q.String(); !strings.Contains(x, "<max>7</max>") || !strings.Contains(x, "<before/>") {
			t.Errorf("the archive was asked %s", x)
		}
	})
}

func TestSlowArchiveDoesNotKeepTheUserInvisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.quiet["urn:xmpp:mam:2"] = true
		u := start(t, s)
		defer u.stop()
		before := time.Now()
		u.ready(s)
		if d := time.Since(before); d > 4*time.Second {
			t.Errorf("present after %v", d)
		}
		s.send(fromBob("m1"))
		tell(u, "message", func(e client.Message) bool { return e.ID == "m1" })
	})
}

func TestDurableBeforeAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		slow := &slowCache{Cache: memory.New()}
		u := start(t, s, func(c *client.Config) { c.Cache = slow })
		defer u.stop()
		u.ready(s)
		release := slow.hold()
		s.send(strings.Replace(fromBob("m1"), "<origin-id", "<request xmlns='urn:xmpp:receipts'/><origin-id", 1))
		s.requestAck()
		synctest.Wait()
		if got := all[client.Message](u); len(got) != 0 {
			t.Errorf("told before it was durable: %+v", got)
		}
		receipt := func(st *stanza.Stanza) bool { return st.Has("urn:xmpp:receipts", "received") }
		if n := s.sent(receipt); n != 0 {
			t.Error("confirmed before it was durable")
		}
		if n := s.unacked(); n != 1 {
			t.Errorf("acknowledged before it was durable: %d stanzas wait", n)
		}
		release()
		tell(u, "message", func(e client.Message) bool { return e.ID == "m1" })
		s.expect("receipt", receipt)
		synctest.Wait()
		if n := s.unacked(); n != 0 {
			t.Errorf("%d stanzas wait for an acknowledgement", n)
		}
	})
}

func TestFullDiskIsToldAndNothingAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		slow := &slowCache{Cache: memory.New()}
		u := start(t, s, func(c *client.Config) { c.Cache = slow })
		defer u.stop()
		u.ready(s)
		slow.fail(cache.ErrFull)
		s.send(fromBob("m1"))
		tell(u, "problem", func(e client.Problem) bool { return errors.Is(e.Err, cache.ErrFull) })
		slow.fail(nil)
		tell(u, "message, after the session went on", func(e client.Message) bool { return e.ID == "m1" })
		if n := len(all[client.Message](u)); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}

func TestEveryRequestIsAnswered(t *testing.T) {
	for _, tt := range []struct{ why, from, typ, payload, want string }{
		{"ping from anybody", "mallory@localhost/evil", "get", "<ping xmlns='urn:xmpp:ping'/>", "result"},
		{"version for a contact", "bob@localhost/r", "get", "<query xmlns='jabber:iq:version'/>", "<name>Godwit</name><version>0.1</version><os>test</os>"},
		{"version for a stranger", "mallory@localhost/evil", "get", "<query xmlns='jabber:iq:version'/>", "service-unavailable"},
		{"time for a contact", "bob@localhost/r", "get", "<time xmlns='urn:xmpp:time'/>", "<utc>"},
		{"idle time for a contact", "bob@localhost/r", "get", "<query xmlns='jabber:iq:last'/>", "seconds="},
		{"what it can do, for a contact", "bob@localhost/r", "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "urn:xmpp:receipts"},
		{"what it can do, for a stranger", "mallory@localhost/evil", "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "service-unavailable"},
		{"an unknown node", "bob@localhost/r", "get", "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>", "item-not-found"},
		{"no items", "bob@localhost/r", "get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", "result"},
		{"an unknown question", "bob@localhost/r", "get", "<query xmlns='urn:example:unknown'/>", "service-unavailable"},
		{"an unknown command", "bob@localhost/r", "set", "<query xmlns='urn:example:unknown'/>", "service-unavailable"},
		{"an introduction, without transports", "bob@localhost/r", "set",
			"<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'/>", "service-unavailable"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(t)
				u := start(t, s)
				defer u.stop()
				u.ready(s)
				s.send("<iq xmlns='jabber:client' id='q1' type='" + tt.typ + "' from='" + tt.from + "' to='alice@localhost/r'>" + tt.payload + "</iq>")
				a := s.expect("answer", func(st *stanza.Stanza) bool { return st.Kind == stanza.IQ && st.ID == "q1" })
				if a.To.String() != tt.from || !strings.Contains(a.String(), tt.want) {
					t.Errorf("answer: %s", a)
				}
			})
		})
	}
}

func TestRosterVersionsSpareTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		s := newScripted(t)
		u := start(t, s, func(c *client.Config) { c.Cache = store })
		u.ready(s)
		_ = u.c.Close()
		synctest.Wait()
		s.refuse = errNetwork
		u = start(t, s, func(c *client.Config) { c.Cache = store })
		defer u.stop()
		contacts, err := u.c.Roster(t.Context())
		if err != nil || len(contacts) != 1 || contacts[0].JID != bob {
			t.Errorf("without a connection: %+v, %v", contacts, err)
		}
	})
}

func TestOriginIDIsUsedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		u := start(t, s)
		defer u.stop()
		for i, want := range []bool{true, false} {
			if _, err := u.c.Send(t.Context(), client.Outgoing{To: bob, ID: "m1", Body: "hi"}); (err == nil) != want {
				t.Errorf("attempt %d: %v", i, err)
			}
		}
		for _, bad := range []client.Outgoing{{To: bob}, {Body: "x"}, {To: bob, Body: "\x00"}, {To: bob, Body: "x", Route: "pigeon"},
			{To: bob, Body: strings.Repeat("x", 200<<10)}, {To: bob, Body: "x", ID: strings.Repeat("i", 5000)}} {
			if _, err := u.c.Send(t.Context(), bad); err == nil {
				t.Errorf("accepted %.40v", bad)
			}
		}
	})
}

func TestSlowApplicationStopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		cfg := client.Config{JID: alice, Password: password, Dialer: s, Cache: memory.New(), Limits: client.Limits{Events: 100}}
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = c.Run(t.Context()) }()
		s.expect("presence", func(st *stanza.Stanza) bool { return st.Kind == stanza.Presence })
		for i := range 3000 {
			s.send(fromBob(fmt.Sprint(i)))
		}
		synctest.Wait()
		if n := s.unacked(); n < 3000-100-512-100 {
			t.Errorf("only %d of 3000 messages wait outside", n)
		}
		seen := 0
		for e := range c.Events() {
			if m, ok := e.(client.Message); ok {
				if m.ID != fmt.Sprint(seen) {
					t.Fatalf("message %s instead of %d", m.ID, seen)
				}
				if seen++; seen == 3000 {
					break
				}
			}
		}
		go func() {
			for range c.Events() {
			}
		}()
		_ = c.Close()
		_ = cfg.Cache.Close()
	})
}
