package journal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/jid"
)

// Bounds.
const (
	maxQueued = 64 << 20 // bytes that wait to be durable
	maxGroup  = 512      // changes made durable together
	worthIt   = 64       // outdated records at which removing them is worth the while
)

// Cache implements cache.Cache. Reading is memory's. The log belongs to the goroutine
// that runs work, which exists while something waits.
type Cache struct {
	*memory.Cache
	log Log

	mu sync.Mutex
	// Under mu.
	queue   []job
	queued  int
	running bool
	closed  bool
	broken  error // the log failed: memory knows more than is durable
	idle    *sync.Cond
}

// job is a change on its way.
type job struct {
	entry entry
	bytes int
	// apply makes the change in memory; done tells that it is durable, or why not.
	apply func() error
	done  func(error)
}

var _ cache.Cache = (*Cache)(nil)

// Open makes the cache from its log, which it owns from now on. Records that are
// outdated are removed from the log.
func Open(ctx context.Context, log Log) (*Cache, error) {
	c := &Cache{Cache: memory.New(), log: log}
	c.idle = sync.NewCond(&c.mu)
	old := superseded{last: map[string]uint64{}, pending: map[uint64]int{}}
	err := log.Read(ctx, func(number uint64, record []byte) error {
		e, err := decode(record)
		if err != nil {
			return fmt.Errorf("record %d: %w", number, err)
		}
		old.see(number, &e)
		if err := c.replay(ctx, &e); err != nil {
			return fmt.Errorf("record %d: %w: %w", number, cache.ErrCorrupt, err)
		}
		return nil
	})
	if err == nil && len(old.numbers) >= worthIt {
		err = log.Drop(ctx, old.numbers)
	}
	if err != nil {
		log.Close()
		return nil, err
	}
	return c, nil
}

// replay makes a change that is in the log.
func (c *Cache) replay(ctx context.Context, e *entry) error {
	switch {
	case e.Batch != nil:
		_, err := cache.Write(ctx, c.Cache, *e.Batch)
		return err
	case e.Setting != nil:
		return c.Cache.SetSetting(ctx, e.Setting.Chat, e.Setting.Name, e.Setting.Value)
	case e.Roster != nil:
		return c.Cache.ReplaceRoster(ctx, e.Roster.Items, e.Roster.Version)
	case e.Put != nil:
		return c.Cache.PutRosterItem(ctx, e.Put.Item, e.Put.Version)
	case e.Remove != nil:
		return c.Cache.DeleteRosterItem(ctx, e.Remove.Contact, e.Remove.Version)
	case e.Delete != nil:
		_, err := c.Cache.DeleteMessages(ctx, e.Delete.Before, e.Delete.Batch)
		return err
	case e.Prune != nil:
		_, err := c.Cache.PruneSeen(ctx, *e.Prune)
		return err
	}
	return nil // of a later version that added kinds without harm
}

// enqueue hands a change over.
func (c *Cache) enqueue(j job) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return cache.ErrClosed
	case c.broken != nil:
		return c.broken
	case c.queued > 0 && c.queued+j.bytes > maxQueued:
		return fmt.Errorf("%w: %d bytes wait", cache.ErrBusy, c.queued)
	}
	c.queue, c.queued = append(c.queue, j), c.queued+j.bytes
	if !c.running {
		c.running = true
		go c.work()
	}
	return nil
}

// work makes what is queued durable, many changes at once, and ends when nothing is
// left.
func (c *Cache) work() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		group := c.queue[:min(len(c.queue), maxGroup)]
		c.queue = c.queue[len(group):]
		broken := c.broken
		c.mu.Unlock()
		err := c.group(group, broken)
		c.mu.Lock()
		if err != nil && c.broken == nil {
			c.broken = err
		}
		for i := range group {
			c.queued -= group[i].bytes
		}
	}
	c.queue, c.running = nil, false
	c.idle.Broadcast()
}

// group makes changes in memory, writes them down together and tells. It returns why
// the log failed.
func (c *Cache) group(group []job, broken error) error {
	outcomes := make([]error, len(group))
	var records [][]byte
	for i := range group {
		if outcomes[i] = broken; broken != nil {
			continue
		}
		record, err := group[i].entry.encode()
		if err == nil {
			err = group[i].apply()
		}
		if outcomes[i] = err; err == nil {
			records = append(records, record)
		}
	}
	var failed error
	if len(records) > 0 {
		failed = c.log.Append(context.Background(), records)
	}
	for i := range group {
		if failed != nil && outcomes[i] == nil {
			outcomes[i] = failed
		}
		group[i].done(outcomes[i])
	}
	return failed
}

// Commit implements cache.Committer.
func (c *Cache) Commit(b cache.Batch, done func(cache.Result, error)) error {
	if err := b.Check(); err != nil {
		return err
	}
	var result cache.Result
	return c.enqueue(job{
		entry: entry{Batch: &b}, bytes: b.Bytes(),
		apply: func() (err error) {
			result, err = cache.Write(context.Background(), c.Cache, b)
			return err
		},
		done: func(err error) {
			if err != nil {
				result = cache.Result{}
			}
			done(result, err)
		},
	})
}

// change makes one and waits until it is durable. When ctx ends first it may still
// become so.
func (c *Cache) change(ctx context.Context, e entry, apply func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	outcome := make(chan error, 1)
	err := c.enqueue(job{
		entry: e,
		apply: func() error { return apply(context.Background()) },
		done:  func(err error) { outcome <- err },
	})
	if err != nil {
		return err
	}
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SetSetting implements cache.Settings.
func (c *Cache) SetSetting(ctx context.Context, chat jid.JID, name, value string) error {
	return c.change(ctx, entry{Setting: &setting{chat, name, value}}, func(ctx context.Context) error {
		return c.Cache.SetSetting(ctx, chat, name, value)
	})
}

// ReplaceRoster implements cache.Roster.
func (c *Cache) ReplaceRoster(ctx context.Context, items []cache.RosterItem, version string) error {
	return c.change(ctx, entry{Roster: &roster{items, version}}, func(ctx context.Context) error {
		return c.Cache.ReplaceRoster(ctx, items, version)
	})
}

// PutRosterItem implements cache.Roster.
func (c *Cache) PutRosterItem(ctx context.Context, item cache.RosterItem, version string) error {
	return c.change(ctx, entry{Put: &put{item, version}}, func(ctx context.Context) error {
		return c.Cache.PutRosterItem(ctx, item, version)
	})
}

// DeleteRosterItem implements cache.Roster.
func (c *Cache) DeleteRosterItem(ctx context.Context, contact jid.JID, version string) error {
	return c.change(ctx, entry{Remove: &removal{contact, version}}, func(ctx context.Context) error {
		return c.Cache.DeleteRosterItem(ctx, contact, version)
	})
}

// DeleteMessages implements cache.History.
func (c *Cache) DeleteMessages(ctx context.Context, before time.Time, batch int) (removed int, err error) {
	err = c.change(ctx, entry{Delete: &deletion{before, batch}}, func(ctx context.Context) (err error) {
		removed, err = c.Cache.DeleteMessages(ctx, before, batch)
		return err
	})
	return removed, err
}

// PruneSeen implements cache.History.
func (c *Cache) PruneSeen(ctx context.Context, before time.Time) (removed int, err error) {
	err = c.change(ctx, entry{Prune: &before}, func(ctx context.Context) (err error) {
		removed, err = c.Cache.PruneSeen(ctx, before)
		return err
	})
	return removed, err
}

// Close implements cache.Cache.
func (c *Cache) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	for c.running {
		c.idle.Wait()
	}
	c.mu.Unlock()
	if !first {
		return nil
	}
	c.log.Close()
	return c.Cache.Close()
}
