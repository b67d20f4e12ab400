package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"godwit/jid"
	"godwit/store"
)

// TestRestoredCopyGivesNewIDs: after an older copy of the data was put back, no id is given again that clients know from other messages.
func TestRestoredCopyGivesNewIDs(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	live, copied := filepath.Join(dir, "live.db"), filepath.Join(dir, "copy.db")
	add := func(s *Store, n int) (last int64) {
		t.Helper()
		for range n {
			owner := jid.MustParse("bob@localhost")
			done := make(chan error, 1)
			err := s.Commit(store.Batch{Archive: []store.ArchiveEntry{{Owner: owner, With: jid.MustParse("alice@localhost/r"), Sender: jid.MustParse("alice@localhost"),
				Time: time.Now(), Stanza: []byte("<message xmlns='jabber:client'/>")}}}, func(r store.Result, err error) {
				if err == nil {
					last = r.Archive[0].ID
				}
				done <- err
			})
			if err == nil {
				err = <-done
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return last
	}
	open := func(path string) *Store {
		t.Helper()
		s, err := Open(ctx, path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(live)
	add(s, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(live)
	seen := add(s, 5)
	s.Close()
	s = open(copied)
	defer s.Close()
	if id := add(s, 1); id <= seen {
		t.Errorf("id %d is given again; clients have seen up to %d", id, seen)
	}
}
