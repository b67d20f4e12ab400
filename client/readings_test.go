package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/stanza"
)

func readNotice(from, chat, id string) string {
	if from != "" {
		from = " from='" + from + "'"
	}
	return "<message xmlns='jabber:client' type='headline'" + from + " to='alice@localhost/r'><event xmlns='http://jabber.org/protocol/pubsub#event'>" +
		"<items node='urn:xmpp:mds:displayed:0'><item id='" + chat + "'><displayed xmlns='urn:xmpp:mds:displayed:0'>" +
		"<stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='" + id + "'/></displayed></item></items></event></message>"
}

func stamped(id string) string {
	return "<message xmlns='jabber:client' type='chat' from='bob@localhost/r' to='alice@localhost/r' id='m" + id + "'><body>hi</body>" +
		"<markable xmlns='urn:xmpp:chat-markers:0'/><stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='" + id + "'/></message>"
}

// TestReadingOnlyFromOwnAccount: notices of the node are believed only from the own account, about messages of the chat they name, and only
// forward (XEP-0490 §5.1); also before the message itself is there.
func TestReadingOnlyFromOwnAccount(t *testing.T) {
	for _, tt := range []struct {
		why, first, then string
		read             int
	}{
		{"the own account", stamped("7"), readNotice("alice@localhost", "bob@localhost", "7"), 1},
		{"no from means the account", stamped("7"), readNotice("", "bob@localhost", "7"), 1},
		{"before the message comes", readNotice("alice@localhost", "bob@localhost", "7"), stamped("7"), 1},
		{"the contact itself", stamped("7"), readNotice("bob@localhost", "bob@localhost", "7"), 0},
		{"somebody else", stamped("7"), readNotice("mallory@localhost", "bob@localhost", "7"), 0},
		{"a resource of the account is not the account", stamped("7"), readNotice("alice@localhost/evil", "bob@localhost", "7"), 0},
		{"a message of another chat", stamped("7"), readNotice("alice@localhost", "carol@localhost", "7"), 0},
		{"a message that is not known", stamped("7"), readNotice("alice@localhost", "bob@localhost", "8"), 0},
		{"no chat", stamped("7"), readNotice("alice@localhost", "@", "7"), 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted(t)
				u := start(t, s)
				defer u.stop()
				u.ready(s)
				s.send(tt.first)
				synctest.Wait()
				s.send(tt.then)
				s.send(tt.then)
				synctest.Wait()
				time.Sleep(time.Minute)
				got := all[client.ReadChanged](u)
				if len(got) != tt.read || tt.read == 1 && (got[0].By != client.ReadElse || got[0].ID != "m7") {
					t.Errorf("read: %+v", got)
				}
			})
		})
	}
}

// TestReadingsAreGathered: reading on is told as one, by one publication and one marker, and only what asks for a marker gets one.
func TestReadingsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.features = append(s.features, "http://jabber.org/protocol/pubsub#publish-options")
		s.identity = "<identity category='pubsub' type='pep'/>"
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		for i := range 20 {
			s.send(stamped(fmt.Sprint(i + 1)))
		}
		synctest.Wait()
		for i := range 20 {
			if err := u.c.MarkRead(context.Background(), bob, fmt.Sprintf("m%d", i+1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		isMarker := func(st *stanza.Stanza) bool { return st.Has("urn:xmpp:chat-markers:0", "displayed") }
		isPublication := func(st *stanza.Stanza) bool {
			n, _ := st.Child("http://jabber.org/protocol/pubsub", "pubsub")
			_, ok := n.Child("http://jabber.org/protocol/pubsub", "publish")
			return ok
		}
		if m, p := s.sent(isMarker), s.sent(isPublication); m != 1 || p != 1 {
			t.Errorf("%d markers and %d publications", m, p)
		}
		marker := s.expect("marker", isMarker)
		n, _ := marker.Child("urn:xmpp:chat-markers:0", "displayed")
		if marker.To != bob || n.Attr("id") != "m20" {
			t.Errorf("%s", marker)
		}
		s.send("<message xmlns='jabber:client' type='chat' from='bob@localhost/r' to='alice@localhost/r' id='quiet'><body>no marker, please</body></message>")
		synctest.Wait()
		if err := u.c.MarkRead(context.Background(), bob, "quiet"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := s.sent(isMarker); n != 1 {
			t.Errorf("%d markers, and nobody asked for the last", n)
		}
	})
}

// TestReadingsOutlastTheProgram: what was read without a connection is told by the next run that has one.
func TestReadingsOutlastTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.features = append(s.features, "http://jabber.org/protocol/pubsub#publish-options")
		s.identity = "<identity category='pubsub' type='pep'/>"
		store := memory.New()
		same := func(c *client.Config) { c.Cache = store }
		u := start(t, s, same)
		u.ready(s)
		s.send(stamped("7"))
		synctest.Wait()
		_ = u.c.Close()
		refused := errors.New("no network")
		s.mu.Lock()
		s.refuse = refused
		s.mu.Unlock()
		u = start(t, s, same)
		if err := u.c.MarkRead(context.Background(), bob, "m7"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_ = u.c.Close()
		s.mu.Lock()
		s.refuse = nil
		s.mu.Unlock()
		u = start(t, s, same)
		defer u.stop()
		marker := s.expect("marker", func(st *stanza.Stanza) bool { return st.Has("urn:xmpp:chat-markers:0", "displayed") })
		if n, _ := marker.Child("urn:xmpp:chat-markers:0", "displayed"); n.Attr("id") != "m7" {
			t.Errorf("%s", marker)
		}
		time.Sleep(time.Minute)
		if _, err := store.Record(context.Background(), "readings-owed"); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("it would be told again: %v", err)
		}
	})
}
