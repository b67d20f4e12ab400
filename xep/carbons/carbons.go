package carbons

import (
	"godwit/xep/forward"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Names that are advertised (XEP-0280 §3, §6.2).
const (
	NS    = "urn:xmpp:carbons:2"
	Rules = "urn:xmpp:carbons:rules:0"
)

// Command switches copies on or off for a session (XEP-0280 §4, §5).
type Command uint8

// The commands.
const (
	Enable Command = iota + 1
	Disable
)

// Direction tells whose copy it is (XEP-0280 §7, §8).
type Direction uint8

// The directions.
const (
	Received Direction = iota + 1 // another session of the account got the message
	Sent                          // another session of the account sent it
)

// Copy is <received/> or <sent/>.
type Copy struct {
	Direction Direction
	Forwarded forward.Forwarded
}

// Private marks a message that is not to be copied (XEP-0280 §9).
type Private struct{}

// IsPrivate reports whether an element of that name is <private/>.
func IsPrivate(n xmlstream.Name) bool { return n.Space == NS && n.Local == "private" }

// ParseCommand reads <enable/> or <disable/>.
func ParseCommand(n xmlstream.Node) (Command, error) {
	switch n.Name {
	case xmlstream.Name{Space: NS, Local: "enable"}:
		return Enable, nil
	case xmlstream.Name{Space: NS, Local: "disable"}:
		return Disable, nil
	}
	return 0, wire.Unknown(n, "message carbons")
}

// Parse reads <received/> or <sent/>.
func Parse(n xmlstream.Node) (Copy, error) {
	var c Copy
	switch n.Name {
	case xmlstream.Name{Space: NS, Local: "received"}:
		c.Direction = Received
	case xmlstream.Name{Space: NS, Local: "sent"}:
		c.Direction = Sent
	default:
		return Copy{}, wire.Unknown(n, "message carbons")
	}
	inner, err := wire.Only(n, forward.NS)
	if err != nil {
		return Copy{}, err
	}
	if c.Forwarded, err = forward.Parse(inner); err != nil {
		return Copy{}, err
	}
	return c, nil
}

// Encode writes <enable/> or <disable/>.
func (c Command) Encode(e *xmlstream.Encoder) {
	if c == Disable {
		wire.Empty(e, NS, "disable")
		return
	}
	wire.Empty(e, NS, "enable")
}

// Encode writes <received/> or <sent/>.
func (c Copy) Encode(e *xmlstream.Encoder) {
	local := "received"
	if c.Direction == Sent {
		local = "sent"
	}
	e.Start(NS, local)
	c.Forwarded.Encode(e)
	e.End()
}

// Encode writes <private/>.
func (Private) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "private") }
