package sqlite

import (
	"context"
	"fmt"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/store/sqlitedb"
)

// Roster implements cache.Roster.
func (c *Cache) Roster(ctx context.Context) (items []cache.RosterItem, version string, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		if err := v.One(`SELECT version FROM roster_version`, nil, &version); err != nil && !sqlitedb.IsNoRows(err) {
			return err
		}
		return v.Each(`SELECT jid, name, subscription, ask, approved, groups FROM roster_item ORDER BY jid`, nil, func(row sqlitedb.Scanner) (err error) {
			var it cache.RosterItem
			var contact, groups string
			if err := row.Scan(&contact, &it.Name, &it.Subscription, &it.Ask, &it.Approved, &groups); err != nil {
				return err
			}
			if it.JID, err = address(contact); err != nil {
				return err
			}
			it.Groups, err = groupsFromText(groups)
			items = append(items, it)
			return err
		})
	})
	return items, version, err
}

// ReplaceRoster implements cache.Roster.
func (c *Cache) ReplaceRoster(ctx context.Context, items []cache.RosterItem, version string) error {
	if err := cache.CheckItems(items); err != nil {
		return err
	}
	return c.update(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM roster_item`); err != nil {
			return err
		}
		for i := range items {
			if err := putItem(tx, &items[i]); err != nil {
				return err
			}
		}
		return putVersion(tx, version)
	})
}

// PutRosterItem implements cache.Roster.
func (c *Cache) PutRosterItem(ctx context.Context, item cache.RosterItem, version string) error {
	if err := cache.CheckItem(item); err != nil {
		return err
	}
	return c.update(ctx, func(tx *sqlitedb.Tx) error {
		n := 0
		if err := tx.One(`SELECT count(*) FROM roster_item WHERE jid <> ?`, []any{item.JID.String()}, &n); err != nil {
			return err
		}
		if n >= cache.MaxRosterItems {
			return fmt.Errorf("%w: %d contacts", cache.ErrLimit, n)
		}
		if err := putItem(tx, &item); err != nil {
			return err
		}
		return putVersion(tx, version)
	})
}

// DeleteRosterItem implements cache.Roster.
func (c *Cache) DeleteRosterItem(ctx context.Context, contact jid.JID, version string) error {
	return c.update(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM roster_item WHERE jid = ?`, contact.String()); err != nil {
			return err
		}
		return putVersion(tx, version)
	})
}

func putItem(tx *sqlitedb.Tx, it *cache.RosterItem) error {
	groups, err := groupsToText(it.Groups)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT OR REPLACE INTO roster_item(jid, name, subscription, ask, approved, groups) VALUES (?, ?, ?, ?, ?, ?)`,
		it.JID.String(), it.Name, it.Subscription, it.Ask, it.Approved, groups)
	return err
}

func putVersion(tx *sqlitedb.Tx, version string) error {
	_, err := tx.Exec(`INSERT OR REPLACE INTO roster_version(one, version) VALUES (1, ?)`, version)
	return err
}

// Setting implements cache.Settings.
func (c *Cache) Setting(ctx context.Context, chat jid.JID, name string) (value string, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		err := v.One(`SELECT value FROM setting WHERE chat = ? AND name = ?`, []any{chat.String(), name}, &value)
		if sqlitedb.IsNoRows(err) {
			return nil
		}
		return err
	})
	return value, err
}

// SetSetting implements cache.Settings.
func (c *Cache) SetSetting(ctx context.Context, chat jid.JID, name, value string) error {
	if err := cache.CheckSetting(chat, name, value); err != nil {
		return err
	}
	return c.update(ctx, func(tx *sqlitedb.Tx) (err error) {
		if value == "" {
			_, err = tx.Exec(`DELETE FROM setting WHERE chat = ? AND name = ?`, chat.String(), name)
		} else {
			_, err = tx.Exec(`INSERT OR REPLACE INTO setting(chat, name, value) VALUES (?, ?, ?)`, chat.String(), name, value)
		}
		return err
	})
}

// SettingsNamed implements cache.Settings.
func (c *Cache) SettingsNamed(ctx context.Context, name string) (map[jid.JID]string, error) {
	out := map[jid.JID]string{}
	err := c.view(ctx, func(v sqlitedb.Queryer) error {
		return v.Each(`SELECT chat, value FROM setting WHERE name = ?`, []any{name}, func(row sqlitedb.Scanner) error {
			var chat, value string
			if err := row.Scan(&chat, &value); err != nil {
				return err
			}
			j, err := address(chat)
			out[j] = value
			return err
		})
	})
	return out, err
}

// AllSettings implements cache.Settings.
func (c *Cache) AllSettings(ctx context.Context) (all []cache.SettingRecord, err error) {
	err = c.view(ctx, func(v sqlitedb.Queryer) error {
		return v.Each(`SELECT chat, name, value FROM setting ORDER BY chat, name`, nil, func(row sqlitedb.Scanner) (err error) {
			var s cache.SettingRecord
			var chat string
			if err := row.Scan(&chat, &s.Name, &s.Value); err != nil {
				return err
			}
			s.Chat, err = address(chat)
			all = append(all, s)
			return err
		})
	})
	return all, err
}
