package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

type archives struct{ db *sqlitedb.DB }

const archiveColumns = `id, with_bare, with_resource, time, sender, origin, stanza`

// errEnough ends the reading of rows early; enough takes it away again.
var errEnough = errors.New("enough rows")

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// scanArchive reads one entry of owner.
func scanArchive(row sqlitedb.Scanner, owner jid.JID) (e store.ArchiveEntry, err error) {
	var bare, resource, sender string
	var t int64
	if err := row.Scan(&e.ID, &bare, &resource, &t, &sender, &e.OriginID, &e.Stanza); err != nil {
		return e, err
	}
	e.Owner, e.Time = owner, fromMicros(t)
	with := bare
	if resource != "" {
		with += "/" + resource
	}
	if e.With, err = parseJID(with); err != nil {
		return e, err
	}
	switch sender { // one of the two, but in archives of rooms
	case bare:
		e.Sender = e.With.Bare()
	case owner.String():
		e.Sender = owner
	default:
		e.Sender, err = parseJID(sender)
	}
	return e, err
}

// condition is a growing WHERE clause. The set of texts it can produce is small, so that statements stay prepared.
type condition struct {
	text strings.Builder
	args []any
}

func (c *condition) and(text string, args ...any) {
	if c.text.Len() > 0 {
		c.text.WriteString(" AND ")
	}
	c.text.WriteString(text)
	c.args = append(c.args, args...)
}

// filter is the part of a question that chooses the result set.
func filter(q store.ArchiveQuery) (*condition, error) {
	c := new(condition)
	c.and("owner = ?", q.Owner.String())
	if !q.With.IsZero() {
		c.and("with_bare = ?", q.With.Bare().String())
		if q.With.IsFull() {
			c.and("with_resource = ?", q.With.Resource())
		}
	}
	if !q.Start.IsZero() {
		c.and("time >= ?", ceilMicros(q.Start))
	}
	if !q.End.IsZero() {
		c.and("time <= ?", toMicros(q.End))
	}
	if q.IDs != nil {
		list, err := json.Marshal(q.IDs)
		if err != nil {
			return nil, err
		}
		c.and("id IN (SELECT value FROM json_each(?))", string(list))
	}
	if q.AfterID > 0 {
		c.and("id > ?", q.AfterID)
	}
	if q.BeforeID > 0 {
		c.and("id < ?", q.BeforeID)
	}
	return c, nil
}

// ceilMicros rounds up: a start between two microseconds excludes the one before it.
func ceilMicros(t time.Time) int64 {
	us := t.UnixMicro()
	if t.After(time.UnixMicro(us)) {
		us++
	}
	return us
}

func (a archives) Query(ctx context.Context, q store.ArchiveQuery) (page store.ArchivePage, err error) {
	if q, err = q.Check(); err != nil {
		return page, err
	}
	err = a.db.View(ctx, func(v *sqlitedb.View) error {
		if err := checkPresent(v, q); err != nil {
			return err
		}
		c, err := filter(q)
		if err != nil {
			return err
		}
		page.Count = -1
		if q.Count {
			if page.Count, err = countArchive(v, c); err != nil {
				return err
			}
		}
		return readPage(v, q, c, &page)
	})
	if err != nil {
		return store.ArchivePage{}, err
	}
	return page, nil
}

// checkPresent makes sure that every id the question names is in the archive (XEP-0313 §4.1.3, §4.3.2).
func checkPresent(v *sqlitedb.View, q store.ArchiveQuery) error {
	for _, id := range []int64{q.After, q.Before, q.AfterID, q.BeforeID} {
		if id == 0 {
			continue
		}
		if err := present(v, q.Owner, id); err != nil {
			return err
		}
	}
	for _, id := range q.IDs {
		if err := present(v, q.Owner, id); err != nil {
			return err
		}
	}
	return nil
}

func present(v *sqlitedb.View, owner jid.JID, id int64) error {
	var one int
	err := v.One(`SELECT 1 FROM archive WHERE id = ? AND owner = ?`, []any{id, owner.String()}, &one)
	return orNotFound(err, "entry %d in the archive of %s", id, owner)
}

func countArchive(v *sqlitedb.View, c *condition) (n int, err error) {
	args := append(slices.Clone(c.args), store.MaxArchiveCount+1)
	if err := v.One(`SELECT count(*) FROM (SELECT 1 FROM archive WHERE `+c.text.String()+` LIMIT ?)`, args, &n); err != nil {
		return 0, err
	}
	if n > store.MaxArchiveCount {
		return -1, nil
	}
	return n, nil
}

func readPage(v *sqlitedb.View, q store.ArchiveQuery, c *condition, page *store.ArchivePage) error {
	if q.After > 0 {
		c.and("id > ?", q.After)
	}
	if q.Before > 0 {
		c.and("id < ?", q.Before)
	}
	order := "ASC"
	if q.Backward {
		order = "DESC"
	}
	query := fmt.Sprintf(`SELECT %s FROM archive WHERE %s ORDER BY id %s LIMIT ?`, archiveColumns, c.text.String(), order)
	page.Complete = true
	size := 0
	err := v.Each(query, append(c.args, q.Max+1), func(row sqlitedb.Scanner) error {
		if len(page.Entries) == q.Max {
			page.Complete = false
			return errEnough
		}
		e, err := scanArchive(row, q.Owner)
		if err != nil {
			return err
		}
		size += len(e.Stanza)
		if len(page.Entries) > 0 && size > store.MaxArchivePageBytes {
			page.Complete = false
			return errEnough
		}
		page.Entries = append(page.Entries, e)
		return nil
	})
	if q.Backward {
		slices.Reverse(page.Entries)
	}
	if n := len(page.Entries); n > 0 {
		page.First, page.Last = page.Entries[0].ID, page.Entries[n-1].ID
	}
	return enough(err)
}

func (a archives) Metadata(ctx context.Context, owner jid.JID) (first, last store.ArchiveMark, err error) {
	err = a.db.View(ctx, func(v *sqlitedb.View) error {
		if first, err = archiveEnd(v, owner, "ASC"); err != nil {
			return err
		}
		last, err = archiveEnd(v, owner, "DESC")
		return err
	})
	return first, last, err
}

func archiveEnd(v *sqlitedb.View, owner jid.JID, order string) (m store.ArchiveMark, err error) {
	var t int64
	err = v.One(`SELECT id, time FROM archive WHERE owner = ? ORDER BY id `+order+` LIMIT 1`, []any{owner.String()}, &m.ID, &t)
	if err != nil {
		return store.ArchiveMark{}, orNotFound(err, "archive of %s", owner)
	}
	m.Time = fromMicros(t)
	return m, nil
}

func (a archives) Entry(ctx context.Context, owner jid.JID, id int64) (e store.ArchiveEntry, err error) {
	found := false
	err = a.db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT `+archiveColumns+` FROM archive WHERE id = ? AND owner = ?`, []any{id, owner.String()}, func(row sqlitedb.Scanner) error {
			found = true
			e, err = scanArchive(row, owner)
			return err
		})
	})
	if err == nil && !found {
		err = notFound("entry %d in the archive of %s", id, owner)
	}
	return e, err
}

func (a archives) Highest(ctx context.Context) (id int64, err error) {
	err = a.db.View(ctx, func(v *sqlitedb.View) error {
		return v.One(`SELECT value FROM sequence WHERE name = 'message'`, nil, &id)
	})
	return id, err
}

func (a archives) Purge(ctx context.Context, olderThan time.Time, batch int) (removed int, err error) {
	if batch <= 0 || batch > maxRemove {
		batch = maxRemove
	}
	err = a.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`DELETE FROM archive WHERE id IN (SELECT id FROM archive WHERE time < ? ORDER BY time LIMIT ?)`, ceilMicros(olderThan), batch)
		removed = int(n)
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

func (a archives) Prefs(ctx context.Context, owner jid.JID) (p store.ArchivePrefs, err error) {
	err = a.db.View(ctx, func(v *sqlitedb.View) error {
		var always, never string
		err := v.One(`SELECT otherwise, always, never FROM archive_prefs WHERE owner = ?`, []any{owner.String()}, &p.Default, &always, &never)
		if err != nil {
			return orNotFound(err, "archive preferences of %s", owner)
		}
		if p.Always, err = fromJSON[jid.JID](always); err != nil {
			return err
		}
		p.Never, err = fromJSON[jid.JID](never)
		return err
	})
	return p, err
}

func (a archives) SetPrefs(ctx context.Context, owner jid.JID, p store.ArchivePrefs) error {
	if err := store.CheckOwner(owner); err != nil {
		return err
	}
	if err := p.Check(); err != nil {
		return err
	}
	always, err := toJSON(p.Always)
	if err != nil {
		return err
	}
	never, err := toJSON(p.Never)
	if err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT OR REPLACE INTO archive_prefs(owner, otherwise, always, never) VALUES (?, ?, ?, ?)`,
			owner.String(), string(p.Default), always, never)
		return err
	})
}
