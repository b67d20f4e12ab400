package client

import (
	"context"
	"errors"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/xep/chatstates"
)

// Errors of a client's methods, matched with errors.Is; errors of packages
// cache, outbox and stream come through as well.
var (
	// ErrClosed: the client was closed, or Run has returned.
	ErrClosed = errors.New("client: closed")
	// ErrOffline: what was asked needs the server, and there is no connection.
	ErrOffline = errors.New("client: not connected to the server")
	// ErrRunning: Run was called a second time.
	ErrRunning = errors.New("client: running already")
)

// Client is one account on this device. Make it with New. All methods may be
// called from many goroutines, also before Run, which they then wait for.
type Client struct{}

// New checks a configuration and makes a client. Nothing happens until Run.
func New(cfg Config) (*Client, error) { panic("unwritten") }

// Run signs in, and again after every interruption, until ctx ends or Close is
// called, or until trying again would not help: the password is refused, or the
// server cannot be trusted. It returns nil after Close, the context's error, or
// the reason. Every event has been put into Events when it returns, and Events is
// closed once they are read. The outbox is kept.
func (c *Client) Run(ctx context.Context) error { panic("unwritten") }

// Close signs out politely: contacts see the user leave, what is queued is
// flushed for a moment, direct links are closed. It returns when Run has.
func (c *Client) Close() error { panic("unwritten") }

// Events is where everything is told, in order. The application must read it:
// while more than Limits.Events wait, the client stops reading from the network.
func (c *Client) Events() <-chan Event { panic("unwritten") }

// JID is the full address while the client is signed in, else the account's.
func (c *Client) JID() jid.JID { panic("unwritten") }

// NetworkChanged is a hint that the device's network changed: a connection is
// tried, or the one there is proven, at once.
func (c *Client) NetworkChanged() { panic("unwritten") }

// Outgoing is a message to send.
type Outgoing struct {
	To   jid.JID // whom; a resource part is ignored
	Body string
	// ID becomes its origin-id (XEP-0359). It must never have been used before;
	// "" makes one.
	ID string
	// Route for this message alone; "" means the chat's.
	Route path.Route
}

// Send makes a message durable in the outbox and returns its id. From there on
// it is sent, and sent again, until somebody has taken responsibility: Sent,
// Delivered or Failed tell. It works without a connection.
func (c *Client) Send(ctx context.Context, m Outgoing) (id string, err error) { panic("unwritten") }

// SetChatState tells the other side of a chat what the user does (XEP-0085). It
// is never queued: without a path it is dropped.
func (c *Client) SetChatState(ctx context.Context, to jid.JID, s chatstates.State) error {
	panic("unwritten")
}

// Subscribe adds a contact: the user asks to see their presence and lets them see
// the user's.
func (c *Client) Subscribe(ctx context.Context, contact jid.JID, name string, groups ...string) error {
	panic("unwritten")
}

// Accept lets a contact see the user's presence, and asks for theirs.
func (c *Client) Accept(ctx context.Context, contact jid.JID) error { panic("unwritten") }

// Decline refuses a request, or takes back that it was accepted.
func (c *Client) Decline(ctx context.Context, contact jid.JID) error { panic("unwritten") }

// Unsubscribe removes a contact, with the subscriptions in both directions (RFC
// 6121 §2.5).
func (c *Client) Unsubscribe(ctx context.Context, contact jid.JID) error { panic("unwritten") }

// Rename sets what the user calls a contact, and the groups it is in.
func (c *Client) Rename(ctx context.Context, contact jid.JID, name string, groups ...string) error {
	panic("unwritten")
}

// SetPresence tells contacts how available the user is. Without a connection it is
// told at the next sign-in.
func (c *Client) SetPresence(ctx context.Context, p Presence) error { panic("unwritten") }

// Roster returns the contacts, in the order of their addresses; without a
// connection as they were last.
func (c *Client) Roster(ctx context.Context) ([]Contact, error) { panic("unwritten") }

// Presences returns the devices of contacts that are online.
func (c *Client) Presences(ctx context.Context) ([]PresenceChanged, error) { panic("unwritten") }

// History returns a page of a chat from the cache; more tells whether there is more.
func (c *Client) History(ctx context.Context, q cache.HistoryQuery) (page []cache.Message, more bool, err error) {
	panic("unwritten")
}

// Links returns the direct links there are, or that are being built.
func (c *Client) Links(ctx context.Context) ([]LinkInfo, error) { panic("unwritten") }

// SetRoute chooses how messages of a chat go, for the zero address of all chats
// without a choice of their own; "" takes a chat's choice back. It is kept.
func (c *Client) SetRoute(ctx context.Context, chat jid.JID, r path.Route) error { panic("unwritten") }

// SetShare chooses who may learn this device's addresses. It is kept. Direct links
// that it no longer permits are closed.
func (c *Client) SetShare(ctx context.Context, s Share) error { panic("unwritten") }

// SetDeposit chooses whether messages that go directly are put into the server's
// archive, where the user's other devices find them. It is kept.
func (c *Client) SetDeposit(ctx context.Context, on bool) error { panic("unwritten") }
