package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"godwit/client/cache"
	"godwit/store"
	"godwit/store/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as a godwit client's cache ("GdwC").
const applicationID = 0x47647743

// Cache implements cache.Cache. Its methods may be called from many goroutines.
type Cache struct{ db *sqlitedb.DB }

var _ cache.Cache = (*Cache)(nil)

// Open opens the cache in the file at path, making it (mode 0600) and missing directories (mode 0700) if needed.
func Open(ctx context.Context, path string) (*Cache, error) {
	o, err := options()
	if err != nil {
		return nil, err
	}
	db, err := sqlitedb.Open(ctx, path, o)
	if err != nil {
		return nil, mapError(err)
	}
	c := &Cache{db: db}
	if err := c.foldOlder(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return c, nil
}

func options() (sqlitedb.Options, error) {
	dir, err := fs.Sub(migrations, "migrations")
	return sqlitedb.Options{Migrations: dir, ApplicationID: applicationID}, err
}

// Close implements cache.Cache.
func (c *Cache) Close() error { return mapError(c.db.Close()) }

// mapError turns errors of the database into those of the cache.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	for _, m := range []struct{ from, to error }{
		{store.ErrBusy, cache.ErrBusy},
		{store.ErrFull, cache.ErrFull},
		{store.ErrIO, cache.ErrIO},
		{store.ErrCorrupt, cache.ErrCorrupt},
		{sqlitedb.ErrNewer, cache.ErrCorrupt},
		{store.ErrClosed, cache.ErrClosed},
	} {
		if errors.Is(err, m.from) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	return err
}

// view runs f on the state of one moment.
func (c *Cache) view(ctx context.Context, f func(q sqlitedb.Queryer) error) error {
	return mapError(c.db.View(ctx, func(v *sqlitedb.View) error { return f(v) }))
}

// update makes a change and waits for it.
func (c *Cache) update(ctx context.Context, f func(tx *sqlitedb.Tx) error) error {
	return mapError(c.db.Update(ctx, f))
}
