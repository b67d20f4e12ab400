package sqlite

import (
	"database/sql"
	"errors"
	"fmt"

	"godwit/store"
	"godwit/store/sqlitedb"
)

// Commit implements store.Committer.
func (s *Store) Commit(b store.Batch, done func(store.Result, error)) error {
	if err := b.Check(); err != nil {
		return err
	}
	p := &pending{batch: b, done: done}
	return s.db.Submit(b.Bytes(), p.apply, p.finish)
}

// pending is one batch on its way. It belongs to the writer's goroutine after it was handed over.
type pending struct {
	batch  store.Batch
	result store.Result
	done   func(store.Result, error)
}

func (p *pending) finish(err error) {
	if err != nil {
		p.done(store.Result{}, err)
		return
	}
	p.done(p.result, nil)
}

func (p *pending) apply(tx *sqlitedb.Tx) error {
	b := &p.batch
	p.result = store.Result{}
	if err := checkQuotas(tx, b); err != nil {
		return err
	}
	if len(b.Archive) > 0 {
		p.result.Archive = make([]store.Archived, len(b.Archive))
		for i := range b.Archive {
			if err := appendArchive(tx, &b.Archive[i], &p.result.Archive[i]); err != nil {
				return fmt.Errorf("archive entry %d: %w", i, err)
			}
		}
	}
	if len(b.Inbox) > 0 {
		p.result.Inbox = make([]int64, len(b.Inbox))
		for i := range b.Inbox {
			add := &b.Inbox[i]
			if add.IfNew > 0 && p.result.Archive[add.IfNew-1].Duplicate {
				continue
			}
			var archived int64
			if add.IfNew > 0 {
				archived = p.result.Archive[add.IfNew-1].ID
			}
			err := appendInbox(tx, add, archived, &p.result.Inbox[i])
			if archived != 0 && errors.Is(err, store.ErrQuota) {
				continue // the archive has it
			}
			if err != nil {
				return fmt.Errorf("inbox add %d: %w", i, err)
			}
		}
	}
	for i := range b.Deletes {
		if err := deleteInbox(tx, &b.Deletes[i]); err != nil {
			return fmt.Errorf("inbox delete %d: %w", i, err)
		}
	}
	for i := range b.Seen {
		if err := putSeen(tx, &b.Seen[i]); err != nil {
			return fmt.Errorf("last seen %d: %w", i, err)
		}
	}
	return nil
}

const selectOrigin = `SELECT id FROM archive WHERE owner = ? AND sender = ? AND origin = ? AND origin <> ''`

func appendArchive(tx *sqlitedb.Tx, e *store.ArchiveEntry, out *store.Archived) error {
	id := e.ID
	if id == 0 {
		var err error
		if id, err = peekID(tx); err != nil {
			return err
		}
	}
	owner, sender := e.Owner.String(), e.Sender.String()
	n, err := tx.Exec(`INSERT INTO archive(id, owner, with_bare, with_resource, time, sender, origin, stanza) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT(owner, sender, origin) WHERE origin <> '' DO NOTHING`,
		id, owner, e.With.Bare().String(), e.With.Resource(), toMicros(e.Time), sender, e.OriginID, e.Stanza)
	if err != nil {
		return err
	}
	if n == 1 {
		*out = store.Archived{ID: id}
		return useID(tx, id)
	}
	*out = store.Archived{Duplicate: true}
	return tx.One(selectOrigin, []any{owner, sender, e.OriginID}, &out.ID)
}

func appendInbox(tx *sqlitedb.Tx, add *store.InboxAdd, archived int64, out *int64) error {
	if err := checkQuota(tx, add); err != nil {
		return err
	}
	id, err := peekID(tx)
	if err != nil {
		return err
	}
	e := &add.Entry
	expires := sql.NullInt64{Int64: toMicros(e.Expires), Valid: !e.Expires.IsZero()}
	if _, err := tx.Exec(`INSERT INTO inbox(id, owner, time, expires, archived, stanza) VALUES (?, ?, ?, ?, ?, ?)`,
		id, e.Owner.String(), toMicros(e.Time), expires, archived, e.Stanza); err != nil {
		return err
	}
	*out = id
	return useID(tx, id)
}

func checkQuota(tx *sqlitedb.Tx, add *store.InboxAdd) error {
	q := add.Quota
	if q.Entries == 0 && q.Bytes == 0 {
		return nil
	}
	n, err := inboxSize(tx, add.Entry.Owner)
	if err != nil {
		return err
	}
	size := n.Bytes + int64(len(add.Entry.Stanza))
	if (q.Entries > 0 && n.Entries >= q.Entries) || (q.Bytes > 0 && size > q.Bytes) {
		return fmt.Errorf("%w: %s has %d entries, %d bytes", store.ErrQuota, add.Entry.Owner, n.Entries, n.Bytes)
	}
	return nil
}

// checkQuotas finds a full inbox before anything is written, when failing costs nothing. It only spares work: adds of
// the same batch to the same inbox are told by the check at each add.
func checkQuotas(tx *sqlitedb.Tx, b *store.Batch) error {
	if len(b.Archive) == 0 {
		return nil // nothing is written before the first add, where the check is as cheap
	}
	for i := range b.Inbox {
		err := checkQuota(tx, &b.Inbox[i])
		if err == nil || b.Inbox[i].IfNew > 0 && errors.Is(err, store.ErrQuota) {
			continue // fits, or will be skipped
		}
		return fmt.Errorf("inbox add %d: %w", i, err)
	}
	return nil
}

func deleteInbox(tx *sqlitedb.Tx, d *store.InboxDelete) error {
	owner := d.Owner.String()
	if d.UpTo > 0 {
		if _, err := tx.Exec(`DELETE FROM inbox WHERE owner = ? AND id <= ?`, owner, d.UpTo); err != nil {
			return err
		}
	}
	for _, id := range d.IDs {
		if _, err := tx.Exec(`DELETE FROM inbox WHERE id = ? AND owner = ?`, id, owner); err != nil {
			return err
		}
	}
	return nil
}
