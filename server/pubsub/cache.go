package pubsub

import (
	"context"
	"sync"
	"time"

	"godwit/jid"
	"godwit/store"
)

// maxCached bounds how many nodes are held in memory; an account counts as one more, also if it has none.
const maxCached = 50_000

// nodeCache holds the nodes of accounts as the store has them, so that whoever signs in does not have the nodes of all contacts read from disk.
// mu guards all of it; gen tells a reader of the store that something changed meanwhile. The lists never change once they are in it.
type nodeCache struct {
	store store.PubSub

	mu    sync.RWMutex
	m     map[jid.JID][]store.Node
	count int
	gen   uint64
}

func (c *nodeCache) of(ctx context.Context, owner jid.JID) ([]store.Node, error) {
	c.mu.RLock()
	list, known := c.m[owner]
	gen := c.gen
	c.mu.RUnlock()
	if known {
		return list, nil
	}
	list, err := c.store.Nodes(ctx, owner)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.m[owner]; known || c.gen != gen {
		return list, nil
	}
	if c.count += 1 + len(list); c.count > maxCached {
		clear(c.m)
		c.count = 1 + len(list)
	}
	c.m[owner] = list
	return list, nil
}

// forget has an account's nodes read again. It is called after every change.
func (c *nodeCache) forget(owner jid.JID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if list, known := c.m[owner]; known {
		c.count -= 1 + len(list)
		delete(c.m, owner)
	}
}

// What an account may have others told: a change costs 1 and 1 more for each contact it goes to, times the number of pages of 4 KiB it has. So
// much at once, and so much more each second.
const (
	budgetMost = 20_000
	budgetRate = 500
	budgetPage = 4 << 10
)

// maxBuckets is how many accounts may be publishing before those that have rested are forgotten.
const maxBuckets = 10_000

// budget keeps one account's publishing from becoming everybody's work. mu guards all of it.
type budget struct {
	mu sync.Mutex
	m  map[jid.JID]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func (b *bucket) refill(now time.Time) {
	b.left = min(b.left+budgetRate*now.Sub(b.at).Seconds(), budgetMost)
	b.at = now
}

// affordable reports whether an account may go on now.
func (b *budget) affordable(owner jid.JID, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.m[owner]
	if one == nil {
		return true
	}
	one.refill(now)
	return one.left > 0
}

// spend charges an account, if need be on credit.
func (b *budget) spend(owner jid.JID, contacts, bytes int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.m[owner]
	if one == nil {
		if len(b.m) >= maxBuckets {
			for other, rested := range b.m {
				if rested.refill(now); rested.left == budgetMost {
					delete(b.m, other)
				}
			}
		}
		one = &bucket{left: budgetMost, at: now}
		b.m[owner] = one
	}
	one.refill(now)
	one.left -= float64((1 + contacts) * (1 + bytes/budgetPage))
}
