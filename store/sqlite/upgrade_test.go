package sqlite_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlite"
	"godwit/store/sqlitedb"
)

// Each schema version that was ever released has a sample in testdata/, made by the program of that time. They are
// opened, and so upgraded, by the program of today, and must hold what they held. After adding a migration, run
//
//	go test ./store/sqlite -run TestUpgrade -update
//
// once and commit the new sample. Samples of released versions are never made again.
var update = flag.Bool("update", false, "write the sample of the newest schema version")

// released is the newest schema version that a release has; there is a sample of it and of each before. Newer ones have one if they are
// there.
const released = 1

const samples = "testdata/schema-%04d.db.gz"

var (
	sampleTime = time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.UTC)
	sampleBob  = jid.MustParse("bob@example.org")
)

func TestUpgrade(t *testing.T) {
	dir, err := os.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	var versions []int
	for _, file := range dir {
		var version int
		if _, err := fmt.Sscanf(file.Name(), "%04d_", &version); err != nil {
			t.Fatalf("%s: %v", file.Name(), err)
		}
		versions = append(versions, version)
	}
	if *update {
		writeSample(t, fmt.Sprintf(samples, slices.Max(versions)))
	}
	for _, version := range versions {
		sample := fmt.Sprintf(samples, version)
		if _, err := os.Stat(sample); version > released && errors.Is(err, os.ErrNotExist) {
			continue // it was never anybody's
		}
		t.Run(fmt.Sprintf("from schema %d", version), func(t *testing.T) {
			path := unpack(t, sample)
			s := open(t, path)
			checkSample(t, s)
			if version >= 3 {
				checkSample3(t, s)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			fresh := filepath.Join(t.TempDir(), "fresh.db")
			open(t, fresh).Close()
			if d := cmp.Diff(schemaOf(t, fresh), schemaOf(t, path)); d != "" {
				t.Errorf("an upgraded database has another schema than a new one (was a released migration edited?)\n%s", d)
			}
		})
	}
}

func account(j jid.JID) store.Account {
	return store.Account{JID: j, Created: sampleTime, Credentials: map[store.Hash]store.Credentials{
		"SHA-256": {Salt: []byte("salt"), Iterations: 4096, StoredKey: []byte("stored"), ServerKey: []byte("server")},
	}}
}

func sampleItem() store.RosterItem {
	return store.RosterItem{JID: sampleBob, Name: "Bob", Groups: []string{"Friends"}, Subscription: store.SubBoth}
}

func writeSample(t *testing.T, name string) {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "sample.db")
	s := open(t, path)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.Accounts().Create(ctx, account(owner)))
	_, err := s.Roster().Put(ctx, owner, sampleItem(), store.RosterLimits{})
	check(err)
	check(s.Archive().SetPrefs(ctx, owner, store.ArchivePrefs{Default: store.ArchiveRoster, Never: []jid.JID{sampleBob}}))
	check(s.Secrets().Put(ctx, "sample", []byte("secret")))
	check(s.Blocklist().Add(ctx, owner, []jid.JID{sampleBob}, 0))
	check(s.PubSub().Create(ctx, sampleNode(), store.NodeLimits{}))
	_, err = s.PubSub().Publish(ctx, owner, "sample", store.NodeItem{ID: "i1", Time: sampleTime, Payload: []byte("<x/>")}, store.NodeLimits{})
	check(err)
	done := make(chan error, 1)
	check(s.Commit(store.Batch{
		Archive: []store.ArchiveEntry{{Owner: owner, With: sampleBob, Sender: sampleBob, Time: sampleTime, OriginID: "o1", Stanza: []byte("<message/>")}},
		Inbox:   []store.InboxAdd{{Entry: store.InboxEntry{Owner: owner, Time: sampleTime, Stanza: []byte("<message/>")}}},
		Seen:    []store.Seen{{Owner: sampleBob, Time: sampleTime, Status: "bye"}},
	}, func(_ store.Result, err error) { done <- err }))
	check(<-done)
	check(s.Close())
	data, err := os.ReadFile(path)
	check(err)
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	check(err)
	_, err = w.Write(data)
	check(err)
	check(w.Close())
	check(os.MkdirAll(filepath.Dir(name), 0o755))
	check(os.WriteFile(name, packed.Bytes(), 0o644))
}

func unpack(t *testing.T, name string) string {
	t.Helper()
	packed, err := os.Open(name)
	if err != nil {
		t.Fatalf("%v (see the comment at the top of this file)", err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkSample(t *testing.T, s *sqlite.Store) {
	t.Helper()
	ctx := context.Background()
	if a, err := s.Accounts().Get(ctx, owner); err != nil || !cmp.Equal(a, account(owner), cmp.Comparer(func(a, b jid.JID) bool { return a == b })) {
		t.Errorf("account %+v, %v", a, err)
	}
	items, version, err := s.Roster().Load(ctx, owner)
	if err != nil || len(items) != 1 || version == 0 || items[0].Name != "Bob" || !slices.Equal(items[0].Groups, sampleItem().Groups) || items[0].Subscription != store.SubBoth {
		t.Errorf("roster %+v, %v", items, err)
	}
	if p, err := s.Archive().Prefs(ctx, owner); err != nil || p.Default != store.ArchiveRoster || !slices.Equal(p.Never, []jid.JID{sampleBob}) {
		t.Errorf("prefs %+v, %v", p, err)
	}
	if v, err := s.Secrets().Get(ctx, "sample"); err != nil || string(v) != "secret" {
		t.Errorf("secret %q, %v", v, err)
	}
	first, _, err := s.Archive().Metadata(ctx, owner)
	if err != nil {
		t.Error(err)
	}
	if e, err := s.Archive().Entry(ctx, owner, first.ID); err != nil || string(e.Stanza) != "<message/>" || !e.Time.Equal(sampleTime) || e.OriginID != "o1" || e.With != sampleBob {
		t.Errorf("entry %+v, %v", e, err)
	}
	if l, _, err := s.Inbox().Load(ctx, owner, 0, 0, sampleTime); err != nil || len(l) != 1 || string(l[0].Stanza) != "<message/>" {
		t.Errorf("inbox %+v, %v", l, err)
	}
	if seen, err := s.LastSeen().LastSeen(ctx, sampleBob); err != nil || seen.Status != "bye" {
		t.Errorf("last seen %+v, %v", seen, err)
	}
	if h, err := s.Archive().Highest(ctx); err != nil || h != first.ID+1 {
		t.Errorf("highest id %d, %v", h, err)
	}
}

func sampleNode() store.Node {
	return store.Node{Owner: owner, Name: "sample", Created: sampleTime, Config: store.NodeConfig{
		Title: "T", Access: store.AccessWhitelist, Groups: []string{"Friends"}, Members: []jid.JID{sampleBob}, Persist: true, MaxItems: 3,
		SendLast: store.SendOnPresence, NotifyRetract: true, NotifyDelete: true, DeliverPayloads: true,
	}}
}

// checkSample3 is for what came with schema 3.
func checkSample3(t *testing.T, s *sqlite.Store) {
	t.Helper()
	ctx := context.Background()
	if l, err := s.Blocklist().Load(ctx, owner); err != nil || !slices.Equal(l, []jid.JID{sampleBob}) {
		t.Errorf("blocklist %v, %v", l, err)
	}
	if n, err := s.PubSub().Node(ctx, owner, "sample"); err != nil || !cmp.Equal(n, sampleNode(), cmp.Comparer(func(a, b jid.JID) bool { return a == b })) {
		t.Errorf("node %+v, %v", n, err)
	}
	if l, err := s.PubSub().Items(ctx, owner, "sample", store.ItemQuery{}); err != nil || len(l) != 1 || l[0].ID != "i1" || string(l[0].Payload) != "<x/>" || !l[0].Time.Equal(sampleTime) {
		t.Errorf("items %+v, %v", l, err)
	}
}

func schemaOf(t *testing.T, path string) (list []string) {
	t.Helper()
	ctx := context.Background()
	db, err := sqlitedb.Open(ctx, path, sqlite.OptionsForTest())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT name || ': ' || ifnull(sql, '') FROM sqlite_schema ORDER BY name`, nil, func(row sqlitedb.Scanner) error {
			var s string
			err := row.Scan(&s)
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
