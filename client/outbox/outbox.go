// Package outbox is the durable queue of one account: what the user sent and nobody has confirmed yet.
package outbox

import (
	"context"
	"errors"
	"time"

	"godwit/client/cache"
	"godwit/jid"
)

// Errors; match with errors.Is.
var (
	// ErrFull: too many messages, or bytes, wait to be sent.
	ErrFull = errors.New("outbox: too many messages wait to be sent")
	// ErrTooBig: the message alone is larger than allowed.
	ErrTooBig = errors.New("outbox: the message is too large")
	// ErrIDUsed: the account has sent another message with that id.
	ErrIDUsed = errors.New("outbox: the id is used already")
	// ErrUnknown: no such message waits.
	ErrUnknown = errors.New("outbox: no such message")
)

// Store is what an outbox needs of the cache.
type Store interface {
	cache.Committer
	cache.Outbox
}

// Config bounds an outbox; zero fields take the defaults.
type Config struct {
	Messages     int   // waiting messages; 10,000
	Bytes        int64 // their stanzas together; 64 MiB
	MessageBytes int   // one stanza; 256 KiB
	Unconfirmed  int   // messages the server has and the peer has not confirmed, oldest forgotten first; 20,000
}

// Message is one to send.
type Message struct {
	Chat     jid.JID // bare
	OriginID string  // "" makes one, see NewID
	Route    string  // for this message alone, or ""
	Time     time.Time
	Body     string
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
}

// Outbox queues messages. Its methods may be called from many goroutines.
type Outbox struct{}

// Open reads what an earlier run left and returns it in the sender's order, so that it can be handed to client/path.
func Open(ctx context.Context, s Store, self jid.JID, cfg Config) (*Outbox, []Queued, error) {
	panic("unwritten")
}

// NewID makes an origin-id.
func NewID() string { panic("unwritten") }

// Put makes a message durable, then calls done from the cache's goroutine, in the order of the calls to Put. An error returned by Put
// itself (ErrFull, ErrTooBig, ErrIDUsed …) means done is not called. extra is committed together with it.
func (o *Outbox) Put(m Message, done func(Queued, error)) error { panic("unwritten") }

// Stanza returns the canonical bytes of a message that is in the outbox, from memory where possible.
func (o *Outbox) Stanza(ctx context.Context, originID string) ([]byte, error) { panic("unwritten") }

// Sent notes that the path acknowledged the message.
func (o *Outbox) Sent(originID, route string) { panic("unwritten") }

// Delivered notes that the peer's client has the message.
func (o *Outbox) Delivered(originID, route string) { panic("unwritten") }

// Failed notes that the message was refused.
func (o *Outbox) Failed(originID, reason string) { panic("unwritten") }

// Settled lets the record go.
func (o *Outbox) Settled(originID string) { panic("unwritten") }
