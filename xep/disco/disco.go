package disco

import (
	"godwit/jid"
	"godwit/xep/dataform"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Namespaces of the two queries; both are features too.
const (
	InfoNS  = "http://jabber.org/protocol/disco#info"
	ItemsNS = "http://jabber.org/protocol/disco#items"
)

// maxNode bounds a node in bytes.
const maxNode = 3071

// Info is <query/> of disco#info: a request, or with identities and features
// its answer (XEP-0030 §3).
type Info struct {
	Node       string
	Identities []Identity
	Features   []string
	Forms      []dataform.Form // XEP-0128
}

// Identity says what an entity is; category and type are registered names.
type Identity struct{ Category, Type, Lang, Name string }

// Items is <query/> of disco#items (XEP-0030 §4).
type Items struct {
	Node  string
	Items []Item
}

// Item is something that belongs to an entity.
type Item struct {
	JID  jid.JID
	Node string
	Name string
}

// Has reports whether the feature is there.
func (i Info) Has(feature string) bool {
	for _, f := range i.Features {
		if f == feature {
			return true
		}
	}
	return false
}

// Is reports whether one of the identities has that category and type; an
// empty kind matches any.
func (i Info) Is(category, kind string) bool {
	for _, id := range i.Identities {
		if id.Category == category && (kind == "" || id.Type == kind) {
			return true
		}
	}
	return false
}

// ParseInfo reads <query/> of disco#info. What it lists is kept as it came,
// order and repetition included, since a capabilities hash depends on it.
func ParseInfo(n xmlstream.Node) (Info, error) {
	if err := wire.Expect(n, InfoNS, "query"); err != nil {
		return Info{}, err
	}
	info := Info{Node: n.Attr("node")}
	if len(info.Node) > maxNode {
		return Info{}, wire.NotAcceptable("a node may be %d bytes long", maxNode)
	}
	for c := range n.Elements() {
		switch c.Name {
		case xmlstream.Name{Space: InfoNS, Local: "identity"}:
			info.Identities = append(info.Identities, Identity{
				Category: c.Attr("category"), Type: c.Attr("type"), Lang: c.Lang(), Name: c.Attr("name"),
			})
		case xmlstream.Name{Space: InfoNS, Local: "feature"}:
			if v := c.Attr("var"); v != "" {
				info.Features = append(info.Features, v)
			}
		case xmlstream.Name{Space: dataform.NS, Local: "x"}:
			f, err := dataform.Parse(c)
			if err != nil {
				return Info{}, err
			}
			info.Forms = append(info.Forms, f)
		}
	}
	return info, nil
}

// ParseItems reads <query/> of disco#items. Items without a sound address are
// left out.
func ParseItems(n xmlstream.Node) (Items, error) {
	if err := wire.Expect(n, ItemsNS, "query"); err != nil {
		return Items{}, err
	}
	items := Items{Node: n.Attr("node")}
	if len(items.Node) > maxNode {
		return Items{}, wire.NotAcceptable("a node may be %d bytes long", maxNode)
	}
	for c := range n.Elements() {
		if c.Name.Space != ItemsNS || c.Name.Local != "item" {
			continue
		}
		if j, err := jid.Parse(c.Attr("jid")); err == nil {
			items.Items = append(items.Items, Item{JID: j, Node: c.Attr("node"), Name: c.Attr("name")})
		}
	}
	return items, nil
}

// Encode writes <query/>.
func (i Info) Encode(e *xmlstream.Encoder) {
	e.Start(InfoNS, "query")
	wire.OptionalAttr(e, "node", i.Node)
	for _, id := range i.Identities {
		e.Start(InfoNS, "identity")
		e.Attr("category", id.Category)
		e.Attr("type", id.Type)
		wire.OptionalAttr(e, "name", id.Name)
		if id.Lang != "" {
			e.AttrNS(xmlstream.NSXML, "lang", id.Lang)
		}
		e.End()
	}
	for _, f := range i.Features {
		e.Start(InfoNS, "feature")
		e.Attr("var", f)
		e.End()
	}
	for _, f := range i.Forms {
		f.Encode(e)
	}
	e.End()
}

// Encode writes <query/>.
func (i Items) Encode(e *xmlstream.Encoder) {
	e.Start(ItemsNS, "query")
	wire.OptionalAttr(e, "node", i.Node)
	for _, item := range i.Items {
		e.Start(ItemsNS, "item")
		e.Attr("jid", item.JID.String())
		wire.OptionalAttr(e, "name", item.Name)
		wire.OptionalAttr(e, "node", item.Node)
		e.End()
	}
	e.End()
}
