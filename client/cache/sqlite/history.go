package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/store/sqlitedb"
)

// Messages implements cache.History.
func (c *Cache) Messages(ctx context.Context, q cache.HistoryQuery) (page []cache.Message, more bool, err error) {
	if q, err = q.Check(); err != nil {
		return nil, false, err
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	var fromID, toID int64
	if !q.After.IsZero() {
		from, fromID = micros(q.After.Time), q.After.ID
	}
	if !q.Before.IsZero() {
		to, toID = micros(q.Before.Time), q.Before.ID
	}
	query := `SELECT ` + messageColumns + ` FROM message WHERE (time, id) > (?, ?) AND (time, id) < (?, ?)`
	args := []any{from, fromID, to, toID}
	if !q.Chat.IsZero() {
		query += ` AND chat = ?`
		args = append(args, q.Chat.String())
	}
	if q.Forward {
		query += ` ORDER BY time, id LIMIT ?`
	} else {
		query += ` ORDER BY time DESC, id DESC LIMIT ?`
	}
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		return v.Each(query, append(args, q.Max+1), func(row sqlitedb.Scanner) error {
			m, err := scanMessage(row)
			page = append(page, m)
			return err
		})
	})
	if err != nil {
		return nil, false, err
	}
	if more = len(page) > q.Max; more {
		page = page[:q.Max]
	}
	if !q.Forward {
		slices.Reverse(page)
	}
	return page, more, nil
}

// Message implements cache.History.
func (c *Cache) Message(ctx context.Context, sender jid.JID, originID string) (cache.Message, error) {
	return c.message(ctx, key{0, sender.String(), originID})
}

// MessageByStanzaID implements cache.History.
func (c *Cache) MessageByStanzaID(ctx context.Context, archive jid.JID, stanzaID string) (cache.Message, error) {
	return c.message(ctx, key{1, archive.String(), stanzaID})
}

func (c *Cache) message(ctx context.Context, k key) (m cache.Message, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		id, _, err := lookUp(v, k)
		if err != nil {
			return err
		}
		var found bool
		if m, found, err = oneMessage(v, `id = ?`, id); err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("message %q: %w", k.key, cache.ErrNotFound)
		}
		return nil
	})
	return m, err
}

// DeleteMessages implements cache.History.
func (c *Cache) DeleteMessages(ctx context.Context, before time.Time, batch int) (removed int, err error) {
	if batch <= 0 {
		batch = math.MaxInt32
	}
	err = c.update(ctx, func(tx *sqlitedb.Tx) error {
		removed = 0
		var ids []int64
		err := tx.Each(`SELECT id FROM message WHERE time < ? AND (direction = ? OR origin NOT IN (SELECT origin FROM outbox)) ORDER BY time, id LIMIT ?`,
			[]any{micros(before), cache.In, batch}, func(row sqlitedb.Scanner) error {
				var id int64
				err := row.Scan(&id)
				ids = append(ids, id)
				return err
			})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := tx.Exec(`DELETE FROM message WHERE id = ?`, id); err != nil {
				return err
			}
			if _, err := tx.Exec(`UPDATE seen SET message = 0 WHERE message = ?`, id); err != nil {
				return err
			}
		}
		removed = len(ids)
		return nil
	})
	return removed, err
}

// PruneSeen implements cache.History.
func (c *Cache) PruneSeen(ctx context.Context, before time.Time) (removed int, err error) {
	err = c.update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`DELETE FROM seen WHERE message = 0 AND at < ?`, micros(before))
		removed = int(n)
		return err
	})
	return removed, err
}
