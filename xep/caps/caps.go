package caps

import (
	"strings"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <c/> and the name of the feature.
const NS = "http://jabber.org/protocol/caps"

// Bounds in bytes.
const (
	maxNode = 1024
	maxVer  = 256
	maxHash = 64
)

// Caps is <c/> (XEP-0115 §4).
type Caps struct {
	Node string // URI of the software
	Hash string // name of the hash function, such as "sha-1"; empty in the legacy format
	Ver  string // the hash, in base64; in the legacy format a version
}

// Legacy reports whether the format is the one before version 1.4, whose Ver
// proves nothing (XEP-0115 §13).
func (c Caps) Legacy() bool { return c.Hash == "" }

// Query returns the node to ask disco#info for (XEP-0115 §6.2).
func (c Caps) Query() string { return c.Node + "#" + c.Ver }

// Parse reads <c/>.
func Parse(n xmlstream.Node) (Caps, error) {
	if err := wire.Expect(n, NS, "c"); err != nil {
		return Caps{}, err
	}
	node, err := wire.Bounded(n, "node", maxNode)
	if err != nil {
		return Caps{}, err
	}
	ver, err := wire.Bounded(n, "ver", maxVer)
	if err != nil {
		return Caps{}, err
	}
	hash := n.Attr("hash")
	if len(hash) > maxHash {
		return Caps{}, wire.NotAcceptable("the name of a hash may be %d bytes long", maxHash)
	}
	// Caps outlive the presence they came in, whose bytes they would hold.
	return Caps{Node: strings.Clone(node), Hash: strings.Clone(hash), Ver: strings.Clone(ver)}, nil
}

// Encode writes <c/>.
func (c Caps) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "c")
	wire.OptionalAttr(e, "hash", c.Hash)
	e.Attr("node", c.Node)
	e.Attr("ver", c.Ver)
	e.End()
}
