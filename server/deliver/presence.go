package deliver

import (
	"godwit/server/subscription"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
)

// presence takes what a session says about itself, or to one address (RFC 6121 §4), or about a subscription (RFC 6121 §3).
func (p *Pipeline) presence(l *Line, ev stream.Event, st *stanza.Stanza) {
	st = Sanitise(st, p.cfg.Domain)
	l.then(p.cfg.Commits, store.Batch{}, func(_ store.Result, _ error, inline bool) {
		if subscription.IsSubscription(st.Type) && st.To.Local() != "" {
			// Acknowledged once the new state of the subscription is on disk.
			p.cfg.Accounts.Subscription(l.Session, st, inline, func(bad *stanza.Error) {
				if bad != nil {
					p.Counters.Refused.Add(1)
					p.bounce(l.Session, st, bad, false)
				}
				l.in.Handled(ev.Seq)
			})
			return
		}
		if bad := p.applyPresence(l, st, inline); bad != nil {
			p.Counters.Refused.Add(1)
			p.bounce(l.Session, st, bad, inline)
		}
		l.in.Handled(ev.Seq)
	})
}

func (p *Pipeline) applyPresence(l *Line, st *stanza.Stanza, inline bool) *stanza.Error {
	switch {
	case subscription.IsSubscription(st.Type): // to nobody, or to the server
		return stanza.ErrBadRequest()
	case st.To.IsZero() || st.To == l.Session.Owner():
		return p.cfg.Accounts.Broadcast(l.Session, st, inline)
	case st.To.Local() == "": // to the server itself: nobody there is interested
		return nil
	}
	p.cfg.Accounts.Direct(l.Session, st, inline)
	return nil
}
