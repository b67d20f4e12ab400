package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"godwit/jid"
	"godwit/store"
)

type blocklists struct{ s *Store }

func (b blocklists) Load(ctx context.Context, owner jid.JID) ([]jid.JID, error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, err
	}
	if err := b.s.enter(ctx); err != nil {
		return nil, err
	}
	defer b.s.mu.Unlock()
	return slices.Clone(b.s.blocked[owner]), nil
}

func (b blocklists) Add(ctx context.Context, owner jid.JID, who []jid.JID, max int) error {
	if err := store.CheckBlocked(owner, who); err != nil {
		return err
	}
	if err := b.s.enter(ctx); err != nil {
		return err
	}
	defer b.s.mu.Unlock()
	list := append(slices.Clone(b.s.blocked[owner]), who...)
	slices.SortFunc(list, func(x, y jid.JID) int { return cmp.Compare(x.String(), y.String()) })
	list = slices.Compact(list)
	if max > 0 && len(list) > max {
		return fmt.Errorf("%w: %s would block %d addresses, %d allowed", store.ErrLimit, owner, len(list), max)
	}
	b.s.blocked[owner] = list
	return nil
}

func (b blocklists) Remove(ctx context.Context, owner jid.JID, who []jid.JID) error {
	if err := store.CheckBlocked(owner, who); err != nil {
		return err
	}
	if err := b.s.enter(ctx); err != nil {
		return err
	}
	defer b.s.mu.Unlock()
	b.s.blocked[owner] = slices.DeleteFunc(slices.Clone(b.s.blocked[owner]), func(j jid.JID) bool { return slices.Contains(who, j) })
	return nil
}

func (b blocklists) Clear(ctx context.Context, owner jid.JID) error {
	if err := store.CheckOwner(owner); err != nil {
		return err
	}
	if err := b.s.enter(ctx); err != nil {
		return err
	}
	defer b.s.mu.Unlock()
	delete(b.s.blocked, owner)
	return nil
}

// node is one node with its items, oldest first.
type node struct {
	store.Node
	items []store.NodeItem
}

type pubsub struct{ s *Store }

func cloneNode(n store.Node) store.Node {
	n.Config.Groups, n.Config.Members = slices.Clone(n.Config.Groups), slices.Clone(n.Config.Members)
	n.Created = micros(n.Created)
	return n
}

func (s *Store) node(owner jid.JID, name string) (*node, error) {
	if n := s.nodes[owner][name]; n != nil {
		return n, nil
	}
	return nil, notFound("node %q of %s", name, owner)
}

func (p pubsub) Nodes(ctx context.Context, owner jid.JID) ([]store.Node, error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, err
	}
	if err := p.s.enter(ctx); err != nil {
		return nil, err
	}
	defer p.s.mu.Unlock()
	var list []store.Node
	for _, n := range p.s.nodes[owner] {
		list = append(list, cloneNode(n.Node))
	}
	slices.SortFunc(list, func(x, y store.Node) int { return cmp.Compare(x.Name, y.Name) })
	return list, nil
}

func (p pubsub) Node(ctx context.Context, owner jid.JID, name string) (store.Node, error) {
	if err := store.CheckOwner(owner); err != nil {
		return store.Node{}, err
	}
	if err := p.s.enter(ctx); err != nil {
		return store.Node{}, err
	}
	defer p.s.mu.Unlock()
	n, err := p.s.node(owner, name)
	if err != nil {
		return store.Node{}, err
	}
	return cloneNode(n.Node), nil
}

func (p pubsub) Create(ctx context.Context, n store.Node, limits store.NodeLimits) error {
	if err := n.Check(); err != nil {
		return err
	}
	if err := p.s.enter(ctx); err != nil {
		return err
	}
	defer p.s.mu.Unlock()
	all := p.s.nodes[n.Owner]
	switch {
	case all[n.Name] != nil:
		return fmt.Errorf("%w: node %q of %s", store.ErrExists, n.Name, n.Owner)
	case limits.Nodes > 0 && len(all) >= limits.Nodes:
		return fmt.Errorf("%w: %s has %d nodes, %d allowed", store.ErrLimit, n.Owner, len(all), limits.Nodes)
	case all == nil:
		all = make(map[string]*node)
		p.s.nodes[n.Owner] = all
	}
	all[n.Name] = &node{Node: cloneNode(n)}
	return nil
}

func (p pubsub) Configure(ctx context.Context, owner jid.JID, name string, c store.NodeConfig) error {
	if err := c.Check(); err != nil {
		return err
	}
	if err := p.s.enter(ctx); err != nil {
		return err
	}
	defer p.s.mu.Unlock()
	n, err := p.s.node(owner, name)
	if err != nil {
		return err
	}
	n.Node = cloneNode(store.Node{Owner: n.Owner, Name: n.Name, Created: n.Created, Config: c})
	if !c.Persist {
		n.items = nil
	}
	n.items = n.items[max(len(n.items)-c.MaxItems, 0):]
	return nil
}

func (p pubsub) Delete(ctx context.Context, owner jid.JID, name string) error {
	if err := p.s.enter(ctx); err != nil {
		return err
	}
	defer p.s.mu.Unlock()
	if _, err := p.s.node(owner, name); err != nil {
		return err
	}
	delete(p.s.nodes[owner], name)
	return nil
}

func (p pubsub) Publish(ctx context.Context, owner jid.JID, name string, item store.NodeItem, limits store.NodeLimits) ([]string, error) {
	if err := item.Check(); err != nil {
		return nil, err
	}
	if err := p.s.enter(ctx); err != nil {
		return nil, err
	}
	defer p.s.mu.Unlock()
	n, err := p.s.node(owner, name)
	if err != nil || !n.Config.Persist {
		return nil, err
	}
	item.Payload, item.Time = bytes.Clone(item.Payload), micros(item.Time)
	items := slices.DeleteFunc(slices.Clone(n.items), func(it store.NodeItem) bool { return it.ID == item.ID })
	items = append(items, item)
	var gone []string
	for len(items) > n.Config.MaxItems {
		gone, items = append(gone, items[0].ID), items[1:]
	}
	var size int64
	for _, other := range p.s.nodes[owner] {
		list := other.items
		if other == n {
			list = items
		}
		for _, it := range list {
			size += it.Size()
		}
	}
	if limits.Bytes > 0 && size > limits.Bytes {
		return nil, fmt.Errorf("%w: %s would keep %d bytes on its nodes, %d allowed", store.ErrLimit, owner, size, limits.Bytes)
	}
	n.items = items
	return gone, nil
}

func (p pubsub) Items(ctx context.Context, owner jid.JID, name string, q store.ItemQuery) ([]store.NodeItem, error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, err
	}
	if err := p.s.enter(ctx); err != nil {
		return nil, err
	}
	defer p.s.mu.Unlock()
	n, err := p.s.node(owner, name)
	if err != nil {
		return nil, nil
	}
	var list []store.NodeItem
	all := n.items
	index := func(id string) int {
		return slices.IndexFunc(n.items, func(it store.NodeItem) bool { return it.ID == id })
	}
	if q.Before != "" {
		all = all[:max(index(q.Before), 0)]
	}
	if q.After != "" {
		i := index(q.After)
		if i < 0 || i >= len(all) {
			return nil, nil
		}
		all = all[i+1:]
	}
	for _, it := range all {
		if len(q.IDs) == 0 || slices.Contains(q.IDs, it.ID) {
			it.Payload = bytes.Clone(it.Payload)
			list = append(list, it)
		}
	}
	most := q.Max
	if most <= 0 || most > store.MaxItemsRead {
		most = store.MaxItemsRead
	}
	if q.Oldest {
		return list[:min(len(list), most)], nil
	}
	return list[max(len(list)-most, 0):], nil
}

func (p pubsub) Retract(ctx context.Context, owner jid.JID, name, id string) error {
	if err := p.s.enter(ctx); err != nil {
		return err
	}
	defer p.s.mu.Unlock()
	n, err := p.s.node(owner, name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(n.items, func(it store.NodeItem) bool { return it.ID == id })
	if i < 0 {
		return notFound("item %q on node %q of %s", id, name, owner)
	}
	n.items = slices.Delete(slices.Clone(n.items), i, i+1)
	return nil
}

func (p pubsub) Purge(ctx context.Context, owner jid.JID, name string) error {
	if err := p.s.enter(ctx); err != nil {
		return err
	}
	defer p.s.mu.Unlock()
	if n, err := p.s.node(owner, name); err == nil {
		n.items = nil
	}
	return nil
}
