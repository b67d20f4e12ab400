package pubsub

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Event is <event/>: what happened on a node (XEP-0060 §7.1.2.1, §7.2.2.1,
// §8.4.2, §8.5.2). A client must check that it comes from the account whose
// node it is about.
type Event struct {
	Action    Action // Publish (items came, or went), Purge, Delete
	Node      string
	Items     []Item
	Retracted []string // ids
}

// ParseEvent reads <event/>. Kinds that are not known, such as changes of
// configuration, are feature-not-implemented.
func ParseEvent(n xmlstream.Node) (Event, error) {
	if err := wire.Expect(n, EventNS, "event"); err != nil {
		return Event{}, err
	}
	c, err := wire.Only(n, EventNS)
	if err != nil {
		return Event{}, err
	}
	var ev Event
	switch c.Name.Local {
	case "items":
		ev.Action = Publish
	case "purge":
		ev.Action = Purge
	case "delete":
		ev.Action = Delete
	default:
		return Event{}, wire.NotImplemented("<%s/> is not known here", wire.Cut(c.Name.Local, 48))
	}
	if ev.Node, err = nodeName(c); err != nil {
		return Event{}, err
	}
	if ev.Node == "" {
		return Event{}, wire.Bad("an event of no node")
	}
	if ev.Action != Publish {
		return ev, nil
	}
	if ev.Items, err = items(c, EventNS); err != nil {
		return Event{}, err
	}
	for r := range c.Elements() {
		if r.Name.Space != EventNS || r.Name.Local != "retract" {
			continue
		}
		id, err := wire.Bounded(r, "id", MaxID)
		if err != nil {
			return Event{}, err
		}
		ev.Retracted = append(ev.Retracted, id)
	}
	return ev, nil
}

// Encode writes <event/>.
func (ev Event) Encode(e *xmlstream.Encoder) {
	e.Start(EventNS, "event")
	switch ev.Action {
	case Publish:
		e.Start(EventNS, "items")
	case Purge:
		e.Start(EventNS, "purge")
	case Delete:
		e.Start(EventNS, "delete")
	}
	e.Attr("node", ev.Node)
	encodeItems(e, EventNS, ev.Items)
	for _, id := range ev.Retracted {
		e.Start(EventNS, "retract")
		e.Attr("id", id)
		e.End()
	}
	e.End()
	e.End()
}
