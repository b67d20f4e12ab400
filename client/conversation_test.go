package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/client/cache"
	"godwit/jid"
	"godwit/stanza"
)

// says is a message with more in it than a body.
func says(from, id, body, more string) string {
	return fmt.Sprintf(`<message xmlns='jabber:client' from='%s' to='alice@localhost/r' type='chat' id='%s'><body>%s</body>%s<origin-id xmlns='urn:xmpp:sid:0' id='%s'/></message>`,
		from, id, body, more, id)
}

func replaces(id string) string {
	return `<replace xmlns='urn:xmpp:message-correct:0' id='` + id + `'/>`
}

func retracts(id string) string {
	return `<retract xmlns='urn:xmpp:message-retract:1' id='` + id + `'/>`
}

// talk runs f with a client that is signed in.
func talk(t *testing.T, f func(t *testing.T, s *scripted, u *user), tune ...func(*client.Config)) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.roster = `<item jid='bob@localhost' subscription='both' name='Bob'/>`
		u := start(t, s, tune...)
		defer u.stop()
		u.ready(s)
		f(t, s, u)
	})
}

func (u *user) find(sender, id string) cache.Message {
	u.t.Helper()
	m, err := u.cache.Find(u.t.Context(), bob, jid.MustParse(sender), id)
	if err != nil {
		u.t.Fatalf("%s by %s: %v", id, sender, err)
	}
	return m
}

func TestEditsAndRetractionsAreTold(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		s.send(says("bob@localhost/r", "m1", "frist", ""))
		s.send(says("bob@localhost/phone", "e1", "first", replaces("m1"))) // another device of the author
		s.send(says("bob@localhost/r", "e1", "first", replaces("m1")))     // a copy
		s.send(carbon("alice@localhost", "received", says("bob@localhost/r", "e2", "the first", replaces("m1"))))
		changed := all[client.Changed](u)
		if len(changed) != 2 || changed[0].Body != "first" || changed[1].Body != "the first" || changed[1].ID != "m1" || changed[1].By != "e2" || changed[1].Edited.IsZero() {
			t.Fatalf("edits are told as %+v", changed)
		}
		if got := all[client.Message](u); len(got) != 1 {
			t.Errorf("edits are told as messages: %+v", got)
		}
		v, err := u.c.Versions(t.Context(), bob, bob, "m1")
		if err != nil || len(v) != 3 || v[0].Body != "frist" || v[1].Body != "first" || v[2].Body != "the first" {
			t.Errorf("versions: %+v, %v", v, err)
		}
		s.send(says("bob@localhost/r", "r1", "You cannot see this", retracts("m1")))
		s.send(says("bob@localhost/r", "m1", "frist", "")) // a late copy
		changed = all[client.Changed](u)
		if len(changed) != 3 || !changed[2].Retracted || changed[2].Body != "" {
			t.Fatalf("a retraction is told as %+v", changed)
		}
		if m := u.find("bob@localhost", "m1"); m.Body != "" || m.Stanza != nil || m.Original != "" {
			t.Errorf("kept: %+v", m)
		}
		if found, _, err := u.c.Search(t.Context(), cache.SearchQuery{Text: "first"}); err != nil || len(found) != 0 {
			t.Errorf("found: %+v, %v", found, err)
		}
		// A stock client retracts without a body, and edits by an id that is no origin-id.
		s.send(`<message xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r' type='chat' id='stock'><body>stock</body></message>`)
		s.send(`<message xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r' type='chat' id='stock2'><body>stick</body>` + replaces("stock") + `</message>`)
		s.send(`<message xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r' type='chat' id='stock3'>` + retracts("stock") + `</message>`)
		if changed = all[client.Changed](u); len(changed) != 5 || changed[3].Body != "stick" || changed[3].ID != "stock" || !changed[4].Retracted {
			t.Errorf("a stock client's are told as %+v", changed)
		}
		if n := s.unacked(); n != 0 {
			t.Errorf("%d stanzas are not acknowledged", n)
		}
	})
}

// Only the author changes a message. Whoever else tries changes nothing, and shows nothing.
func TestOnlyAuthorsChangeMessages(t *testing.T) {
	own := func(id, body, more string) string {
		return strings.Replace(strings.Replace(says("alice@localhost/phone", id, body, more), "to='alice@localhost/r'", "to='bob@localhost'", 1), "\n", "", -1)
	}
	for _, tt := range []struct {
		why, xml string
	}{
		{"a stranger edits what bob said", says("mallory@localhost/evil", "x", "forged", replaces("m1"))},
		{"a stranger takes back what bob said", says("mallory@localhost/evil", "x", "forged", retracts("m1"))},
		{"bob edits what alice said", says("bob@localhost/r", "x", "forged", replaces("own"))},
		{"bob takes back what alice said", says("bob@localhost/r", "x", "forged", retracts("own"))},
		{"a stranger forges a copy of an edit", carbon("mallory@localhost/evil", "received", says("bob@localhost/r", "x", "forged", replaces("m1")))},
		{"a stranger forges a copy of alice's", carbon("mallory@localhost/evil", "sent", own("x", "forged", retracts("own")))},
		{"a look-alike of bob", says("bob@localhost.evil.example/r", "x", "forged", replaces("m1"))},
		{"alice changes what bob said", carbon("alice@localhost", "sent", own("x", "forged", replaces("m1")))},
	} {
		t.Run(tt.why, func(t *testing.T) {
			talk(t, func(t *testing.T, s *scripted, u *user) {
				s.send(says("bob@localhost/r", "m1", "original", ""))
				s.send(carbon("alice@localhost", "sent", own("own", "mine", "")))
				synctest.Wait()
				s.send(tt.xml)
				if got := all[client.Changed](u); len(got) != 0 {
					t.Errorf("told: %+v", got)
				}
				if m := u.find("bob@localhost", "m1"); m.Body != "original" || !m.Edited.IsZero() || !m.Retracted.IsZero() {
					t.Errorf("bob's became %+v", m)
				}
				if m := u.find("alice@localhost", "own"); m.Body != "mine" || !m.Edited.IsZero() || !m.Retracted.IsZero() {
					t.Errorf("alice's became %+v", m)
				}
				if got := bodies(all[client.Message](u)); got != "original mine" {
					t.Errorf("shown: %s", got)
				}
			})
		})
	}
}

func (s *scripted) expectMessage(id string) *stanza.Stanza {
	s.t.Helper()
	return s.expect("message "+id, func(st *stanza.Stanza) bool { return st.Kind == stanza.Message && st.ID == id })
}

func TestChangesOfTheUser(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		ctx := t.Context()
		send := func(m client.Outgoing) error {
			m.To = bob
			_, err := u.c.Send(ctx, m)
			return err
		}
		s.send(says("bob@localhost/r", "q", "lunch?\nor dinner?", ""))
		synctest.Wait()
		for _, m := range []client.Outgoing{{ID: "m1", Body: "yes", ReplyTo: "q"}, {ID: "e1", Body: "yes, lunch", Replace: "m1"}, {ID: "e2", Body: "no", Replace: "m1"}, {ID: "r1", Retract: "m1"}} {
			if err := send(m); err != nil {
				t.Fatal(err)
			}
		}
		for id, want := range map[string][]string{
			"m1": {"<body>&gt; lunch?\n&gt; or dinner?\nyes</body>", "<reply xmlns='urn:xmpp:reply:0' to='bob@localhost' id='q'/>", "<body start='0' end='22'/>", "<origin-id xmlns='urn:xmpp:sid:0' id='m1'/>"},
			"e1": {replaces("m1"), "yes, lunch</body>", "<reply ", "<origin-id xmlns='urn:xmpp:sid:0' id='e1'/>"},
			"e2": {replaces("m1"), "no</body>"},
			"r1": {retracts("m1"), "<body>", "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'>", "<store xmlns='urn:xmpp:hints'/>"},
		} {
			x := s.expectMessage(id).String()
			for _, part := range want {
				if !strings.Contains(x, part) {
					t.Errorf("%s is sent without %s: %s", id, part, x)
				}
			}
		}
		changed := all[client.Changed](u)
		if len(changed) != 3 || changed[0].Body != "yes, lunch" || changed[1].By != "e2" || !changed[2].Retracted || !changed[0].Own {
			t.Errorf("told: %+v", changed)
		}
		if q := all[client.Queued](u); len(q) != 1 || q[0].ReplyTo != "q" || q[0].Body != "yes" {
			t.Errorf("queued: %+v", q)
		}
		for why, m := range map[string]client.Outgoing{
			"an edit of what was taken back": {Body: "x", Replace: "m1"}, "an edit of what bob said": {Body: "x", Replace: "q"},
			"a retraction of what bob said": {Retract: "q"}, "an edit of nothing": {Body: "x", Replace: "nothing"},
			"an edit of an edit": {Body: "x", Replace: "e1"}, "an answer to nothing": {Body: "x", ReplyTo: "nothing"},
			"an answer to what was taken back": {Body: "x", ReplyTo: "m1"},
		} {
			if err := send(m); client.Code(err) != "not-found" {
				t.Errorf("%s: %v", why, err)
			}
		}
		for why, m := range map[string]client.Outgoing{"an edit without text": {Replace: "m1"}, "two things at once": {Body: "x", Replace: "m1", ReplyTo: "q"},
			"a retraction with text": {Body: "x", Retract: "m1"}} {
			if err := send(m); !errors.Is(err, client.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
	})
}

// A message that failed is sent once more as another one, which takes its place.
func TestRetry(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		ctx := t.Context()
		if _, err := u.c.Send(ctx, client.Outgoing{To: bob, ID: "m1", Body: "hello"}); err != nil {
			t.Fatal(err)
		}
		s.expectMessage("m1")
		if _, err := u.c.Retry(ctx, "m1"); client.Code(err) != "not-found" {
			t.Errorf("one that is on its way: %v", err)
		}
		s.send(`<message xmlns='jabber:client' type='error' id='m1' from='bob@localhost' to='alice@localhost/r'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
		failed := tell(u, "failure", func(f client.Failed) bool { return f.ID == "m1" })
		if failed.Code != "service-unavailable" {
			t.Errorf("failed with %+v", failed)
		}
		for m := cache.StateQueued; m != cache.StateFailed; { // what was noted becomes durable
			synctest.Wait()
			m = u.find("alice@localhost", "m1").State
		}
		made, err := u.c.Retry(ctx, "m1")
		if err != nil || made == "m1" || made == "" {
			t.Fatalf("%q, %v", made, err)
		}
		if x := s.expectMessage(made); x.Body() != "hello" {
			t.Errorf("sent again as %s", x)
		}
		if r := all[client.Removed](u); len(r) != 1 || r[0].ID != "m1" || r[0].Instead != made {
			t.Errorf("told: %+v", r)
		}
		page, _, err := u.c.History(ctx, cache.HistoryQuery{Chat: bob})
		if err != nil || len(page) != 1 || page[0].OriginID != made {
			t.Errorf("history: %+v, %v", page, err)
		}
		if _, err := u.c.Retry(ctx, "m1"); client.Code(err) != "not-found" {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestUnreadAndReading(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		ctx := t.Context()
		unread := func(want int, first string) {
			t.Helper()
			synctest.Wait()
			chats, err := u.c.Chats(ctx, 0)
			if err != nil || len(chats) == 0 || chats[0].Unread != want || chats[0].First.OriginID != first {
				t.Fatalf("%+v, %v: want %d unread from %q on", chats, err, want, first)
			}
		}
		for i := range 3 {
			s.send(fromBob(fmt.Sprint("m", i)))
		}
		s.send(says("bob@localhost/r", "e", "edited", replaces("m2")))
		unread(3, "m0")
		time.Sleep(time.Second)
		if told := all[client.ChatChanged](u); len(told) != 1 || told[0].Unread != 3 || told[0].Name != "Bob" || told[0].Last.Body != "edited" {
			t.Errorf("a burst is told as %+v", told)
		}
		if err := u.c.MarkRead(ctx, bobR, "m1"); err != nil {
			t.Fatal(err)
		}
		unread(1, "m2")
		if err := u.c.MarkRead(ctx, bob, "m1"); err != nil { // no news
			t.Fatal(err)
		}
		if err := u.c.MarkRead(ctx, bob, "nothing"); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("up to nothing: %v", err)
		}
		if err := u.c.MarkRead(ctx, mallory, ""); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("a chat that is none: %v", err)
		}
		if err := u.c.MarkRead(ctx, bob, ""); err != nil {
			t.Fatal(err)
		}
		unread(0, "")
		if read := all[client.ReadChanged](u); len(read) != 2 || read[0].ID != "m1" || read[1].ID != "m2" || read[0].By != client.ReadHere {
			t.Errorf("told: %+v", read)
		}
		s.send(fromBob("m3"))
		s.send(fromBob("m3"))
		unread(1, "m3")
		if _, err := u.c.Send(ctx, client.Outgoing{To: bob, Body: "I am here"}); err != nil {
			t.Fatal(err)
		}
		unread(0, "")
	})
}

// What was there before the first sign-in is no news, nor is what is read backwards.
func TestBacklogIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.archive = []string{fromBob("old1"), fromBob("old2")}
		u := start(t, s)
		defer u.stop()
		u.ready(s)
		s.send(fromBob("new"))
		synctest.Wait()
		c, err := u.cache.Chat(t.Context(), bob)
		if err != nil || c.Unread != 1 || c.First.OriginID != "new" {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// Strangers fill no list but that of chats, in which each has one line, and notes to oneself are a chat like others.
func TestStrangersAndNotes(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		ctx := t.Context()
		for i := range 50 {
			s.send(says("mallory@localhost/"+fmt.Sprint(i), fmt.Sprint("x", i), "buy", ""))
		}
		if _, err := u.c.Send(ctx, client.Outgoing{To: alice, Body: "milk", ID: "n1"}); err != nil {
			t.Fatal(err)
		}
		s.expectMessage("n1")
		s.send(strings.Replace(says("alice@localhost/r", "n1", "milk", ""), "to='alice@localhost/r'", "to='alice@localhost'", 1)) // the server delivers it back
		if _, err := u.c.Send(ctx, client.Outgoing{To: alice, Body: "and bread", Replace: "n1"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		chats, err := u.c.Chats(ctx, 0)
		if err != nil || len(chats) != 2 {
			t.Fatalf("%+v, %v", chats, err)
		}
		for _, c := range chats {
			switch {
			case c.Chat.Chat == mallory.Bare() && c.Unread == 50:
			case c.Chat.Chat == alice && c.Unread == 0 && c.Last.Body == "and bread" && c.Last.Direction == cache.Out:
			default:
				t.Errorf("a line of the list: %+v", c)
			}
		}
		// Their states are nobody's business.
		s.send(`<message xmlns='jabber:client' from='mallory@localhost/evil' to='alice@localhost/r' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
		if got := all[client.ChatState](u); len(got) != 0 {
			t.Errorf("told: %+v", got)
		}
	})
}

const bobTypes = `<message xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`

func TestTyping(t *testing.T) {
	composing := func(st *stanza.Stanza) bool { return st.Has("http://jabber.org/protocol/chatstates", "composing") }
	talk(t, func(t *testing.T, s *scripted, u *user) {
		ctx := t.Context()
		state := func(name string) {
			t.Helper()
			if err := u.c.SetChatState(ctx, bob, client.ChatStateName(name)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		state("composing")
		if n := s.sent(composing); n != 0 {
			t.Fatal("nobody is there, and is told")
		}
		s.send(`<presence xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r'/>`)
		synctest.Wait()
		state("composing")
		if n := s.sent(composing); n != 0 {
			t.Fatal("it is not known whether bob understands, and he is told")
		}
		s.send(bobTypes)
		synctest.Wait()
		for range 10 {
			state("composing")
		}
		if n := s.sent(composing); n != 1 {
			t.Fatalf("told %d times at once", n)
		}
		time.Sleep(11 * time.Second)
		state("composing")
		if n := s.sent(composing); n != 2 {
			t.Fatalf("told %d times", n)
		}
		if err := u.c.Set(ctx, bob, cache.SettingTyping, "off"); err != nil {
			t.Fatal(err)
		}
		s.expect("the end of it", func(st *stanza.Stanza) bool {
			return st.Kind == stanza.Message && st.Body() == "" && st.Has("http://jabber.org/protocol/chatstates", "active")
		})
		time.Sleep(11 * time.Second)
		state("composing")
		if n := s.sent(composing); n != 2 {
			t.Error("told though the user does not want it")
		}
		if err := u.c.SetChatState(ctx, bob, "dancing"); !errors.Is(err, client.ErrInvalid) {
			t.Errorf("no state: %v", err)
		}
		time.Sleep(time.Minute)
		if got := all[client.ChatState](u); len(got) != 2 || got[0].State != "composing" || got[1].State != "paused" {
			t.Errorf("bob, who says no more, is told as %+v", got)
		}
	})
}

func TestSettings(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		ctx := t.Context()
		for _, r := range []cache.SettingRecord{{Name: "ui.theme", Value: "dark"}, {Chat: bob, Name: "draft", Value: "hm"}, {Chat: bob, Name: "mute", Value: "on"},
			{Name: "share-address", Value: "never"}, {Chat: bob, Name: "route", Value: "server"}, {Name: "deposit", Value: "off"}, {Name: "receipts", Value: "off"}} {
			if err := u.c.Set(ctx, r.Chat, r.Name, r.Value); err != nil {
				t.Errorf("%+v: %v", r, err)
			}
		}
		for _, r := range []cache.SettingRecord{{Name: "theme", Value: "dark"}, {Name: "draft", Value: "hm"}, {Chat: bob, Name: "share-address", Value: "never"}, {Name: "route", Value: "pigeon"},
			{Name: "ui.x", Value: strings.Repeat("x", 4097)}, {Name: "ui." + strings.Repeat("x", 300)}, {Chat: bob, Name: ".begun", Value: "yes"}, {Name: "ui.\x00"}} {
			if err := u.c.Set(ctx, r.Chat, r.Name, r.Value); !errors.Is(err, client.ErrInvalid) {
				t.Errorf("%.40q: %v", r.Name, err)
			}
		}
		if got := all[client.SettingChanged](u); len(got) != 7 || got[0].Name != "ui.theme" {
			t.Errorf("told: %+v", got)
		}
		of, err := u.c.Settings(ctx, bob)
		if err != nil || len(of) != 3 {
			t.Errorf("of bob: %+v, %v", of, err)
		}
		chats, err := u.c.Chats(ctx, 0)
		if err != nil || len(chats) != 1 || chats[0].Draft != "hm" || !chats[0].Muted || chats[0].Last.ID != 0 {
			t.Errorf("a chat with a draft alone: %+v, %v", chats, err)
		}
		if err := u.c.Set(ctx, bob, "draft", ""); err != nil {
			t.Fatal(err)
		}
		if of, err := u.c.Settings(ctx, jid.JID{}); err != nil || len(of) != 6 {
			t.Errorf("all: %+v, %v", of, err)
		}
	})
}

// olderArchive answers questions about one chat backwards, two messages a page.
func olderArchive(archive []string, asked *[]string) func(*scripted, *stanza.Stanza) bool {
	return func(s *scripted, q *stanza.Stanza) bool {
		n, ok := q.Child("urn:xmpp:mam:2", "query")
		if x := q.String(); !ok || !strings.Contains(x, "<value>bob@localhost</value>") {
			return false
		}
		*asked = append(*asked, q.String())
		set, _ := n.Child("http://jabber.org/protocol/rsm", "set")
		before, _ := set.Child("http://jabber.org/protocol/rsm", "before")
		to := len(archive)
		_, _ = fmt.Sscanf(before.InnerText(), "a%d", &to)
		from := max(0, to-2)
		for i := from; i < to; i++ {
			s.send(strings.Replace(result(n.Attr("queryid"), fmt.Sprint("a", i), archive[i]), "2026-01-02T", fmt.Sprintf("1999-12-%02dT", i+1), 1))
		}
		s.send(fmt.Sprintf(`<iq xmlns='jabber:client' type='result' id='%s' from='%s' to='%s'><fin xmlns='urn:xmpp:mam:2' complete='%v'>`+
			`<set xmlns='http://jabber.org/protocol/rsm'><first>a%d</first><last>a%d</last></set></fin></iq>`, q.ID, alice, aliceR, from == 0, from, to-1))
		return true
	}
}

// What came before a chat's own history is read from the archive, in order, with what changed it, and counts as read.
func TestOlderHistoryFromTheArchive(t *testing.T) {
	var asked []string
	silent := `<message xmlns='jabber:client' from='bob@localhost/r' to='alice@localhost/r' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='x'/></message>`
	old := []string{fromBob("m0"), fromBob("m1"), silent, silent, says("bob@localhost/r", "e0", "edited", replaces("m0")), fromBob("m2"), says("bob@localhost/r", "r1", "-", retracts("m1"))}
	talk(t, func(t *testing.T, s *scripted, u *user) {
		ctx := t.Context()
		s.send(fromBob("now"))
		synctest.Wait()
		s.lie = olderArchive(old, &asked)
		page, err := u.c.Page(ctx, client.PageQuery{Chat: bob, Max: 50, Cached: true})
		if err != nil || len(page.Messages) != 1 || !page.Gap || !page.Older || !page.Before {
			t.Fatalf("what is cached: %+v, %v", page, err)
		}
		page, err = u.c.Page(ctx, client.PageQuery{Chat: bob, Max: 50})
		if err != nil || page.Gap || page.Before || page.After {
			t.Fatalf("%+v, %v", page, err)
		}
		var got []string
		for _, m := range page.Messages {
			got = append(got, fmt.Sprintf("%s=%s", m.OriginID, m.Body))
		}
		if s := strings.Join(got, " "); s != "m0=edited m1= m2=m2 now=now" {
			t.Errorf("the history is %s", s)
		}
		if c, err := u.cache.Chat(ctx, bob); err != nil || c.Unread != 1 {
			t.Errorf("%+v, %v", c, err)
		}
		n := len(asked)
		if _, err := u.c.Page(ctx, client.PageQuery{Chat: bob, Max: 50}); err != nil || len(asked) != n {
			t.Errorf("the archive was read to its beginning, and is asked again: %v", err)
		}
		around, err := u.c.Page(ctx, client.PageQuery{Chat: bob, Max: 3, Around: "m1"})
		if err != nil || len(around.Messages) != 3 || around.Messages[1].OriginID != "m1" || around.Before || !around.After {
			t.Errorf("around m1: %+v, %v", around, err)
		}
		forward, err := u.c.Page(ctx, client.PageQuery{Chat: bob, Max: 1, After: page.Messages[0].Place()})
		if err != nil || len(forward.Messages) != 1 || forward.Messages[0].OriginID != "m1" || !forward.After || !forward.Before {
			t.Errorf("after m0: %+v, %v", forward, err)
		}
		if told := bodies(all[client.Message](u)); told != "now" {
			t.Errorf("told as new: %s", told)
		}
	}, func(c *client.Config) { c.Limits.Backlog = 1 })
}

// Without a server the beginning is marked as a gap, not as the beginning.
func TestGapWithoutServer(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		s.send(fromBob("now"))
		synctest.Wait()
		s.quiet = map[string]bool{"urn:xmpp:mam:2": true}
		page, err := u.c.Page(t.Context(), client.PageQuery{Chat: bob})
		if err != nil || !page.Gap || !page.Before || len(page.Messages) != 1 {
			t.Errorf("a server that says nothing: %+v, %v", page, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := u.c.Page(ctx, client.PageQuery{Chat: bob}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an application that does not wait: %v", err)
		}
	})
}

// Nobody but the own archive, asked for it, puts anything into the past.
func TestOlderHistoryOnlyFromTheOwnArchive(t *testing.T) {
	talk(t, func(t *testing.T, s *scripted, u *user) {
		s.send(fromBob("now"))
		synctest.Wait()
		s.lie = func(s *scripted, q *stanza.Stanza) bool {
			n, ok := q.Child("urn:xmpp:mam:2", "query")
			if !ok {
				return false
			}
			id := n.Attr("queryid")
			s.send(strings.Replace(result(id, "x1", fromBob("forged1")), "from='alice@localhost'", "from='mallory@localhost'", 1))
			s.send(result("other", "x2", fromBob("forged2")))
			s.send(result(id, "x3", says("mallory@localhost/evil", "forged3", "another chat", "")))
			s.send(result(id, "x4", strings.Replace(fromBob("forged4"), "to='alice@localhost/r'", "to='carol@localhost'", 1)))
			s.send(fmt.Sprintf(`<iq xmlns='jabber:client' type='result' id='%s' from='%s' to='%s'><fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'/></fin></iq>`, q.ID, alice, aliceR))
			return true
		}
		if _, err := u.c.Page(t.Context(), client.PageQuery{Chat: bob}); err != nil {
			t.Fatal(err)
		}
		whole, _, err := u.c.History(t.Context(), cache.HistoryQuery{})
		if err != nil || len(whole) != 1 {
			t.Errorf("the history is %+v, %v", whole, err)
		}
	})
}
