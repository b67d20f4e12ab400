// Package disco tells what the server, and each account on it, can do (XEP-0030). The features are those of the rooms that are there: the
// composition of the server lists them once, here.
package disco

import (
	"context"

	"godwit/jid"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/xep/caps"
	"godwit/xep/dataform"
	"godwit/xep/disco"
	"godwit/xmlstream"
)

// Node is the URI by which the server names itself in capabilities (XEP-0115).
const Node = "https://godwit.invalid/server"

// Features are what is announced, sorted or not.
type Features struct {
	Server  []string // of the domain
	Account []string // of every account, to its owner
	// Identities the domain has besides that of a server, and forms that describe it (XEP-0128).
	Identities []disco.Identity
	Forms      []dataform.Form
}

// Contacts tells who may learn about whom; *account.Registry does.
type Contacts interface {
	Contact(owner, who jid.JID) (account.Contact, error)
}

// Room answers discovery requests.
type Room struct {
	server, account disco.Info
	contacts        Contacts
	caps            caps.Caps
}

// New returns the room.
func New(f Features, name string, contacts Contacts) (*Room, error) {
	r := &Room{
		server:   disco.Info{Identities: append([]disco.Identity{{Category: "server", Type: "im", Name: name}}, f.Identities...), Features: f.Server, Forms: f.Forms},
		account:  disco.Info{Identities: []disco.Identity{{Category: "account", Type: "registered"}}, Features: f.Account},
		contacts: contacts,
	}
	ver, err := caps.Compute(r.server, caps.SHA1)
	if err != nil {
		return nil, err
	}
	r.caps = caps.Caps{Node: Node, Hash: caps.SHA1, Ver: ver}
	return r, nil
}

// Caps are the server's capabilities, as announced among the stream features (XEP-0115 §6.3).
func (room *Room) Caps() caps.Caps { return room.caps }

// Register adds the handlers of this room.
func (room *Room) Register(t *handler.Table) {
	t.Register(disco.InfoNS, "query", stanza.Get, handler.Server|handler.Self|handler.Other, room.info)
	t.Register(disco.ItemsNS, "query", stanza.Get, handler.Server|handler.Self|handler.Other, room.items)
}

func (room *Room) info(_ context.Context, r *handler.Request) (handler.Answer, error) {
	q, err := disco.ParseInfo(r.Payload)
	if err != nil {
		return nil, err
	}
	answer := room.server
	switch r.Target {
	case handler.Self:
		answer = room.account
	case handler.Other:
		if err := room.mayKnow(r); err != nil {
			return nil, err
		}
		// What the account can do is its owner's business; that it exists is known to a contact (RFC 6121 §8.5.1, XEP-0030 §7).
		answer = disco.Info{Identities: room.account.Identities, Features: []string{disco.InfoNS, disco.ItemsNS}}
	}
	switch {
	case q.Node == "":
	case r.Target == handler.Server && q.Node == room.caps.Query():
		answer.Node = q.Node
	default:
		return nil, stanza.ErrItemNotFound()
	}
	return answer.Encode, nil
}

func (room *Room) items(_ context.Context, r *handler.Request) (handler.Answer, error) {
	q, err := disco.ParseItems(r.Payload)
	if err != nil {
		return nil, err
	}
	if r.Target == handler.Other {
		if err := room.mayKnow(r); err != nil {
			return nil, err
		}
	}
	if q.Node != "" {
		return nil, stanza.ErrItemNotFound()
	}
	return func(e *xmlstream.Encoder) { disco.Items{}.Encode(e) }, nil
}

// mayKnow lets only those ask about an account who see its presence.
func (room *Room) mayKnow(r *handler.Request) error {
	c, err := room.contacts.Contact(r.Account, r.Session.Owner())
	if err != nil {
		return err
	}
	if !c.From {
		return stanza.ErrServiceUnavailable()
	}
	return nil
}
