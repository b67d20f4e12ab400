package sqlitedb

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"godwit/store"
)

// Why this driver and not the other: docs/design/sqlite-driver.md.
const driverName = "sqlite"

type role int

const (
	roleWriter role = iota
	roleReader
	roleMigrate
)

// dsn builds the data source name. Every connection of the pool gets these settings when it is made.
func dsn(path string, r role, o Options) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	v := url.Values{}
	pragma := func(name, value string) { v.Add("_pragma", name+"("+value+")") }
	v.Set("_busy_timeout", strconv.FormatInt(o.BusyTimeout.Milliseconds(), 10))
	v.Set("mode", "rw")
	pragma("trusted_schema", "OFF")
	pragma("temp_store", "MEMORY")
	switch r {
	case roleReader:
		pragma("cache_size", "-4000")
		v.Set("_query_only", "1")
	case roleMigrate:
		v.Set("_txlock", "immediate") // two processes that migrate at once wait for each other
		fallthrough
	default:
		// FULL in WAL mode syncs the log at each commit (sqlite.org/pragma.html#pragma_synchronous); the fullfsync
		// settings do something on Apple systems only, where a plain fsync does not reach the platter.
		pragma("journal_mode", "WAL")
		pragma("synchronous", "FULL")
		pragma("fullfsync", "ON")
		pragma("checkpoint_fullfsync", "ON")
		pragma("foreign_keys", "ON")
		pragma("cache_size", "-16000")
		pragma("wal_autocheckpoint", strconv.Itoa(checkpointPages))
		pragma("journal_size_limit", strconv.Itoa(2*checkpointPages*4096))
		if o.MaxBytes > 0 {
			pragma("max_page_count", strconv.FormatInt(max(o.MaxBytes/4096, 1), 10))
		}
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: v.Encode()}
	return u.String()
}

// mapError puts the error of package store that says the same in front of a driver error, so that both match with
// errors.Is and errors.As.
func mapError(err error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	var kind error
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		kind = store.ErrBusy
	case sqlite3.SQLITE_FULL:
		kind = store.ErrFull
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL:
		kind = store.ErrIO
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		kind = store.ErrCorrupt
	case sqlite3.SQLITE_CONSTRAINT:
		if c := e.Code(); c != sqlite3.SQLITE_CONSTRAINT_UNIQUE && c != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY && c != sqlite3.SQLITE_CONSTRAINT_ROWID {
			return err
		}
		kind = store.ErrExists
	default:
		return err
	}
	if errors.Is(err, kind) {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// fatal reports whether an error says that the transaction as a whole cannot be trusted any more: SQLite may have rolled
// it back by itself (sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction"). What is left are
// faults of one statement, which undo only that statement.
func fatal(err error) bool {
	if errors.Is(err, driver.ErrBadConn) {
		return true
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}
