// Package bus hands a stanza to the node that owns an account.
//
// On one machine that node is this one (bus/local). With several, each account is owned by one node at a time, so that its state keeps a
// single writer wherever the account lives. Only the contract stands here: no sessions, no storage and no protocol.
package bus

import (
	"errors"

	"godwit/jid"
	"godwit/stanza"
)

// Envelope is a stanza on its way to an account.
type Envelope struct {
	// Owner is the bare address of the account the stanza is for.
	Owner jid.JID
	// Stanza is the stanza as the account's resources will see it. Its to is Owner or one of Owner's resources.
	Stanza *stanza.Stanza
	// Inbox is the id under which the owner's inbox holds the message until it is delivered; 0 when the inbox does not hold it.
	Inbox int64
	// Archived tells whether the owner's archive holds the message.
	Archived bool
	// Node, if not empty, makes the stanza a notice of that node of its sender's (XEP-0163): it is for those of Owner's resources that follow it.
	Node string
	// Inline allows the receiver to work on the caller's goroutine. The store's goroutine must not, because it would wait for itself.
	Inline bool
}

// Handler takes an envelope for an account this node owns. It must not wait for the account's clients.
type Handler func(Envelope)

// Bus hands over envelopes. Envelopes that one goroutine sends to one owner arrive in the order sent. Safe for concurrent use.
type Bus interface {
	// Send hands over one envelope. An error means that it went nowhere.
	Send(Envelope) error
	// Close stops handing over; Send then fails with ErrClosed.
	Close() error
}

// ErrClosed is the answer of a bus after Close.
var ErrClosed = errors.New("bus: closed")
