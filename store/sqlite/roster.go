package sqlite

import (
	"context"
	"fmt"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

type rosters struct{ db *sqlitedb.DB }

const rosterColumns = `jid, name, groups, subscription, ask, approved, pending_in, hidden, request, version`

func scanRosterItem(row sqlitedb.Scanner) (it store.RosterItem, err error) {
	var address, groups, sub string
	if err := row.Scan(&address, &it.Name, &groups, &sub, &it.Ask, &it.Approved, &it.PendingIn, &it.Hidden, &it.Request, &it.Version); err != nil {
		return it, err
	}
	it.Subscription = store.Subscription(sub)
	if it.JID, err = parseJID(address); err != nil {
		return it, err
	}
	it.Groups, err = fromJSON[string](groups)
	return it, err
}

func rosterItems(q sqlitedb.Queryer, query string, args ...any) (items []store.RosterItem, err error) {
	err = q.Each(query, args, func(row sqlitedb.Scanner) error {
		it, err := scanRosterItem(row)
		items = append(items, it)
		return err
	})
	return items, err
}

// rosterVersion returns the version and the oldest version Since can answer from; zeros for an owner without roster.
func rosterVersion(q sqlitedb.Queryer, owner jid.JID) (version, oldest uint64, err error) {
	err = q.One(`SELECT version, oldest FROM roster WHERE owner = ?`, []any{owner.String()}, &version, &oldest)
	if sqlitedb.IsNoRows(err) {
		return 0, 0, nil
	}
	return version, oldest, err
}

func (r rosters) Load(ctx context.Context, owner jid.JID) (items []store.RosterItem, version uint64, err error) {
	err = r.db.View(ctx, func(v *sqlitedb.View) error {
		if version, _, err = rosterVersion(v, owner); err != nil {
			return err
		}
		items, err = rosterItems(v, `SELECT `+rosterColumns+` FROM roster_item WHERE owner = ? ORDER BY jid`, owner.String())
		return err
	})
	return items, version, err
}

func (r rosters) Put(ctx context.Context, owner jid.JID, item store.RosterItem, limits store.RosterLimits) (uint64, error) {
	if err := store.CheckOwner(owner); err != nil {
		return 0, err
	}
	item, err := item.Check()
	if err != nil {
		return 0, err
	}
	var version uint64
	err = r.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		version, err = putRosterItem(tx, owner, item, limits)
		return err
	})
	return version, err
}

func putRosterItem(tx *sqlitedb.Tx, owner jid.JID, item store.RosterItem, limits store.RosterLimits) (uint64, error) {
	known, wasHidden, err := rosterRole(tx, owner, item.JID)
	if err != nil {
		return 0, err
	}
	if !known || wasHidden != item.Hidden {
		if err := checkRosterLimit(tx, owner, item.Hidden, limits); err != nil {
			return 0, err
		}
	}
	var version uint64
	switch {
	case !item.Hidden:
		if version, err = bumpRoster(tx, owner); err != nil {
			return 0, err
		}
		item.Version = version
		if _, err := tx.Exec(`DELETE FROM roster_removed WHERE owner = ? AND jid = ?`, owner.String(), item.JID.String()); err != nil {
			return 0, err
		}
	case known && !wasHidden: // it leaves the roster as clients see it, and stays for the request
		if version, err = entomb(tx, owner, item.JID); err != nil {
			return 0, err
		}
	default:
		if version, _, err = rosterVersion(tx, owner); err != nil {
			return 0, err
		}
	}
	groups, err := toJSON(item.Groups)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`INSERT OR REPLACE INTO roster_item(owner, `+rosterColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		owner.String(), item.JID.String(), item.Name, groups, string(item.Subscription), item.Ask, item.Approved, item.PendingIn,
		item.Hidden, item.Request, item.Version)
	return version, err
}

// rosterRole tells whether there is an item and whether it is hidden.
func rosterRole(tx *sqlitedb.Tx, owner, contact jid.JID) (known, hidden bool, err error) {
	err = tx.One(`SELECT hidden FROM roster_item WHERE owner = ? AND jid = ?`, []any{owner.String(), contact.String()}, &hidden)
	if sqlitedb.IsNoRows(err) {
		return false, false, nil
	}
	return err == nil, hidden, err
}

func checkRosterLimit(tx *sqlitedb.Tx, owner jid.JID, hidden bool, limits store.RosterLimits) error {
	allowed, what := limits.Items, "contacts"
	if hidden {
		allowed, what = limits.Requests, "waiting requests"
	}
	if allowed <= 0 {
		return nil
	}
	var n int
	if err := tx.One(`SELECT count(*) FROM roster_item WHERE owner = ? AND hidden = ?`, []any{owner.String(), hidden}, &n); err != nil {
		return err
	}
	if n >= allowed {
		return fmt.Errorf("%w: %s has %d %s, %d allowed", store.ErrLimit, owner, n, what, allowed)
	}
	return nil
}

// bumpRoster moves the version on. A roster starts at the microseconds of its first change, so that one made anew after
// its account was removed does not repeat the versions of the old one.
func bumpRoster(tx *sqlitedb.Tx, owner jid.JID) (version uint64, err error) {
	first := time.Now().UnixMicro()
	err = tx.OneChanged(`INSERT INTO roster(owner, version, oldest) VALUES (?, ?, ?)
		ON CONFLICT(owner) DO UPDATE SET version = version + 1 RETURNING version`,
		[]any{owner.String(), first, first}, &version)
	return version, err
}

// entomb remembers a removal, forgetting the oldest ones beyond twice store.RosterHistory.
func entomb(tx *sqlitedb.Tx, owner, contact jid.JID) (uint64, error) {
	version, err := bumpRoster(tx, owner)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`INSERT OR REPLACE INTO roster_removed(owner, jid, version) VALUES (?, ?, ?)`, owner.String(), contact.String(), version)
	if err != nil {
		return 0, err
	}
	var n int
	if err := tx.One(`SELECT count(*) FROM roster_removed WHERE owner = ?`, []any{owner.String()}, &n); err != nil {
		return 0, err
	}
	if n <= 2*store.RosterHistory {
		return version, nil
	}
	// Since cannot answer any more from before the newest removal forgotten here.
	var newest uint64
	err = tx.One(`SELECT version FROM roster_removed WHERE owner = ? ORDER BY version DESC LIMIT 1 OFFSET ?`,
		[]any{owner.String(), store.RosterHistory}, &newest)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(`DELETE FROM roster_removed WHERE owner = ? AND version <= ?`, owner.String(), newest); err != nil {
		return 0, err
	}
	_, err = tx.Exec(`UPDATE roster SET oldest = ? WHERE owner = ?`, newest, owner.String())
	return version, err
}

func (r rosters) Delete(ctx context.Context, owner, contact jid.JID) (uint64, error) {
	var version uint64
	err := r.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		known, hidden, err := rosterRole(tx, owner, contact)
		if err != nil {
			return err
		}
		if !known {
			return notFound("%s in the roster of %s", contact, owner)
		}
		if _, err := tx.Exec(`DELETE FROM roster_item WHERE owner = ? AND jid = ?`, owner.String(), contact.String()); err != nil {
			return err
		}
		if hidden {
			version, _, err = rosterVersion(tx, owner)
		} else {
			version, err = entomb(tx, owner, contact)
		}
		return err
	})
	return version, err
}

func (r rosters) Since(ctx context.Context, owner jid.JID, since uint64) (c store.RosterChanges, err error) {
	err = r.db.View(ctx, func(v *sqlitedb.View) error {
		var oldest uint64
		if c.Version, oldest, err = rosterVersion(v, owner); err != nil {
			return err
		}
		c.Full = since < oldest || since > c.Version
		if c.Full {
			since = 0
		}
		c.Items, err = rosterItems(v, `SELECT `+rosterColumns+` FROM roster_item WHERE owner = ? AND version > ? AND hidden = 0 ORDER BY version`, owner.String(), int64(since))
		if err != nil || c.Full {
			return err
		}
		return v.Each(`SELECT jid FROM roster_removed WHERE owner = ? AND version > ? ORDER BY version`, []any{owner.String(), int64(since)}, func(row sqlitedb.Scanner) error {
			var address string
			if err := row.Scan(&address); err != nil {
				return err
			}
			j, err := parseJID(address)
			c.Removed = append(c.Removed, j)
			return err
		})
	})
	return c, err
}
