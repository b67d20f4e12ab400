package deliver

import (
	"context"
	"log/slog"
	"sync/atomic"

	"godwit/bus"
	"godwit/jid"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/blocking"
)

// Archiver tells whose messages the archive keeps (XEP-0313 §5).
type Archiver interface {
	// Wants reports whether owner's archive keeps messages exchanged with that address.
	Wants(ctx context.Context, owner, with jid.JID) bool
}

// Introducer decides whether one account may offer another a direct path.
type Introducer interface {
	// Allow returns nil, or what the offering client is told.
	Allow(ctx context.Context, from, to jid.JID) *stanza.Error
}

// Config is what a pipeline is made of. All fields are required.
type Config struct {
	Domain    jid.JID
	Accounts  *account.Registry
	Commits   store.Committer
	Archiver  Archiver
	Introduce Introducer
	Handlers  *handler.Table
	Bus       bus.Bus
	// Answer takes the answer to a request the server made of a session.
	Answer func(*account.Session, *stanza.Stanza)
	// Started is the highest archive id there was when the server started.
	Started int64
	Log     *slog.Logger
}

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Messages   atomic.Int64 // taken from clients
	Presences  atomic.Int64
	IQs        atomic.Int64
	Stored     atomic.Int64 // messages written to disk before they were acknowledged
	Duplicates atomic.Int64 // messages handed over twice and delivered once
	Refused    atomic.Int64 // stanzas answered with an error
}

// Pipeline handles what clients send. Safe for concurrent use.
type Pipeline struct {
	cfg      Config
	Counters Counters
}

// New returns a pipeline.
func New(cfg Config) *Pipeline { return &Pipeline{cfg: cfg} }

// Handle takes one stanza of a session. It may wait for the store or for other accounts, never for a client. A non-nil error ends the
// stream.
func (p *Pipeline) Handle(ctx context.Context, l *Line, ev stream.Event) *stream.Error {
	st := ev.Stanza
	if ev.Err != nil {
		p.refuse(l, ev, st.WithFrom(l.Session.JID), ev.Err)
		return nil
	}
	if !st.From.IsZero() && st.From != l.Session.JID && st.From != l.Session.Owner() {
		return stream.Errorf(stream.InvalidFrom, "from must be %s", l.Session.JID) // RFC 6120 §8.1.2.1
	}
	st = st.WithFrom(l.Session.JID)
	if bad := p.ownBlock(ctx, l, st); bad != nil {
		p.refuse(l, ev, st, bad)
		return nil
	}
	if !st.To.IsZero() && st.To.Domain() != p.cfg.Domain.Domain() {
		p.foreign(l, ev, st)
		return nil
	}
	if st.To.Local() != "" {
		p.cfg.Accounts.AwaitRoom(ctx, st.To.Bare())
	}
	switch st.Kind {
	case stanza.Message:
		p.Counters.Messages.Add(1)
		p.message(ctx, l, ev, st)
	case stanza.Presence:
		p.Counters.Presences.Add(1)
		p.presence(l, ev, st)
	case stanza.IQ:
		p.Counters.IQs.Add(1)
		p.iq(ctx, l, ev, st)
	}
	return nil
}

// ownBlock tells a client that it sends to somebody whom its own account has blocked (XEP-0191 §3.3).
func (p *Pipeline) ownBlock(ctx context.Context, l *Line, st *stanza.Stanza) *stanza.Error {
	if st.To.IsZero() {
		return nil
	}
	switch blocked, err := p.cfg.Accounts.Blocks(ctx, l.Session.Owner(), st.To); {
	case err != nil:
		p.cfg.Log.Error("a blocklist could not be read", "account", l.Session.Owner().String(), "error", err)
		return stanza.ErrInternalServerError()
	case blocked:
		return blocking.ErrBlocked()
	}
	return nil
}

// foreign answers for domains this server has no connection to.
func (p *Pipeline) foreign(l *Line, ev stream.Event, st *stanza.Stanza) {
	p.refuse(l, ev, st, stanza.ErrRemoteServerNotFound())
}

// refuse answers a stanza with an error where an answer is allowed (RFC 6120 §8.3.1), and acknowledges it.
func (p *Pipeline) refuse(l *Line, ev stream.Event, st *stanza.Stanza, bad *stanza.Error) {
	p.Counters.Refused.Add(1)
	l.then(p.cfg.Commits, store.Batch{}, func(_ store.Result, _ error, inline bool) {
		p.bounce(l.Session, st, bad, inline)
		l.in.Handled(ev.Seq)
	})
}

// bounce sends an error back to the session that caused it.
func (p *Pipeline) bounce(s *account.Session, st *stanza.Stanza, bad *stanza.Error, inline bool) {
	if st.IsError() || st.Kind == stanza.IQ && st.Type == stanza.Result {
		return
	}
	from := st.To
	if from.IsZero() {
		from = s.Owner()
	}
	p.toSession(s, st.WithTo(from).ErrorReply(bad).WithTo(s.JID), inline)
}

// toSession hands a stanza of the server to one session.
func (p *Pipeline) toSession(s *account.Session, st *stanza.Stanza, inline bool) {
	p.cfg.Accounts.Give(s, st, inline)
}

// Route takes a stanza that already has its addresses to the account it names. It is what accounts use for what they emit themselves. It never
// waits for an account.
func (p *Pipeline) Route(st *stanza.Stanza) {
	if st.To.Domain() != p.cfg.Domain.Domain() || st.To.Local() == "" {
		return // only accounts of this domain can be reached, and the domain itself wants nothing that accounts emit
	}
	p.send(bus.Envelope{Owner: st.To.Bare(), Stanza: st, Inline: st.Kind == stanza.Presence})
}

// Notice takes a notice of a node to the account that may follow it, as Route does.
func (p *Pipeline) Notice(st *stanza.Stanza, node string) {
	if st.To.Domain() == p.cfg.Domain.Domain() && st.To.Local() != "" {
		p.send(bus.Envelope{Owner: st.To.Bare(), Stanza: st, Node: node, Inline: true})
	}
}

func (p *Pipeline) send(e bus.Envelope) {
	if err := p.cfg.Bus.Send(e); err != nil {
		p.cfg.Log.Error("the bus took no stanza", "owner", e.Owner.String(), "error", err)
	}
}
