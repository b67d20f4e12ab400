package sqlite

import (
	"context"
	"embed"
	"io/fs"

	"godwit/store"
	"godwit/store/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as a godwit server's store ("GdwS").
const applicationID = 0x47647753

// Options says how to open a store; the zero value is right for a server.
type Options struct {
	QueueBytes int   // what may wait to be written; see sqlitedb.Options
	MaxBytes   int64 // bound of the file; 0 means none
}

// Store is the server's store. It implements all contracts of package store except where a method name would clash:
// use Accounts, Roster, Archive, Inbox and Secrets for those, and Commit on the store itself.
type Store struct{ db *sqlitedb.DB }

var _ store.Committer = (*Store)(nil)

// Open opens the store in the file at path, making it if needed. Several processes may have it open.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	under, err := options(o)
	if err != nil {
		return nil, err
	}
	db, err := sqlitedb.Open(ctx, path, under)
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

func options(o Options) (sqlitedb.Options, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return sqlitedb.Options{}, err
	}
	return sqlitedb.Options{
		Migrations:    dir,
		ApplicationID: applicationID,
		QueueBytes:    o.QueueBytes,
		MaxBytes:      o.MaxBytes,
		BeforeCommit:  saveSequence,
	}, nil
}

// Close writes what is queued, calls the done functions that are owed, and closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Accounts returns the accounts.
func (s *Store) Accounts() store.Accounts { return accounts{s.db} }

// Roster returns the rosters.
func (s *Store) Roster() store.Roster { return rosters{s.db} }

// Archive returns the archives.
func (s *Store) Archive() store.Archive { return archives{s.db} }

// Inbox returns the inboxes.
func (s *Store) Inbox() store.Inbox { return inboxes{s.db} }

// LastSeen returns when accounts were last online.
func (s *Store) LastSeen() store.LastSeen { return lastSeen{s.db} }

// Blocklist returns whom accounts have blocked.
func (s *Store) Blocklist() store.Blocklist { return blocklists{s.db} }

// PubSub returns the nodes of accounts.
func (s *Store) PubSub() store.PubSub { return pubsub{s.db} }

// Secrets returns the secrets.
func (s *Store) Secrets() store.Secrets { return secrets{s.db} }
