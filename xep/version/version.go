package version

import (
	"strings"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <query/> and the name of the feature.
const NS = "jabber:iq:version"

// MaxText bounds each part in bytes; what is longer is cut when read, since
// it is only ever shown.
const MaxText = 256

// Version is the answer, or when Name is empty the question (XEP-0092 §2).
type Version struct {
	Name    string
	Version string
	OS      string // optional
}

// Parse reads <query/>. An answer needs both a name and a version.
func Parse(n xmlstream.Node) (Version, error) {
	if err := wire.Expect(n, NS, "query"); err != nil {
		return Version{}, err
	}
	v := Version{Name: part(n, "name"), Version: part(n, "version"), OS: part(n, "os")}
	if v != (Version{}) && (v.Name == "" || v.Version == "") {
		return Version{}, wire.Bad("a software version needs a name and a version")
	}
	return v, nil
}

func part(n xmlstream.Node, local string) string {
	c, _ := n.Child(NS, local)
	return strings.Clone(wire.Cut(c.InnerText(), MaxText)) // kept without the stanza around it
}

// Encode writes <query/>.
func (v Version) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "query")
	wire.OptionalLeaf(e, NS, "name", v.Name)
	wire.OptionalLeaf(e, NS, "version", v.Version)
	wire.OptionalLeaf(e, NS, "os", v.OS)
	e.End()
}
