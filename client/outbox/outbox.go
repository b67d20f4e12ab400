package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"crypto/rand"

	"godwit/client/cache"
	"godwit/jid"
)

// Errors; match with errors.Is.
var (
	// ErrFull: too many messages, or bytes, wait to be sent. Trying later may help.
	ErrFull = errors.New("outbox: too much waits to be sent")
	// ErrTooBig: the message alone is larger than allowed.
	ErrTooBig = errors.New("outbox: the message is too large")
	// ErrIDUsed: the account has used that id for a message before.
	ErrIDUsed = errors.New("outbox: the id is used already")
	// ErrInvalid: the message cannot be sent as it is.
	ErrInvalid = errors.New("outbox: invalid message")
	// ErrUnknown: there is no such message.
	ErrUnknown = errors.New("outbox: no such message")
)

// MaxIDBytes is the longest origin-id a caller may choose.
const MaxIDBytes = 256

// Store is what an outbox needs of the cache.
type Store interface {
	cache.Committer
	cache.Outbox
	Message(ctx context.Context, sender jid.JID, originID string) (cache.Message, error)
}

// Config bounds an outbox; zero fields take the defaults.
type Config struct {
	// Messages and Bytes (of stanzas) bound what waits to be sent: 10,000 and 64 MiB.
	Messages int
	Bytes    int64
	// MessageBytes bounds one stanza: 256 KiB.
	MessageBytes int
	// Unconfirmed is how many messages that the server has, and the peer has not confirmed, are kept to be sent again on another path:
	// 20,000. The oldest beyond that stay in the history only.
	Unconfirmed int
	// MemoryBytes of stanzas are kept at hand; others are read again when needed: 8 MiB.
	MemoryBytes int64
	// OnError is told when progress could not be written (it is tried again with the next), from the cache's goroutine. May be nil.
	OnError func(error)
}

func (c Config) withDefaults() Config {
	if c.Messages <= 0 {
		c.Messages = 10_000
	}
	if c.Bytes <= 0 {
		c.Bytes = 64 << 20
	}
	if c.MessageBytes <= 0 {
		c.MessageBytes = 256 << 10
	}
	if c.Unconfirmed <= 0 {
		c.Unconfirmed = 20_000
	}
	if c.MemoryBytes <= 0 {
		c.MemoryBytes = 8 << 20
	}
	if c.OnError == nil {
		c.OnError = func(error) {}
	}
	return c
}

// Message is one to send.
type Message struct {
	Chat     jid.JID   // bare
	From     jid.JID   // the user's full address, for the history
	OriginID string    // "" makes one, see NewID
	Route    string    // for this message alone, or ""
	Time     time.Time // now
	Body     string    // as listed in the history
	// Fields of the same names of the record in the history, for replies, edits and
	// retractions.
	Kind      cache.Kind
	Target    string
	ReplyTo   string
	ReplyFrom jid.JID
	Quote     string
	// Forget are messages to take out of the history in the same moment.
	Forget []cache.Key
	// Stanza renders the message in canonical form with that origin-id. It is called once.
	Stanza func(originID string) ([]byte, error)
}

// Queued is a message that is in the outbox, durably.
type Queued struct {
	Seq      int64 // the sender's order
	Chat     jid.JID
	OriginID string
	Route    string
	Sent     bool // the server has it

	// Of a message that was just put: what it is in the history, without the stanza, and the
	// message that it changed, if it did. Zero after Open.
	Record  cache.Message
	Changed *cache.Message
}

// item is one message in the outbox, or on its way into it.
type item struct {
	chat   jid.JID
	size   int
	sent   bool
	stanza []byte // nil when it has to be read again
}

// Outbox queues messages. Its methods may be called from many goroutines.
type Outbox struct {
	store Store
	self  jid.JID
	cfg   Config

	mu sync.Mutex
	// Under mu.
	items   map[string]*item
	waiting int   // items that are not sent
	bytes   int64 // their stanzas
	memory  int64 // stanzas at hand
	sent    []string
	notes   notes
}

// Open reads what an earlier run left and returns it in the sender's order, to be handed to client/path. self is the user's bare
// address.
func Open(ctx context.Context, s Store, self jid.JID, cfg Config) (*Outbox, []Queued, error) {
	if !self.IsBare() {
		return nil, nil, fmt.Errorf("%w: account %q is not a bare address", ErrInvalid, self)
	}
	o := &Outbox{store: s, self: self, cfg: cfg.withDefaults(), items: map[string]*item{}}
	o.notes.changed = sync.NewCond(&o.mu)
	var left []Queued
	for after := int64(0); ; {
		page, err := s.Outbox(ctx, after)
		if err != nil {
			return nil, nil, fmt.Errorf("read the outbox: %w", err)
		}
		if len(page) == 0 {
			return o, left, nil
		}
		for i := range page {
			r := &page[i]
			after = r.Seq
			o.hold(r.OriginID, &item{chat: r.Chat, size: len(r.Stanza), sent: r.Sent, stanza: r.Stanza})
			left = append(left, Queued{Seq: r.Seq, Chat: r.Chat, OriginID: r.OriginID, Route: r.Route, Sent: r.Sent})
		}
	}
}

// NewID makes an origin-id that nobody can guess.
func NewID() string { return strings.ToLower(rand.Text()) }

// hold counts an item in.
func (o *Outbox) hold(id string, it *item) {
	o.items[id] = it
	if o.memory+int64(it.size) > o.cfg.MemoryBytes {
		it.stanza = nil
	} else {
		o.memory += int64(it.size)
	}
	if it.sent {
		o.sent = append(o.sent, id)
		return
	}
	o.waiting++
	o.bytes += int64(it.size)
}

// release counts an item out.
func (o *Outbox) release(id string, it *item) {
	delete(o.items, id)
	if it.stanza != nil {
		o.memory -= int64(it.size)
	}
	if !it.sent {
		o.waiting--
		o.bytes -= int64(it.size)
	}
}

// Put makes a message durable and then calls done from the cache's goroutine, in the order of the calls to Put; done must return
// quickly. When Put itself returns an error (ErrFull, ErrTooBig, ErrIDUsed, ErrInvalid, or one of the cache's), nothing was kept and
// done is not called.
func (o *Outbox) Put(m Message, done func(Queued, error)) error {
	id := m.OriginID
	if id == "" {
		id = NewID()
	}
	if len(id) > MaxIDBytes {
		return fmt.Errorf("%w: an id of %d bytes, %d allowed", ErrInvalid, len(id), MaxIDBytes)
	}
	if !m.Chat.IsBare() {
		return fmt.Errorf("%w: %q is not a bare address", ErrInvalid, m.Chat)
	}
	switch m.Route {
	case "", "auto", "direct", "server":
	default:
		return fmt.Errorf("%w: there is no route %q; use auto, direct or server", ErrInvalid, m.Route)
	}
	stanza, err := m.Stanza(id)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(stanza) > o.cfg.MessageBytes {
		return fmt.Errorf("%w: %d bytes, %d allowed", ErrTooBig, len(stanza), o.cfg.MessageBytes)
	}
	it := &item{chat: m.Chat, size: len(stanza), stanza: stanza}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.items[id] != nil {
		return fmt.Errorf("%w: %q", ErrIDUsed, id)
	}
	if o.waiting >= o.cfg.Messages || o.bytes+int64(it.size) > o.cfg.Bytes {
		return fmt.Errorf("%w: %d messages of %d bytes", ErrFull, o.waiting, o.bytes)
	}
	o.hold(id, it)
	record := cache.Message{
		Chat: m.Chat, Sender: o.self, From: m.From, OriginID: id, Direction: cache.Out, State: cache.StateQueued,
		Time: m.Time, Body: m.Body, Kind: m.Kind, Target: m.Target, ReplyTo: m.ReplyTo, ReplyFrom: m.ReplyFrom, Quote: m.Quote,
	}
	added := record
	added.Stanza = stanza
	err = o.store.Commit(cache.Batch{
		Add:     []cache.Message{added},
		Enqueue: []cache.OutboxRecord{{Chat: m.Chat, OriginID: id, Route: m.Route, Created: m.Time, Stanza: stanza}},
		Forget:  m.Forget,
	}, func(r cache.Result, err error) {
		if err != nil {
			o.mu.Lock()
			o.release(id, it)
			o.mu.Unlock()
			if errors.Is(err, cache.ErrExists) {
				err = fmt.Errorf("%w: %q", ErrIDUsed, id)
			}
			done(Queued{Chat: m.Chat, OriginID: id, Route: m.Route}, err)
			return
		}
		record.ID, record.Time = r.Added[0].ID, cache.Stamp(m.Time)
		done(Queued{Seq: r.Enqueued[0], Chat: m.Chat, OriginID: id, Route: m.Route, Record: record, Changed: r.Added[0].Changed}, nil)
	})
	if err != nil {
		o.release(id, it)
		if errors.Is(err, cache.ErrInvalid) {
			err = fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return err
}

// Stanza returns the canonical bytes of a message, which must not be changed: from memory where possible, else from the outbox's record, else
// from the history. ErrUnknown when it is nowhere.
func (o *Outbox) Stanza(ctx context.Context, originID string) ([]byte, error) {
	o.mu.Lock()
	if it := o.items[originID]; it != nil && it.stanza != nil {
		defer o.mu.Unlock()
		return it.stanza, nil
	}
	o.mu.Unlock()
	r, err := o.store.OutboxRecord(ctx, originID)
	if err == nil {
		return r.Stanza, nil
	}
	if !errors.Is(err, cache.ErrNotFound) {
		return nil, err
	}
	m, err := o.store.Message(ctx, o.self, originID)
	if errors.Is(err, cache.ErrNotFound) || err == nil && len(m.Stanza) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, originID)
	}
	return m.Stanza, err
}

// Size tells how much waits to be sent, and how many messages the server has without the peer's confirmation.
func (o *Outbox) Size() (waiting int, bytes int64, unconfirmed int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting, o.bytes, len(o.items) - o.waiting
}
