package client

import (
	"cmp"
	"context"
	"slices"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/stanza"
	rosterxep "godwit/xep/roster"
	"godwit/xmlstream"
)

// contactList is the roster as the server last told (RFC 6121 §2). The cache has
// a copy with the same version.
type contactList struct {
	contacts map[jid.JID]Contact
	version  string
	loaded   bool // in this session
}

func (l *contactList) init() { l.contacts = map[jid.JID]Contact{} }

// sees reports whether a contact, by its bare address, sees the user's presence.
func (l *contactList) sees(j jid.JID) bool {
	c, ok := l.contacts[j]
	return ok && c.Subscription.SeenByContact()
}

// seen reports whether the user sees the presence of a bare address.
func (l *contactList) seen(j jid.JID) bool {
	c, ok := l.contacts[j]
	return ok && c.Subscription.SeesContact()
}

// mutual reports whether both see each other.
func (l *contactList) mutual(j jid.JID) bool {
	c, ok := l.contacts[j]
	return ok && c.Mutual()
}

// sorted lists the contacts in the order of their addresses.
func (l *contactList) sorted() []Contact {
	out := make([]Contact, 0, len(l.contacts))
	for _, c := range l.contacts {
		c.Groups = slices.Clone(c.Groups)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Contact) int { return cmp.Compare(a.JID.String(), b.JID.String()) })
	return out
}

// loadRoster takes what the cache remembers.
func (k *core) loadRoster(ctx context.Context) error {
	items, version, err := k.cfg.Cache.Roster(ctx)
	if err != nil {
		return err
	}
	k.roster.version = version
	for _, i := range items {
		k.roster.contacts[i.JID] = Contact{JID: i.JID, Name: i.Name, Groups: i.Groups, Asked: i.Ask, Approved: i.Approved,
			Subscription: rosterxep.Subscription(i.Subscription)}
	}
	return nil
}

// requestRoster asks for the contacts, or for what changed (RFC 6121 §2.6).
func (k *core) requestRoster() {
	k.roster.loaded = false
	q := rosterxep.Query{}
	if k.features.versions {
		q.HasVer, q.Ver = true, k.roster.version
	}
	k.request(k.self, stanza.Get, q.Encode, k.inSession(k.rosterLoaded))
}

func (k *core) rosterLoaded(s *stanza.Stanza, err error) {
	if err != nil {
		k.log.Warn("the roster could not be loaded", "error", err)
		return
	}
	if n, ok := s.Child(rosterxep.NS, "query"); ok {
		q, err := rosterxep.Parse(n)
		if err != nil {
			k.log.Warn("the roster is unreadable", "error", err)
			return
		}
		k.replaceRoster(q)
	}
	k.roster.loaded = true
	k.emit(RosterLoaded{Contacts: k.roster.sorted()})
	k.permitAll()
}

func (k *core) replaceRoster(q rosterxep.Query) {
	k.roster.contacts = make(map[jid.JID]Contact, len(q.Items))
	var items []cache.RosterItem
	for _, i := range q.Items {
		if len(items) >= k.cfg.Limits.Contacts {
			k.log.Warn("the roster has more contacts than are kept", "kept", len(items), "sent", len(q.Items))
			break
		}
		c := contactOf(i)
		k.roster.contacts[c.JID] = c
		items = append(items, c.record())
	}
	k.roster.version = q.Ver
	k.disk.do(func() {
		if err := k.cfg.Cache.ReplaceRoster(context.Background(), items, q.Ver); err != nil {
			k.log.Error("the roster was not kept", "error", err)
		}
	})
}

func contactOf(i rosterxep.Item) Contact {
	sub := i.Subscription
	if sub == "" {
		sub = rosterxep.None
	}
	return Contact{JID: i.JID.Bare(), Name: i.Name, Groups: i.Groups, Subscription: sub, Asked: i.Ask, Approved: i.Approved}
}

func (c *Contact) record() cache.RosterItem {
	return cache.RosterItem{JID: c.JID, Name: c.Name, Groups: c.Groups, Ask: c.Asked, Approved: c.Approved,
		Subscription: string(c.Subscription)}
}

// rosterPush takes a change that the server tells. Only the own account may tell
// (RFC 6121 §2.1.6): anybody else would write into the contact list.
func (k *core) rosterPush(from jid.JID, n xmlstream.Node) *stanza.Error {
	if !from.IsZero() && from != k.self && from != k.conn.jid() {
		k.log.Warn("a roster push from somebody else was ignored", "from", from.String())
		return stanza.ErrServiceUnavailable()
	}
	q, err := rosterxep.Parse(n)
	if err != nil || len(q.Items) != 1 {
		return stanza.ErrBadRequest()
	}
	item := q.Items[0]
	contact := contactOf(item)
	if item.Subscription == rosterxep.Remove {
		k.removeContact(contact.JID, q.Ver)
		return nil
	}
	if _, ok := k.roster.contacts[contact.JID]; !ok && len(k.roster.contacts) >= k.cfg.Limits.Contacts {
		return stanza.ErrResourceConstraint()
	}
	k.roster.contacts[contact.JID] = contact
	if q.HasVer {
		k.roster.version = q.Ver
	}
	version := k.roster.version
	k.disk.do(func() {
		if err := k.cfg.Cache.PutRosterItem(context.Background(), contact.record(), version); err != nil {
			k.log.Error("a contact was not kept", "error", err)
		}
	})
	k.emit(ContactChanged{Contact: contact})
	if !contact.Subscription.SeesContact() {
		k.forgetPresence(contact.JID)
	}
	k.permit(contact.JID)
	k.considerIntroduction(contact.JID)
	return nil
}

func (k *core) removeContact(j jid.JID, version string) {
	contact, ok := k.roster.contacts[j]
	if !ok {
		contact = Contact{JID: j}
	}
	delete(k.roster.contacts, j)
	if version != "" {
		k.roster.version = version
	}
	version = k.roster.version
	k.disk.do(func() {
		if err := k.cfg.Cache.DeleteRosterItem(context.Background(), j, version); err != nil {
			k.log.Error("a contact was not removed", "error", err)
		}
	})
	k.forgetPresence(j)
	k.permit(j)
	contact.Subscription = rosterxep.None
	k.emit(ContactChanged{Contact: contact, Removed: true})
}
