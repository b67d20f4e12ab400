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
	query := `SELECT ` + messageColumns + ` FROM message m WHERE kind = 0 AND (time, id) > (?, ?) AND (time, id) < (?, ?)`
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

// Find implements cache.History.
func (c *Cache) Find(ctx context.Context, chat, sender jid.JID, id string) (m cache.Message, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		var found bool
		if m, found, err = find(v, chat, sender, id); err == nil && !found {
			err = fmt.Errorf("message %q: %w", id, cache.ErrNotFound)
		}
		return err
	})
	return m, err
}

func find(q sqlitedb.Queryer, chat, sender jid.JID, id string) (m cache.Message, found bool, err error) {
	known, ok, err := lookUp(q, key{0, sender.String(), id})
	if err != nil {
		return m, false, err
	}
	if ok && known != 0 {
		if m, found, err = oneMessage(q, `id = ?`, known); err != nil || found && m.Chat == chat {
			return m, found, err
		}
	}
	return oneMessage(q, `name <> '' AND chat = ? AND sender = ? AND name = ? ORDER BY time DESC, id DESC LIMIT 1`, chat.String(), sender.String(), id)
}

// Changes implements cache.History.
func (c *Cache) Changes(ctx context.Context, chat, sender jid.JID, id string) (all []cache.Message, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		m, found, err := find(v, chat, sender, id)
		if err == nil && found {
			all, err = changes(v, &m)
		}
		return err
	})
	return all, err
}

// Search implements cache.History.
func (c *Cache) Search(ctx context.Context, q cache.SearchQuery) (page []cache.Message, more bool, err error) {
	q, words, err := q.Check()
	if err != nil {
		return nil, false, err
	}
	to, toID := int64(math.MaxInt64), int64(0)
	if !q.Before.IsZero() {
		to, toID = micros(q.Before.Time), q.Before.ID
	}
	query := `SELECT ` + messageColumns + ` FROM searchable s CROSS JOIN message m ON m.id = s.id WHERE (s.time, s.id) < (?, ?)`
	args := []any{to, toID}
	if !q.Chat.IsZero() {
		query += ` AND s.chat = ?`
		args = append(args, q.Chat.String())
	}
	for _, w := range words {
		query += ` AND instr(s.folded, ?)`
		args = append(args, w)
	}
	query += ` ORDER BY s.time DESC, s.id DESC LIMIT ?`
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
	return page, more, nil
}

// DeleteMessages implements cache.History.
func (c *Cache) DeleteMessages(ctx context.Context, before time.Time, batch int) (removed int, err error) {
	if batch <= 0 {
		batch = math.MaxInt32
	}
	err = c.update(ctx, func(tx *sqlitedb.Tx) error {
		var old []cache.Message
		for _, kind := range []string{`kind = 0`, `kind <> 0`} {
			err := tx.Each(`SELECT `+listedColumns+` FROM message m WHERE `+kind+` AND time < ? AND (direction = ? OR origin NOT IN (SELECT origin FROM outbox))
				ORDER BY time, id LIMIT ?`, []any{micros(before), cache.In, batch - len(old)}, func(row sqlitedb.Scanner) error {
				m, err := scanMessage(row)
				old = append(old, m)
				return err
			})
			if err != nil {
				return err
			}
		}
		for i := range old {
			if err := remove(tx, &old[i]); err != nil {
				return err
			}
		}
		removed = len(old)
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
