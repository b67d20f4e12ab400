package memory

import (
	"bytes"
	"context"
	"slices"
	"time"

	"godwit/jid"
	"godwit/store"
)

type archives struct{ s *Store }

// dropArchive removes the entries that match.
func (s *Store) dropArchive(match func(*store.ArchiveEntry) bool) (n int) {
	s.archive = slices.DeleteFunc(s.archive, func(e store.ArchiveEntry) bool {
		if !match(&e) {
			return false
		}
		delete(s.origins, originKey{e.Owner, e.Sender, e.OriginID})
		n++
		return true
	})
	return n
}

func (s *Store) entry(owner jid.JID, id int64) *store.ArchiveEntry {
	for i := range s.archive {
		if e := &s.archive[i]; e.ID == id && e.Owner == owner {
			return e
		}
	}
	return nil
}

func cloneEntry(e store.ArchiveEntry) store.ArchiveEntry {
	e.Stanza = bytes.Clone(e.Stanza)
	return e
}

// inSet reports whether an entry belongs to the result set of a question.
func inSet(q *store.ArchiveQuery, e *store.ArchiveEntry) bool {
	switch {
	case e.Owner != q.Owner,
		!q.With.IsZero() && q.With != e.With && (q.With.IsFull() || q.With != e.With.Bare()),
		!q.Start.IsZero() && e.Time.Before(q.Start),
		!q.End.IsZero() && e.Time.After(q.End),
		q.AfterID > 0 && e.ID <= q.AfterID,
		q.BeforeID > 0 && e.ID >= q.BeforeID,
		q.IDs != nil && !slices.Contains(q.IDs, e.ID):
		return false
	}
	return true
}

func (a archives) Query(ctx context.Context, q store.ArchiveQuery) (store.ArchivePage, error) {
	q, err := q.Check()
	if err != nil {
		return store.ArchivePage{}, err
	}
	if err := a.s.enter(ctx); err != nil {
		return store.ArchivePage{}, err
	}
	defer a.s.mu.Unlock()
	named := slices.Clone(q.IDs)
	for _, id := range []int64{q.After, q.Before, q.AfterID, q.BeforeID} {
		if id != 0 {
			named = append(named, id)
		}
	}
	for _, id := range named {
		if a.s.entry(q.Owner, id) == nil {
			return store.ArchivePage{}, notFound("entry %d in the archive of %s", id, q.Owner)
		}
	}
	var found []*store.ArchiveEntry
	count := 0
	for i := range a.s.archive {
		e := &a.s.archive[i]
		if !inSet(&q, e) {
			continue
		}
		count++
		if (q.After == 0 || e.ID > q.After) && (q.Before == 0 || e.ID < q.Before) {
			found = append(found, e)
		}
	}
	page := cutPage(q, found)
	if page.Count = -1; q.Count && count <= store.MaxArchiveCount {
		page.Count = count
	}
	return page, nil
}

func cutPage(q store.ArchiveQuery, found []*store.ArchiveEntry) store.ArchivePage {
	if q.Backward {
		slices.Reverse(found)
	}
	page := store.ArchivePage{Complete: true}
	size := 0
	for _, e := range found {
		size += len(e.Stanza)
		if len(page.Entries) == q.Max || (len(page.Entries) > 0 && size > store.MaxArchivePageBytes) {
			page.Complete = false
			break
		}
		page.Entries = append(page.Entries, cloneEntry(*e))
	}
	if q.Backward {
		slices.Reverse(page.Entries)
	}
	if n := len(page.Entries); n > 0 {
		page.First, page.Last = page.Entries[0].ID, page.Entries[n-1].ID
	}
	return page
}

func (a archives) Metadata(ctx context.Context, owner jid.JID) (first, last store.ArchiveMark, err error) {
	if err := a.s.enter(ctx); err != nil {
		return first, last, err
	}
	defer a.s.mu.Unlock()
	for _, e := range a.s.archive {
		if e.Owner != owner {
			continue
		}
		last = store.ArchiveMark{ID: e.ID, Time: e.Time}
		if first.ID == 0 {
			first = last
		}
	}
	if first.ID == 0 {
		return first, last, notFound("archive of %s", owner)
	}
	return first, last, nil
}

func (a archives) Entry(ctx context.Context, owner jid.JID, id int64) (store.ArchiveEntry, error) {
	if err := a.s.enter(ctx); err != nil {
		return store.ArchiveEntry{}, err
	}
	defer a.s.mu.Unlock()
	e := a.s.entry(owner, id)
	if e == nil {
		return store.ArchiveEntry{}, notFound("entry %d in the archive of %s", id, owner)
	}
	return cloneEntry(*e), nil
}

func (a archives) Highest(ctx context.Context) (int64, error) {
	if err := a.s.enter(ctx); err != nil {
		return 0, err
	}
	defer a.s.mu.Unlock()
	return a.s.last, nil
}

func (a archives) Purge(ctx context.Context, olderThan time.Time, batch int) (int, error) {
	if err := a.s.enter(ctx); err != nil {
		return 0, err
	}
	defer a.s.mu.Unlock()
	var old []*store.ArchiveEntry
	for i := range a.s.archive {
		if a.s.archive[i].Time.Before(olderThan) {
			old = append(old, &a.s.archive[i])
		}
	}
	slices.SortStableFunc(old, func(x, y *store.ArchiveEntry) int { return x.Time.Compare(y.Time) })
	if batch > 0 && len(old) > batch {
		old = old[:batch]
	}
	going := make(map[int64]bool)
	for _, e := range old {
		going[e.ID] = true
	}
	return a.s.dropArchive(func(e *store.ArchiveEntry) bool { return going[e.ID] }), nil
}

func (a archives) Prefs(ctx context.Context, owner jid.JID) (store.ArchivePrefs, error) {
	if err := a.s.enter(ctx); err != nil {
		return store.ArchivePrefs{}, err
	}
	defer a.s.mu.Unlock()
	p, ok := a.s.prefs[owner]
	if !ok {
		return p, notFound("archive preferences of %s", owner)
	}
	p.Always, p.Never = slices.Clone(p.Always), slices.Clone(p.Never)
	return p, nil
}

func (a archives) SetPrefs(ctx context.Context, owner jid.JID, p store.ArchivePrefs) error {
	if err := store.CheckOwner(owner); err != nil {
		return err
	}
	if err := p.Check(); err != nil {
		return err
	}
	if err := a.s.enter(ctx); err != nil {
		return err
	}
	defer a.s.mu.Unlock()
	p.Always, p.Never = slices.Clone(p.Always), slices.Clone(p.Never)
	a.s.prefs[owner] = p
	return nil
}
