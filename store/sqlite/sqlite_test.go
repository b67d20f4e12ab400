package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"godwit/store/sqlite"
	"godwit/store/storetest"
)

func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stores(t *testing.T, path string) storetest.Stores {
	s := open(t, path)
	return storetest.Stores{
		Accounts: s.Accounts(), Roster: s.Roster(), Archive: s.Archive(), Inbox: s.Inbox(), LastSeen: s.LastSeen(), Blocklist: s.Blocklist(), PubSub: s.PubSub(), Secrets: s.Secrets(), Uploads: s.Uploads(), Grants: s.Grants(), Invitations: s.Invitations(), Commits: s,
		Close:  s.Close,
		Reopen: func(t *testing.T) storetest.Stores { return stores(t, path) },
		Second: func(t *testing.T) storetest.Stores { return stores(t, path) },
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Stores {
		return stores(t, filepath.Join(t.TempDir(), "data", "godwit.db"))
	})
}
