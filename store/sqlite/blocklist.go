package sqlite

import (
	"context"
	"fmt"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

type blocklists struct{ db *sqlitedb.DB }

func (b blocklists) Load(ctx context.Context, owner jid.JID) (list []jid.JID, err error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, err
	}
	err = b.db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT jid FROM blocked WHERE owner = ? ORDER BY jid`, []any{owner.String()}, func(row sqlitedb.Scanner) error {
			var address string
			if err := row.Scan(&address); err != nil {
				return err
			}
			j, err := parseJID(address)
			list = append(list, j)
			return err
		})
	})
	return list, err
}

func (b blocklists) Add(ctx context.Context, owner jid.JID, who []jid.JID, max int) error {
	if err := store.CheckBlocked(owner, who); err != nil {
		return err
	}
	return b.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		for _, j := range who {
			if _, err := tx.Exec(`INSERT INTO blocked(owner, jid) VALUES (?, ?) ON CONFLICT DO NOTHING`, owner.String(), j.String()); err != nil {
				return err
			}
		}
		if max <= 0 {
			return nil
		}
		var n int
		if err := tx.One(`SELECT count(*) FROM blocked WHERE owner = ?`, []any{owner.String()}, &n); err != nil {
			return err
		}
		if n > max {
			return fmt.Errorf("%w: %s would block %d addresses, %d allowed", store.ErrLimit, owner, n, max)
		}
		return nil
	})
}

func (b blocklists) Remove(ctx context.Context, owner jid.JID, who []jid.JID) error {
	if err := store.CheckBlocked(owner, who); err != nil {
		return err
	}
	return b.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		for _, j := range who {
			if _, err := tx.Exec(`DELETE FROM blocked WHERE owner = ? AND jid = ?`, owner.String(), j.String()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b blocklists) Clear(ctx context.Context, owner jid.JID) error {
	if err := store.CheckOwner(owner); err != nil {
		return err
	}
	return b.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`DELETE FROM blocked WHERE owner = ?`, owner.String())
		return err
	})
}
