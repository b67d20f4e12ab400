package cachetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"godwit/client/cache"
	"godwit/jid"
)

var (
	alice = jid.MustParse("alice@example.org")
	bob   = jid.MustParse("bob@example.org")
	carol = jid.MustParse("carol@example.net")
	start = time.Date(2026, 2, 3, 4, 5, 6, 789_000, time.UTC)
)

// Run runs the suite. open returns an empty cache that the test closes.
func Run(t *testing.T, open func(t *testing.T) cache.Cache) {
	for _, c := range []struct {
		name string
		test func(*testing.T, cache.Cache)
	}{
		{"one message however many copies", testCopies},
		{"two records that turn out to be one", testUnite},
		{"deleted does not come back", testDeleted},
		{"pages", testPages},
		{"outbox", testOutbox},
		{"used id refuses the whole batch", testUsedID},
		{"progress only rises", testProgress},
		{"deposits", testDeposits},
		{"positions and records", testPositions},
		{"roster", testRoster},
		{"settings", testSettings},
		{"all settings", testAllSettings},
		{"edits", testEdits},
		{"only authors change", testForeignChanges},
		{"changes before what they change", testChangesBefore},
		{"retractions", testRetractions},
		{"find", testFind},
		{"chats", testChats},
		{"reading", testReading},
		{"read by the other side", testPeerRead},
		{"search", testSearch},
		{"bad input", testBadInput},
		{"order of done", testOrder},
		{"closed", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.test(t, s)
		})
	}
}

func in(origin string, at time.Duration) cache.Message {
	return cache.Message{
		Chat: bob, Sender: bob, From: jid.MustParse("bob@example.org/x"), OriginID: origin, Direction: cache.In, State: cache.StateReceived,
		Time: start.Add(at), Body: "text of " + origin, Stanza: []byte("<message/>" + origin),
	}
}

func out(origin string, at time.Duration) (cache.Message, cache.OutboxRecord) {
	return cache.Message{
			Chat: bob, Sender: alice, OriginID: origin, Direction: cache.Out, State: cache.StateQueued, Time: start.Add(at), Body: origin, Stanza: []byte("<m/>" + origin),
		}, cache.OutboxRecord{
			Chat: bob, OriginID: origin, Route: "auto", Created: start.Add(at), Stanza: []byte("<m/>" + origin),
		}
}

func write(t *testing.T, s cache.Cache, b cache.Batch) cache.Result {
	t.Helper()
	r, err := cache.Write(context.Background(), s, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func page(t *testing.T, s cache.Cache, q cache.HistoryQuery) ([]cache.Message, bool) {
	t.Helper()
	p, more, err := s.Messages(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return p, more
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b jid.JID) bool { return a == b }), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s: got the + side\n%s", what, d)
	}
}

func testCopies(t *testing.T, s cache.Cache) {
	direct := in("o1", 0)
	direct.Route = "direct"
	server := in("o1", time.Second) // the server's copy comes later, with its id
	server.Archive, server.StanzaID, server.Route = alice, "s1", "server"
	archive := server // the archive knows no origin-id
	archive.OriginID = ""
	other := in("o1", 0)
	other.Sender, other.Chat = carol, carol
	r := write(t, s, cache.Batch{Add: []cache.Message{direct, direct}})
	if !r.Added[0].New || r.Added[1].New || r.Added[0].ID != r.Added[1].ID {
		t.Fatalf("the second copy in one batch: %+v", r.Added)
	}
	id := r.Added[0].ID
	r = write(t, s, cache.Batch{Add: []cache.Message{server, archive, other}})
	if r.Added[0] != (cache.Added{ID: id}) || r.Added[1] != (cache.Added{ID: id}) {
		t.Fatalf("copies: %+v, want record %d and not new", r.Added, id)
	}
	if !r.Added[2].New {
		t.Fatal("the same origin-id of another author is another message")
	}
	m := must[cache.Message](t)(s.MessageByStanzaID(context.Background(), alice, "s1"))
	want := direct
	want.ID, want.Archive, want.StanzaID = id, alice, "s1"
	same(t, "merged record", m, want)
	if p, _ := page(t, s, cache.HistoryQuery{Chat: bob}); len(p) != 1 {
		t.Fatalf("%d records of one message", len(p))
	}
	bare := in("", 0)
	r = write(t, s, cache.Batch{Add: []cache.Message{bare, bare}})
	if !r.Added[0].New || !r.Added[1].New {
		t.Fatal("messages without any key cannot be told apart from new ones")
	}
}

func testUnite(t *testing.T, s cache.Cache) {
	a, b := in("o1", 0), in("", 0)
	b.Archive, b.StanzaID = alice, "s1"
	r := write(t, s, cache.Batch{Add: []cache.Message{a, b}})
	both := in("o1", time.Minute)
	both.Archive, both.StanzaID = alice, "s1"
	got := write(t, s, cache.Batch{Add: []cache.Message{both}})
	if got.Added[0] != (cache.Added{ID: r.Added[0].ID}) {
		t.Fatalf("%+v, want the older record %d", got.Added[0], r.Added[0].ID)
	}
	if p, _ := page(t, s, cache.HistoryQuery{}); len(p) != 1 || p[0].StanzaID != "s1" || p[0].OriginID != "o1" {
		t.Fatalf("one record with both keys should be left: %+v", p)
	}
}

func testDeleted(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	old := in("o1", 0)
	old.Archive, old.StanzaID = alice, "s1"
	pending, rec := out("p1", 0)
	write(t, s, cache.Batch{Add: []cache.Message{old, in("o2", time.Hour), pending}, Enqueue: []cache.OutboxRecord{rec}})
	if n := must[int](t)(s.DeleteMessages(ctx, start.Add(time.Minute), 0)); n != 1 {
		t.Fatalf("%d deleted, want the old one and not what is in the outbox", n)
	}
	if _, err := s.Message(ctx, bob, "o1"); !errors.Is(err, cache.ErrNotFound) {
		t.Fatalf("deleted message: %v", err)
	}
	byOrigin, byStanza := in("o1", 0), in("", 0)
	byStanza.Archive, byStanza.StanzaID = alice, "s1"
	r := write(t, s, cache.Batch{Add: []cache.Message{byOrigin, byStanza}})
	if r.Added[0].New || r.Added[1].New {
		t.Fatalf("a deleted message came back: %+v", r.Added)
	}
	if n := must[int](t)(s.PruneSeen(ctx, start)); n != 0 {
		t.Fatalf("%d keys forgotten that are not older", n)
	}
	if n := must[int](t)(s.PruneSeen(ctx, start.Add(2*time.Hour))); n != 2 {
		t.Fatalf("%d keys forgotten, want both of the deleted message and none of those that are there", n)
	}
	if r := write(t, s, cache.Batch{Add: []cache.Message{byOrigin}}); !r.Added[0].New {
		t.Fatal("a forgotten key still counts")
	}
	if r := write(t, s, cache.Batch{Add: []cache.Message{in("o2", 0)}}); r.Added[0].New {
		t.Fatal("the key of a message that is there was forgotten")
	}
	write(t, s, cache.Batch{Add: []cache.Message{in("b1", 0), in("b2", 0), in("b3", 0)}})
	if n := must[int](t)(s.DeleteMessages(ctx, start.Add(time.Minute), 2)); n != 2 {
		t.Fatalf("%d deleted in a batch of 2", n)
	}
}

func testPages(t *testing.T, s cache.Cache) {
	var all []cache.Message
	for i := range 10 {
		m := in(fmt.Sprint("o", i), time.Duration(i/2)*time.Second) // pairs at equal times
		all = append(all, m)
	}
	write(t, s, cache.Batch{Add: all[5:]}) // the newer first, as when an archive is read afterwards
	write(t, s, cache.Batch{Add: all[:5]})
	other := in("c", 2*time.Second)
	other.Chat, other.Sender = carol, carol
	write(t, s, cache.Batch{Add: []cache.Message{other}})
	whole, more := page(t, s, cache.HistoryQuery{Chat: bob})
	if len(whole) != 10 || more {
		t.Fatalf("%d messages, more %v", len(whole), more)
	}
	for i := 1; i < len(whole); i++ {
		a, b := whole[i-1], whole[i]
		if a.Time.After(b.Time) || a.Time.Equal(b.Time) && a.ID >= b.ID {
			t.Fatalf("%s is before %s", a.OriginID, b.OriginID)
		}
	}
	for _, c := range []struct {
		why  string
		q    cache.HistoryQuery
		want []cache.Message
		more bool
	}{
		{"the newest", cache.HistoryQuery{Chat: bob, Max: 3}, whole[7:], true},
		{"the newest before a place", cache.HistoryQuery{Chat: bob, Max: 3, Before: whole[7].Place()}, whole[4:7], true},
		{"the last page backwards", cache.HistoryQuery{Chat: bob, Max: 4, Before: whole[4].Place()}, whole[:4], false},
		{"the oldest", cache.HistoryQuery{Chat: bob, Max: 3, Forward: true}, whole[:3], true},
		{"what came after a place", cache.HistoryQuery{Chat: bob, After: whole[6].Place(), Forward: true}, whole[7:], false},
		{"between two places", cache.HistoryQuery{Chat: bob, After: whole[2].Place(), Before: whole[5].Place()}, whole[3:5], false},
		{"a chat without messages", cache.HistoryQuery{Chat: alice}, nil, false},
	} {
		got, more := page(t, s, c.q)
		same(t, c.why, got, c.want)
		if more != c.more {
			t.Fatalf("%s: more is %v", c.why, more)
		}
	}
	if p, _ := page(t, s, cache.HistoryQuery{}); len(p) != 11 {
		t.Fatalf("%d messages in all chats", len(p))
	}
}

func testOutbox(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	m1, r1 := out("m1", 0)
	m2, r2 := out("m2", time.Second)
	r := write(t, s, cache.Batch{Add: []cache.Message{m1, m2}, Enqueue: []cache.OutboxRecord{r1, r2}})
	if len(r.Enqueued) != 2 || r.Enqueued[0] >= r.Enqueued[1] || r.Enqueued[0] < 1 {
		t.Fatalf("places %v", r.Enqueued)
	}
	r1.Seq, r2.Seq = r.Enqueued[0], r.Enqueued[1]
	same(t, "all", must[[]cache.OutboxRecord](t)(s.Outbox(ctx, 0)), []cache.OutboxRecord{r1, r2})
	same(t, "the rest", must[[]cache.OutboxRecord](t)(s.Outbox(ctx, r1.Seq)), []cache.OutboxRecord{r2})
	same(t, "by id", must[cache.OutboxRecord](t)(s.OutboxRecord(ctx, "m2")), r2)
	if _, err := s.OutboxRecord(ctx, "m3"); !errors.Is(err, cache.ErrNotFound) {
		t.Fatalf("unknown record: %v", err)
	}
	same(t, "size", must[cache.OutboxSize](t)(s.OutboxSize(ctx)), cache.OutboxSize{Records: 2, Bytes: int64(len(r1.Stanza) + len(r2.Stanza))})
	write(t, s, cache.Batch{Progress: []cache.Progress{{Sender: alice, OriginID: "m1", State: cache.StateSent, Route: "server"}}})
	r1.Sent = true
	same(t, "after sending", must[cache.OutboxRecord](t)(s.OutboxRecord(ctx, "m1")), r1)
	same(t, "size without sent ones", must[cache.OutboxSize](t)(s.OutboxSize(ctx)), cache.OutboxSize{Records: 1, Bytes: int64(len(r2.Stanza))})
	write(t, s, cache.Batch{Progress: []cache.Progress{{Sender: alice, OriginID: "m1", State: cache.StateDelivered, Remove: true}}})
	same(t, "after removing", must[[]cache.OutboxRecord](t)(s.Outbox(ctx, 0)), []cache.OutboxRecord{r2})
	m3, r3 := out("m3", 0)
	got := write(t, s, cache.Batch{Add: []cache.Message{m3}, Enqueue: []cache.OutboxRecord{r3}})
	if got.Enqueued[0] <= r2.Seq {
		t.Fatal("places must rise")
	}
}

func testUsedID(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	m, rec := out("m1", 0)
	write(t, s, cache.Batch{Add: []cache.Message{m}, Enqueue: []cache.OutboxRecord{rec}})
	write(t, s, cache.Batch{Progress: []cache.Progress{{Sender: alice, OriginID: "m1", State: cache.StateDelivered, Remove: true}}})
	fresh, freshRec := out("m2", 0)
	_, err := cache.Write(ctx, s, cache.Batch{Add: []cache.Message{fresh, m}, Enqueue: []cache.OutboxRecord{freshRec, rec}})
	if !errors.Is(err, cache.ErrExists) {
		t.Fatalf("a used id: %v", err)
	}
	if _, err := s.Message(ctx, alice, "m2"); !errors.Is(err, cache.ErrNotFound) {
		t.Fatalf("part of a refused batch is there: %v", err)
	}
	if got := must[[]cache.OutboxRecord](t)(s.Outbox(ctx, 0)); len(got) != 0 {
		t.Fatalf("part of a refused batch is in the outbox: %v", got)
	}
}

func testProgress(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	m, rec := out("m1", 0)
	write(t, s, cache.Batch{Add: []cache.Message{m}, Enqueue: []cache.OutboxRecord{rec}})
	for _, c := range []struct {
		why   string
		step  cache.Progress
		state cache.State
		error string
	}{
		{"sent", cache.Progress{State: cache.StateSent, Route: "server"}, cache.StateSent, ""},
		{"refused", cache.Progress{State: cache.StateFailed, Error: "no"}, cache.StateFailed, "no"},
		{"a late acknowledgement changes nothing", cache.Progress{State: cache.StateSent}, cache.StateFailed, "no"},
		{"delivered after all", cache.Progress{State: cache.StateDelivered, Route: "direct"}, cache.StateDelivered, ""},
		{"a late refusal changes nothing", cache.Progress{State: cache.StateFailed, Error: "no"}, cache.StateDelivered, ""},
		{"the archive's id", cache.Progress{State: cache.StateQueued, Archive: alice, StanzaID: "s1"}, cache.StateDelivered, ""},
	} {
		c.step.Sender, c.step.OriginID = alice, "m1"
		write(t, s, cache.Batch{Progress: []cache.Progress{c.step}})
		got := must[cache.Message](t)(s.Message(ctx, alice, "m1"))
		if got.State != c.state || got.Error != c.error {
			t.Fatalf("%s: state %d %q, want %d %q", c.why, got.State, got.Error, c.state, c.error)
		}
	}
	got := must[cache.Message](t)(s.MessageByStanzaID(ctx, alice, "s1"))
	if got.OriginID != "m1" || got.Route != "direct" || string(got.Stanza) != string(m.Stanza) {
		t.Fatalf("%+v", got)
	}
	write(t, s, cache.Batch{Progress: []cache.Progress{{Sender: alice, OriginID: "unknown", State: cache.StateSent}}})
}

func testDeposits(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	d := func(id string, size int) cache.Deposit {
		return cache.Deposit{Sender: bob, OriginID: id, Direction: cache.In, Time: start, Stanza: make([]byte, size)}
	}
	write(t, s, cache.Batch{Deposit: []cache.Deposit{d("a", 10), d("b", 10), d("a", 99)}})
	write(t, s, cache.Batch{Deposit: []cache.Deposit{d("b", 99), d("c", cache.MaxDepositPageBytes)}})
	ids := func(list []cache.Deposit) (out []string) {
		for _, d := range list {
			out = append(out, fmt.Sprint(d.OriginID, len(d.Stanza)))
		}
		return out
	}
	same(t, "bounded by bytes", ids(must[[]cache.Deposit](t)(s.Deposits(ctx, 0))), []string{"a10", "b10"})
	same(t, "bounded by number", ids(must[[]cache.Deposit](t)(s.Deposits(ctx, 1))), []string{"a10"})
	write(t, s, cache.Batch{Deposited: []cache.Key{{Sender: bob, OriginID: "a"}, {Sender: bob, OriginID: "b"}, {Sender: alice, OriginID: "c"}}})
	left := must[[]cache.Deposit](t)(s.Deposits(ctx, 0))
	same(t, "one is always returned", ids(left), []string{fmt.Sprint("c", cache.MaxDepositPageBytes)})
	if got := left[0]; got.Sender != bob || got.Direction != cache.In || !got.Time.Equal(start) {
		t.Fatalf("%+v", got)
	}
}

func testPositions(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	same(t, "never read", must[cache.Position](t)(s.Position(ctx, alice)), cache.Position{Archive: alice})
	write(t, s, cache.Batch{
		Add:       []cache.Message{in("o1", 0)},
		Positions: []cache.Position{{Archive: alice, Last: "1"}, {Archive: carol, Last: "9"}, {Archive: alice, Last: "2"}},
		Records:   []cache.Record{{Name: "resume", Value: []byte("x")}, {Name: "empty", Value: []byte{}}},
	})
	same(t, "read", must[cache.Position](t)(s.Position(ctx, alice)), cache.Position{Archive: alice, Last: "2"})
	same(t, "record", must[[]byte](t)(s.Record(ctx, "resume")), []byte("x"))
	same(t, "empty record", must[[]byte](t)(s.Record(ctx, "empty")), []byte{})
	write(t, s, cache.Batch{Records: []cache.Record{{Name: "resume"}}})
	if _, err := s.Record(ctx, "resume"); !errors.Is(err, cache.ErrNotFound) {
		t.Fatalf("removed record: %v", err)
	}
}

func testRoster(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	check := func(why string, want []cache.RosterItem, version string) {
		t.Helper()
		items, v, err := s.Roster(ctx)
		if err != nil {
			t.Fatal(err)
		}
		same(t, why, items, want)
		same(t, why+": version", v, version)
	}
	check("never loaded", nil, "")
	b := cache.RosterItem{JID: bob, Name: "Bob", Subscription: "both", Groups: []string{"Friends", "工作"}}
	c := cache.RosterItem{JID: carol, Subscription: "none", Ask: true, Approved: true}
	if err := s.ReplaceRoster(ctx, []cache.RosterItem{c, b}, "v1"); err != nil {
		t.Fatal(err)
	}
	check("loaded", []cache.RosterItem{b, c}, "v1")
	b.Name = "Robert"
	if err := s.PutRosterItem(ctx, b, "v2"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRosterItem(ctx, carol, "v3"); err != nil {
		t.Fatal(err)
	}
	check("after pushes", []cache.RosterItem{b}, "v3")
	if err := s.ReplaceRoster(ctx, []cache.RosterItem{c, c}, "v4"); !errors.Is(err, cache.ErrInvalid) {
		t.Fatalf("a contact twice: %v", err)
	}
	check("after a refused list", []cache.RosterItem{b}, "v3")
	if err := s.ReplaceRoster(ctx, nil, "v5"); err != nil {
		t.Fatal(err)
	}
	check("emptied", nil, "v5")
}

func testSettings(t *testing.T, s cache.Cache) {
	ctx := context.Background()
	for _, c := range []struct {
		chat  jid.JID
		value string
	}{{jid.JID{}, "server"}, {bob, "direct"}, {carol, "auto"}, {carol, ""}} {
		if err := s.SetSetting(ctx, c.chat, cache.SettingRoute, c.value); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "one", must[string](t)(s.Setting(ctx, bob, cache.SettingRoute)), "direct")
	same(t, "another name", must[string](t)(s.Setting(ctx, bob, cache.SettingShare)), "")
	same(t, "all", must[map[jid.JID]string](t)(s.SettingsNamed(ctx, cache.SettingRoute)), map[jid.JID]string{{}: "server", bob: "direct"})
}

func testBadInput(t *testing.T, s cache.Cache) {
	m, rec := out("m1", 0)
	full := m
	full.Chat = jid.MustParse("bob@example.org/x")
	half := m
	half.Archive = alice
	mixed := m
	mixed.State = cache.StateReceived
	for _, c := range []struct {
		why string
		b   cache.Batch
		err error
	}{
		{"chat is a full address", cache.Batch{Add: []cache.Message{full}}, cache.ErrInvalid},
		{"archive without stanza-id", cache.Batch{Add: []cache.Message{half}}, cache.ErrInvalid},
		{"state of the other direction", cache.Batch{Add: []cache.Message{mixed}}, cache.ErrInvalid},
		{"no message beside the record", cache.Batch{Enqueue: []cache.OutboxRecord{rec}}, cache.ErrInvalid},
		{"record twice", cache.Batch{Add: []cache.Message{m}, Enqueue: []cache.OutboxRecord{rec, rec}}, cache.ErrInvalid},
		{"too many", cache.Batch{Deposited: make([]cache.Key, cache.MaxBatchEntries+1)}, cache.ErrLimit},
		{"too large", cache.Batch{Records: []cache.Record{{Name: "x", Value: make([]byte, cache.MaxBatchBytes+1)}}}, cache.ErrLimit},
		{"record without a name", cache.Batch{Records: []cache.Record{{}}}, cache.ErrInvalid},
	} {
		err := s.Commit(c.b, func(cache.Result, error) { t.Errorf("%s: done was called", c.why) })
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	if _, _, err := s.Messages(context.Background(), cache.HistoryQuery{Max: -1}); !errors.Is(err, cache.ErrInvalid) {
		t.Errorf("negative page: %v", err)
	}
}

func testOrder(t *testing.T, s cache.Cache) {
	const n = 300
	var mu sync.Mutex
	var order []int
	done := make(chan struct{})
	for i := range n {
		err := s.Commit(cache.Batch{Add: []cache.Message{in(fmt.Sprint("o", i%100), 0)}}, func(r cache.Result, err error) {
			if err != nil || r.Added[0].New != (i < 100) {
				t.Errorf("batch %d: %+v %v", i, r, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if order = append(order, i); len(order) == n {
				close(done)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	<-done
	for i, v := range order {
		if i != v {
			t.Fatalf("done ran in the order %v", order)
		}
	}
}

func testClosed(t *testing.T, s cache.Cache) {
	ran := false
	if err := s.Commit(cache.Batch{Add: []cache.Message{in("o1", 0)}}, func(_ cache.Result, err error) { ran = err == nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !ran {
		t.Fatal("Close did not wait for what was handed over")
	}
	if err := s.Commit(cache.Batch{}, func(cache.Result, error) {}); !errors.Is(err, cache.ErrClosed) {
		t.Fatalf("commit: %v", err)
	}
	if _, _, err := s.Messages(context.Background(), cache.HistoryQuery{}); !errors.Is(err, cache.ErrClosed) {
		t.Fatalf("read: %v", err)
	}
	if err := s.SetSetting(context.Background(), bob, "x", "y"); !errors.Is(err, cache.ErrClosed) {
		t.Fatalf("change: %v", err)
	}
}
