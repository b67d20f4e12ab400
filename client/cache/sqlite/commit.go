package sqlite

import (
	"fmt"

	"godwit/client/cache"
	"godwit/store/sqlitedb"
)

// Commit implements cache.Committer.
func (c *Cache) Commit(b cache.Batch, done func(cache.Result, error)) error {
	if err := b.Check(); err != nil {
		return err
	}
	var r cache.Result
	err := c.db.Submit(b.Bytes(), func(tx *sqlitedb.Tx) (err error) {
		r, err = apply(tx, &b)
		return err
	}, func(err error) {
		if err != nil {
			r = cache.Result{}
		}
		done(r, mapError(err))
	})
	return mapError(err)
}

// apply makes the changes of a checked batch.
func apply(tx *sqlitedb.Tx, b *cache.Batch) (r cache.Result, err error) {
	r = cache.Result{Added: make([]cache.Added, len(b.Add)), Enqueued: make([]int64, len(b.Enqueue)), Read: make([]cache.Cursor, len(b.Read))}
	if err := unused(tx, b); err != nil { // before anything is written
		return r, err
	}
	for i := range b.Add {
		if r.Added[i], err = add(tx, b.Add[i], b.Backfill); err != nil {
			return r, err
		}
	}
	for i := range b.Enqueue {
		rec := &b.Enqueue[i]
		if err := tx.OneChanged(`INSERT INTO outbox(chat, origin, route, sent, created, stanza) VALUES (?, ?, ?, ?, ?, ?) RETURNING seq`,
			[]any{rec.Chat.String(), rec.OriginID, rec.Route, rec.Sent, micros(rec.Created), rec.Stanza}, &r.Enqueued[i]); err != nil {
			return r, err
		}
	}
	for i := range b.Progress {
		if err := progress(tx, &b.Progress[i]); err != nil {
			return r, err
		}
	}
	if err := applyRest(tx, b); err != nil {
		return r, err
	}
	for i := range b.Read {
		if r.Read[i], err = read(tx, b.Read[i]); err != nil {
			return r, err
		}
	}
	for _, k := range b.Forget {
		if err := forget(tx, k); err != nil {
			return r, err
		}
	}
	return r, nil
}

func applyRest(tx *sqlitedb.Tx, b *cache.Batch) error {
	for i := range b.Deposit {
		d := &b.Deposit[i]
		if _, err := tx.Exec(`INSERT INTO deposit(sender, origin, direction, time, stanza) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			d.Sender.String(), d.OriginID, d.Direction, micros(d.Time), d.Stanza); err != nil {
			return err
		}
	}
	for _, k := range b.Deposited {
		if _, err := tx.Exec(`DELETE FROM deposit WHERE sender = ? AND origin = ?`, k.Sender.String(), k.OriginID); err != nil {
			return err
		}
	}
	for _, p := range b.Positions {
		if _, err := tx.Exec(`INSERT INTO position(archive, last) VALUES (?, ?) ON CONFLICT DO UPDATE SET last = excluded.last`, p.Archive.String(), p.Last); err != nil {
			return err
		}
	}
	for _, rec := range b.Records {
		var err error
		if rec.Value == nil {
			_, err = tx.Exec(`DELETE FROM record WHERE name = ?`, rec.Name)
		} else {
			_, err = tx.Exec(`INSERT INTO record(name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, rec.Name, blob(rec.Value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unused refuses a batch that enqueues a message under an id the account has used.
func unused(tx *sqlitedb.Tx, b *cache.Batch) error {
	for i := range b.Enqueue {
		id := b.Enqueue[i].OriginID
		used := 0
		if err := tx.One(`SELECT count(*) FROM outbox WHERE origin = ?`, []any{id}, &used); err != nil {
			return err
		}
		for j := range b.Add {
			m := &b.Add[j]
			if used > 0 || m.Direction != cache.Out || m.OriginID != id {
				continue
			}
			if err := tx.One(`SELECT count(*) FROM seen WHERE kind = 0 AND scope = ? AND key = ?`, []any{m.Sender.String(), id}, &used); err != nil {
				return err
			}
		}
		if used > 0 {
			return fmt.Errorf("message %q: %w", id, cache.ErrExists)
		}
	}
	return nil
}

// key is one of the two keys of a message.
type key struct {
	kind       int
	scope, key string
}

func keys(m *cache.Message) (out []key) {
	if m.OriginID != "" {
		out = append(out, key{0, m.Sender.String(), m.OriginID})
	}
	if m.StanzaID != "" {
		out = append(out, key{1, m.Archive.String(), m.StanzaID})
	}
	return out
}

// lookUp returns the message a key belongs to (0: one that is gone).
func lookUp(q sqlitedb.Queryer, k key) (message int64, found bool, err error) {
	err = q.One(`SELECT message FROM seen WHERE kind = ? AND scope = ? AND key = ?`, []any{k.kind, k.scope, k.key}, &message)
	if sqlitedb.IsNoRows(err) {
		return 0, false, nil
	}
	return message, err == nil, err
}

// add puts a message into the history, or merges it with what is there.
func add(tx *sqlitedb.Tx, m cache.Message, backfill bool) (cache.Added, error) {
	known, found := int64(0), false
	var changed *cache.Message
	for _, k := range keys(&m) {
		id, ok, err := lookUp(tx, k)
		if err != nil {
			return cache.Added{}, err
		}
		found = found || ok
		switch {
		case known == 0:
			known = id
		case ok && id != 0 && id != known: // two records turn out to be the same message
			if known, err = unite(tx, known, id); err != nil {
				return cache.Added{}, err
			}
		}
	}
	var err error
	switch {
	case !found:
		known, changed, err = addNew(tx, &m, backfill)
	case known != 0:
		err = merge(tx, known, &m)
	}
	if err != nil {
		return cache.Added{}, err
	}
	for _, k := range keys(&m) {
		if _, err := tx.Exec(`INSERT INTO seen(kind, scope, key, message, at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET message = excluded.message, at = max(at, excluded.at)`, k.kind, k.scope, k.key, known, micros(m.Time)); err != nil {
			return cache.Added{}, err
		}
	}
	return cache.Added{ID: known, New: !found, Changed: changed}, nil
}

func insert(tx *sqlitedb.Tx, m *cache.Message, unread bool) (id int64, err error) {
	err = tx.OneChanged(`INSERT INTO message(chat, sender, author, origin, archive, stanza_id, direction, state, route, time, body, stanza, error,
			name, kind, target, reply_to, reply_from, quote, edited, original, retracted, unread)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{m.Chat.String(), m.Sender.String(), m.From.String(), m.OriginID, m.Archive.String(), m.StanzaID, m.Direction, m.State, m.Route,
			micros(m.Time), m.Body, blob(m.Stanza), m.Error, m.Name, m.Kind, m.Target, m.ReplyTo, m.ReplyFrom.String(), m.Quote,
			orZero(m.Edited), m.Original, orZero(m.Retracted), unread}, &id)
	return id, err
}

// update writes what can change of a message.
func update(tx *sqlitedb.Tx, m *cache.Message) error {
	_, err := tx.Exec(`UPDATE message SET origin = ?, archive = ?, stanza_id = ?, state = ?, route = ?, body = ?, stanza = ?, error = ?,
			name = ?, reply_to = ?, reply_from = ?, quote = ?, edited = ?, original = ?, retracted = ? WHERE id = ?`,
		m.OriginID, m.Archive.String(), m.StanzaID, m.State, m.Route, m.Body, blob(m.Stanza), m.Error,
		m.Name, m.ReplyTo, m.ReplyFrom.String(), m.Quote, orZero(m.Edited), m.Original, orZero(m.Retracted), m.ID)
	return err
}

// merge adds what a copy knows to the record that stands.
func merge(tx *sqlitedb.Tx, id int64, copy *cache.Message) error {
	m, found, err := oneMessage(tx, `id = ?`, id)
	if err != nil || !found {
		return err
	}
	body := m.Body
	m.Merge(copy)
	if err := update(tx, &m); err != nil || m.Body == body {
		return err
	}
	return searchable(tx, &m)
}

// unite makes one record of two and returns the id of the one that stays, the older.
func unite(tx *sqlitedb.Tx, a, b int64) (int64, error) {
	keep, drop := min(a, b), max(a, b)
	old, found, err := oneMessage(tx, `id = ?`, drop)
	if err != nil {
		return 0, err
	}
	if found {
		if err := merge(tx, keep, &old); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(`UPDATE seen SET message = ? WHERE message = ?`, keep, drop); err != nil || !found {
		return keep, err
	}
	return keep, remove(tx, &old)
}

// progress takes one step of an outgoing message.
func progress(tx *sqlitedb.Tx, p *cache.Progress) error {
	id, found, err := lookUp(tx, key{0, p.Sender.String(), p.OriginID})
	if err != nil {
		return err
	}
	if found && id != 0 {
		m, there, err := oneMessage(tx, `id = ?`, id)
		if err != nil {
			return err
		}
		if there && m.Direction == cache.Out {
			if err := raise(tx, &m, p); err != nil {
				return err
			}
		}
	}
	if p.Remove {
		_, err = tx.Exec(`DELETE FROM outbox WHERE origin = ?`, p.OriginID)
	} else if p.State == cache.StateSent {
		_, err = tx.Exec(`UPDATE outbox SET sent = 1 WHERE origin = ?`, p.OriginID)
	}
	return err
}

func raise(tx *sqlitedb.Tx, m *cache.Message, p *cache.Progress) error {
	m.Raise(p.State, p.Error)
	if p.Route != "" {
		m.Route = p.Route
	}
	if _, err := tx.Exec(`UPDATE message SET state = ?, route = ?, error = ? WHERE id = ?`, m.State, m.Route, m.Error, m.ID); err != nil {
		return err
	}
	if p.StanzaID == "" {
		return nil
	}
	_, err := add(tx, cache.Message{
		Chat: m.Chat, Sender: m.Sender, OriginID: m.OriginID, Archive: p.Archive, StanzaID: p.StanzaID, Direction: cache.Out, State: m.State, Time: m.Time, Kind: m.Kind, Target: m.Target,
	}, true)
	return err
}
