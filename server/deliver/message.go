package deliver

import (
	"context"
	"errors"
	"time"

	"godwit/bus"
	"godwit/server/account"
	"godwit/server/route"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
)

// message is the life of one message on the server. st's from is the sender's full JID.
func (p *Pipeline) message(ctx context.Context, l *Line, ev stream.Event, st *stanza.Stanza) {
	// Authorise: it is for somebody who is here.
	if st.To.IsZero() {
		st = st.WithTo(l.Session.Owner()) // RFC 6121 §8.1.1.1
	}
	if st.To.Local() == "" {
		p.refuse(l, ev, st, stanza.ErrServiceUnavailable())
		return
	}
	sender, recipient := l.Session.Owner(), st.To.Bare()
	if recipient != sender {
		switch exists, err := p.cfg.Accounts.Exists(ctx, recipient); {
		case err != nil:
			p.cfg.Log.Error("an account could not be looked up", "account", recipient.String(), "error", err)
			p.refuse(l, ev, st, stanza.ErrInternalServerError())
			return
		case !exists && route.Message(st.Type, route.Target{Full: st.To.IsFull()}) == route.Refuse:
			p.refuse(l, ev, st, stanza.ErrServiceUnavailable())
			return
		case !exists:
			l.handled(p.cfg.Commits, ev)
			return
		}
	}

	// Block: the recipient wants nothing of this sender, and nothing of it is kept anywhere (XEP-0191 §3.3).
	switch blocked, err := p.cfg.Accounts.Blocks(ctx, recipient, st.From); {
	case err != nil:
		p.cfg.Log.Error("a blocklist could not be read", "account", recipient.String(), "error", err)
		p.refuse(l, ev, st, stanza.ErrInternalServerError())
		return
	case blocked:
		p.refuse(l, ev, st, stanza.ErrServiceUnavailable())
		return
	}

	// Strip what only the server may say.
	st = Sanitise(st, p.cfg.Domain)

	// Plan what has to be on disk.
	keepable := account.Keepable(st)
	todo := makePlan(facts{
		keepable:      keepable,
		toSelf:        recipient == sender,
		senderKeeps:   archivable(st, keepable) && p.cfg.Archiver.Wants(ctx, sender, recipient),
		receiverKeeps: archivable(st, keepable) && p.cfg.Archiver.Wants(ctx, recipient, sender),
		reachable:     p.cfg.Accounts.Reachable(recipient) > 0,
		text:          st.Has("jabber:client", "body"),
		acknowledged:  l.in.Managed(),
	})
	batch := p.batch(st, todo)
	if len(batch.Archive)+len(batch.Inbox) > 0 {
		p.Counters.Stored.Add(1)
	}

	// Store; then acknowledge, route and copy.
	l.then(p.cfg.Commits, batch, func(r store.Result, err error, inline bool) {
		if err != nil {
			p.Counters.Refused.Add(1)
			p.bounce(l.Session, st, p.storeError(st, err), inline)
			l.in.Handled(ev.Seq)
			return
		}
		l.in.Handled(ev.Seq)
		p.stored(l, st, todo, r, inline)
	})
}

// batch is what the plan writes. The recipient's archive comes first.
func (p *Pipeline) batch(st *stanza.Stanza, todo plan) store.Batch {
	if todo == (plan{}) {
		return store.Batch{}
	}
	var b store.Batch
	now, raw, origin := time.Now(), st.Append(nil, ""), originID(st)
	sender, recipient := st.From.Bare(), st.To.Bare()
	if todo.receiverArchive {
		b.Archive = append(b.Archive, store.ArchiveEntry{Owner: recipient, With: st.From, Time: now, Sender: sender, OriginID: origin, Stanza: raw})
	}
	if todo.senderArchive {
		b.Archive = append(b.Archive, store.ArchiveEntry{Owner: sender, With: st.To, Time: now, Sender: sender, OriginID: origin, Stanza: raw})
	}
	if todo.inbox {
		add := p.cfg.Accounts.InboxAdd(st, now)
		if todo.receiverArchive {
			add.IfNew = 1
		}
		b.Inbox = append(b.Inbox, add)
	}
	return b
}

// stored goes on with a message that is on disk, as far as it had to be.
func (p *Pipeline) stored(l *Line, st *stanza.Stanza, todo plan, r store.Result, inline bool) {
	recipient := st.To.Bare()
	out, own, archives := st, st, r.Archive
	if todo.receiverArchive {
		entry := archives[0]
		archives = archives[1:]
		if entry.Duplicate && entry.ID > p.cfg.Started {
			// The sender handed the message over again because our acknowledgement did not reach it. It is delivered, or in the inbox.
			// After a restart nobody knows whether it was delivered; then it goes out again, and the ids let clients drop it.
			p.Counters.Duplicates.Add(1)
			return
		}
		out = account.StampID(st, recipient, entry.ID)
	}
	if todo.senderArchive {
		own = account.StampID(st, st.From.Bare(), archives[0].ID)
	} else if todo.receiverArchive && recipient == st.From.Bare() {
		own = out
	}
	var inbox int64
	if todo.inbox {
		inbox = r.Inbox[0]
	}
	p.send(bus.Envelope{Owner: recipient, Stanza: out, Inbox: inbox, Archived: todo.receiverArchive, Inline: inline})
	if recipient != st.From.Bare() {
		p.cfg.Accounts.CopySent(l.Session, own, inline)
	}
}

// storeError is what the sender of a message is told when it could not be stored.
func (p *Pipeline) storeError(st *stanza.Stanza, err error) *stanza.Error {
	switch {
	case errors.Is(err, store.ErrQuota): // XEP-0160 §3: the recipient's inbox is full
		return stanza.ErrServiceUnavailable().WithText("the recipient's inbox is full")
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrFull), errors.Is(err, store.ErrClosed):
		return stanza.ErrResourceConstraint()
	case errors.Is(err, store.ErrInvalid):
		return stanza.ErrBadRequest()
	}
	p.cfg.Log.Error("a message could not be stored", "from", st.From.String(), "to", st.To.String(), "error", err)
	return stanza.ErrInternalServerError()
}

// maxOriginID bounds the ids that take part in telling duplicates; longer ones are nobody's honest id.
const maxOriginID = 256

// originID is the id the sender gave the message (XEP-0359 §3.1), or "".
func originID(st *stanza.Stanza) string {
	n, ok := st.Child("urn:xmpp:sid:0", "origin-id")
	if !ok {
		return ""
	}
	if id := n.Attr("id"); len(id) <= maxOriginID {
		return id
	}
	return ""
}
