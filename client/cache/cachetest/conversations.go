package cachetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"godwit/client/cache"
	"godwit/jid"
)

// change is a message by which bob changes one of his own.
func change(kind cache.Kind, origin, target, body string, at time.Duration) cache.Message {
	m := in(origin, at)
	m.Kind, m.Target, m.Body = kind, target, body
	return m
}

func edit(origin, target, body string, at time.Duration) cache.Message {
	return change(cache.KindEdit, origin, target, body, at)
}

func retraction(origin, target string, at time.Duration) cache.Message {
	return change(cache.KindRetraction, origin, target, "", at)
}

func message(t *testing.T, s cache.Cache, sender jid.JID, origin string) cache.Message {
	t.Helper()
	return must[cache.Message](t)(s.Message(context.Background(), sender, origin))
}

func texts(list []cache.Message) (out []string) {
	for i := range list {
		out = append(out, list[i].Body)
	}
	return out
}

func add(t *testing.T, s cache.Cache, m ...cache.Message) []cache.Added {
	t.Helper()
	return write(t, s, cache.Batch{Add: m}).Added
}

func testEdits(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	first := in("o1", 0)
	first.ReplyTo, first.ReplyFrom, first.Quote = "q", carol, "> asked\n"
	add(t, s, first)
	got := add(t, s, edit("e1", "o1", "second", time.Second))
	if !got[0].New || got[0].Changed == nil || got[0].Changed.OriginID != "o1" || got[0].Changed.Body != "second" || got[0].Changed.Stanza != nil {
		t.Fatalf("an edit: %+v", got[0])
	}
	if got := add(t, s, edit("e1", "o1", "second", time.Second)); got[0].New || got[0].Changed != nil {
		t.Fatalf("a copy of an edit: %+v", got[0])
	}
	// Two at the time of the one before, by a clock that goes slow: an author's order counts.
	add(t, s, edit("e2", "o1", "third", 0), edit("e3", "e2", "fourth", 0))
	m := message(t, s, bob, "o1")
	want := first
	want.ID, want.Body, want.Original, want.Edited = m.ID, "fourth", "text of o1", start.Add(time.Second+2*time.Microsecond)
	same(t, "edited three times", m, want)
	all := must[[]cache.Message](t)(s.Changes(ctx, bob, bob, "o1"))
	same(t, "its edits", texts(all), []string{"second", "third", "fourth"})
	if p, _ := page(t, s, cache.HistoryQuery{Chat: bob}); len(p) != 1 || p[0].Body != "fourth" {
		t.Fatalf("edits are listed: %+v", p)
	}
	// An archive read backwards brings an edit in between.
	r := write(t, s, cache.Batch{Add: []cache.Message{edit("e0", "o1", "between", time.Second/2)}, Backfill: true})
	if r.Added[0].Changed != nil {
		t.Fatalf("an older edit: %+v", r.Added[0].Changed)
	}
	same(t, "with an older edit", texts(must[[]cache.Message](t)(s.Changes(ctx, bob, bob, "o1"))), []string{"between", "second", "third", "fourth"})
	// A copy of the message changes nothing any more.
	add(t, s, first)
	if got := message(t, s, bob, "o1"); got.Body != "fourth" || got.Original != "text of o1" {
		t.Fatalf("after a copy of the first text: %+v", got)
	}
}

// Who may change what: only the author, in the same chat, whatever the ids say.
func testForeignChanges(t *testing.T, s cache.Cache) {
	mine, rec := out("m1", 0)
	write(t, s, cache.Batch{Add: []cache.Message{mine, in("o1", 0)}, Enqueue: []cache.OutboxRecord{rec}})
	foreign := edit("f1", "m1", "forged", time.Second)
	other := edit("f2", "o1", "forged", time.Second)
	other.Chat, other.Sender = carol, carol
	elsewhere := edit("f3", "o1", "forged", time.Second)
	elsewhere.Chat = carol
	takenBack := retraction("f4", "m1", time.Second)
	for _, a := range add(t, s, foreign, other, elsewhere, takenBack) {
		if !a.New || a.Changed != nil {
			t.Errorf("a change by somebody else: %+v", a)
		}
	}
	if m := message(t, s, alice, "m1"); m.Body != "m1" || !m.Edited.IsZero() || !m.Retracted.IsZero() {
		t.Errorf("changed by somebody else: %+v", m)
	}
	if m := message(t, s, bob, "o1"); m.Body != "text of o1" {
		t.Errorf("changed by somebody else: %+v", m)
	}
	// Nor do they wait for a message of somebody else.
	add(t, s, edit("f5", "later", "forged", time.Second))
	later := in("later", 0)
	later.Chat, later.Sender = carol, carol
	if a := add(t, s, later); a[0].Changed != nil || message(t, s, carol, "later").Body != later.Body {
		t.Errorf("changed by somebody else, in advance: %+v", a[0])
	}
}

func testChangesBefore(t *testing.T, s cache.Cache) {
	add(t, s, edit("e1", "o1", "second", time.Second), edit("e2", "o1", "third", 2*time.Second))
	if p, _ := page(t, s, cache.HistoryQuery{}); len(p) != 0 {
		t.Fatalf("listed without what they change: %+v", p)
	}
	r := write(t, s, cache.Batch{Add: []cache.Message{in("o1", 0)}, Backfill: true})
	if c := r.Added[0].Changed; c == nil || c.ID != r.Added[0].ID || c.Body != "third" || c.Original != "text of o1" || c.Stanza != nil {
		t.Fatalf("the message after its edits: %+v", r.Added[0])
	}
	if m := message(t, s, bob, "o1"); m.Body != "third" || string(m.Stanza) != "<message/>o1" {
		t.Fatalf("kept as %+v", m)
	}
	// By the id attribute, with a retraction.
	add(t, s, edit("e3", "n2", "x", time.Second), retraction("r2", "n2", 2*time.Second))
	named := in("o2", 0)
	named.Name = "n2"
	if a := add(t, s, named); a[0].Changed == nil || a[0].Changed.Retracted.IsZero() || a[0].Changed.Body != "" {
		t.Fatalf("the message after its retraction: %+v", a[0])
	}
	if c := must[cache.Chat](t)(s.Chat(context.Background(), bob)); c.Unread != 0 {
		t.Fatalf("%d unread messages, and the only one was taken back before it came", c.Unread)
	}
	all := must[[]cache.Message](t)(s.Changes(context.Background(), bob, bob, "o2"))
	same(t, "what is left of them", texts(all), []string{"", ""})
}

func testRetractions(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	first := in("o1", 0)
	first.Quote, first.ReplyTo, first.ReplyFrom = "> secret\n", "m", alice
	add(t, s, first, edit("e1", "o1", "a secret", time.Second), in("o2", time.Second))
	a := add(t, s, retraction("r1", "o1", 2*time.Second))
	if a[0].Changed == nil || a[0].Changed.OriginID != "o1" || !a[0].Changed.Retracted.Equal(start.Add(2*time.Second)) {
		t.Fatalf("%+v", a[0])
	}
	add(t, s, first, edit("e2", "o1", "again", 3*time.Second), edit("e1", "o1", "a secret", time.Second), retraction("r2", "o1", 4*time.Second))
	m := message(t, s, bob, "o1")
	want := cache.Message{ID: m.ID, Chat: bob, Sender: bob, From: first.From, OriginID: "o1", Direction: cache.In, State: cache.StateReceived,
		Time: first.Time, Retracted: start.Add(2 * time.Second)}
	same(t, "what is left", m, want)
	for _, c := range must[[]cache.Message](t)(s.Changes(ctx, bob, bob, "o1")) {
		if c.Kind == cache.KindEdit && (c.Body != "" || c.Stanza != nil || c.Retracted.IsZero()) {
			t.Errorf("an edit keeps the text: %+v", c)
		}
	}
	if p, _ := page(t, s, cache.HistoryQuery{Chat: bob}); len(p) != 2 || p[0].OriginID != "o1" {
		t.Fatalf("it should stand where it stood: %+v", p)
	}
	for _, q := range []string{"secret", "again", "text of o1"} {
		if p, _, err := s.Search(ctx, cache.SearchQuery{Text: q, Chat: bob}); err != nil || q != "text of o1" && len(p) != 0 || len(p) > 0 && p[0].OriginID == "o1" {
			t.Errorf("%q is found: %v %v", q, p, err)
		}
	}
	if c := must[cache.Chat](t)(s.Chat(ctx, bob)); c.Unread != 1 || c.First.OriginID != "o2" {
		t.Errorf("%d unread, the first of them %q", c.Unread, c.First.OriginID)
	}
}

func testFind(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	old, newer, both := in("", 0), in("", time.Second), in("o1", 2*time.Second)
	old.Name, newer.Name, both.Name = "n", "n", "n2"
	add(t, s, newer, old, both, edit("e1", "o1", "x", time.Minute))
	for id, want := range map[string]time.Duration{"n": time.Second, "o1": 2 * time.Second, "n2": 2 * time.Second, "e1": time.Minute} {
		if m := must[cache.Message](t)(s.Find(ctx, bob, bob, id)); !m.Time.Equal(start.Add(want)) {
			t.Errorf("%s is %+v", id, m)
		}
	}
	for why, c := range map[string]struct{ chat, sender jid.JID }{"author": {bob, alice}, "chat": {carol, bob}} {
		for _, id := range []string{"n", "o1", ""} {
			if m, err := s.Find(ctx, c.chat, c.sender, id); !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("%q with another %s: %+v, %v", id, why, m, err)
			}
		}
	}
	if all := must[[]cache.Message](t)(s.Changes(ctx, bob, bob, "unknown")); len(all) != 0 {
		t.Errorf("changes of nothing: %v", all)
	}
}

func testChats(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	list := func(want ...string) {
		t.Helper()
		var got []string
		for _, c := range must[[]cache.Chat](t)(s.Chats(ctx, 0)) {
			got = append(got, fmt.Sprintf("%s %s %d %s", c.Chat, c.Last.Body, c.Unread, c.First.OriginID))
			same(t, "alone", must[cache.Chat](t)(s.Chat(ctx, c.Chat)), c)
			if c.Last.Stanza != nil || c.First.Stanza != nil {
				t.Error("the list holds stanzas")
			}
		}
		same(t, "chats", got, want)
	}
	list()
	fromCarol := in("c1", time.Minute)
	fromCarol.Chat, fromCarol.Sender, fromCarol.Body = carol, carol, "hello"
	add(t, s, in("o2", 2*time.Second), in("o1", time.Second), fromCarol)
	list("carol@example.net hello 1 c1", "bob@example.org text of o2 2 o1")
	if all := must[[]cache.Chat](t)(s.Chats(ctx, 1)); len(all) != 1 || all[0].Chat != carol {
		t.Errorf("the first: %+v", all)
	}
	add(t, s, in("o1", time.Second)) // a copy
	write(t, s, cache.Batch{Add: []cache.Message{in("o0", 0)}, Backfill: true})
	add(t, s, edit("e1", "o2", "edited", time.Hour))
	list("carol@example.net hello 1 c1", "bob@example.org edited 2 o1")
	// Who answers has read, whatever the clock says.
	mine, rec := out("m1", -time.Hour)
	write(t, s, cache.Batch{Add: []cache.Message{mine}, Enqueue: []cache.OutboxRecord{rec}})
	list("carol@example.net hello 1 c1", "bob@example.org edited 0 ")
	add(t, s, in("o3", -time.Minute)) // and what comes late is unread
	list("carol@example.net hello 1 c1", "bob@example.org edited 1 o3")
	if n := must[int](t)(s.DeleteMessages(ctx, start.Add(time.Second), 0)); n != 2 { // o3, o0
		t.Errorf("%d deleted", n)
	}
	list("carol@example.net hello 1 c1", "bob@example.org edited 0 ")
	write(t, s, cache.Batch{Forget: []cache.Key{{Sender: carol, OriginID: "c1"}, {Sender: bob, OriginID: "o2"}, {Sender: alice, OriginID: "m1"}, {Sender: bob, OriginID: "x"}}})
	list("bob@example.org text of o1 0 ") // m1 is in the outbox
	if _, err := s.Chat(ctx, carol); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("a chat without messages: %v", err)
	}
	if a := add(t, s, fromCarol); a[0].New {
		t.Error("what was forgotten came back")
	}
}

func testReading(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	r := write(t, s, cache.Batch{Add: []cache.Message{in("o1", time.Second), in("o2", 2*time.Second), in("o3", 3*time.Second)},
		Read: []cache.Reading{{Chat: bob, Upto: cache.Cursor{Time: start.Add(2 * time.Second), ID: 1 << 40}}, {Chat: carol}}})
	if len(r.Read) != 2 || !r.Read[0].Time.Equal(start.Add(2*time.Second)) || !r.Read[1].IsZero() {
		t.Fatalf("%+v", r.Read)
	}
	c := must[cache.Chat](t)(s.Chat(ctx, bob))
	if c.Unread != 1 || c.First.OriginID != "o3" || !c.Read.Time.Equal(start.Add(2*time.Second)) {
		t.Fatalf("%d unread, the first %q, read up to %v", c.Unread, c.First.OriginID, c.Read)
	}
	first, last := message(t, s, bob, "o1"), message(t, s, bob, "o3")
	for why, upto := range map[string]cache.Cursor{"once more": c.Read, "an older place": first.Place()} {
		if r := write(t, s, cache.Batch{Read: []cache.Reading{{Chat: bob, Upto: upto}}}); !r.Read[0].IsZero() {
			t.Errorf("%s is news: %+v", why, r.Read)
		}
	}
	add(t, s, in("late", 0))
	if r := write(t, s, cache.Batch{Read: []cache.Reading{{Chat: bob, Upto: first.Place()}}}); r.Read[0] != first.Place() {
		t.Errorf("what came late is read: %+v", r.Read)
	}
	if c := must[cache.Chat](t)(s.Chat(ctx, bob)); c.Unread != 1 || !c.Read.Time.Equal(start.Add(2*time.Second)) {
		t.Errorf("%d unread, read up to %v", c.Unread, c.Read)
	}
	if r := write(t, s, cache.Batch{Read: []cache.Reading{{Chat: bob, Upto: cache.Cursor{Time: start.Add(time.Hour), ID: 1}}}}); r.Read[0] != last.Place() {
		t.Errorf("beyond the last: %+v, want %+v", r.Read, last.Place())
	}
	if c := must[cache.Chat](t)(s.Chat(ctx, bob)); c.Unread != 0 || c.Read != last.Place() || c.First.ID != 0 {
		t.Errorf("all read: %+v", c)
	}
}

func testPeerRead(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	var b cache.Batch
	for i := range 4 {
		m, rec := out(fmt.Sprint("m", i), time.Duration(i)*time.Second)
		b.Add, b.Enqueue = append(b.Add, m), append(b.Enqueue, rec)
	}
	b.Progress = []cache.Progress{{Sender: alice, OriginID: "m0", State: cache.StateDelivered}, {Sender: alice, OriginID: "m1", State: cache.StateFailed, Error: "no"},
		{Sender: alice, OriginID: "m2", State: cache.StateSent}, {Sender: alice, OriginID: "m3", State: cache.StateSent}}
	write(t, s, b)
	upto := message(t, s, alice, "m2")
	read := cache.Batch{Read: []cache.Reading{{Chat: bob, Upto: upto.Place(), Peer: true}}}
	if r := write(t, s, read); r.Read[0] != upto.Place() {
		t.Fatalf("%+v", r.Read)
	}
	if r := write(t, s, read); !r.Read[0].IsZero() {
		t.Fatalf("once more is news: %+v", r.Read)
	}
	for id, want := range map[string]cache.State{"m0": cache.StateRead, "m1": cache.StateFailed, "m2": cache.StateRead, "m3": cache.StateSent} {
		if m := message(t, s, alice, id); m.State != want {
			t.Errorf("%s has state %d, want %d", id, m.State, want)
		}
	}
	write(t, s, cache.Batch{Progress: []cache.Progress{{Sender: alice, OriginID: "m2", State: cache.StateDelivered}}})
	if m := message(t, s, alice, "m2"); m.State != cache.StateRead {
		t.Errorf("a late receipt takes back that it was read: %d", m.State)
	}
	if c := must[cache.Chat](t)(s.Chat(ctx, bob)); c.PeerRead != upto.Place() {
		t.Errorf("read up to %+v", c.PeerRead)
	}
}

func testSearch(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	said := []string{"今天天气很好", "Straße nach BERLIN", "ｆｕｌｌ　ＷＩＤＴＨ １００％", "天 气", "ΣΊΣΥΦΟΣ και άλλα", "100_% sure, it's 'quoted'", "berlin"}
	for i, text := range said {
		m := in(fmt.Sprint("o", i), time.Duration(i)*time.Second)
		m.Body = text
		if i == 6 {
			m.Chat, m.Sender = carol, carol
		}
		add(t, s, m)
	}
	for q, want := range map[string][]string{
		"天气": {said[0]}, "气": {said[3], said[0]}, "天气 今天": {said[0]}, "很好 不": nil,
		"berlin": {said[6], said[1]}, "STRASSE": nil, "straße": {said[1]}, "STRAẞE": {said[1]}, "Full width": {said[2]}, "100%": {said[2]}, "100_%": {said[5]},
		"σίσυφος": {said[4]}, "'quoted'": {said[5]}, "\"": nil, "  berlin\tnach ": {said[1]},
	} {
		got, more, err := s.Search(ctx, cache.SearchQuery{Text: q})
		if err != nil || more {
			t.Errorf("%q: more %v, %v", q, more, err)
		}
		same(t, q, texts(got), want)
	}
	if got := must2(t)(s.Search(ctx, cache.SearchQuery{Text: "berlin", Chat: bob})); len(got) != 1 || string(got[0].Stanza) == "" {
		t.Errorf("in one chat: %v", got)
	}
	first, more, err := s.Search(ctx, cache.SearchQuery{Text: "berlin", Max: 1})
	if err != nil || !more || len(first) != 1 || first[0].Body != "berlin" {
		t.Fatalf("the first page: %v %v %v", first, more, err)
	}
	rest, more, err := s.Search(ctx, cache.SearchQuery{Text: "berlin", Max: 1, Before: first[0].Place()})
	if err != nil || more || len(rest) != 1 || rest[0].Body != said[1] {
		t.Fatalf("the second page: %v %v %v", rest, more, err)
	}
	add(t, s, edit("e1", "o1", "Weg nach Wien", time.Minute))
	same(t, "after an edit", texts(must2(t)(s.Search(ctx, cache.SearchQuery{Text: "berlin"}))), []string{said[6]})
	same(t, "the edit", texts(must2(t)(s.Search(ctx, cache.SearchQuery{Text: "wien"}))), []string{"Weg nach Wien"})
	for _, q := range []cache.SearchQuery{{}, {Text: " \t"}, {Text: "x", Max: -1}, {Text: "x", Chat: jid.MustParse("bob@example.org/x")}} {
		if _, _, err := s.Search(ctx, q); !errors.Is(err, cache.ErrInvalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func must2(t *testing.T) func(v []cache.Message, more bool, err error) []cache.Message {
	return func(v []cache.Message, _ bool, err error) []cache.Message {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func testAllSettings(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	for _, r := range []cache.SettingRecord{{Name: "ui.theme", Value: "dark"}, {Chat: carol, Name: "mute", Value: "on"}, {Chat: bob, Name: "mute", Value: "on"},
		{Chat: bob, Name: "draft", Value: "hm"}, {Chat: carol, Name: "draft", Value: "x"}, {Chat: carol, Name: "draft"}} {
		if err := s.SetSetting(ctx, r.Chat, r.Name, r.Value); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "settings", must[[]cache.SettingRecord](t)(s.AllSettings(ctx)), []cache.SettingRecord{{Name: "ui.theme", Value: "dark"},
		{Chat: bob, Name: "draft", Value: "hm"}, {Chat: bob, Name: "mute", Value: "on"}, {Chat: carol, Name: "mute", Value: "on"}})
}
