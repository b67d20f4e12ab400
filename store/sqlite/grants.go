package sqlite

import (
	"context"
	"fmt"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

// Grants returns which clients may sign in with tokens.
func (s *Store) Grants() store.Grants { return grants{s.db} }

type grants struct{ db *sqlitedb.DB }

const grantColumns = `account, agent, id, software, device, address, first, last, password, salt, mechanism, issued, expires, count,
	new_salt, new_mechanism, new_issued, new_expires, new_count`

// asker is what a question can be asked of: a view or a change.
type asker interface {
	One(query string, args []any, dest ...any) error
	Each(query string, args []any, f func(sqlitedb.Scanner) error) error
}

func scanGrant(row func(...any) error) (g store.Grant, err error) {
	var account string
	var first, last, issued, expires, newIssued, newExpires int64
	err = row(&account, &g.Agent, &g.ID, &g.Software, &g.Device, &g.Address, &first, &last, &g.Password,
		&g.Current.Salt, &g.Current.Mechanism, &issued, &expires, &g.Current.Count,
		&g.New.Salt, &g.New.Mechanism, &newIssued, &newExpires, &g.New.Count)
	if err != nil {
		return g, err
	}
	g.First, g.Last = fromMicros(first), fromMicros(last)
	g.Current.Issued, g.Current.Expires, g.New.Issued, g.New.Expires = fromMicros(issued), fromMicros(expires), fromMicros(newIssued), fromMicros(newExpires)
	for _, t := range []*store.Token{&g.Current, &g.New} {
		if t.IsZero() {
			*t = store.Token{}
		}
	}
	g.Account, err = parseJID(account)
	return g, err
}

func oneGrant(q asker, account jid.JID, agent string) (store.Grant, error) {
	g, err := scanGrant(func(dest ...any) error {
		return q.One(`SELECT `+grantColumns+` FROM client_grant WHERE account = ? AND agent = ?`, []any{account.String(), agent}, dest...)
	})
	return g, orNotFound(err, "grant of %s", account)
}

// putGrant writes a grant, new or not.
func putGrant(tx *sqlitedb.Tx, g store.Grant) error {
	_, err := tx.Exec(`INSERT OR REPLACE INTO client_grant(`+grantColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.Account.String(), g.Agent, g.ID, g.Software, g.Device, g.Address, toMicros(g.First), toMicros(g.Last), g.Password,
		notNull(g.Current.Salt), g.Current.Mechanism, toMicros(g.Current.Issued), toMicros(g.Current.Expires), g.Current.Count,
		notNull(g.New.Salt), g.New.Mechanism, toMicros(g.New.Issued), toMicros(g.New.Expires), g.New.Count)
	return err
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (gs grants) Issue(ctx context.Context, g store.Grant, most int) error {
	if err := g.Check(); err != nil {
		return err
	}
	return gs.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		var n int
		if err := tx.One(`SELECT count(*) FROM account WHERE jid = ?`, []any{g.Account.String()}, &n); err != nil {
			return err
		} else if n == 0 {
			return notFound("account %s", g.Account)
		}
		there, err := oneGrant(tx, g.Account, g.Agent)
		switch {
		case err == nil:
			there.Issue(g)
			return putGrant(tx, there)
		case !isNotFound(err):
			return err
		}
		if most > 0 {
			_, err := tx.Exec(`DELETE FROM client_grant WHERE account = ?1 AND agent IN
				(SELECT agent FROM client_grant WHERE account = ?1 ORDER BY last DESC, agent LIMIT -1 OFFSET ?2)`, g.Account.String(), most-1)
			if err != nil {
				return err
			}
		}
		g.Current = store.Token{}
		return putGrant(tx, g)
	})
}

func (gs grants) Use(ctx context.Context, u store.GrantUse) error {
	return gs.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		g, err := oneGrant(tx, u.Account, u.Agent)
		if err != nil {
			return err
		}
		if err := g.Use(u); err != nil {
			return err
		}
		return putGrant(tx, g)
	})
}

func (gs grants) Grant(ctx context.Context, account jid.JID, agent string) (g store.Grant, err error) {
	err = gs.db.View(ctx, func(v *sqlitedb.View) error {
		g, err = oneGrant(v, account, agent)
		return err
	})
	if err != nil {
		return store.Grant{}, err
	}
	return g, nil
}

func (gs grants) Grants(ctx context.Context, account jid.JID) (list []store.Grant, err error) {
	err = gs.db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT `+grantColumns+` FROM client_grant WHERE account = ? ORDER BY last DESC, agent`, []any{account.String()}, func(row sqlitedb.Scanner) error {
			g, err := scanGrant(row.Scan)
			list = append(list, g)
			return err
		})
	})
	return list, err
}

func (gs grants) Revoke(ctx context.Context, account jid.JID, agent string) error {
	return gs.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`DELETE FROM client_grant WHERE account = ? AND agent = ?`, account.String(), agent)
		if err == nil && n == 0 {
			return notFound("grant of %s", account)
		}
		return err
	})
}

func (gs grants) Purge(ctx context.Context, now time.Time, max int) (int, error) {
	return purge(ctx, gs.db, `DELETE FROM client_grant WHERE (account, agent) IN
		(SELECT account, agent FROM client_grant WHERE max(expires, new_expires) <= ? LIMIT ?)`, toMicros(now), max)
}

// purge runs a statement that removes at most max rows.
func purge(ctx context.Context, db *sqlitedb.DB, statement string, before int64, max int) (removed int, err error) {
	if max <= 0 {
		return 0, fmt.Errorf("%w: purge %d", store.ErrInvalid, max)
	}
	err = db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(statement, before, max)
		removed = int(n)
		return err
	})
	return removed, err
}
