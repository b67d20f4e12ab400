package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"godwit/client/cache"
	"godwit/client/outbox"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
)

// Errors of a client's methods, matched with errors.Is; errors of packages
// cache, outbox, stanza and stream come through as well.
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
type Client struct {
	core    *core
	box     *mailbox
	events  *eventQueue
	started atomic.Bool
	done    chan struct{} // closed when Run has returned
	full    atomic.Pointer[jid.JID]
}

// New checks a configuration and makes a client. Nothing happens until Run.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{box: newMailbox(), events: newEventQueue(cfg.Limits.Events), done: make(chan struct{})}
	c.core = newCore(cfg, c.box, c.events)
	c.core.onAddress = func(j jid.JID) { c.full.Store(&j) }
	c.core.onAddress(cfg.JID.Bare())
	return c, nil
}

// Run signs in, and again after every interruption, until ctx ends or Close is
// called, or until trying again would not help: the password is refused, or the
// server cannot be trusted. It returns nil after Close, the context's error, or
// the reason. Every event has been queued for Events when it returns; Events is
// closed once they are read. The outbox is kept.
func (c *Client) Run(ctx context.Context) error {
	if c.started.Swap(true) {
		return ErrRunning
	}
	defer close(c.done)
	go c.events.pump()
	return c.core.run(ctx)
}

// Close signs out politely: contacts see the user leave, what is queued is
// flushed for a moment, direct links are closed. It returns when Run has.
func (c *Client) Close() error {
	if !c.started.Load() {
		return nil
	}
	c.box.put(func() { c.core.quit(nil) })
	<-c.done
	return nil
}

// Done is closed when Run has returned.
func (c *Client) Done() <-chan struct{} { return c.done }

// Events is where everything is told, in order. The application must read it:
// while more than Limits.Events wait, the client stops reading from the network.
func (c *Client) Events() <-chan Event { return c.events.out }

// JID is the full address of the session there is, or was last; before the first
// sign-in the account's.
func (c *Client) JID() jid.JID { return *c.full.Load() }

// NetworkChanged is a hint that the device's network changed: a connection is
// tried, or the one there is proven, at once.
func (c *Client) NetworkChanged() { c.box.put(func() { c.core.networkChanged() }) }

// ask runs f on the owner goroutine and waits until it has called done, which it
// may do later.
func (c *Client) ask(ctx context.Context, f func(k *core, done func(error))) error {
	answer := make(chan error, 1)
	ok := c.box.put(func() {
		if c.core.leaving {
			answer <- ErrClosed
			return
		}
		f(c.core, func(err error) { answer <- err })
	})
	if !ok {
		return ErrClosed
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
	}
	select {
	case err := <-answer:
		return err
	default:
		return ErrClosed
	}
}

// call is ask for what is done at once.
func (c *Client) call(ctx context.Context, f func(k *core) error) error {
	return c.ask(ctx, func(k *core, done func(error)) { done(f(k)) })
}

// Send makes a message durable in the outbox and returns its id. From there on
// it is sent, and sent again, until somebody has taken responsibility: Sent,
// Delivered or Failed tell. It works without a connection.
func (c *Client) Send(ctx context.Context, m Outgoing) (id string, err error) {
	err = c.ask(ctx, func(k *core, done func(error)) {
		k.put(m, func(made string, err error) {
			id = made
			done(err)
		})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// NewID makes an id for a message that nobody can guess.
func NewID() string { return outbox.NewID() }

// Post is Send without waiting. Messages posted one after another by one goroutine
// keep that order. done is told the outcome once, on the client's goroutine: it must
// not wait, nor call the client. When Post returns an error, done is not called.
func (c *Client) Post(m Outgoing, done func(id string, err error)) error {
	ok := c.box.put(func() {
		if c.core.leaving {
			done("", ErrClosed)
			return
		}
		c.core.put(m, done)
	})
	if !ok {
		return ErrClosed
	}
	return nil
}

// SetPresence tells contacts how available the user is. Without a connection it is
// told at the next sign-in.
func (c *Client) SetPresence(ctx context.Context, p Presence) error {
	if err := p.check(); err != nil {
		return err
	}
	return c.call(ctx, func(k *core) error {
		k.presence, k.activity = p, time.Now()
		k.sendOwnPresence()
		return nil
	})
}

// Roster returns the contacts, in the order of their addresses; without a
// connection as they were last.
func (c *Client) Roster(ctx context.Context) (contacts []Contact, err error) {
	err = c.call(ctx, func(k *core) error {
		contacts = k.roster.sorted()
		return nil
	})
	return contacts, err
}

// Presences returns the devices of contacts that are online.
func (c *Client) Presences(ctx context.Context) (online []PresenceChanged, err error) {
	err = c.call(ctx, func(k *core) error {
		for bare := range k.people.people {
			for _, d := range k.people.devices(bare) {
				online = append(online, k.presenceOf(d))
			}
		}
		slices.SortFunc(online, func(a, b PresenceChanged) int { return cmp.Compare(a.From.String(), b.From.String()) })
		return nil
	})
	return online, err
}

// History returns a page of a chat from the cache alone; more tells whether there is more.
// Page also reads the server's archive.
func (c *Client) History(ctx context.Context, q cache.HistoryQuery) (page []cache.Message, more bool, err error) {
	return c.core.cfg.Cache.Messages(ctx, q)
}

// Links returns the direct links there are, or that are being built.
func (c *Client) Links(ctx context.Context) (all []LinkInfo, err error) {
	err = c.call(ctx, func(k *core) error {
		for _, l := range k.links.open {
			all = append(all, k.infoOf(l))
		}
		for key, s := range k.links.sessions {
			if !s.opened {
				all = append(all, LinkInfo{Peer: key.Peer, State: LinkConnecting, Since: s.since})
			}
		}
		slices.SortFunc(all, func(a, b LinkInfo) int {
			return cmp.Or(cmp.Compare(a.Peer.String(), b.Peer.String()), a.Since.Compare(b.Since))
		})
		return nil
	})
	return all, err
}

// SetRoute chooses how messages of a chat go, for the zero address of all chats
// without a choice of their own; "" takes a chat's choice back. It is kept.
func (c *Client) SetRoute(ctx context.Context, chat jid.JID, r path.Route) error {
	chat = chat.Bare()
	if !r.Valid() && (r != "" || chat.IsZero()) {
		return fmt.Errorf("%w: no route %q; there are auto, direct and server", ErrInvalid, r)
	}
	return c.ask(ctx, func(k *core, done func(error)) {
		k.setRoute(chat, r)
		k.keepSetting(chat, cache.SettingRoute, string(r), k.chosen(chat, cache.SettingRoute, string(r), done))
	})
}

func (k *core) setRoute(chat jid.JID, r path.Route) {
	switch {
	case chat.IsZero():
		k.choices.route = r
	case r == "":
		delete(k.choices.routes, chat)
	default:
		k.choices.routes[chat] = r
	}
	now := time.Now()
	for bare := range k.links.chats {
		if _, ok := k.paths.Chat(bare); ok && (chat.IsZero() || bare == chat) {
			k.paths.Do(now, bare, func(c *path.Chat) []path.Effect { return c.SetRoute(now, k.choices.routeOf(bare)) }, k.apply)
		}
	}
	k.permitAll()
	k.introduceAll()
}

// SetShare chooses who may learn this device's addresses. It is kept. Direct links
// that it no longer permits are closed.
func (c *Client) SetShare(ctx context.Context, s Share) error {
	if !s.Valid() {
		return fmt.Errorf("%w: no address sharing %q; there are contacts, chats and never", ErrInvalid, s)
	}
	return c.ask(ctx, func(k *core, done func(error)) {
		k.setShare(s)
		k.keepSetting(jid.JID{}, cache.SettingShare, string(s), k.chosen(jid.JID{}, cache.SettingShare, string(s), done))
	})
}

func (k *core) setShare(s Share) {
	k.choices.share = s
	k.permitAll()
	k.sendOwnPresence() // what this client announces has changed
	k.introduceAll()
}

// SetDeposit chooses whether messages that go directly are put into the server's
// archive, where the user's other devices find them. It is kept.
func (c *Client) SetDeposit(ctx context.Context, on bool) error {
	value := "off"
	if on {
		value = "on"
	}
	return c.ask(ctx, func(k *core, done func(error)) {
		k.choices.deposit = on
		k.keepSetting(jid.JID{}, cache.SettingDeposit, value, k.chosen(jid.JID{}, cache.SettingDeposit, value, done))
	})
}

// sayGoodbye tells contacts that the user leaves.
func (k *core) sayGoodbye() {
	if k.online() && k.catch.present {
		k.sendPresence(stanza.Unavailable, jid.JID{})
	}
}
