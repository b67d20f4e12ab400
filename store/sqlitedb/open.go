package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Options says how to open a database. Migrations and ApplicationID are required.
type Options struct {
	// Migrations holds the numbered SQL files (0001_name.sql, …) in its root.
	Migrations fs.FS
	// ApplicationID marks the file as ours, so that another program's database, or the client's given to the server, is
	// refused instead of changed. Not 0.
	ApplicationID int32
	// BusyTimeout is how long to wait for another process that writes. 0 means 30 s.
	BusyTimeout time.Duration
	// QueueBytes bounds what may wait for the writer, by the sizes given to Submit. 0 means 64 MiB.
	QueueBytes int
	// Readers is the most reading connections. 0 means one per CPU, at least 2 and at most 8.
	Readers int
	// MaxBytes bounds the size of the database file; a change that would exceed it fails with store.ErrFull. 0 means no
	// bound.
	MaxBytes int64
	// BeforeCommit, if set, runs at the end of each write transaction, for instance to store counters that were kept in
	// Tx.State. If it fails the whole transaction fails.
	BeforeCommit func(*Tx) error
}

// DB is an open database. All methods may be called from many goroutines.
type DB struct {
	path    string
	readers *pool
	writer  *writer
	closing sync.Once
	err     error // of closing
}

const checkpointPages = 4000 // pages of 4 KiB in the log before it is copied into the database

func (o Options) withDefaults() Options {
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 30 * time.Second
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 64 << 20
	}
	if o.Readers <= 0 {
		o.Readers = min(max(runtime.GOMAXPROCS(0), 2), 8)
	}
	return o
}

// Open opens the database at path, making it (mode 0600) and missing directories (mode 0700) if needed, and brings its
// schema up to date. Opening a database that is newer than the migrations known here, that belongs to something else,
// or that is damaged, is an error that says so; nothing is changed then.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	o = o.withDefaults()
	if o.Migrations == nil || o.ApplicationID == 0 {
		return nil, errors.New("sqlitedb: migrations and application id are required")
	}
	d, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, mapError(err))
	}
	return d, nil
}

func open(ctx context.Context, path string, o Options) (*DB, error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	if err := migrate(ctx, path, o); err != nil {
		return nil, err
	}
	w, err := sql.Open(driverName, dsn(path, roleWriter, o))
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1)
	if err := w.PingContext(ctx); err != nil {
		w.Close()
		return nil, err
	}
	r, err := sql.Open(driverName, dsn(path, roleReader, o))
	if err != nil {
		w.Close()
		return nil, err
	}
	r.SetMaxOpenConns(o.Readers)
	r.SetMaxIdleConns(o.Readers)
	return &DB{path: path, readers: newPool(r, o.Readers), writer: newWriter(w, o)}, nil
}

// Path returns the file the database was opened from.
func (d *DB) Path() string { return d.path }

// Close writes what is queued, tells everyone who waits, and closes the database. Changes handed over after Close began
// get store.ErrClosed. It may be called more than once.
func (d *DB) Close() error {
	d.closing.Do(func() {
		werr := d.writer.close()
		d.err = errors.Join(werr, d.readers.close())
	})
	return d.err
}

// prepareFile makes the directory and an empty file with tight permissions before SQLite does it with loose ones (its
// log and index files take the mode of the database), and makes sure the name survives loss of power.
func prepareFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return tighten(path)
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(dir)
}

// tighten takes away what group and others may do with files of a database that is there already.
func tighten(path string) error {
	for _, p := range []string{path, path + "-wal", path + "-shm"} {
		st, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file", p)
		}
		if st.Mode().Perm()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(p, st.Mode().Perm()&^0o077); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // a directory cannot be synced there, and need not be
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
