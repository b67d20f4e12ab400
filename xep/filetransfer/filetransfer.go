package filetransfer

import (
	"godwit/xep/filemeta"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the description and of what is told in session-info.
const NS = "urn:xmpp:jingle:apps:file-transfer:5"

// maxName bounds the name of a content, in bytes.
const maxName = 256

// Description is <description/>: one file (XEP-0234 §5).
type Description struct{ File filemeta.File }

// Received is <received/>: all of it has arrived (XEP-0234 §8.1).
type Received struct{ Creator, Name string }

// Checksum is <checksum/>: the digest that was not known before (XEP-0234 §8.2).
type Checksum struct {
	Creator, Name string
	File          filemeta.File
}

// ParseDescription reads <description/>.
func ParseDescription(n xmlstream.Node) (Description, error) {
	if err := wire.Expect(n, NS, "description"); err != nil {
		return Description{}, err
	}
	f, err := file(n)
	return Description{f}, err
}

func file(n xmlstream.Node) (filemeta.File, error) {
	c, ok := n.Child(NS, "file")
	if !ok {
		return filemeta.File{}, wire.Bad("<%s/> needs <file/>", n.Name.Local)
	}
	return filemeta.Parse(c, NS)
}

// Encode writes <description/>.
func (d Description) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "description")
	d.File.Encode(e, NS)
	e.End()
}

// ParseReceived reads <received/>.
func ParseReceived(n xmlstream.Node) (Received, error) {
	if err := wire.Expect(n, NS, "received"); err != nil {
		return Received{}, err
	}
	return Received{wire.Cut(n.Attr("creator"), maxName), wire.Cut(n.Attr("name"), maxName)}, nil
}

// Encode writes <received/>.
func (r Received) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "received")
	wire.OptionalAttr(e, "creator", r.Creator)
	wire.OptionalAttr(e, "name", r.Name)
	e.End()
}

// ParseChecksum reads <checksum/>.
func ParseChecksum(n xmlstream.Node) (Checksum, error) {
	if err := wire.Expect(n, NS, "checksum"); err != nil {
		return Checksum{}, err
	}
	f, err := file(n)
	return Checksum{wire.Cut(n.Attr("creator"), maxName), wire.Cut(n.Attr("name"), maxName), f}, err
}

// Encode writes <checksum/>.
func (c Checksum) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "checksum")
	wire.OptionalAttr(e, "creator", c.Creator)
	wire.OptionalAttr(e, "name", c.Name)
	c.File.Encode(e, NS)
	e.End()
}
