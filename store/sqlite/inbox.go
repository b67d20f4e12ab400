package sqlite

import (
	"context"
	"database/sql"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

type inboxes struct{ db *sqlitedb.DB }

// maxRemove bounds what one housekeeping transaction removes, so that messages do not wait long behind it.
const maxRemove = 10_000

func (in inboxes) Load(ctx context.Context, owner jid.JID, after int64, max int, now time.Time) (entries []store.InboxEntry, more bool, err error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, false, err
	}
	if max <= 0 || max > store.MaxInboxPage {
		max = store.MaxInboxPage
	}
	size := 0
	err = in.db.View(ctx, func(v *sqlitedb.View) error {
		err := v.Each(`SELECT id, time, expires, archived, stanza FROM inbox
			WHERE owner = ? AND id > ? AND (expires IS NULL OR expires > ?) ORDER BY id LIMIT ?`,
			[]any{owner.String(), after, toMicros(now), max + 1}, func(row sqlitedb.Scanner) error {
				e := store.InboxEntry{Owner: owner}
				var t int64
				var expires sql.NullInt64
				if err := row.Scan(&e.ID, &t, &expires, &e.Archived, &e.Stanza); err != nil {
					return err
				}
				size += len(e.Stanza)
				if len(entries) == max || (len(entries) > 0 && size > store.MaxInboxPageBytes) {
					more = true
					return errEnough
				}
				e.Time = fromMicros(t)
				if expires.Valid {
					e.Expires = fromMicros(expires.Int64)
				}
				entries = append(entries, e)
				return nil
			})
		return enough(err)
	})
	return entries, more, err
}

func (in inboxes) Size(ctx context.Context, owner jid.JID) (n store.InboxSize, err error) {
	err = in.db.View(ctx, func(v *sqlitedb.View) error {
		n, err = inboxSize(v, owner)
		return err
	})
	return n, err
}

func inboxSize(q sqlitedb.Queryer, owner jid.JID) (n store.InboxSize, err error) {
	err = q.One(`SELECT entries, bytes FROM inbox_size WHERE owner = ?`, []any{owner.String()}, &n.Entries, &n.Bytes)
	if sqlitedb.IsNoRows(err) {
		return store.InboxSize{}, nil
	}
	return n, err
}

func (in inboxes) Expire(ctx context.Context, now time.Time, batch int) (removed int, err error) {
	if batch <= 0 || batch > maxRemove {
		batch = maxRemove
	}
	err = in.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE expires <= ? ORDER BY expires LIMIT ?)`, toMicros(now), batch)
		removed = int(n)
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
