package sqlite

import (
	"context"
	"errors"
	"fmt"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

type accounts struct{ db *sqlitedb.DB }

func checkAccount(acc store.Account) error {
	if err := store.CheckAccount(acc.JID); err != nil {
		return err
	}
	return store.CheckCredentials(acc.Credentials)
}

func (a accounts) Create(ctx context.Context, acc store.Account) error {
	if err := checkAccount(acc); err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx *sqlitedb.Tx) error { return createAccount(tx, acc) })
}

func createAccount(tx *sqlitedb.Tx, acc store.Account) error {
	_, err := tx.Exec(`INSERT INTO account(jid, created) VALUES (?, ?)`, acc.JID.String(), toMicros(acc.Created))
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: account %s", store.ErrExists, acc.JID)
	}
	if err != nil {
		return err
	}
	return insertCredentials(tx, acc.JID, acc.Credentials)
}

func insertCredentials(tx *sqlitedb.Tx, account jid.JID, c map[store.Hash]store.Credentials) error {
	for h, v := range c {
		_, err := tx.Exec(`INSERT INTO credential(account, hash, salt, iterations, stored_key, server_key) VALUES (?, ?, ?, ?, ?, ?)`,
			account.String(), string(h), v.Salt, v.Iterations, v.StoredKey, v.ServerKey)
		if err != nil {
			return err
		}
	}
	return nil
}

func (a accounts) Get(ctx context.Context, account jid.JID) (acc store.Account, err error) {
	acc.JID = account
	err = a.db.View(ctx, func(v *sqlitedb.View) error {
		var created int64
		if err := v.One(`SELECT created FROM account WHERE jid = ?`, []any{account.String()}, &created); err != nil {
			return orNotFound(err, "account %s", account)
		}
		acc.Created = fromMicros(created)
		acc.Credentials = make(map[store.Hash]store.Credentials)
		return v.Each(`SELECT hash, salt, iterations, stored_key, server_key FROM credential WHERE account = ?`, []any{account.String()}, func(row sqlitedb.Scanner) error {
			var h string
			var c store.Credentials
			if err := row.Scan(&h, &c.Salt, &c.Iterations, &c.StoredKey, &c.ServerKey); err != nil {
				return err
			}
			acc.Credentials[store.Hash(h)] = c
			return nil
		})
	})
	if err != nil {
		return store.Account{}, err
	}
	return acc, nil
}

func (a accounts) SetCredentials(ctx context.Context, account jid.JID, c map[store.Hash]store.Credentials) error {
	if err := store.CheckCredentials(c); err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		var one int
		if err := tx.One(`SELECT 1 FROM account WHERE jid = ?`, []any{account.String()}, &one); err != nil {
			return orNotFound(err, "account %s", account)
		}
		if _, err := tx.Exec(`DELETE FROM credential WHERE account = ?`, account.String()); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM client_grant WHERE account = ?`, account.String()); err != nil {
			return err
		}
		return insertCredentials(tx, account, c)
	})
}

// belongings are the statements that remove what is kept under an owner's address.
var belongings = []string{
	`DELETE FROM roster_item WHERE owner = ?`,
	`DELETE FROM roster_removed WHERE owner = ?`,
	`DELETE FROM roster WHERE owner = ?`,
	`DELETE FROM archive WHERE owner = ?`,
	`DELETE FROM archive_prefs WHERE owner = ?`,
	`DELETE FROM inbox WHERE owner = ?`,
	`DELETE FROM seen WHERE owner = ?`,
	`DELETE FROM client_grant WHERE account = ?`,
	`DELETE FROM invitation WHERE inviter = ?`,
	`DELETE FROM inbox_size WHERE owner = ?`,
	`UPDATE upload SET expires = 0 WHERE owner = ?`, // whoever keeps the bytes removes them, and then the record
	`DELETE FROM blocked WHERE owner = ?`,
	`DELETE FROM node_item WHERE owner = ?`,
	`DELETE FROM node WHERE owner = ?`,
	`DELETE FROM node_size WHERE owner = ?`,
}

func (a accounts) Remove(ctx context.Context, account jid.JID) error {
	if err := store.CheckAccount(account); err != nil {
		return err
	}
	missing := false
	err := a.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`DELETE FROM account WHERE jid = ?`, account.String())
		if err != nil {
			return err
		}
		missing = n == 0
		for _, statement := range belongings {
			if _, err := tx.Exec(statement, account.String()); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && missing {
		return notFound("account %s", account)
	}
	return err
}

func (a accounts) List(ctx context.Context, after jid.JID, max int) (list []store.Account, err error) {
	if max <= 0 || max > store.MaxAccountsPage {
		max = store.MaxAccountsPage
	}
	err = a.db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT jid, created FROM account WHERE jid > ? ORDER BY jid LIMIT ?`, []any{after.String(), max}, func(row sqlitedb.Scanner) error {
			var address string
			var created int64
			if err := row.Scan(&address, &created); err != nil {
				return err
			}
			j, err := parseJID(address)
			if err != nil {
				return err
			}
			list = append(list, store.Account{JID: j, Created: fromMicros(created)})
			return nil
		})
	})
	return list, err
}
