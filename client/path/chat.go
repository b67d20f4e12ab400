package path

import (
	"time"

	"godwit/jid"
)

// Chat decides for one peer. It is a pure value: no clock, goroutine or I/O. Each input takes the time and returns what to do;
// the returned slice is valid until the next call. One goroutine owns it.
type Chat struct {
	cfg Config
}

// NewChat returns a chat with no path, route Auto, and a peer that is not known to send receipts.
func NewChat(cfg Config) *Chat { panic("unwritten") }

// Add takes a new message, which is durable in the outbox. route "" means the chat's.
func (c *Chat) Add(now time.Time, id string, route Route) []Effect { panic("unwritten") }

// Restore takes a message from the outbox of an earlier run, in the order of the outbox and before anything else. sent says that
// the server had acknowledged it.
func (c *Chat) Restore(now time.Time, id string, route Route, sent bool) []Effect { panic("unwritten") }

// SetRoute changes the chat's route.
func (c *Chat) SetRoute(now time.Time, r Route) []Effect { panic("unwritten") }

// SetReceipts tells whether the peer's clients confirm messages (XEP-0184). Without, the server's acknowledgement settles a message.
func (c *Chat) SetReceipts(now time.Time, on bool) []Effect { panic("unwritten") }

// ServerUp tells that the stream to the server is ready. resumed: the session before went on (XEP-0198 §5), so that what was
// handed over and not acknowledged is sent again by the stream itself.
func (c *Chat) ServerUp(now time.Time, resumed bool) []Effect { panic("unwritten") }

// ServerDown tells that the stream to the server broke.
func (c *Chat) ServerDown(now time.Time) []Effect { panic("unwritten") }

// ServerAcked tells that the server has taken responsibility for a message (XEP-0198).
func (c *Chat) ServerAcked(now time.Time, id string) []Effect { panic("unwritten") }

// Receipt tells that a device of the peer confirmed a message that reached it through the server (XEP-0184).
func (c *Chat) Receipt(now time.Time, id string, device jid.JID) []Effect { panic("unwritten") }

// Refuse tells that a message came back with an error.
func (c *Chat) Refuse(now time.Time, id, reason string) []Effect { panic("unwritten") }

// LinkUp tells of a new link.
func (c *Chat) LinkUp(now time.Time, l Link) []Effect { panic("unwritten") }

// LinkDown tells that a link is gone.
func (c *Chat) LinkDown(now time.Time, id LinkID) []Effect { panic("unwritten") }

// LinkAcked tells that the other end of a link acknowledged everything up to and including the message id; "" when it answered a probe
// and no message is newly acknowledged.
func (c *Chat) LinkAcked(now time.Time, link LinkID, id string) []Effect { panic("unwritten") }

// PeerActive tells which device the peer last wrote from, so that it is preferred among several links.
func (c *Chat) PeerActive(now time.Time, device jid.JID) []Effect { panic("unwritten") }

// Wake lets time pass. It is due at Next.
func (c *Chat) Wake(now time.Time) []Effect { panic("unwritten") }

// Next returns when Wake is due, or the zero time.
func (c *Chat) Next() time.Time { panic("unwritten") }

// Mode tells what carries new messages, and over which link.
func (c *Chat) Mode() (Mode, LinkID) { panic("unwritten") }

// Quick appends to dst where to send what needs no order and no guarantee, such as chat states and receipts: one path, or two while
// trust is in doubt; 0 is the server. Nothing is appended when nothing can carry it.
func (c *Chat) Quick(dst []LinkID) []LinkID { panic("unwritten") }

// Idle reports whether the chat could be forgotten without loss: nothing outstanding, no link, route Auto.
func (c *Chat) Idle() bool { panic("unwritten") }
