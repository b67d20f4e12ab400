package oob

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <x/>.
const NS = "jabber:x:oob"

// maxURL and maxDesc bound the texts, in bytes.
const (
	maxURL  = 8 << 10
	maxDesc = 1 << 10
)

// Data is <x/>.
type Data struct {
	URL  string
	Desc string
}

// Parse reads <x/>.
func Parse(n xmlstream.Node) (Data, error) {
	if err := wire.Expect(n, NS, "x"); err != nil {
		return Data{}, err
	}
	u, ok := n.Child(NS, "url")
	if !ok || u.InnerText() == "" {
		return Data{}, wire.Bad("<x/> needs <url/>")
	}
	d := Data{URL: u.InnerText()}
	if len(d.URL) > maxURL {
		return Data{}, wire.NotAcceptable("an address may be %d bytes long", maxURL)
	}
	if c, ok := n.Child(NS, "desc"); ok {
		d.Desc = wire.Cut(c.InnerText(), maxDesc)
	}
	return d, nil
}

// Encode writes <x/>.
func (d Data) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "x")
	e.Leaf(NS, "url", d.URL)
	wire.OptionalLeaf(e, NS, "desc", d.Desc)
	e.End()
}
