package client

import (
	"context"
	"fmt"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/pars"
	rosterxep "godwit/xep/roster"
	"godwit/xmlstream"
)

// maxAsking bounds the strangers whose requests are told in one session; the
// server keeps the others.
const maxAsking = 100

// handleSubscription takes a presence about subscriptions (RFC 6121 §3). What has
// changed by it comes as a roster push; only a request needs the user.
func (k *core) handleSubscription(s *stanza.Stanza) {
	from := s.From.Bare()
	if s.Type != stanza.Subscribe || from == k.self || from.IsZero() {
		return
	}
	contact, known := k.roster.contacts[from]
	switch {
	case known && contact.Subscription.SeenByContact():
		k.sendPresence(stanza.Subscribed, from) // answered before, RFC 6121 §3.1.3
	case known && (contact.Asked || contact.Subscription.SeesContact()):
		// The user asked for this contact, so the contact may see the user.
		k.sendPresence(stanza.Subscribed, from)
	default:
		if k.people.asking(from) {
			k.emit(SubscriptionAsked{From: from, Status: clip(s.Text("status"), maxStatus)})
		}
	}
}

func (k *core) sendPresence(typ string, to jid.JID) {
	k.send(stanza.Build(stanza.Presence, typ, to, jid.JID{}, newID(), nil))
}

// checkContact makes sure that an address can be a contact.
func (k *core) checkContact(j jid.JID) (jid.JID, error) {
	j = j.Bare()
	if j.IsZero() || j == k.self {
		return j, fmt.Errorf("%w: %q cannot be a contact", ErrInvalid, j)
	}
	return j, nil
}

// subscribe asks for a contact and accepts it in advance. token is that of an invitation
// (XEP-0379), or "".
func (k *core) subscribe(j jid.JID, name string, groups []string, token string) error {
	j, err := k.checkContact(j)
	if err != nil {
		return err
	}
	if !k.online() {
		return ErrOffline
	}
	contact, known := k.roster.contacts[j]
	if name != "" || len(groups) > 0 || !known {
		k.setItem(rosterxep.Item{JID: j, Name: name, Groups: groups}, func(error) {})
	}
	if k.features.approval && !contact.Subscription.SeenByContact() {
		k.sendPresence(stanza.Subscribed, j) // RFC 6121 §3.4: in advance
	}
	switch {
	case contact.Subscription.SeesContact():
	case token == "":
		k.sendPresence(stanza.Subscribe, j)
	default:
		k.send(stanza.Build(stanza.Presence, stanza.Subscribe, j, jid.JID{}, newID(), pars.Preauth{Token: token}.Encode))
	}
	return nil
}

// accept grants a request and asks for the same in return.
func (k *core) accept(j jid.JID) error {
	j, err := k.checkContact(j)
	if err != nil {
		return err
	}
	if !k.online() {
		return ErrOffline
	}
	k.sendPresence(stanza.Subscribed, j)
	k.people.answered(j)
	if c := k.roster.contacts[j]; !c.Subscription.SeesContact() && !c.Asked {
		k.sendPresence(stanza.Subscribe, j)
	}
	return nil
}

func (k *core) decline(j jid.JID) error {
	j, err := k.checkContact(j)
	if err != nil {
		return err
	}
	if !k.online() {
		return ErrOffline
	}
	k.people.answered(j)
	k.sendPresence(stanza.Unsubscribed, j)
	return nil
}

// setItem changes a contact on the server (RFC 6121 §2.3, §2.5).
func (k *core) setItem(item rosterxep.Item, done func(error)) {
	query := func(e *xmlstream.Encoder) { rosterxep.Query{Items: []rosterxep.Item{item}}.Encode(e) }
	k.request(k.self, stanza.Set, query, func(_ *stanza.Stanza, err error) { done(err) })
}

// Subscribe adds a contact: the user asks to see their presence and lets them see
// the user's.
func (c *Client) Subscribe(ctx context.Context, contact jid.JID, name string, groups ...string) error {
	return c.call(ctx, func(k *core) error { return k.subscribe(contact, name, groups, "") })
}

// Accept lets a contact see the user's presence, and asks for theirs.
func (c *Client) Accept(ctx context.Context, contact jid.JID) error {
	return c.call(ctx, func(k *core) error { return k.accept(contact) })
}

// Decline refuses a request, or takes back that it was accepted.
func (c *Client) Decline(ctx context.Context, contact jid.JID) error {
	return c.call(ctx, func(k *core) error { return k.decline(contact) })
}

// Unsubscribe removes a contact, with the subscriptions in both directions (RFC
// 6121 §2.5).
func (c *Client) Unsubscribe(ctx context.Context, contact jid.JID) error {
	return c.ask(ctx, func(k *core, done func(error)) {
		j, err := k.checkContact(contact)
		if err != nil {
			done(err)
			return
		}
		k.setItem(rosterxep.Item{JID: j, Subscription: rosterxep.Remove}, done)
	})
}

// Rename sets what the user calls a contact, and the groups it is in.
func (c *Client) Rename(ctx context.Context, contact jid.JID, name string, groups ...string) error {
	return c.ask(ctx, func(k *core, done func(error)) {
		j, err := k.checkContact(contact)
		if err != nil {
			done(err)
			return
		}
		k.setItem(rosterxep.Item{JID: j, Name: name, Groups: groups}, done)
	})
}
