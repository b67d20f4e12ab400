package path

import (
	"time"

	"godwit/jid"
)

// Set holds all chats of an account and wakes those that are due. It is pure like Chat and owned by the same goroutine.
type Set struct {
	cfg Config
}

// NewSet returns a set without chats.
func NewSet(cfg Config) *Set { panic("unwritten") }

// Do runs f on the chat with peer (a bare address), creating it if needed, and passes its effects to apply. All inputs go through here, so
// that the set knows when each chat is due.
func (s *Set) Do(peer jid.JID, f func(*Chat) []Effect, apply func(peer jid.JID, e Effect)) { panic("unwritten") }

// All runs f on every chat, as for ServerUp and ServerDown.
func (s *Set) All(f func(*Chat) []Effect, apply func(peer jid.JID, e Effect)) { panic("unwritten") }

// Wake wakes every chat that is due.
func (s *Set) Wake(now time.Time, apply func(peer jid.JID, e Effect)) { panic("unwritten") }

// Next returns when Wake is due, or the zero time.
func (s *Set) Next() time.Time { panic("unwritten") }

// Chat returns the chat with peer if there is one, for reading.
func (s *Set) Chat(peer jid.JID) (*Chat, bool) { panic("unwritten") }
