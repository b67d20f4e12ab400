package account

import (
	"context"
	"strconv"

	"godwit/jid"
	"godwit/server/subscription"
	"godwit/stanza"
	"godwit/store"
)

// FormatVersion writes a roster version as it goes over the wire (RFC 6121 §2.6); clients must treat it as opaque.
func FormatVersion(v uint64) string { return strconv.FormatUint(v, 10) }

// Subscription applies a subscription stanza that a session sent (RFC 6121 §3, appendix A.2). done gets what is wrong with it, or nil once
// the new state is stored; it must not wait. inline as in [bus.Envelope].
func (r *Registry) Subscription(s *Session, st *stanza.Stanza, inline bool, done func(*stanza.Error)) {
	r.do(s.owner.owner, inline, func(a *Account) { done(a.subscriptionOut(st)) })
}

func (a *Account) subscriptionOut(st *stanza.Stanza) *stanza.Error {
	contact := st.To.Bare()
	if contact == a.owner {
		return nil // nobody subscribes to oneself: all own resources see each other anyway
	}
	if !a.loadRoster() {
		return stanza.ErrInternalServerError()
	}
	it := a.copyItem(contact)
	before := stateOf(&it)
	o := subscription.Outbound(before, st.Type)
	if o.Changed(before) {
		if bad := a.applyState(it, o.Next, nil); bad != nil {
			return bad
		}
	}
	if o.Forward { // RFC 6121 §3.1.2: from the bare address, whatever resource asked
		a.emit(st.WithFrom(a.owner).WithTo(contact))
	}
	a.afterChange(contact, o)
	return nil
}

// subscriptionIn applies a subscription stanza from a contact (RFC 6121 §3, appendix A.3).
func (a *Account) subscriptionIn(st *stanza.Stanza) {
	if !a.loadRoster() {
		return
	}
	contact := st.From.Bare()
	if a.invited(st) {
		defer a.answerInvited(stanza.Subscribe, contact)
	}
	it := a.copyItem(contact)
	before := stateOf(&it)
	o := subscription.Inbound(before, st.Type)
	if o.Changed(before) {
		var request []byte
		if o.Next.PendingIn {
			request = a.request(st)
		}
		if bad := a.applyState(it, o.Next, request); bad != nil {
			if st.Type == stanza.Subscribe {
				a.emit(st.ErrorReply(bad))
			}
			return
		}
	}
	if o.Forward {
		a.toAvailable(st.WithTo(a.owner), st.Type == stanza.Subscribe)
	}
	if o.Reply != "" {
		a.emit(stanza.Build(stanza.Presence, o.Reply, contact, a.owner, "", nil))
	}
	a.afterChange(contact, o)
	if st.Type == stanza.Unsubscribed && before.To { // RFC 6121 §3.2.3: what we showed of the contact is over
		a.log().Debug("a contact withdrew its presence", "contact", contact.String())
	}
}

// maxRequest bounds what is kept of an unanswered request, in bytes.
const maxRequest = 4 << 10

// request is a request as it is kept until it is answered: as it came (RFC 6121 §3.1.3), unless it is so large that many of them would be a
// burden; then only who asked.
func (a *Account) request(st *stanza.Stanza) []byte {
	if raw := st.WithTo(a.owner).Append(nil, ""); len(raw) <= maxRequest {
		return raw
	}
	return stanza.Build(stanza.Presence, stanza.Subscribe, a.owner, st.From, "", nil).Append(nil, "")
}

// toAvailable hands a subscription stanza to the resources that deal with such things: those that asked for the roster, or, for a request, to
// any available one (RFC 6121 §3.1.3).
func (a *Account) toAvailable(st *stanza.Stanza, request bool) {
	for _, s := range a.sessions {
		if s.interested || request && s.available {
			s.send(st, 0)
		}
	}
}

// afterChange sends what a new state entitles the contact to.
func (a *Account) afterChange(contact jid.JID, o subscription.Outcome) {
	if o.SendUnavailable {
		a.sendUnavailable(contact)
	}
	if o.SendPresence {
		for _, s := range a.sessions {
			if s.available {
				a.emit(s.presence.WithTo(contact))
			}
		}
	}
}

func (a *Account) sendUnavailable(contact jid.JID) {
	for _, s := range a.sessions {
		if s.available {
			a.emit(stanza.Build(stanza.Presence, stanza.Unavailable, contact, s.JID, "", nil))
		}
	}
}

// applyState stores a new subscription state. request is the stanza to keep while it waits for an answer; nil keeps the one there is.
func (a *Account) applyState(it store.RosterItem, next subscription.State, request []byte) *stanza.Error {
	it.Subscription = store.Subscription(next.Subscription())
	it.Ask, it.PendingIn, it.Approved = next.PendingOut, next.PendingIn, next.Approved
	if request != nil {
		it.Request = request
	}
	if !next.PendingIn {
		it.Request = nil
	}
	if next.InRoster() {
		it.Hidden = false
	}
	if it.Hidden && !next.PendingIn { // nothing is left to remember
		_, known := a.roster.items[it.JID]
		delete(a.roster.items, it.JID)
		if !known {
			return nil
		}
		if _, err := a.registry.cfg.Rosters.Delete(context.Background(), a.owner, it.JID); err != nil {
			return a.storeError("a subscription request could not be forgotten", err)
		}
		return nil
	}
	old := a.roster.items[it.JID]
	unseen := old != nil && old.Hidden == it.Hidden && old.Subscription == it.Subscription && old.Ask == it.Ask && old.Approved == it.Approved
	return a.putItem(context.Background(), it, unseen) // that a contact asks is not pushed (RFC 6121 §3.1.3)
}

// redeliverRequests hands unanswered subscription requests to a session that just became available (RFC 6121 §3.1.3).
func (a *Account) redeliverRequests(s *Session) {
	for contact, it := range a.roster.items {
		if !it.PendingIn || a.blocks(contact) {
			continue
		}
		st, err := ParseStored(it.Request)
		if err != nil {
			a.log().Error("a stored subscription request is damaged", "contact", contact.String(), "error", err)
			st = stanza.Build(stanza.Presence, stanza.Subscribe, a.owner, contact, "", nil)
		}
		s.send(st, 0)
	}
}
