package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"godwit/store"
)

// ErrForeign: the file is a database of something else.
var ErrForeign = errors.New("the file belongs to another program or another part of this one")

// ErrNewer: the database was written by a newer version of the program.
var ErrNewer = errors.New("the data was written by a newer version of the program; use that version, or a backup from before the upgrade")

const migrateAttempts = 8

// migrate brings the schema up to date. Two processes may do so at the same moment: each migration and the note that it
// was applied are one transaction, a unique index lets only one such note in, and the process that lost starts over and
// finds nothing left to do.
func migrate(ctx context.Context, path string, o Options) error {
	db, err := sql.Open(driverName, dsn(path, roleMigrate, o))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for attempt := 1; ; attempt++ {
		err = migrateOnce(ctx, db, o)
		hopeless := errors.Is(err, ErrForeign) || errors.Is(err, ErrNewer) || errors.Is(mapError(err), store.ErrCorrupt)
		if err == nil || hopeless || ctx.Err() != nil || attempt == migrateAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(attempt) * 20 * time.Millisecond):
		}
	}
}

func migrateOnce(ctx context.Context, db *sql.DB, o Options) error {
	if err := claim(ctx, db, o.ApplicationID); err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, o.Migrations, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()),
		goose.WithAllowOutofOrder(true)) // migrations of rooms that do not know each other may come in any order
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	version, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if version > target {
		return fmt.Errorf("schema version %d, known up to %d: %w", version, target, ErrNewer)
	}
	if pending, err := p.HasPending(ctx); err != nil || !pending {
		return err
	}
	if _, err := db.ExecContext(ctx, `CREATE UNIQUE INDEX IF NOT EXISTS goose_version_once ON goose_db_version(version_id)`); err != nil {
		return fmt.Errorf("guard schema version: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate from schema version %d to %d: %w", version, target, err)
	}
	return nil
}

// claim marks an empty database as ours and refuses one that is not.
func claim(ctx context.Context, db *sql.DB, id int32) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var got int32
	if err := tx.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&got); err != nil {
		return err
	}
	if got == id {
		return nil
	}
	var tables int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	if got != 0 || tables > 0 {
		return ErrForeign
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, id)); err != nil {
		return err
	}
	return tx.Commit()
}
