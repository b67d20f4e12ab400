package blocking

import (
	"slices"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Namespaces of the commands, also the feature, and of the error condition.
const (
	NS       = "urn:xmpp:blocking"
	ErrorsNS = "urn:xmpp:blocking:errors"
)

// MaxItems bounds the addresses in one command; more is not-acceptable.
const MaxItems = 1000

// List is <blocklist/>: a request when empty, or its answer (XEP-0191 §3.2).
type List struct{ Items []jid.JID }

// Command is <block/> or <unblock/>, sent by a client or pushed by the server
// (XEP-0191 §3.3 to §3.5). Unblock without items means all.
type Command struct {
	Unblock bool
	Items   []jid.JID
}

// ParseList reads <blocklist/>.
func ParseList(n xmlstream.Node) (List, error) {
	if err := wire.Expect(n, NS, "blocklist"); err != nil {
		return List{}, err
	}
	items, err := parseItems(n, 0)
	return List{Items: items}, err
}

// ParseCommand reads <block/> or <unblock/>. Addresses named twice are kept
// once; <block/> without any is bad-request (XEP-0191 §3.3).
func ParseCommand(n xmlstream.Node) (Command, error) {
	var c Command
	switch n.Name {
	case xmlstream.Name{Space: NS, Local: "block"}:
	case xmlstream.Name{Space: NS, Local: "unblock"}:
		c.Unblock = true
	default:
		return Command{}, wire.Unknown(n, "the blocking command")
	}
	var err error
	if c.Items, err = parseItems(n, MaxItems); err != nil {
		return Command{}, err
	}
	if !c.Unblock && len(c.Items) == 0 {
		return Command{}, wire.Bad("<block/> names nobody")
	}
	return c, nil
}

func parseItems(n xmlstream.Node, most int) ([]jid.JID, error) {
	var items []jid.JID
	var seen map[jid.JID]bool // only for long lists
	for c := range n.Elements() {
		if c.Name.Space != NS || c.Name.Local != "item" {
			continue
		}
		v, err := wire.Required(c, "jid")
		if err != nil {
			return nil, err
		}
		j, err := wire.Address(v)
		if err != nil {
			return nil, err
		}
		if seen == nil && len(items) > 8 {
			seen = make(map[jid.JID]bool)
			for _, have := range items {
				seen[have] = true
			}
		}
		if seen == nil && slices.Contains(items, j) || seen[j] {
			continue
		}
		if most > 0 && len(items) == most {
			return nil, wire.NotAcceptable("one command may name %d addresses", most)
		}
		if seen != nil {
			seen[j] = true
		}
		items = append(items, j)
	}
	return items, nil
}

// Matches reports whether an address is on a blocklist, of which has tells what
// stands there: itself, as one of the resources of an address, or by its domain
// (XEP-0191 §5).
func Matches(who jid.JID, has func(jid.JID) bool) bool {
	return has(who) || who.IsFull() && has(who.Bare()) || has(who.DomainJID())
}

// Encode writes <blocklist/>.
func (l List) Encode(e *xmlstream.Encoder) { encode(e, "blocklist", l.Items) }

// Encode writes <block/> or <unblock/>.
func (c Command) Encode(e *xmlstream.Encoder) {
	local := "block"
	if c.Unblock {
		local = "unblock"
	}
	encode(e, local, c.Items)
}

func encode(e *xmlstream.Encoder, local string, items []jid.JID) {
	e.Start(NS, local)
	for _, j := range items {
		e.Start(NS, "item")
		e.Attr("jid", j.String())
		e.End()
	}
	e.End()
}

// ErrBlocked is what somebody is told who sends to an address that they
// themselves have blocked (XEP-0191 §3.3).
func ErrBlocked() *stanza.Error {
	return stanza.ErrNotAcceptable().WithType(stanza.Cancel).WithApp(xmlstream.NewNode(ErrorsNS, "blocked"))
}

// IsBlocked reports whether a stanza error says that.
func IsBlocked(err *stanza.Error) bool {
	return err != nil && err.App.Name == xmlstream.Name{Space: ErrorsNS, Local: "blocked"}
}
