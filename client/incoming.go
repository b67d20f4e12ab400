package client

import (
	"errors"
	"fmt"
	"time"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/stanza"
	"godwit/xep/archive"
	"godwit/xep/carbons"
	"godwit/xep/pubsub"
	"godwit/xep/retraction"
)

// inbox holds messages from the server that came while a page of the archive is
// being read: older ones may be on their way, and each sender's order is kept by
// dealing with these afterwards. They are not acknowledged meanwhile, so no more are
// held than come during one page.
type inbox struct {
	held  []heldMessage
	bytes int
}

type heldMessage struct {
	stanza *stanza.Stanza
	ticket *ticket
}

// Bounds of what is held.
const (
	maxHeld      = 256
	maxHeldBytes = 256 << 10
	maxHeldEarly = 4096 // before it is known whether there is an archive
)

func (i *inbox) full() bool { return len(i.held) >= maxHeld || i.bytes >= maxHeldBytes }

func (k *core) trust() *trust {
	return &trust{self: k.self, server: k.server(), stanzaIDs: k.features.stanzaIDs, now: time.Now()}
}

// handleMessage takes a message from the server's stream. Its ticket is done when
// it is durable, or needs not be.
func (k *core) handleMessage(s *stanza.Stanza, t *ticket) {
	if n, ok := s.Child(archive.NS, "result"); ok {
		k.archiveResult(s.From, n, t)
		return
	}
	if s.Has(pubsub.EventNS, "event") && s.Body() == "" {
		k.handleNotice(s)
		t.done()
		return
	}
	if k.catch.holding() && ordered(s) {
		k.noteArrival(s)
		k.inbox.held = append(k.inbox.held, heldMessage{s, t})
		k.inbox.bytes += s.Size()
		t.release() // the archive comes behind it
		if k.inbox.full() && k.features.known {
			k.returnHeld()
			k.catch.again = true
		}
		if k.inbox.full() && k.features.known || len(k.inbox.held) > maxHeldEarly {
			k.log.Warn("reading the archive takes long; new messages are shown before it is read")
			k.releaseHeld()
		}
		return
	}
	k.process(s, t)
}

// ordered reports whether a message must be told in its sender's order: what is said,
// and copies of that. Receipts, chat states and errors need not wait.
func ordered(s *stanza.Stanza) bool {
	if s.Type == stanza.ErrorType {
		return false
	}
	return s.Body() != "" || s.HasNS(carbons.NS) || s.HasNS(retraction.NS)
}

// releaseHeld deals with what was held.
func (k *core) releaseHeld() {
	k.catch.release()
	held := k.inbox.held
	k.inbox = inbox{}
	for _, h := range held {
		k.process(h.stanza, h.ticket)
	}
}

// inArchive reports whether a message from the server is in the account's archive.
func (k *core) inArchive(s *stanza.Stanza) bool {
	t := k.trust()
	if r, isCopy, ok := unwrapCopy(s, t); isCopy {
		return ok && r.entry != ""
	}
	return archiveID(s, t) != ""
}

// returnHeld lets go of what the next pages will bring anyway, in its place: it is
// acknowledged without being dealt with, since the position in the archive is before
// it.
func (k *core) returnHeld() {
	held := k.inbox.held
	k.inbox = inbox{}
	for _, h := range held {
		if k.inArchive(h.stanza) {
			h.ticket.done()
			continue
		}
		k.inbox.held = append(k.inbox.held, h)
		k.inbox.bytes += h.stanza.Size()
	}
}

// process deals with a message in its turn.
func (k *core) process(s *stanza.Stanza, t *ticket) {
	known := k.trust()
	r, isCopy, ok := unwrapCopy(s, known)
	switch {
	case isCopy && !ok:
		k.log.Warn("a forged or unreadable copy of a message was dropped", "from", s.From.String())
		t.done()
		return
	case !isCopy && s.Type == stanza.ErrorType:
		k.bounced(s)
		t.done()
		return
	case !isCopy:
		r = describeMessage(s, known, live)
	}
	k.take(r, t)
}

// noteArrival notes that somebody talks to the user, before the message is dealt
// with: an offer of a direct link may follow it closely.
func (k *core) noteArrival(s *stanza.Stanza) {
	if s.Type != stanza.ErrorType && s.Body() != "" && !s.From.IsZero() {
		k.noteChat(s.From.Bare(), false)
	}
}

// take deals with one message, however it came.
func (k *core) take(r received, t *ticket) {
	k.takeReceipt(&r)
	k.takeMarker(&r)
	k.takeChatState(&r)
	if !r.showable() {
		t.done()
		return
	}
	if (r.source == live || r.source == direct) && !r.own {
		k.paths.Do(time.Now(), r.chat, func(c *path.Chat) []path.Effect { return c.PeerActive(time.Now(), r.from) }, k.apply)
	}
	if r.source != archived || !r.backlog { // what came while the user was away is a conversation too
		k.noteChat(r.chat, false)
		if !r.own && r.source != copied && r.source != archived {
			k.links.chats[r.chat].device = r.from
		}
	}
	k.keep(r, t)
}

// keep makes a message durable; then it is acknowledged and told.
func (k *core) keep(r received, t *ticket) {
	b := cache.Batch{Add: []cache.Message{r.record(k.self)}, Backfill: r.backlog}
	if p, ok := k.catch.advance(&r, k); ok {
		b.Positions = []cache.Position{p}
	}
	if r.source == direct {
		if d, ok := k.depositOf(&r); ok {
			b.Deposit = []cache.Deposit{d}
		}
	}
	k.commit(b, func(res cache.Result, err error) {
		if err != nil {
			k.notKept(&r, err, t)
			return
		}
		if len(b.Deposit) > 0 {
			k.deposits.queued(k)
		}
		if res.Added[0].New {
			k.told(&r, &b.Add[0], &res.Added[0])
		} else if r.entry != "" {
			k.readLate(r.chat)
		}
		t.done()
		k.confirm(&r)
	})
}

// told tells of a message that is durable, or of what it changed.
func (k *core) told(r *received, m *cache.Message, added *cache.Added) {
	k.chatChanged(r.chat)
	if m.Kind == cache.KindText {
		read := *m
		read.ID = added.ID
		k.readBefore(&read)
		if added.Changed != nil { // by what came before it
			m = added.Changed
		}
		k.emit(r.event(m, added.ID))
		return
	}
	if added.Changed != nil {
		k.emit(Changed{MessageFrom(added.Changed, k.self), r.id()})
	}
}

// notKept deals with a message that could not be made durable. It must not be
// acknowledged, so that it comes again; only one that can never be kept is let go.
func (k *core) notKept(r *received, err error, t *ticket) {
	k.emit(Problem{Err: fmt.Errorf("a message from %s could not be stored: %w", r.from.Bare(), err)})
	if errors.Is(err, cache.ErrInvalid) || errors.Is(err, cache.ErrLimit) {
		t.done()
		return
	}
	t.release()
	if r.source == direct {
		r.link.stream.Abort()
		return
	}
	k.drop(fmt.Errorf("a message could not be stored: %w", err))
}

// commit hands a batch to the cache; done runs on the owner goroutine, in the order
// of commits, and may be nil.
func (k *core) commit(b cache.Batch, done func(cache.Result, error)) {
	if done == nil {
		done = func(_ cache.Result, err error) {
			if err != nil {
				k.log.Error("the cache did not keep something", "error", err)
				k.emit(Problem{Err: err})
			}
		}
	}
	err := k.cfg.Cache.Commit(b, func(r cache.Result, err error) {
		k.box.put(func() { done(r, err) })
	})
	if err != nil {
		k.later(func() { done(cache.Result{}, err) })
	}
}

// bounced takes a message that came back with an error.
func (k *core) bounced(s *stanza.Stanza) {
	if s.ID == "" {
		return
	}
	reason := s.Err().Condition
	k.refusal = reason
	defer func() { k.refusal = "" }()
	if text := s.Err().Text; text != "" {
		reason = clip(text, maxStatus)
	}
	now := time.Now()
	k.paths.Do(now, s.From.Bare(), func(c *path.Chat) []path.Effect { return c.Refuse(now, s.ID, reason) }, k.apply)
}
