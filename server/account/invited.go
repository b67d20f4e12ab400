package account

import (
	"context"
	"fmt"
	"net/netip"

	"godwit/jid"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/xep/pars"
)

// Proof is how the client of a session signed in last, and where from. A session that goes on over another connection counts as what that
// one proved. It waits for the account and must not be called by an account's writer.
func (r *Registry) Proof(s *Session) (m sasl.Mechanism, from netip.Addr) {
	r.call(s.owner.owner, func(*Account) { m, from = s.peer.Mechanism, s.peer.Remote.Addr() })
	return m, from
}

// Befriend makes two accounts of this domain each other's contacts, who see each other's presence, without asking either: both have said so by
// an invitation that was given and used (XEP-0401 §4.5). It waits for the accounts and must not be called by an account's writer.
func (r *Registry) Befriend(a, b jid.JID) error {
	for _, pair := range [][2]jid.JID{{a, b}, {b, a}} {
		owner, contact := pair[0], pair[1]
		var bad *stanza.Error
		r.call(owner, func(acc *Account) { bad = acc.befriend(contact) })
		if bad != nil {
			return fmt.Errorf("account: %s could not be made a contact of %s: %w", contact, owner, bad)
		}
	}
	return nil
}

func (a *Account) befriend(contact jid.JID) *stanza.Error {
	if !a.loadRoster() {
		return stanza.ErrInternalServerError()
	}
	it := a.copyItem(contact)
	state := stateOf(&it)
	if state.To && state.From {
		return nil
	}
	told := state.From
	state.To, state.From, state.PendingIn, state.PendingOut = true, true, false, false
	if bad := a.applyState(it, state, nil); bad != nil {
		return bad
	}
	for _, s := range a.sessions {
		if s.available && !told {
			a.emit(s.presence.WithTo(contact))
		}
	}
	return nil
}

// invited approves a subscription request beforehand that brings an invitation of the account's (XEP-0379 §3.5), so that nobody is
// asked, and reports whether it did; the account then asks in return. A token that is none is ignored. The roster is loaded.
func (a *Account) invited(st *stanza.Stanza) bool {
	check := a.registry.cfg.Invited
	if check == nil || st.Type != stanza.Subscribe {
		return false
	}
	n, ok := st.Child(pars.NS, "preauth")
	if !ok {
		return false
	}
	contact := st.From.Bare()
	p, err := pars.Parse(n)
	if err != nil || contact == a.owner || stateOf(a.roster.items[contact]).From || !check(context.Background(), a.owner, p.Token) {
		return false
	}
	return a.answerInvited(stanza.Subscribed, contact)
}

// answerInvited sends a subscription stanza to somebody who was invited.
func (a *Account) answerInvited(kind string, contact jid.JID) bool {
	bad := a.subscriptionOut(stanza.Build(stanza.Presence, kind, contact, a.owner, "", nil))
	if bad != nil {
		a.log().Warn("an invitation could not be followed", "contact", contact.String(), "error", bad)
	}
	return bad == nil
}
