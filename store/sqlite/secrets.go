package sqlite

import (
	"context"
	"crypto/rand"

	"godwit/store"
	"godwit/store/sqlitedb"
)

type secrets struct{ db *sqlitedb.DB }

func (s secrets) Ensure(ctx context.Context, name string, size int) ([]byte, error) {
	if err := store.CheckSecretSize(name, size); err != nil {
		return nil, err
	}
	var value []byte
	err := s.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		fresh := make([]byte, size)
		rand.Read(fresh)
		if _, err := tx.Exec(`INSERT INTO secret(name, value) VALUES (?, ?) ON CONFLICT(name) DO NOTHING`, name, fresh); err != nil {
			return err
		}
		return tx.One(`SELECT value FROM secret WHERE name = ?`, []any{name}, &value)
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (s secrets) Get(ctx context.Context, name string) (value []byte, err error) {
	err = s.db.View(ctx, func(v *sqlitedb.View) error {
		return orNotFound(v.One(`SELECT value FROM secret WHERE name = ?`, []any{name}, &value), "secret %q", name)
	})
	return value, err
}

func (s secrets) Put(ctx context.Context, name string, value []byte) error {
	if err := store.CheckSecret(name, value); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO secret(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value`, name, value)
		return err
	})
}
