package roster

import (
	"slices"
	"strings"

	"godwit/jid"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Namespaces of the query and of the two stream features.
const (
	NS            = "jabber:iq:roster"
	VersioningNS  = "urn:xmpp:features:rosterver"
	PreApprovalNS = "urn:xmpp:features:pre-approval"
)

// Limits on what a client may store (RFC 6121 §2.3.3).
const (
	MaxName   = 1023 // bytes
	MaxGroup  = 1023 // bytes
	MaxGroups = 64   // per item
	maxVer    = 1024 // bytes
)

// Subscription is the state between an account and a contact, as the account
// sees it (RFC 6121 §2.1.2.5).
type Subscription string

// The states. Remove is a request or a push, never a state that lasts.
const (
	None   Subscription = "none"
	To     Subscription = "to"
	From   Subscription = "from"
	Both   Subscription = "both"
	Remove Subscription = "remove"
)

// SeesContact reports whether the account gets the contact's presence.
func (s Subscription) SeesContact() bool { return s == To || s == Both }

// SeenByContact reports whether the contact gets the account's presence.
func (s Subscription) SeenByContact() bool { return s == From || s == Both }

// Item is one contact (RFC 6121 §2.1.2).
type Item struct {
	JID          jid.JID
	Name         string       // what the account calls the contact
	Subscription Subscription // empty counts as none
	Ask          bool         // a request to the contact waits for an answer
	Approved     bool         // a request from the contact will be approved at once
	Groups       []string
}

// Query is <query/> of a request, a result or a push.
type Query struct {
	// Ver is the version held (request) or reached (result, push). It may be
	// empty and there, which asks for versions though none is held; HasVer
	// tells.
	Ver    string
	HasVer bool
	Items  []Item
}

// Parse reads <query/> as a client gets it: any number of items, unknown
// subscriptions taken as none, repeated groups once.
func Parse(n xmlstream.Node) (Query, error) {
	if err := wire.Expect(n, NS, "query"); err != nil {
		return Query{}, err
	}
	var q Query
	if q.Ver, q.HasVer = n.LookupAttr("", "ver"); len(q.Ver) > maxVer {
		return Query{}, wire.NotAcceptable("a roster version may be %d bytes long", maxVer)
	}
	for c := range n.Elements() {
		if c.Name.Space != NS || c.Name.Local != "item" {
			continue
		}
		item, err := parseItem(c)
		if err != nil {
			return Query{}, err
		}
		q.Items = append(q.Items, item)
	}
	return q, nil
}

func parseItem(c xmlstream.Node) (Item, error) {
	v, err := wire.Required(c, "jid")
	if err != nil {
		return Item{}, err
	}
	j, err := wire.Address(v)
	if err != nil {
		return Item{}, err
	}
	approved, err := wire.Bool(c, "approved")
	if err != nil {
		return Item{}, err
	}
	item := Item{
		JID:          j,
		Name:         c.Attr("name"),
		Subscription: Subscription(c.Attr("subscription")),
		Ask:          c.Attr("ask") == "subscribe",
		Approved:     approved,
	}
	switch item.Subscription {
	case None, To, From, Both, Remove:
	default:
		item.Subscription = None
	}
	var seen map[string]bool // only for those with more groups than a person makes
	for g := range c.Elements() {
		if g.Name.Space != NS || g.Name.Local != "group" {
			continue
		}
		name := g.InnerText()
		if seen == nil && len(item.Groups) > 8 {
			seen = make(map[string]bool)
			for _, have := range item.Groups {
				seen[have] = true
			}
		}
		if seen == nil && slices.Contains(item.Groups, name) || seen[name] {
			continue
		}
		if seen != nil {
			seen[name] = true
		}
		item.Groups = append(item.Groups, name)
	}
	return item, nil
}

// ParseSet reads a client's roster set and holds it to RFC 6121 §2.3.3 and
// §2.1.5: exactly one item, a bare address, no group twice, names and groups
// within limits. Of subscription only remove is kept, and ask and approved
// are dropped, since a client cannot set them.
func ParseSet(n xmlstream.Node) (Item, error) {
	if err := wire.Expect(n, NS, "query"); err != nil {
		return Item{}, err
	}
	c, err := wire.Only(n, NS)
	if err != nil {
		return Item{}, err
	}
	if err := wire.Expect(c, NS, "item"); err != nil {
		return Item{}, err
	}
	v, err := wire.Required(c, "jid")
	if err != nil {
		return Item{}, err
	}
	j, err := wire.Address(v)
	if err != nil {
		return Item{}, err
	}
	if j.IsFull() {
		return Item{}, wire.Bad("a roster holds bare addresses, not %s", wire.Quote(v))
	}
	item := Item{JID: j, Name: strings.Clone(c.Attr("name"))} // stored, unlike the request around it
	if c.Attr("subscription") == string(Remove) {
		return Item{JID: j, Subscription: Remove}, nil
	}
	if len(item.Name) > MaxName {
		return Item{}, wire.NotAcceptable("a contact's name may be %d bytes long", MaxName)
	}
	item.Groups, err = setGroups(c)
	return item, err
}

func setGroups(c xmlstream.Node) ([]string, error) {
	var groups []string
	for g := range c.Elements() {
		if g.Name.Space != NS || g.Name.Local != "group" {
			continue
		}
		name := g.InnerText()
		switch {
		case name == "":
			return nil, wire.NotAcceptable("a group needs a name")
		case len(name) > MaxGroup:
			return nil, wire.NotAcceptable("the name of a group may be %d bytes long", MaxGroup)
		case slices.Contains(groups, name):
			return nil, wire.Bad("group %s is there twice", wire.Quote(name))
		case len(groups) == MaxGroups:
			return nil, wire.NotAcceptable("a contact may be in %d groups", MaxGroups)
		}
		groups = append(groups, strings.Clone(name))
	}
	return groups, nil
}

// Encode writes <query/>.
func (q Query) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "query")
	if q.HasVer || q.Ver != "" {
		e.Attr("ver", q.Ver)
	}
	for i := range q.Items {
		q.Items[i].Encode(e)
	}
	e.End()
}

// Encode writes <item/> alone, for one who writes the query around it.
func (i Item) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "item")
	e.Attr("jid", i.JID.String())
	wire.OptionalAttr(e, "name", i.Name)
	wire.OptionalAttr(e, "subscription", string(i.Subscription))
	if i.Ask {
		e.Attr("ask", "subscribe")
	}
	if i.Approved {
		e.Attr("approved", "true")
	}
	for _, g := range i.Groups {
		e.Leaf(NS, "group", g)
	}
	e.End()
}

// Versioning is the stream feature <ver/> (RFC 6121 §2.6.1).
type Versioning struct{}

// Encode writes <ver/>.
func (Versioning) Encode(e *xmlstream.Encoder) { wire.Empty(e, VersioningNS, "ver") }

// PreApproval is the stream feature <sub/> (RFC 6121 §3.4).
type PreApproval struct{}

// Encode writes <sub/>.
func (PreApproval) Encode(e *xmlstream.Encoder) { wire.Empty(e, PreApprovalNS, "sub") }
