package deliver

import (
	"context"

	"godwit/bus"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
)

// nsJingle is the namespace of introductions (XEP-0166).
const nsJingle = "urn:xmpp:jingle:1"

// iq answers a request or passes it on (RFC 6120 §10.3.3, RFC 6121 §8.5).
func (p *Pipeline) iq(ctx context.Context, l *Line, ev stream.Event, st *stanza.Stanza) {
	owner := l.Session.Owner()
	request := st.Type == stanza.Get || st.Type == stanza.Set
	switch {
	case st.To.IsFull():
		p.passIQ(ctx, l, ev, st)
		return
	case !request:
		if st.To == p.cfg.Domain {
			p.cfg.Answer(l.Session, st)
		}
		l.handled(p.cfg.Commits, ev)
		return
	}
	r := &handler.Request{Session: l.Session, IQ: st, Account: owner}
	switch {
	case st.To.IsZero() || st.To == owner:
		r.Target = handler.Self
	case st.To == p.cfg.Domain:
		r.Target = handler.Server
	default:
		r.Target, r.Account = handler.Other, st.To
	}
	if r.Target == handler.Other {
		switch blocked, err := p.cfg.Accounts.Blocks(ctx, r.Account, st.From); {
		case err != nil:
			p.cfg.Log.Error("a blocklist could not be read", "account", r.Account.String(), "error", err)
			p.refuse(l, ev, st, stanza.ErrInternalServerError())
			return
		case blocked:
			p.refuse(l, ev, st, stanza.ErrServiceUnavailable())
			return
		}
	}
	reply := p.cfg.Handlers.Answer(ctx, r)
	if reply.IsError() {
		p.Counters.Refused.Add(1)
	}
	l.then(p.cfg.Commits, store.Batch{}, func(_ store.Result, _ error, inline bool) {
		p.toSession(l.Session, reply.WithTo(l.Session.JID), inline)
		l.in.Handled(ev.Seq)
		r.Answered()
	})
}

// passIQ takes a request or an answer to one resource. An introduction passes only by policy.
func (p *Pipeline) passIQ(ctx context.Context, l *Line, ev stream.Event, st *stanza.Stanza) {
	owner := st.To.Bare()
	if st.Type == stanza.Set && st.HasNS(nsJingle) && owner != l.Session.Owner() {
		if bad := p.cfg.Introduce.Allow(ctx, st.From, st.To); bad != nil {
			p.refuse(l, ev, st, bad)
			return
		}
	}
	l.then(p.cfg.Commits, store.Batch{}, func(_ store.Result, _ error, inline bool) {
		p.send(bus.Envelope{Owner: owner, Stanza: st, Inline: inline})
		l.in.Handled(ev.Seq)
	})
}
