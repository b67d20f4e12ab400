package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"godwit/client/cache"
	"godwit/jid"
)

// Cache implements cache.Cache. Its methods may be called from many goroutines.
type Cache struct {
	mu sync.Mutex
	// Under mu.
	queue   []job
	queued  int  // bytes in queue
	running bool // a goroutine works through queue
	closed  bool
	idle    *sync.Cond

	data data
}

type job struct {
	batch cache.Batch
	bytes int
	done  func(cache.Result, error)
}

// maxQueued bounds the bytes that wait.
const maxQueued = 64 << 20

// data is what is kept. It is under the mutex of its cache.
type data struct {
	lastID    int64
	messages  map[int64]*cache.Message
	chats     map[jid.JID][]*cache.Message   // by place
	all       []*cache.Message               // by place
	folded    map[int64]string               // what is searched, by message
	changes   map[changeKey][]*cache.Message // messages that change others, by place
	named     map[changeKey][]*cache.Message // messages with a Name, by place
	lines     map[jid.JID]*line
	seen      map[seenKey]seen
	lastSeq   int64
	outbox    []*cache.OutboxRecord // by Seq
	lastDep   int64
	deposits  []*cache.Deposit // by Seq
	positions map[jid.JID]string
	roster    map[jid.JID]cache.RosterItem
	version   string
	settings  map[settingKey]string
	records   map[string][]byte
}

type settingKey struct {
	chat jid.JID
	name string
}

var _ cache.Cache = (*Cache)(nil)

// New returns an empty cache.
func New() *Cache {
	c := &Cache{data: data{
		folded: map[int64]string{}, changes: map[changeKey][]*cache.Message{}, named: map[changeKey][]*cache.Message{}, lines: map[jid.JID]*line{},
		messages: map[int64]*cache.Message{}, chats: map[jid.JID][]*cache.Message{}, seen: map[seenKey]seen{},
		positions: map[jid.JID]string{}, roster: map[jid.JID]cache.RosterItem{}, settings: map[settingKey]string{}, records: map[string][]byte{},
	}}
	c.idle = sync.NewCond(&c.mu)
	return c
}

// Close implements cache.Cache.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for c.running {
		c.idle.Wait()
	}
	return nil
}

// Commit implements cache.Committer.
func (c *Cache) Commit(b cache.Batch, done func(cache.Result, error)) error {
	if err := b.Check(); err != nil {
		return err
	}
	size := b.Bytes()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return cache.ErrClosed
	}
	if c.queued > 0 && c.queued+size > maxQueued {
		return fmt.Errorf("%w: %d bytes wait", cache.ErrBusy, c.queued)
	}
	c.queue, c.queued = append(c.queue, job{b, size, done}), c.queued+size
	if !c.running {
		c.running = true
		go c.work()
	}
	return nil
}

// work applies what is queued, and ends when nothing is left.
func (c *Cache) work() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		j := c.queue[0]
		c.queue[0] = job{}
		c.queue = c.queue[1:]
		r, err := c.data.apply(&j.batch)
		c.queued -= j.bytes
		c.mu.Unlock()
		j.done(r, err)
		c.mu.Lock()
	}
	c.queue, c.running = nil, false
	c.idle.Broadcast()
}

// read runs f on the data.
func (c *Cache) read(ctx context.Context, f func(*data) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return cache.ErrClosed
	}
	return f(&c.data)
}

// Outbox implements cache.Outbox.
func (c *Cache) Outbox(ctx context.Context, after int64) (out []cache.OutboxRecord, err error) {
	err = c.read(ctx, func(d *data) error {
		size := 0
		for _, r := range d.outbox {
			if r.Seq <= after {
				continue
			}
			size += len(r.Stanza)
			if len(out) == cache.MaxOutboxPage || len(out) > 0 && size > cache.MaxOutboxPageBytes {
				break
			}
			out = append(out, copyRecord(r))
		}
		return nil
	})
	return out, err
}

// OutboxRecord implements cache.Outbox.
func (c *Cache) OutboxRecord(ctx context.Context, originID string) (out cache.OutboxRecord, err error) {
	err = c.read(ctx, func(d *data) error {
		r := d.record(originID)
		if r == nil {
			return fmt.Errorf("outbox record %q: %w", originID, cache.ErrNotFound)
		}
		out = copyRecord(r)
		return nil
	})
	return out, err
}

// OutboxSize implements cache.Outbox.
func (c *Cache) OutboxSize(ctx context.Context) (size cache.OutboxSize, err error) {
	err = c.read(ctx, func(d *data) error {
		for _, r := range d.outbox {
			if !r.Sent {
				size.Records++
				size.Bytes += int64(len(r.Stanza))
			}
		}
		return nil
	})
	return size, err
}

func copyRecord(r *cache.OutboxRecord) cache.OutboxRecord {
	out := *r
	out.Stanza = bytes.Clone(r.Stanza)
	return out
}

// Deposits implements cache.Deposits.
func (c *Cache) Deposits(ctx context.Context, max int) (out []cache.Deposit, err error) {
	if max <= 0 || max > cache.MaxDepositPage {
		max = cache.MaxDepositPage
	}
	err = c.read(ctx, func(d *data) error {
		size := 0
		for _, p := range d.deposits {
			size += len(p.Stanza)
			if len(out) == max || len(out) > 0 && size > cache.MaxDepositPageBytes {
				break
			}
			q := *p
			q.Stanza = bytes.Clone(p.Stanza)
			out = append(out, q)
		}
		return nil
	})
	return out, err
}

// Position implements cache.Positions.
func (c *Cache) Position(ctx context.Context, archive jid.JID) (p cache.Position, err error) {
	err = c.read(ctx, func(d *data) error {
		p = cache.Position{Archive: archive, Last: d.positions[archive]}
		return nil
	})
	return p, err
}

// Record implements cache.Records.
func (c *Cache) Record(ctx context.Context, name string) (v []byte, err error) {
	err = c.read(ctx, func(d *data) error {
		r, ok := d.records[name]
		if !ok {
			return fmt.Errorf("record %q: %w", name, cache.ErrNotFound)
		}
		v = bytes.Clone(r)
		return nil
	})
	return v, err
}

// Setting implements cache.Settings.
func (c *Cache) Setting(ctx context.Context, chat jid.JID, name string) (v string, err error) {
	err = c.read(ctx, func(d *data) error {
		v = d.settings[settingKey{chat, name}]
		return nil
	})
	return v, err
}

// SetSetting implements cache.Settings.
func (c *Cache) SetSetting(ctx context.Context, chat jid.JID, name, value string) error {
	if err := cache.CheckSetting(chat, name, value); err != nil {
		return err
	}
	return c.read(ctx, func(d *data) error {
		if value == "" {
			delete(d.settings, settingKey{chat, name})
		} else {
			d.settings[settingKey{chat, name}] = value
		}
		return nil
	})
}

// SettingsNamed implements cache.Settings.
func (c *Cache) SettingsNamed(ctx context.Context, name string) (map[jid.JID]string, error) {
	out := map[jid.JID]string{}
	err := c.read(ctx, func(d *data) error {
		for k, v := range d.settings {
			if k.name == name {
				out[k.chat] = v
			}
		}
		return nil
	})
	return out, err
}

// AllSettings implements cache.Settings.
func (c *Cache) AllSettings(ctx context.Context) (all []cache.SettingRecord, err error) {
	err = c.read(ctx, func(d *data) error {
		for k, v := range d.settings {
			all = append(all, cache.SettingRecord{Chat: k.chat, Name: k.name, Value: v})
		}
		return nil
	})
	slices.SortFunc(all, func(a, b cache.SettingRecord) int {
		return cmp.Or(strings.Compare(a.Chat.String(), b.Chat.String()), strings.Compare(a.Name, b.Name))
	})
	return all, err
}

// Roster implements cache.Roster.
func (c *Cache) Roster(ctx context.Context) (items []cache.RosterItem, version string, err error) {
	err = c.read(ctx, func(d *data) error {
		for _, it := range d.roster {
			it.Groups = slices.Clone(it.Groups)
			items = append(items, it)
		}
		version = d.version
		return nil
	})
	slices.SortFunc(items, func(a, b cache.RosterItem) int { return strings.Compare(a.JID.String(), b.JID.String()) })
	return items, version, err
}

// ReplaceRoster implements cache.Roster.
func (c *Cache) ReplaceRoster(ctx context.Context, items []cache.RosterItem, version string) error {
	if err := cache.CheckItems(items); err != nil {
		return err
	}
	return c.read(ctx, func(d *data) error {
		clear(d.roster)
		for _, it := range items {
			it.Groups = slices.Clone(it.Groups)
			d.roster[it.JID] = it
		}
		d.version = version
		return nil
	})
}

// PutRosterItem implements cache.Roster.
func (c *Cache) PutRosterItem(ctx context.Context, it cache.RosterItem, version string) error {
	if err := cache.CheckItem(it); err != nil {
		return err
	}
	return c.read(ctx, func(d *data) error {
		if _, ok := d.roster[it.JID]; !ok && len(d.roster) >= cache.MaxRosterItems {
			return fmt.Errorf("%w: %d contacts", cache.ErrLimit, len(d.roster))
		}
		it.Groups = slices.Clone(it.Groups)
		d.roster[it.JID], d.version = it, version
		return nil
	})
}

// DeleteRosterItem implements cache.Roster.
func (c *Cache) DeleteRosterItem(ctx context.Context, contact jid.JID, version string) error {
	return c.read(ctx, func(d *data) error {
		maps.DeleteFunc(d.roster, func(k jid.JID, _ cache.RosterItem) bool { return k == contact })
		d.version = version
		return nil
	})
}
