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
	"godwit/xep/command"
	"godwit/xep/dataform"
	"godwit/xep/disco"
)

// Node is the URI by which the server names itself in capabilities (XEP-0115).
const Node = "https://godwit.invalid/server"

// Features are what is announced, sorted or not.
type Features struct {
	Server  []string // of the domain
	Account []string // of every account, to its owner
	Contact []string // of every account, to who sees its presence
	// Identities the domain has besides that of a server, and forms that describe it (XEP-0128).
	Identities []disco.Identity
	Forms      []dataform.Form
	// Commands of the domain (XEP-0050 §3.1).
	Commands []disco.Item
}

// Contacts tells who may learn about whom; *account.Registry does.
type Contacts interface {
	Contact(owner, who jid.JID) (account.Contact, error)
}

// Nodes are what accounts publish about themselves (XEP-0163).
type Nodes interface {
	// Items lists those of an account that somebody may read.
	Items(ctx context.Context, owner, who jid.JID) ([]disco.Item, error)
	// Info describes one.
	Info(ctx context.Context, owner, who jid.JID, node string) (disco.Info, error)
}

// Room answers discovery requests.
type Room struct {
	server, account disco.Info
	contact         []string // features
	contacts        Contacts
	nodes           Nodes
	caps            caps.Caps
	commands        []disco.Item
}

// New returns the room.
func New(f Features, name string, contacts Contacts, nodes Nodes) (*Room, error) {
	r := &Room{
		server:   disco.Info{Identities: append([]disco.Identity{{Category: "server", Type: "im", Name: name}}, f.Identities...), Features: f.Server, Forms: f.Forms},
		account:  disco.Info{Identities: []disco.Identity{{Category: "account", Type: "registered"}, {Category: "pubsub", Type: "pep"}}, Features: f.Account},
		contact:  append([]string{disco.InfoNS, disco.ItemsNS}, f.Contact...),
		contacts: contacts, nodes: nodes, commands: f.Commands,
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

func (room *Room) info(ctx context.Context, r *handler.Request) (handler.Answer, error) {
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
		answer = disco.Info{Identities: room.account.Identities, Features: room.contact}
	}
	switch {
	case q.Node == "":
	case r.Target == handler.Server && q.Node == room.caps.Query():
		answer.Node = q.Node
	case r.Target == handler.Server:
		return nil, stanza.ErrItemNotFound()
	default:
		if answer, err = room.nodes.Info(ctx, r.Account, r.Session.Owner(), q.Node); err != nil {
			return nil, err
		}
	}
	return answer.Encode, nil
}

func (room *Room) items(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	q, err := disco.ParseItems(r.Payload)
	if err != nil {
		return nil, err
	}
	if r.Target == handler.Other {
		if err := room.mayKnow(r); err != nil {
			return nil, err
		}
	}
	if q.Node == command.NS && r.Target == handler.Server {
		return disco.Items{Node: q.Node, Items: room.commands}.Encode, nil
	}
	if q.Node != "" {
		return nil, stanza.ErrItemNotFound()
	}
	var list disco.Items
	if r.Target != handler.Server {
		if list.Items, err = room.nodes.Items(ctx, r.Account, r.Session.Owner()); err != nil {
			return nil, err
		}
	}
	return list.Encode, nil
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
