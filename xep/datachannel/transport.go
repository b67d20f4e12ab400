package datachannel

import (
	"math"
	"strconv"

	"godwit/xep/icetransport"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Namespaces.
const (
	// NS is the deployed transport and the feature that announces it.
	NS = "urn:xmpp:jingle:transports:webrtc-datachannel:1"
	// MapNS is that of <sctpmap/> and the feature that announces XEP-0343.
	MapNS = "urn:xmpp:jingle:transports:dtls-sctp:1"
)

const (
	mapProtocol = "webrtc-datachannel" // the only protocol of <sctpmap/>
	maxMapText  = 64
	// DefaultMaxMessageSize is what an absent size means, in bytes (RFC 8841 §6.1).
	DefaultMaxMessageSize = 65536
	// Unlimited is what a size of 0 says: messages of any size (RFC 8841 §6.1).
	Unlimited = math.MaxUint32
)

// Dialect is the way a transport is written.
type Dialect uint8

// The dialects.
const (
	Deployed Dialect = iota // namespace NS around ICE-UDP
	Mapped                  // XEP-0343: <sctpmap/> inside ICE-UDP
)

// Namespace of the dialect's <transport/>.
func (d Dialect) Namespace() string {
	if d == Mapped {
		return icetransport.NS
	}
	return NS
}

// Transport is <transport/> of either dialect.
type Transport struct {
	Dialect Dialect
	// Port of SCTP, the same for whole sessions; 0 when not told, as in a
	// transport-info.
	Port uint16
	// MaxMessageSize is the largest message the sender takes, in bytes: 0 when not
	// told, Unlimited for any. The dialect of XEP-0343 cannot tell it.
	MaxMessageSize uint32
	// Streams is how many channels the sender takes; 0 when not told. Only the
	// dialect of XEP-0343 tells it.
	Streams uint16
	// ICE has candidates, credentials and fingerprint.
	ICE icetransport.Transport
}

// Limit is the largest message the sender takes, in bytes.
func (t Transport) Limit() uint32 {
	if t.MaxMessageSize == 0 {
		return DefaultMaxMessageSize
	}
	return t.MaxMessageSize
}

// Parse reads <transport/> of any action.
func Parse(n xmlstream.Node) (Transport, error) {
	if n.Name.Space == icetransport.NS {
		return parseMapped(n)
	}
	if err := wire.Expect(n, NS, "transport"); err != nil {
		return Transport{}, err
	}
	t := Transport{Dialect: Deployed}
	var err error
	if t.Port, err = port(n, "sctp-port"); err != nil {
		return Transport{}, err
	}
	if t.MaxMessageSize, err = size(n); err != nil {
		return Transport{}, err
	}
	seen := false
	for c := range n.Elements() {
		if c.Name.Space != icetransport.NS || c.Name.Local != "transport" {
			continue
		}
		if seen {
			return Transport{}, wire.Bad("the transport has two of ICE inside")
		}
		seen = true
		if t.ICE, err = icetransport.Parse(c); err != nil {
			return Transport{}, err
		}
	}
	return t, nil
}

func parseMapped(n xmlstream.Node) (Transport, error) {
	ice, err := icetransport.Parse(n)
	if err != nil {
		return Transport{}, err
	}
	t := Transport{Dialect: Mapped, ICE: ice}
	for c := range n.Elements() {
		if c.Name.Space != MapNS || c.Name.Local != "sctpmap" || t.Port != 0 {
			continue
		}
		protocol, err := wire.Bounded(c, "protocol", maxMapText)
		if err != nil {
			return Transport{}, err
		}
		if protocol != mapProtocol {
			continue // another use of SCTP, beside ours
		}
		// The text of XEP-0343 calls it 'port', its examples and schema 'number'.
		name := "number"
		if c.Attr(name) == "" {
			name = "port"
		}
		if t.Port, err = port(c, name); err != nil {
			return Transport{}, err
		}
		if t.Port == 0 {
			return Transport{}, wire.Bad("<sctpmap/> names no port")
		}
		if text := c.Attr("streams"); text != "" {
			streams, ok := wire.Uint(text, math.MaxUint32)
			if !ok || streams == 0 {
				return Transport{}, wire.Bad("attribute 'streams' is not a positive number: %s", wire.Quote(text))
			}
			t.Streams = uint16(min(streams, math.MaxUint16))
		}
	}
	return t, nil
}

// ParseFull reads <transport/> of an offer or answer, which must have a port,
// credentials and a SHA-256 fingerprint.
func ParseFull(n xmlstream.Node) (Transport, error) {
	t, err := Parse(n)
	switch {
	case err != nil:
		return Transport{}, err
	case t.Port == 0:
		return Transport{}, wire.Bad("the transport has no SCTP port")
	case t.ICE.Ufrag == "":
		return Transport{}, wire.Bad("the transport has no ICE credentials")
	case t.ICE.Fingerprint == nil || t.ICE.Fingerprint.Hash != icetransport.SHA256:
		return Transport{}, wire.Bad("the transport has no %s fingerprint", icetransport.SHA256)
	}
	return t, nil
}

// port reads an optional port number.
func port(n xmlstream.Node, local string) (uint16, error) {
	text := n.Attr(local)
	if text == "" {
		return 0, nil
	}
	v, ok := wire.Uint(text, math.MaxUint16)
	if !ok || v == 0 {
		return 0, wire.Bad("attribute '%s' is not a port: %s", local, wire.Quote(text))
	}
	return uint16(v), nil
}

// size reads 'max-message-size'. More than can be counted is as good as any.
func size(n xmlstream.Node) (uint32, error) {
	text := n.Attr("max-message-size")
	if text == "" {
		return 0, nil
	}
	v, ok := wire.Uint(text, math.MaxInt64)
	switch {
	case !ok:
		return 0, wire.Bad("attribute 'max-message-size' is not a number: %s", wire.Quote(text))
	case v == 0 || v > Unlimited:
		return Unlimited, nil
	}
	return uint32(v), nil
}

// Encode writes <transport/>.
func (t Transport) Encode(e *xmlstream.Encoder) { t.Node().Encode(e) }

// Node is <transport/> as a tree.
func (t Transport) Node() xmlstream.Node {
	inner := t.ICE.Node(icetransport.NS)
	if t.Dialect == Mapped {
		if t.Port == 0 {
			return inner
		}
		m := xmlstream.NewNode(MapNS, "sctpmap", xmlstream.A("number", decimal(uint32(t.Port))), xmlstream.A("protocol", mapProtocol))
		if t.Streams != 0 {
			m = m.WithAttr(xmlstream.A("streams", decimal(uint32(t.Streams))))
		}
		inner.Children = append([]xmlstream.Node{m}, inner.Children...)
		return inner
	}
	n := xmlstream.NewNode(NS, "transport")
	switch t.MaxMessageSize {
	case 0:
	case Unlimited:
		n = n.WithAttr(xmlstream.A("max-message-size", "0"))
	default:
		n = n.WithAttr(xmlstream.A("max-message-size", decimal(t.MaxMessageSize)))
	}
	if t.Port != 0 {
		n = n.WithAttr(xmlstream.A("sctp-port", decimal(uint32(t.Port))))
	}
	return n.With(inner)
}

func decimal(v uint32) string { return strconv.FormatUint(uint64(v), 10) }
