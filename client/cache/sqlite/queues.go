package sqlite

import (
	"context"
	"fmt"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/store/sqlitedb"
)

const outboxColumns = `seq, chat, origin, route, sent, created, stanza`

func scanOutbox(row sqlitedb.Scanner) (r cache.OutboxRecord, err error) {
	var chat string
	var created int64
	if err := row.Scan(&r.Seq, &chat, &r.OriginID, &r.Route, &r.Sent, &created, &r.Stanza); err != nil {
		return r, err
	}
	r.Created = fromMicros(created)
	r.Chat, err = address(chat)
	return r, err
}

// Outbox implements cache.Outbox.
func (c *Cache) Outbox(ctx context.Context, after int64) (out []cache.OutboxRecord, err error) {
	size := 0
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		return v.Each(`SELECT `+outboxColumns+` FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?`, []any{after, cache.MaxOutboxPage}, func(row sqlitedb.Scanner) error {
			r, err := scanOutbox(row)
			if size += len(r.Stanza); len(out) == 0 || size <= cache.MaxOutboxPageBytes {
				out = append(out, r)
			}
			return err
		})
	})
	return out, err
}

// OutboxRecord implements cache.Outbox.
func (c *Cache) OutboxRecord(ctx context.Context, originID string) (r cache.OutboxRecord, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		found := false
		err := v.Each(`SELECT `+outboxColumns+` FROM outbox WHERE origin = ?`, []any{originID}, func(row sqlitedb.Scanner) (err error) {
			found = true
			r, err = scanOutbox(row)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("outbox record %q: %w", originID, cache.ErrNotFound)
		}
		return err
	})
	return r, err
}

// OutboxSize implements cache.Outbox.
func (c *Cache) OutboxSize(ctx context.Context) (size cache.OutboxSize, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		return v.One(`SELECT count(*), coalesce(sum(length(stanza)), 0) FROM outbox WHERE sent = 0`, nil, &size.Records, &size.Bytes)
	})
	return size, err
}

// Deposits implements cache.Deposits.
func (c *Cache) Deposits(ctx context.Context, max int) (out []cache.Deposit, err error) {
	if max <= 0 || max > cache.MaxDepositPage {
		max = cache.MaxDepositPage
	}
	size := 0
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		return v.Each(`SELECT seq, sender, origin, direction, time, stanza FROM deposit ORDER BY seq LIMIT ?`, []any{max}, func(row sqlitedb.Scanner) (err error) {
			var d cache.Deposit
			var sender string
			var at int64
			if err := row.Scan(&d.Seq, &sender, &d.OriginID, &d.Direction, &at, &d.Stanza); err != nil {
				return err
			}
			d.Time = fromMicros(at)
			if d.Sender, err = address(sender); err != nil {
				return err
			}
			if size += len(d.Stanza); len(out) == 0 || size <= cache.MaxDepositPageBytes {
				out = append(out, d)
			}
			return nil
		})
	})
	return out, err
}

// Position implements cache.Positions.
func (c *Cache) Position(ctx context.Context, archive jid.JID) (p cache.Position, err error) {
	p.Archive = archive
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		err := v.One(`SELECT last FROM position WHERE archive = ?`, []any{archive.String()}, &p.Last)
		if sqlitedb.IsNoRows(err) {
			return nil
		}
		return err
	})
	return p, err
}

// Record implements cache.Records.
func (c *Cache) Record(ctx context.Context, name string) (value []byte, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		err := v.One(`SELECT value FROM record WHERE name = ?`, []any{name}, &value)
		if sqlitedb.IsNoRows(err) {
			return fmt.Errorf("record %q: %w", name, cache.ErrNotFound)
		}
		return err
	})
	return value, err
}
