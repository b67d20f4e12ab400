package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

// Invitations returns the invitations.
func (s *Store) Invitations() store.Invitations { return invitations{s.db} }

type invitations struct{ db *sqlitedb.DB }

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// addressText writes an address that may be missing.
func addressText(j jid.JID) string {
	if j.IsZero() {
		return ""
	}
	return j.String()
}

func (in invitations) Create(ctx context.Context, i store.Invitation, most int) error {
	if err := i.Check(); err != nil {
		return err
	}
	inviter, account := addressText(i.Inviter), addressText(i.Account)
	return in.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		if inviter != "" {
			var n int
			if err := tx.One(`SELECT count(*) FROM account WHERE jid = ?`, []any{inviter}, &n); err != nil {
				return err
			} else if n == 0 {
				return notFound("account %s", i.Inviter)
			}
		}
		if most > 0 {
			var n int
			err := tx.One(`SELECT count(*) FROM invitation WHERE inviter = ? AND uses > 0 AND expires > ?`, []any{inviter, toMicros(i.Created)}, &n)
			if err != nil {
				return err
			}
			if n >= most {
				return fmt.Errorf("%w: %d invitations", store.ErrLimit, n)
			}
		}
		if account != "" {
			var n int
			err := tx.One(`SELECT (SELECT count(*) FROM account WHERE jid = ?1) + (SELECT count(*) FROM invitation WHERE account = ?1 AND uses > 0 AND expires > ?2)`,
				[]any{account, toMicros(i.Created)}, &n)
			if err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("%w: account %s", store.ErrExists, account)
			}
		}
		_, err := tx.Exec(`INSERT INTO invitation(hash, inviter, contact, register, account, created, expires, uses) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			i.Hash, inviter, i.Contact, i.Register, account, toMicros(i.Created), toMicros(i.Expires), i.Uses)
		return err
	})
}

func oneInvitation(q asker, hash []byte) (store.Invitation, error) {
	i := store.Invitation{Hash: hash}
	var inviter, account string
	var created, expires int64
	err := q.One(`SELECT inviter, contact, register, account, created, expires, uses FROM invitation WHERE hash = ?`, []any{hash},
		&inviter, &i.Contact, &i.Register, &account, &created, &expires, &i.Uses)
	if err != nil {
		return i, orNotFound(err, "invitation")
	}
	i.Created, i.Expires = fromMicros(created), fromMicros(expires)
	for text, into := range map[string]*jid.JID{inviter: &i.Inviter, account: &i.Account} {
		if text == "" {
			continue
		}
		if *into, err = parseJID(text); err != nil {
			return i, err
		}
	}
	return i, nil
}

func (in invitations) Invitation(ctx context.Context, hash []byte) (i store.Invitation, err error) {
	err = in.db.View(ctx, func(v *sqlitedb.View) error {
		i, err = oneInvitation(v, hash)
		return err
	})
	if err != nil {
		return store.Invitation{}, err
	}
	return i, nil
}

// take uses an invitation once.
func take(tx *sqlitedb.Tx, i *store.Invitation) error {
	if err := i.Take(); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE invitation SET uses = ? WHERE hash = ?`, i.Uses, i.Hash)
	return err
}

func (in invitations) Redeem(ctx context.Context, hash []byte, now time.Time) (i store.Invitation, err error) {
	err = in.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		var err error
		if i, err = oneInvitation(tx, hash); err != nil {
			return err
		}
		if !i.Good(now) {
			return notFound("good invitation")
		}
		return take(tx, &i)
	})
	if err != nil {
		return store.Invitation{}, err
	}
	return i, nil
}

func (in invitations) Register(ctx context.Context, hash []byte, a store.Account) (i store.Invitation, err error) {
	if err := checkAccount(a); err != nil {
		return store.Invitation{}, err
	}
	err = in.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		var err error
		if i, err = oneInvitation(tx, hash); err != nil {
			return err
		}
		if !i.Register {
			return notFound("invitation to register")
		}
		if err := take(tx, &i); err != nil {
			return err
		}
		return createAccount(tx, a)
	})
	if err != nil {
		return store.Invitation{}, err
	}
	return i, nil
}

func (in invitations) Reserved(ctx context.Context, account jid.JID, hash []byte, now time.Time) (reserved bool, err error) {
	err = in.db.View(ctx, func(v *sqlitedb.View) error {
		var n int
		err := v.One(`SELECT count(*) FROM invitation WHERE account = ? AND account <> '' AND uses > 0 AND expires > ? AND hash <> ?`,
			[]any{account.String(), toMicros(now), notNull(hash)}, &n)
		reserved = n > 0
		return err
	})
	return reserved, err
}

func (in invitations) Purge(ctx context.Context, before time.Time, max int) (int, error) {
	return purge(ctx, in.db, `DELETE FROM invitation WHERE hash IN (SELECT hash FROM invitation WHERE expires <= ? ORDER BY expires LIMIT ?)`,
		toMicros(before), max)
}
