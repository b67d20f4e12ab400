package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

// Uploads returns what is known of files.
func (s *Store) Uploads() store.Uploads { return uploads{s.db} }

type uploads struct{ db *sqlitedb.DB }

const selectUsage = `SELECT count(*), ifnull(sum(size), 0), min(expires) FROM upload WHERE owner = ? AND expires > ?`

func scanUsage(one func(string, []any, ...any) error, owner jid.JID, now time.Time) (n store.UploadUsage, err error) {
	var next sql.NullInt64
	if err := one(selectUsage, []any{owner.String(), toMicros(now)}, &n.Files, &n.Bytes, &next); err != nil {
		return store.UploadUsage{}, err
	}
	if next.Valid {
		n.Next = fromMicros(next.Int64)
	}
	return n, nil
}

func (up uploads) Reserve(ctx context.Context, u store.Upload, q store.UploadQuota, now time.Time) error {
	if err := u.Check(); err != nil {
		return err
	}
	token := u.Token
	if token == nil {
		token = []byte{}
	}
	return up.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := scanUsage(tx.One, u.Owner, now)
		if err != nil {
			return err
		}
		if !q.Allows(n, u.Size) {
			return fmt.Errorf("%w: %s keeps %d files, %d bytes", store.ErrLimit, u.Owner, n.Files, n.Bytes)
		}
		_, err = tx.Exec(`INSERT INTO upload(id, owner, name, type, size, token, state, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			u.ID, u.Owner.String(), u.Name, u.Type, u.Size, token, int(u.State), toMicros(u.Created), toMicros(u.Expires))
		return err
	})
}

func (up uploads) Upload(ctx context.Context, id string) (store.Upload, error) {
	u := store.Upload{ID: id}
	err := up.db.View(ctx, func(v *sqlitedb.View) error {
		var owner string
		var state, created, expires int64
		err := v.One(`SELECT owner, name, type, size, token, state, created, expires FROM upload WHERE id = ?`, []any{id},
			&owner, &u.Name, &u.Type, &u.Size, &u.Token, &state, &created, &expires)
		if err != nil {
			return orNotFound(err, "upload")
		}
		u.State, u.Created, u.Expires = store.UploadState(state), fromMicros(created), fromMicros(expires)
		u.Owner, err = parseJID(owner)
		return err
	})
	if err != nil {
		return store.Upload{}, err
	}
	return u, nil
}

func (up uploads) Begin(ctx context.Context, id string, now, until time.Time) error {
	return up.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		var state int
		err := tx.One(`SELECT state FROM upload WHERE id = ? AND expires > ?`, []any{id, toMicros(now)}, &state)
		switch {
		case err != nil:
			return orNotFound(err, "upload")
		case store.UploadState(state) != store.UploadSlot:
			return fmt.Errorf("%w: the slot was used", store.ErrExists)
		}
		_, err = tx.Exec(`UPDATE upload SET state = ?, expires = ? WHERE id = ?`, int(store.UploadOpen), toMicros(until), id)
		return err
	})
}

func (up uploads) Finish(ctx context.Context, id string, now, expires time.Time) error {
	missing := false
	err := up.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`UPDATE upload SET state = ?, expires = ? WHERE id = ? AND state = ? AND expires > ?`,
			int(store.UploadStored), toMicros(expires), id, int(store.UploadOpen), toMicros(now))
		missing = n == 0
		return err
	})
	if err == nil && missing {
		return notFound("upload")
	}
	return err
}

func (up uploads) Remove(ctx context.Context, id string) error {
	return up.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`DELETE FROM upload WHERE id = ?`, id)
		return err
	})
}

func (up uploads) Usage(ctx context.Context, owner jid.JID, now time.Time) (n store.UploadUsage, err error) {
	err = up.db.View(ctx, func(v *sqlitedb.View) error {
		var err error
		n, err = scanUsage(v.One, owner, now)
		return err
	})
	return n, err
}

func (up uploads) Expired(ctx context.Context, now time.Time, max int) (ids []string, err error) {
	if max <= 0 || max > store.MaxUploadsPage {
		max = store.MaxUploadsPage
	}
	err = up.db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT id FROM upload WHERE expires <= ? ORDER BY expires LIMIT ?`, []any{toMicros(now), max}, func(row sqlitedb.Scanner) error {
			var id string
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return ids, err
}
