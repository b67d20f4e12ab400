package journal_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/client/cache"
	"godwit/client/cache/cachetest"
	"godwit/jid"
	"godwit/web/core/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a Log that outlives its caches.
type shelf struct {
	numbers []uint64
	records [][]byte
	next    uint64
	fail    error
	closed  int
}

func (s *shelf) Append(_ context.Context, records [][]byte) error {
	if s.fail != nil {
		return s.fail
	}
	for _, r := range records {
		s.next++
		s.numbers, s.records = append(s.numbers, s.next), append(s.records, slices.Clone(r))
	}
	return nil
}

func (s *shelf) Read(_ context.Context, each func(uint64, []byte) error) error {
	for i, r := range s.records {
		if err := each(s.numbers[i], r); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) Drop(_ context.Context, numbers []uint64) error {
	for _, n := range numbers {
		if i := slices.Index(s.numbers, n); i >= 0 {
			s.numbers, s.records = slices.Delete(s.numbers, i, i+1), slices.Delete(s.records, i, i+1)
		}
	}
	return nil
}

func (s *shelf) Close() { s.closed++ }

func open(t *testing.T, s *shelf) *journal.Cache {
	t.Helper()
	c, err := journal.Open(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSuite(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cache.Cache { return open(t, &shelf{}) })
}

var (
	alice = jid.MustParse("alice@example.org")
	bob   = jid.MustParse("bob@example.org")
	start = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
)

func message(i int) cache.Message {
	return cache.Message{Chat: bob, Sender: bob, From: bob, OriginID: fmt.Sprint("o", i), Direction: cache.In, State: cache.StateReceived,
		Time: start.Add(time.Duration(i) * time.Second), Body: fmt.Sprint("text ", i), Stanza: []byte("<message/>")}
}

// What was durable is there again, and numbers go on where they were.
func TestNextStart(t *testing.T) {
	ctx := context.Background()
	s := &shelf{}
	c := open(t, s)
	first, err := cache.Write(ctx, c, cache.Batch{Add: []cache.Message{message(1), message(2)}, Records: []cache.Record{{Name: "token", Value: []byte{0, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	steps := []func() error{
		func() error { return c.SetSetting(ctx, bob, cache.SettingMute, "on") },
		func() error {
			return c.ReplaceRoster(ctx, []cache.RosterItem{{JID: bob, Subscription: "both", Groups: []string{"工作"}}}, "v1")
		},
		func() error {
			return c.PutRosterItem(ctx, cache.RosterItem{JID: alice, Subscription: "none"}, "v2")
		},
		func() error { return c.DeleteRosterItem(ctx, alice, "v3") },
		func() error { _, err := c.DeleteMessages(ctx, start.Add(1500*time.Millisecond), 0); return err },
		func() error { _, err := c.PruneSeen(ctx, start); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(i, err)
		}
	}
	before := state(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, s)
	defer c.Close()
	if after := state(t, c); !reflect.DeepEqual(before, after) {
		t.Errorf("was %+v\nis  %+v", before, after)
	}
	again, err := cache.Write(ctx, c, cache.Batch{Add: []cache.Message{message(1), message(3)}})
	if err != nil {
		t.Fatal(err)
	}
	if again.Added[0].New || again.Added[1].ID <= first.Added[1].ID {
		t.Errorf("%+v after %+v", again, first)
	}
}

type content struct {
	Messages []cache.Message
	Roster   []cache.RosterItem
	Version  string
	Settings []cache.SettingRecord
	Token    []byte
	Chats    []cache.Chat
}

func state(t *testing.T, c cache.Cache) (all content) {
	t.Helper()
	ctx := context.Background()
	var errs [5]error
	all.Messages, _, errs[0] = c.Messages(ctx, cache.HistoryQuery{})
	all.Roster, all.Version, errs[1] = c.Roster(ctx)
	all.Settings, errs[2] = c.AllSettings(ctx)
	all.Token, errs[3] = c.Record(ctx, "token")
	all.Chats, errs[4] = c.Chats(ctx, 0)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return all
}

// What is set over and over is not kept over and over.
func TestOutdatedRecordsGo(t *testing.T) {
	ctx := context.Background()
	s := &shelf{}
	c := open(t, s)
	for i := range 200 {
		b := cache.Batch{Records: []cache.Record{{Name: "token", Value: []byte{byte(i)}}}, Positions: []cache.Position{{Archive: alice, Last: fmt.Sprint(i)}}}
		if _, err := cache.Write(ctx, c, b); err != nil {
			t.Fatal(err)
		}
		if err := c.PutRosterItem(ctx, cache.RosterItem{JID: bob, Subscription: "both"}, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cache.Write(ctx, c, cache.Batch{Add: []cache.Message{message(1)}}); err != nil {
		t.Fatal(err)
	}
	if err := c.ReplaceRoster(ctx, nil, "new"); err != nil {
		t.Fatal(err)
	}
	before := state(t, c)
	c.Close()
	open(t, s).Close()
	if len(s.records) != 3 {
		t.Errorf("%d records are left", len(s.records))
	}
	c = open(t, s)
	defer c.Close()
	if after := state(t, c); !reflect.DeepEqual(before, after) {
		t.Errorf("was %+v\nis  %+v", before, after)
	}
}

// When the log fails nothing is acknowledged any more, however often it is tried: memory
// knows more than is durable.
func TestAFullDisk(t *testing.T) {
	ctx := context.Background()
	s := &shelf{}
	c := open(t, s)
	defer c.Close()
	s.fail = fmt.Errorf("putting: %w", cache.ErrFull)
	if _, err := cache.Write(ctx, c, cache.Batch{Add: []cache.Message{message(1)}}); !errors.Is(err, cache.ErrFull) {
		t.Fatal(err)
	}
	s.fail = nil
	if _, err := cache.Write(ctx, c, cache.Batch{Add: []cache.Message{message(1)}}); !errors.Is(err, cache.ErrFull) {
		t.Error("a message that is nowhere was called a copy:", err)
	}
}

func TestDamage(t *testing.T) {
	s := &shelf{records: [][]byte{[]byte("{")}, numbers: []uint64{1}}
	if _, err := journal.Open(context.Background(), s); !errors.Is(err, cache.ErrCorrupt) || s.closed != 1 {
		t.Errorf("%v, closed %d times", err, s.closed)
	}
}
