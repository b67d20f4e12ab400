package deposit

import (
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/forward"
	"godwit/xep/internal/wire"
	"godwit/xep/stanzaid"
	"godwit/xmlstream"
)

// NS is the namespace of the elements and the name of the feature that a
// server announces for its accounts.
const NS = "urn:godwit:deposit:0"

// MaxItems bounds the messages of one batch. A client also keeps the whole
// request within the stanza size the server takes.
const MaxItems = 100

// Direction tells which way a message went, as the depositing client saw it.
type Direction string

// The directions.
const (
	Sent     Direction = "sent"
	Received Direction = "received"
)

// Item is one message. Its Forwarded has a Stamp: when the client sent it, or
// got it.
type Item struct {
	Direction Direction
	Forwarded forward.Forwarded
	OriginID  string // that of the message; Parse fills it in, Encode does not write it
}

// Key is what makes a message the same message.
type Key struct {
	Sender   jid.JID // bare
	OriginID string
}

// Key returns the key of the message.
func (i Item) Key() Key {
	return Key{Sender: i.Forwarded.Stanza.From.Bare(), OriginID: i.OriginID}
}

// Batch is <deposit/>, oldest message first.
type Batch struct{ Items []Item }

// Receipt says what became of one message.
type Receipt struct {
	Key
	ID    string        // its id in the archive; empty when it was refused
	Error *stanza.Error // why; of type wait when trying again may help
}

// Result is <deposited/>, in the order of the batch.
type Result struct{ Receipts []Receipt }

// Parse reads <deposit/>. Every item must hold a message of type chat, normal
// or headline with from, to, a time and exactly one origin-id, and none may
// be there twice; one bad item refuses the batch, since a client that sends
// it is broken.
func Parse(n xmlstream.Node) (Batch, error) {
	if err := wire.Expect(n, NS, "deposit"); err != nil {
		return Batch{}, err
	}
	var b Batch
	seen := make(map[Key]bool)
	for c := range n.Elements() {
		if c.Name.Space != NS || c.Name.Local != "item" {
			continue
		}
		if len(b.Items) == MaxItems {
			return Batch{}, wire.NotAcceptable("a deposit may hold %d messages", MaxItems)
		}
		item, err := parseItem(c)
		if err != nil {
			return Batch{}, err
		}
		if seen[item.Key()] {
			return Batch{}, wire.Bad("a deposit holds the message %s twice", wire.Quote(item.OriginID))
		}
		seen[item.Key()] = true
		b.Items = append(b.Items, item)
	}
	if len(b.Items) == 0 {
		return Batch{}, wire.Bad("a deposit holds no message")
	}
	return b, nil
}

func parseItem(n xmlstream.Node) (Item, error) {
	item := Item{Direction: Direction(n.Attr("direction"))}
	if item.Direction != Sent && item.Direction != Received {
		return Item{}, wire.Bad("a deposit has no direction %s", wire.Quote(string(item.Direction)))
	}
	inner, err := wire.Only(n, forward.NS)
	if err != nil {
		return Item{}, err
	}
	if item.Forwarded, err = forward.Parse(inner); err != nil {
		return Item{}, err
	}
	s := item.Forwarded.Stanza
	switch {
	case item.Forwarded.Delay.Stamp.IsZero():
		return Item{}, wire.Bad("a deposited message needs its time")
	case s.Kind != stanza.Message:
		return Item{}, wire.Bad("only messages can be deposited, not %s", s.Kind)
	case s.Type == stanza.ErrorType, s.Type == stanza.Groupchat:
		return Item{}, wire.Bad("messages of type %s cannot be deposited", s.Type)
	case s.From.IsZero(), s.To.IsZero():
		return Item{}, wire.Bad("a deposited message needs from and to")
	}
	item.OriginID, err = originID(s)
	return item, err
}

func originID(s *stanza.Stanza) (string, error) {
	count := 0
	for name := range s.ChildNames() {
		if name == stanzaid.OriginName {
			count++
		}
	}
	if count != 1 {
		return "", wire.Bad("a deposited message needs exactly one <origin-id/>, got %d", count)
	}
	child, _ := s.Child(stanzaid.NS, stanzaid.OriginName.Local)
	origin, err := stanzaid.ParseOrigin(child)
	return origin.ID, err
}

// ParseResult reads <deposited/>.
func ParseResult(n xmlstream.Node) (Result, error) {
	if err := wire.Expect(n, NS, "deposited"); err != nil {
		return Result{}, err
	}
	var r Result
	for c := range n.Elements() {
		if c.Name.Space != NS || c.Name.Local != "item" {
			continue
		}
		if len(r.Receipts) == MaxItems {
			return Result{}, wire.NotAcceptable("a deposit is answered for %d messages", MaxItems)
		}
		receipt, err := parseReceipt(c)
		if err != nil {
			return Result{}, err
		}
		r.Receipts = append(r.Receipts, receipt)
	}
	return r, nil
}

func parseReceipt(n xmlstream.Node) (Receipt, error) {
	v, err := wire.Required(n, "sender")
	if err != nil {
		return Receipt{}, err
	}
	var r Receipt
	if r.Sender, err = wire.Address(v); err != nil {
		return Receipt{}, err
	}
	if r.Sender.IsFull() {
		return Receipt{}, wire.Bad("the sender of a deposited message is a bare address")
	}
	if r.OriginID, err = wire.Bounded(n, "origin-id", stanzaid.MaxID); err != nil {
		return Receipt{}, err
	}
	if c, ok := n.Child(NS, "error"); ok {
		if r.Error, err = stanza.ParseError(c); err != nil {
			return Receipt{}, wire.Bad("%v", err)
		}
		return r, nil
	}
	r.ID, err = wire.Bounded(n, "id", stanzaid.MaxID)
	return r, err
}

// Encode writes <deposit/>.
func (b Batch) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "deposit")
	for _, item := range b.Items {
		e.Start(NS, "item")
		e.Attr("direction", string(item.Direction))
		item.Forwarded.Encode(e)
		e.End()
	}
	e.End()
}

// Encode writes <deposited/>.
func (r Result) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "deposited")
	for _, receipt := range r.Receipts {
		e.Start(NS, "item")
		e.Attr("sender", receipt.Sender.String())
		e.Attr("origin-id", receipt.OriginID)
		if receipt.Error != nil {
			receipt.Error.Encode(e)
		} else {
			e.Attr("id", receipt.ID)
		}
		e.End()
	}
	e.End()
}
