package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlitedb"
)

type pubsub struct{ db *sqlitedb.DB }

const nodeColumns = `name, created, config`

func scanNode(row sqlitedb.Scanner, owner jid.JID) (n store.Node, err error) {
	var created int64
	var config string
	if err := row.Scan(&n.Name, &created, &config); err != nil {
		return n, err
	}
	n.Owner, n.Created = owner, fromMicros(created)
	if err := json.Unmarshal([]byte(config), &n.Config); err != nil {
		return n, fmt.Errorf("%w: the configuration of node %q of %s: %w", store.ErrCorrupt, n.Name, owner, err)
	}
	return n, nil
}

func (p pubsub) Nodes(ctx context.Context, owner jid.JID) (list []store.Node, err error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, err
	}
	err = p.db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT `+nodeColumns+` FROM node WHERE owner = ? ORDER BY name`, []any{owner.String()}, func(row sqlitedb.Scanner) error {
			n, err := scanNode(row, owner)
			list = append(list, n)
			return err
		})
	})
	return list, err
}

func (p pubsub) Node(ctx context.Context, owner jid.JID, name string) (n store.Node, err error) {
	if err := store.CheckOwner(owner); err != nil {
		return n, err
	}
	err = p.db.View(ctx, func(v *sqlitedb.View) error {
		n, err = nodeOf(v, owner, name)
		return err
	})
	return n, err
}

func nodeOf(q sqlitedb.Queryer, owner jid.JID, name string) (n store.Node, err error) {
	found := false
	err = q.Each(`SELECT `+nodeColumns+` FROM node WHERE owner = ? AND name = ?`, []any{owner.String(), name}, func(row sqlitedb.Scanner) error {
		found = true
		n, err = scanNode(row, owner)
		return err
	})
	if err == nil && !found {
		err = notFound("node %q of %s", name, owner)
	}
	return n, err
}

func (p pubsub) Create(ctx context.Context, n store.Node, limits store.NodeLimits) error {
	if err := n.Check(); err != nil {
		return err
	}
	config, err := json.Marshal(n.Config)
	if err != nil {
		return err
	}
	return p.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO node(owner, name, created, config) VALUES (?, ?, ?, ?)`, n.Owner.String(), n.Name, toMicros(n.Created), string(config))
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%w: node %q of %s", store.ErrExists, n.Name, n.Owner)
		}
		if err != nil || limits.Nodes <= 0 {
			return err
		}
		var have int
		if err := tx.One(`SELECT count(*) FROM node WHERE owner = ?`, []any{n.Owner.String()}, &have); err != nil {
			return err
		}
		if have > limits.Nodes {
			return fmt.Errorf("%w: %s would have %d nodes, %d allowed", store.ErrLimit, n.Owner, have, limits.Nodes)
		}
		return nil
	})
}

func (p pubsub) Configure(ctx context.Context, owner jid.JID, name string, c store.NodeConfig) error {
	if err := c.Check(); err != nil {
		return err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return p.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`UPDATE node SET config = ? WHERE owner = ? AND name = ?`, string(config), owner.String(), name)
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("node %q of %s", name, owner)
		}
		keep := c.MaxItems
		if !c.Persist {
			keep = 0
		}
		_, err = trim(tx, owner, name, keep)
		return err
	})
}

// trim removes all items of a node but the newest.
func trim(tx *sqlitedb.Tx, owner jid.JID, name string, keep int) (gone []string, err error) {
	err = tx.Each(`SELECT id FROM node_item WHERE owner = ? AND node = ? ORDER BY position DESC LIMIT -1 OFFSET ?`, []any{owner.String(), name, keep},
		func(row sqlitedb.Scanner) error {
			var id string
			err := row.Scan(&id)
			gone = append(gone, id)
			return err
		})
	for _, id := range gone {
		if err == nil {
			_, err = tx.Exec(`DELETE FROM node_item WHERE owner = ? AND node = ? AND id = ?`, owner.String(), name, id)
		}
	}
	return gone, err
}

func (p pubsub) Delete(ctx context.Context, owner jid.JID, name string) error {
	return p.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`DELETE FROM node WHERE owner = ? AND name = ?`, owner.String(), name)
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("node %q of %s", name, owner)
		}
		_, err = tx.Exec(`DELETE FROM node_item WHERE owner = ? AND node = ?`, owner.String(), name)
		return err
	})
}

func (p pubsub) Publish(ctx context.Context, owner jid.JID, name string, item store.NodeItem, limits store.NodeLimits) (gone []string, err error) {
	if err := item.Check(); err != nil {
		return nil, err
	}
	err = p.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := nodeOf(tx, owner, name)
		if err != nil || !n.Config.Persist {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM node_item WHERE owner = ? AND node = ? AND id = ?`, owner.String(), name, item.ID); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO node_item(owner, node, id, position, time, payload)
			SELECT ?, ?, ?, 1 + ifnull(max(position), 0), ?, ? FROM node_item WHERE owner = ? AND node = ?`,
			owner.String(), name, item.ID, toMicros(item.Time), item.Payload, owner.String(), name)
		if err != nil {
			return err
		}
		if gone, err = trim(tx, owner, name, n.Config.MaxItems); err != nil || limits.Bytes <= 0 {
			return err
		}
		var size int64
		if err := tx.One(`SELECT bytes FROM node_size WHERE owner = ?`, []any{owner.String()}, &size); err != nil {
			return err
		}
		if size > limits.Bytes {
			return fmt.Errorf("%w: %s would keep %d bytes on its nodes, %d allowed", store.ErrLimit, owner, size, limits.Bytes)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

func (p pubsub) Items(ctx context.Context, owner jid.JID, name string, q store.ItemQuery) (list []store.NodeItem, err error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, err
	}
	most := q.Max
	if most <= 0 || most > store.MaxItemsRead {
		most = store.MaxItemsRead
	}
	statement, args := `SELECT id, time, payload FROM node_item WHERE owner = ? AND node = ?`, []any{owner.String(), name}
	if len(q.IDs) > 0 {
		ids, err := toJSON(q.IDs)
		if err != nil {
			return nil, err
		}
		statement, args = statement+` AND id IN (SELECT value FROM json_each(?))`, append(args, ids)
	}
	for _, bound := range []struct{ id, is string }{{q.Before, `<`}, {q.After, `>`}} {
		if bound.id != "" {
			statement += ` AND position ` + bound.is + ` (SELECT position FROM node_item WHERE owner = ? AND node = ? AND id = ?)`
			args = append(args, owner.String(), name, bound.id)
		}
	}
	order := `DESC`
	if q.Oldest {
		order = `ASC`
	}
	err = p.db.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(statement+` ORDER BY position `+order+` LIMIT ?`, append(args, most), func(row sqlitedb.Scanner) error {
			var it store.NodeItem
			var at int64
			if err := row.Scan(&it.ID, &at, &it.Payload); err != nil {
				return err
			}
			it.Time = fromMicros(at)
			list = append(list, it)
			return nil
		})
	})
	if !q.Oldest {
		slices.Reverse(list)
	}
	return list, err
}

func (p pubsub) Retract(ctx context.Context, owner jid.JID, name, id string) error {
	return p.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		n, err := tx.Exec(`DELETE FROM node_item WHERE owner = ? AND node = ? AND id = ?`, owner.String(), name, id)
		if err == nil && n == 0 {
			return notFound("item %q on node %q of %s", id, name, owner)
		}
		return err
	})
}

func (p pubsub) Purge(ctx context.Context, owner jid.JID, name string) error {
	return p.db.Update(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`DELETE FROM node_item WHERE owner = ? AND node = ?`, owner.String(), name)
		return err
	})
}
