package sqlite

import (
	"context"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

type lastSeen struct{ db *sqlitedb.DB }

func (l lastSeen) LastSeen(ctx context.Context, owner jid.JID) (store.Seen, error) {
	if err := store.CheckOwner(owner); err != nil {
		return store.Seen{}, err
	}
	seen := store.Seen{Owner: owner}
	err := l.db.View(ctx, func(v *sqlitedb.View) error {
		var t int64
		err := v.One(`SELECT time, status FROM seen WHERE owner = ?`, []any{owner.String()}, &t, &seen.Status)
		seen.Time = fromMicros(t)
		return err
	})
	if sqlitedb.IsNoRows(err) {
		return store.Seen{}, store.ErrNotFound
	}
	return seen, err
}

func putSeen(tx *sqlitedb.Tx, s *store.Seen) error {
	_, err := tx.Exec(`INSERT INTO seen(owner, time, status) VALUES (?, ?, ?)
		ON CONFLICT(owner) DO UPDATE SET time = excluded.time, status = excluded.status`, s.Owner.String(), toMicros(s.Time), s.Status)
	return err
}
