package ibb

import (
	"math"
	"strconv"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <open/>, <data/> and <close/>; TransportNS that of the
// Jingle transport.
const (
	NS          = "http://jabber.org/protocol/ibb"
	TransportNS = "urn:xmpp:jingle:transports:ibb:1"
)

// MaxBlock is the largest block there can be, in bytes before encoding
// (XEP-0047 §2.1).
const MaxBlock = 65535

// maxSID bounds the id of a bytestream in bytes.
const maxSID = 256

// Open is <open/>; Transport is <transport/> of Jingle, which says the same
// before.
type (
	Open struct {
		SID       string
		BlockSize int
		Messages  bool // blocks come in messages instead of IQs
	}
	Transport Open
)

// Data is <data/>: one block.
type Data struct {
	SID   string
	Seq   uint16
	Bytes []byte
}

// Close is <close/>.
type Close struct{ SID string }

// ParseOpen reads <open/>.
func ParseOpen(n xmlstream.Node) (Open, error) { return parseOpen(n, NS, "open") }

// ParseTransport reads <transport/>.
func ParseTransport(n xmlstream.Node) (Transport, error) {
	o, err := parseOpen(n, TransportNS, "transport")
	return Transport(o), err
}

func parseOpen(n xmlstream.Node, space, local string) (Open, error) {
	if err := wire.Expect(n, space, local); err != nil {
		return Open{}, err
	}
	sid, err := wire.Bounded(n, "sid", maxSID)
	if err != nil {
		return Open{}, err
	}
	size, ok := wire.Uint(n.Attr("block-size"), MaxBlock)
	if !ok || size == 0 {
		return Open{}, wire.Bad("block-size of <%s/> is not a size: %s", local, wire.Quote(n.Attr("block-size")))
	}
	o := Open{SID: sid, BlockSize: int(size)}
	switch s := n.Attr("stanza"); s {
	case "", "iq":
	case "message":
		o.Messages = true
	default:
		return Open{}, wire.Bad("blocks come in no stanza %s", wire.Quote(s))
	}
	return o, nil
}

// Encode writes <open/>.
func (o Open) Encode(e *xmlstream.Encoder) { o.encode(e, NS, "open") }

// Encode writes <transport/>.
func (t Transport) Encode(e *xmlstream.Encoder) { Open(t).encode(e, TransportNS, "transport") }

func (o Open) encode(e *xmlstream.Encoder, space, local string) {
	e.Start(space, local)
	e.Attr("block-size", strconv.Itoa(o.BlockSize))
	e.Attr("sid", o.SID)
	if o.Messages {
		e.Attr("stanza", "message")
	}
	e.End()
}

// ParseData reads <data/>.
func ParseData(n xmlstream.Node) (Data, error) {
	if err := wire.Expect(n, NS, "data"); err != nil {
		return Data{}, err
	}
	sid, err := wire.Bounded(n, "sid", maxSID)
	if err != nil {
		return Data{}, err
	}
	seq, ok := wire.Uint(n.Attr("seq"), math.MaxUint16)
	if !ok {
		return Data{}, wire.Bad("seq of <data/> is not a number: %s", wire.Quote(n.Attr("seq")))
	}
	text := n.InnerText()
	if len(text) > (MaxBlock+2)/3*4 {
		return Data{}, wire.NotAcceptable("a block may be %d bytes long", MaxBlock)
	}
	bytes, err := wire.Base64(text)
	if err != nil {
		return Data{}, wire.Bad("the block: %v", err)
	}
	return Data{SID: sid, Seq: uint16(seq), Bytes: bytes}, nil
}

// Encode writes <data/>.
func (d Data) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "data")
	e.Attr("seq", strconv.Itoa(int(d.Seq)))
	e.Attr("sid", d.SID)
	e.Text(wire.EncodeBase64(d.Bytes))
	e.End()
}

// ParseClose reads <close/>.
func ParseClose(n xmlstream.Node) (Close, error) {
	if err := wire.Expect(n, NS, "close"); err != nil {
		return Close{}, err
	}
	sid, err := wire.Bounded(n, "sid", maxSID)
	return Close{SID: sid}, err
}

// Encode writes <close/>.
func (c Close) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "close")
	e.Attr("sid", c.SID)
	e.End()
}
