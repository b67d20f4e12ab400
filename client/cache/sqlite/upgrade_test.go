package sqlite_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"godwit/client/cache"
	"godwit/client/cache/sqlite"
)

// writeSample makes the sample of the newest schema: go test -run TestOldData -write-sample testdata/schema-0002.db
var writeSample = flag.String("write-sample", "", "make a sample cache at this path and stop")

// TestOldData opens a cache that each landed schema version has left behind, and finds everything in it.
func TestOldData(t *testing.T) {
	ctx := context.Background()
	if *writeSample != "" {
		sample(t, *writeSample)
		return
	}
	old, err := filepath.Glob("testdata/schema-*.db")
	if err != nil || len(old) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, from := range old {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "cache.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, path)
		defer c.Close()
		m, err := c.Message(ctx, alice, "m1")
		if err != nil || m.State != cache.StateSent || string(m.Stanza) != "<m1/>" {
			t.Errorf("%s: message %+v, %v", from, m, err)
		}
		if box, err := c.Outbox(ctx, 0); err != nil || len(box) != 1 || !box[0].Sent || box[0].Route != "auto" {
			t.Errorf("%s: outbox %+v, %v", from, box, err)
		}
		if d, err := c.Deposits(ctx, 0); err != nil || len(d) != 1 || d[0].OriginID != "m1" {
			t.Errorf("%s: deposits %+v, %v", from, d, err)
		}
		if p, err := c.Position(ctx, alice); err != nil || p.Last != "77" {
			t.Errorf("%s: position %+v, %v", from, p, err)
		}
		if items, version, err := c.Roster(ctx); err != nil || version != "v1" || len(items) != 1 || items[0].Groups[0] != "朋友" {
			t.Errorf("%s: roster %+v, %v", from, items, err)
		}
		if v, err := c.Setting(ctx, bob, cache.SettingRoute); err != nil || v != "direct" {
			t.Errorf("%s: setting %q, %v", from, v, err)
		}
		if chats, err := c.Chats(ctx, 0); err != nil || len(chats) != 1 || chats[0].Chat != bob || chats[0].Last.OriginID != "m1" || chats[0].Unread != 0 {
			t.Errorf("%s: chats %+v, %v", from, chats, err)
		}
		if found, _, err := c.Search(ctx, cache.SearchQuery{Text: "ÄPFEL"}); err != nil || from > "testdata/schema-0001.db" && len(found) != 1 {
			t.Errorf("%s: found %+v, %v", from, found, err)
		}
		if found, _, err := c.Search(ctx, cache.SearchQuery{Text: "HI"}); err != nil || len(found) != 1 {
			t.Errorf("%s: found %+v, %v", from, found, err)
		}
		if v, err := c.Record(ctx, "resume"); err != nil || string(v) != "x" {
			t.Errorf("%s: record %q, %v", from, v, err)
		}
	}
}

func sample(t *testing.T, path string) {
	ctx := context.Background()
	tmp := filepath.Join(t.TempDir(), "cache.db")
	c := open(t, tmp)
	at, stanza := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []byte("<m1/>")
	_, err := cache.Write(ctx, c, cache.Batch{
		Add:       []cache.Message{{Chat: bob, Sender: alice, OriginID: "m1", Direction: cache.Out, State: cache.StateQueued, Time: at, Body: "hi, äpfel", Stanza: stanza}},
		Enqueue:   []cache.OutboxRecord{{Chat: bob, OriginID: "m1", Route: "auto", Created: at, Stanza: stanza}},
		Progress:  []cache.Progress{{Sender: alice, OriginID: "m1", State: cache.StateSent, Route: "server"}},
		Deposit:   []cache.Deposit{{Sender: alice, OriginID: "m1", Direction: cache.Out, Time: at, Stanza: stanza}},
		Positions: []cache.Position{{Archive: alice, Last: "77"}},
		Records:   []cache.Record{{Name: "resume", Value: []byte("x")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ReplaceRoster(ctx, []cache.RosterItem{{JID: bob, Name: "Bob", Subscription: "both", Groups: []string{"朋友"}}}, "v1"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetSetting(ctx, bob, cache.SettingRoute, "direct"); err != nil {
		t.Fatal(err)
	}
	closeAndCopy(t, c, tmp, path)
}

func closeAndCopy(t *testing.T, c *sqlite.Cache, from, to string) {
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(from + "-wal"); err == nil {
		t.Fatal("the log was not taken into the database")
	}
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
