package cache

import (
	"context"
	"strconv"
	"strings"
	"time"

	"godwit/jid"
)

// Direction tells who wrote a message.
type Direction uint8

// The two directions.
const (
	In  Direction = 1 // somebody wrote to the user
	Out Direction = 2 // the user wrote it, on this device or another
)

// State is how far a message has come. It only ever rises, except that a failed one may still turn out to be delivered.
type State uint8

// States of a message. An incoming one is always StateReceived.
const (
	StateQueued    State = 1 // in the outbox
	StateSent      State = 2 // a path has taken responsibility: the server, or the peer's client
	StateFailed    State = 3 // refused; Message.Error says why
	StateDelivered State = 4 // the peer's client has it
	StateReceived  State = 5 // incoming
	StateRead      State = 6 // the other side has read it
)

// Message is one message of the history.
type Message struct {
	// ID is given by the cache, rising in the order of commits. Ignored when adding.
	ID int64
	// Chat is the bare address of the other side; it is never the user's own except for notes to self.
	Chat jid.JID
	// Sender is the author's bare address, verified by the caller. With OriginID it is the first key.
	Sender jid.JID
	// From is the author's address as seen, usually full.
	From jid.JID
	// OriginID is the id the author's client gave (XEP-0359 §4), or "".
	OriginID string
	// Name is the id attribute where that is not the same as OriginID, else "". Other messages refer to a message by it: replies,
	// corrections, receipts, markers. It is no key, since nobody keeps authors from using one twice. See Ref.
	Name string
	// Archive and StanzaID are the second key: the archive's bare address and the id it gave (XEP-0359 §3); both or neither.
	Archive  jid.JID
	StanzaID string
	// Direction of the message.
	Direction Direction
	// State of the message.
	State State
	// Route is "direct", "relay" or "server" once known, else "".
	Route string
	// Time is when it was written as far as is known: when it was sent, its delay stamp, or when it came.
	Time time.Time
	// Body is its text, as it is searched and listed; may be empty.
	Body string
	// Stanza is the whole message in canonical form.
	Stanza []byte
	// Error is why it failed.
	Error string

	// Kind says whether it is something said, or changes something said.
	Kind Kind
	// Target is, for one that changes another, that one's Ref or OriginID. Author and chat of the two are the same.
	Target string

	// ReplyTo is the Ref or OriginID of the message in the same chat that it answers (XEP-0461), or "".
	ReplyTo string
	// ReplyFrom is the bare address of that message's author as the reply tells, or zero.
	ReplyFrom jid.JID
	// Quote is the quotation that stood before Body for clients that know no replies; it includes the line break.
	Quote string

	// Edited is when it was edited last, zero for never. Body is then the newest text, Original the first.
	Edited   time.Time
	Original string
	// Retracted is when its author took it back, zero for never. All text is gone then, and Stanza is nil. It is set for the edits of
	// what was retracted as well.
	Retracted time.Time
}

// Ref is the id by which other messages refer to m.
func (m *Message) Ref() string {
	if m.Name != "" {
		return m.Name
	}
	return m.OriginID
}

// HistoryQuery asks for a part of one chat, or of all.
type HistoryQuery struct {
	Chat   jid.JID // bare; zero means all chats
	Before Cursor  // only messages that stand before; zero means no bound
	After  Cursor  // only messages that stand after; zero means no bound
	// Max is the most to return; 0 or more than MaxHistoryPage means MaxHistoryPage.
	Max int
	// Forward takes the oldest that match; otherwise the newest are taken. The page is in ascending order either way.
	Forward bool
}

// Cursor is a place in the history, which is ordered by time and, at equal times, by ID.
type Cursor struct {
	Time time.Time
	ID   int64
}

// IsZero reports whether the cursor is no place.
func (c Cursor) IsZero() bool { return c.ID == 0 && c.Time.IsZero() }

// Before reports whether c stands before d.
func (c Cursor) Before(d Cursor) bool {
	if !c.Time.Equal(d.Time) {
		return c.Time.Before(d.Time)
	}
	return c.ID < d.ID
}

// String gives the cursor as a text without meaning to others; ParseCursor reads it.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return strconv.FormatInt(c.Time.UnixMicro(), 36) + "." + strconv.FormatInt(c.ID, 36)
}

// ParseCursor reads what String gave; "" is the zero cursor.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	at, id, ok := strings.Cut(s, ".")
	us, err := strconv.ParseInt(at, 36, 64)
	n, err2 := strconv.ParseInt(id, 36, 64)
	if !ok || err != nil || err2 != nil {
		return Cursor{}, invalid("cursor %q", s)
	}
	return Cursor{Time: time.UnixMicro(us).UTC(), ID: n}, nil
}

// Place is where m stands.
func (m *Message) Place() Cursor { return Cursor{Time: m.Time, ID: m.ID} }

// MaxHistoryPage is the most messages one page holds.
const MaxHistoryPage = 500

// History reads what was said. Adding goes through [Committer].
type History interface {
	// Messages returns one page of what was said (KindText, also what was retracted). more is set when there were more in that
	// direction.
	Messages(ctx context.Context, q HistoryQuery) (page []Message, more bool, err error)
	// Message returns the one message with that first key, or ErrNotFound.
	Message(ctx context.Context, sender jid.JID, originID string) (Message, error)
	// MessageByStanzaID returns the one message with that second key, or ErrNotFound.
	MessageByStanzaID(ctx context.Context, archive jid.JID, stanzaID string) (Message, error)
	// Find returns what an author means by an id in a chat: the message of any kind with that OriginID, else the newest one (by
	// place) with that Name, or ErrNotFound.
	Find(ctx context.Context, chat, sender jid.JID, id string) (Message, error)
	// Changes returns the messages that change the one an author means by an id in a chat, in the order of their places: at most
	// MaxChanges, the newest. Unknown messages have none.
	Changes(ctx context.Context, chat, sender jid.JID, id string) ([]Message, error)
	// Search returns one page of what was said and holds the words, the newest first. more is set when there were more.
	Search(ctx context.Context, q SearchQuery) (page []Message, more bool, err error)
	// DeleteMessages removes up to batch messages older than before (0: no bound on the number), never those still in the
	// outbox. Their keys stay.
	DeleteMessages(ctx context.Context, before time.Time, batch int) (removed int, err error)
	// PruneSeen forgets keys that were last seen before the time and belong to no message in the history.
	PruneSeen(ctx context.Context, before time.Time) (removed int, err error)
}
