package sqlite

import (
	"context"
	"fmt"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/store/sqlitedb"
)

// addNew puts a message into the history that is not there, with its effect on others, theirs on it, and on its chat.
func addNew(tx *sqlitedb.Tx, m *cache.Message, backfill bool) (id int64, changed *cache.Message, err error) {
	if m.Kind != cache.KindText {
		if changed, err = change(tx, m, backfill); err != nil {
			return 0, nil, err
		}
		id, err = insert(tx, m, false)
		return id, changed, err
	}
	now, err := changedBefore(tx, m)
	if err != nil {
		return 0, nil, err
	}
	unread := m.Direction == cache.In && !backfill && m.Retracted.IsZero()
	if m.ID, err = insert(tx, m, unread); err != nil {
		return 0, nil, err
	}
	if now {
		shown := *m
		shown.Time, shown.Stanza = cache.Stamp(m.Time), nil
		changed = &shown
	}
	if err := searchable(tx, m); err != nil {
		return 0, nil, err
	}
	if _, err := tx.Exec(`INSERT INTO chat(chat, last, time, unread, read_time, read_id, peer_time, peer_id) VALUES (?, ?, ?, ?, 0, 0, 0, 0)
		ON CONFLICT DO UPDATE SET unread = unread + excluded.unread, time = max(time, excluded.time),
			last = CASE WHEN (excluded.time, excluded.last) > (time, last) THEN excluded.last ELSE last END`,
		m.Chat.String(), m.ID, micros(m.Time), unread); err != nil {
		return 0, nil, err
	}
	if m.Direction == cache.Out && !backfill {
		_, err = read(tx, cache.Reading{Chat: m.Chat})
	}
	return m.ID, changed, err
}

// change gives the effect of a message that changes another to that one, if it is there.
func change(tx *sqlitedb.Tx, c *cache.Message, backfill bool) (*cache.Message, error) {
	m, found, err := find(tx, c.Chat, c.Sender, c.Target)
	if err == nil && found && m.Kind != cache.KindText && m.Target != c.Target { // it names an edit instead of what that edited
		c.Target = m.Target
		m, found, err = find(tx, c.Chat, c.Sender, c.Target)
	}
	if err != nil || !found {
		return nil, err
	}
	if !m.Change(c, backfill) {
		if !m.Retracted.IsZero() {
			c.Clear(m.Retracted)
		}
		return nil, nil
	}
	if err := update(tx, &m); err != nil {
		return nil, err
	}
	if !m.Retracted.IsZero() {
		if err := clearEdits(tx, &m); err != nil {
			return nil, err
		}
		if err := unmark(tx, &m); err != nil {
			return nil, err
		}
	}
	m.Stanza = nil
	return &m, searchable(tx, &m)
}

// changedBefore gives a message that is about to be added the effect of changes that came before it.
func changedBefore(tx *sqlitedb.Tx, m *cache.Message) (changed bool, err error) {
	all, err := changes(tx, m)
	for i := range all {
		changed = m.Change(&all[i], false) || changed
	}
	if err == nil && !m.Retracted.IsZero() {
		err = clearEdits(tx, m)
	}
	return changed, err
}

// names are what changes may call a message.
func names(m *cache.Message) []string {
	if m.Name != "" && m.OriginID != "" {
		return []string{m.OriginID, m.Name}
	}
	if ref := m.Ref(); ref != "" {
		return []string{ref}
	}
	return nil
}

// changes lists what changes a message, the newest of them.
func changes(q sqlitedb.Queryer, m *cache.Message) (all []cache.Message, err error) {
	ids := names(m)
	if len(ids) == 0 {
		return nil, nil
	}
	other := ids[len(ids)-1]
	err = q.Each(`SELECT * FROM (SELECT `+messageColumns+` FROM message m WHERE kind <> 0 AND chat = ? AND sender = ? AND target IN (?, ?)
		ORDER BY time DESC, id DESC LIMIT ?) ORDER BY time, id`,
		[]any{m.Chat.String(), m.Sender.String(), ids[0], other, cache.MaxChanges}, func(row sqlitedb.Scanner) error {
			c, err := scanMessage(row)
			all = append(all, c)
			return err
		})
	return all, err
}

// clearEdits takes the text out of the edits of what was retracted.
func clearEdits(tx *sqlitedb.Tx, m *cache.Message) error {
	for _, id := range names(m) {
		if _, err := tx.Exec(`UPDATE message SET body = '', original = '', quote = '', stanza = x'', retracted = ?
			WHERE kind <> 0 AND chat = ? AND sender = ? AND target = ? AND kind = 1`,
			orZero(m.Retracted), m.Chat.String(), m.Sender.String(), id); err != nil {
			return err
		}
	}
	return nil
}

// searchable keeps what is searched of a message up to date.
func searchable(tx *sqlitedb.Tx, m *cache.Message) (err error) {
	if m.Body == "" || m.Kind != cache.KindText {
		_, err = tx.Exec(`DELETE FROM searchable WHERE time = ? AND id = ?`, micros(m.Time), m.ID)
	} else {
		_, err = tx.Exec(`INSERT INTO searchable(time, id, chat, folded) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET folded = excluded.folded`,
			micros(m.Time), m.ID, m.Chat.String(), cache.Fold(m.Body))
	}
	return err
}

// unmark lets a message not count as unread.
func unmark(tx *sqlitedb.Tx, m *cache.Message) error {
	n, err := tx.Exec(`UPDATE message SET unread = 0 WHERE id = ? AND unread = 1`, m.ID)
	if err == nil && n > 0 {
		_, err = tx.Exec(`UPDATE chat SET unread = unread - 1 WHERE chat = ?`, m.Chat.String())
	}
	return err
}

// remove takes a message out of the history and leaves its keys.
func remove(tx *sqlitedb.Tx, m *cache.Message) error {
	if err := unmark(tx, m); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM searchable WHERE (time, id) IN (SELECT time, id FROM message WHERE id = ?)`,
		`DELETE FROM message WHERE id = ?`,
		`UPDATE seen SET message = 0 WHERE message = ?`,
	} {
		if _, err := tx.Exec(q, m.ID); err != nil {
			return err
		}
	}
	chat := m.Chat.String()
	changed, err := tx.Exec(`UPDATE chat SET (last, time) = (coalesce((SELECT id FROM message WHERE kind = 0 AND chat = ?1 ORDER BY time DESC, id DESC LIMIT 1), 0),
		coalesce((SELECT time FROM message WHERE kind = 0 AND chat = ?1 ORDER BY time DESC, id DESC LIMIT 1), 0)) WHERE chat = ?1 AND last = ?2`, chat, m.ID)
	if err == nil && changed > 0 {
		_, err = tx.Exec(`DELETE FROM chat WHERE chat = ? AND last = 0`, chat)
	}
	return err
}

// forget takes one message out of the history.
func forget(tx *sqlitedb.Tx, k cache.Key) error {
	m, found, err := oneMessage(tx, `id = (SELECT message FROM seen WHERE kind = 0 AND scope = ? AND key = ?)
		AND (direction = ? OR origin NOT IN (SELECT origin FROM outbox))`, k.Sender.String(), k.OriginID, cache.In)
	if err != nil || !found {
		return err
	}
	return remove(tx, &m)
}

// read notes how far a chat has been read, and returns that place if it is news.
func read(tx *sqlitedb.Tx, r cache.Reading) (cache.Cursor, error) {
	var lastTime, lastID, readTime, readID, peerTime, peerID int64
	err := tx.One(`SELECT time, last, read_time, read_id, peer_time, peer_id FROM chat WHERE chat = ?`, []any{r.Chat.String()},
		&lastTime, &lastID, &readTime, &readID, &peerTime, &peerID)
	if sqlitedb.IsNoRows(err) {
		return cache.Cursor{}, nil
	}
	if err != nil {
		return cache.Cursor{}, err
	}
	all, last := r.Upto.IsZero(), place(lastTime, lastID)
	upto := cache.Cursor{Time: cache.Stamp(r.Upto.Time), ID: r.Upto.ID}
	if all || last.Before(upto) {
		upto = last
	}
	if r.Peer {
		return upto, readByPeer(tx, r.Chat, place(peerTime, peerID), &upto)
	}
	n, err := tx.Exec(`UPDATE message SET unread = 0 WHERE unread = 1 AND chat = ? AND (time, id) <= (?, ?)`, r.Chat.String(), micros(upto.Time), upto.ID)
	if err != nil {
		return cache.Cursor{}, err
	}
	was := place(readTime, readID)
	if n == 0 && !was.Before(upto) {
		return cache.Cursor{}, nil
	}
	farthest := upto
	if upto.Before(was) {
		farthest = was
	}
	_, err = tx.Exec(`UPDATE chat SET unread = unread - ?, read_time = ?, read_id = ? WHERE chat = ?`, n, micros(farthest.Time), farthest.ID, r.Chat.String())
	return upto, err
}

// readByPeer raises the user's messages between two places. upto becomes zero when that is no news.
func readByPeer(tx *sqlitedb.Tx, chat jid.JID, was cache.Cursor, upto *cache.Cursor) error {
	if !was.Before(*upto) {
		*upto = cache.Cursor{}
		return nil
	}
	if _, err := tx.Exec(`UPDATE message SET state = ? WHERE kind = 0 AND chat = ? AND (time, id) > (?, ?) AND (time, id) <= (?, ?) AND direction = ? AND state IN (?, ?)`,
		cache.StateRead, chat.String(), micros(was.Time), was.ID, micros(upto.Time), upto.ID, cache.Out, cache.StateSent, cache.StateDelivered); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE chat SET peer_time = ?, peer_id = ? WHERE chat = ?`, micros(upto.Time), upto.ID, chat.String())
	return err
}

// place reads a place back; id 0 is none.
func place(us, id int64) cache.Cursor {
	if id == 0 {
		return cache.Cursor{}
	}
	return cache.Cursor{Time: fromMicros(us), ID: id}
}

// Chats implements cache.Chats.
func (c *Cache) Chats(ctx context.Context, max int) ([]cache.Chat, error) {
	if max <= 0 || max > cache.MaxChats {
		max = cache.MaxChats
	}
	return c.chats(ctx, `ORDER BY c.time DESC, c.last DESC LIMIT ?`, max)
}

// Chat implements cache.Chats.
func (c *Cache) Chat(ctx context.Context, chat jid.JID) (cache.Chat, error) {
	all, err := c.chats(ctx, `WHERE c.chat = ?`, chat.String())
	if err == nil && len(all) == 0 {
		return cache.Chat{}, fmt.Errorf("chat %q: %w", chat, cache.ErrNotFound)
	}
	if err != nil {
		return cache.Chat{}, err
	}
	return all[0], nil
}

func (c *Cache) chats(ctx context.Context, which string, arg any) (all []cache.Chat, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		err := v.Each(`SELECT c.unread, c.read_time, c.read_id, c.peer_time, c.peer_id, `+listedColumns+` FROM chat c CROSS JOIN message m ON m.id = c.last `+which,
			[]any{arg}, func(row sqlitedb.Scanner) (err error) {
				var unread int
				var readTime, readID, peerTime, peerID int64
				last, err := scanAfter(row, &unread, &readTime, &readID, &peerTime, &peerID)
				all = append(all, cache.Chat{Chat: last.Chat, Last: last, Unread: unread, Read: place(readTime, readID), PeerRead: place(peerTime, peerID)})
				return err
			})
		for i := range all {
			if c := &all[i]; err == nil && c.Unread > 0 {
				err = v.Each(`SELECT `+listedColumns+` FROM message m WHERE unread = 1 AND chat = ? ORDER BY time, id LIMIT 1`, []any{c.Chat.String()},
					func(row sqlitedb.Scanner) (err error) {
						c.First, err = scanMessage(row)
						return err
					})
			}
		}
		return err
	})
	return all, err
}

// foldOlder makes messages searchable that were there before the schema knew how.
func (c *Cache) foldOlder(ctx context.Context) error {
	for n := 1; n > 0; {
		err := c.update(ctx, func(tx *sqlitedb.Tx) error {
			var page []cache.Message
			err := tx.Each(`SELECT `+listedColumns+` FROM to_fold t CROSS JOIN message m ON m.id = t.id ORDER BY t.id LIMIT 1000`, nil, func(row sqlitedb.Scanner) error {
				m, err := scanMessage(row)
				page = append(page, m)
				return err
			})
			if n = len(page); err != nil || n == 0 {
				return err
			}
			for i := range page {
				if err := searchable(tx, &page[i]); err != nil {
					return err
				}
			}
			_, err = tx.Exec(`DELETE FROM to_fold WHERE id <= ?`, page[n-1].ID)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
