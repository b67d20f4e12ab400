package pubsub

import (
	"godwit/jid"
	"godwit/xep/dataform"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Affiliation says what an address is to a node (XEP-0060 §4.1).
type Affiliation struct {
	JID         jid.JID
	Affiliation string
}

// The affiliations that mean something to a personal node.
const (
	AffiliationOwner  = "owner"
	AffiliationMember = "member"
	AffiliationNone   = "none"
)

// Owner is <pubsub/> of a request that only owners make, or of its answer.
type Owner struct {
	Action       Action
	Node         string
	Form         dataform.Form // Configure
	Affiliations []Affiliation // Affiliations
}

var ownerNames = map[string]Action{"configure": Configure, "delete": Delete, "purge": Purge, "affiliations": Affiliations}

// ParseOwner reads <pubsub/> of the owner's namespace. An action that is not
// known is feature-not-implemented.
func ParseOwner(n xmlstream.Node) (Owner, error) {
	if err := wire.Expect(n, OwnerNS, "pubsub"); err != nil {
		return Owner{}, err
	}
	c, err := wire.Only(n, OwnerNS)
	if err != nil {
		return Owner{}, err
	}
	o := Owner{Action: ownerNames[c.Name.Local]}
	if o.Action == 0 {
		return Owner{}, wire.NotImplemented("<%s/> is not known here", wire.Cut(c.Name.Local, 48))
	}
	if o.Node, err = nodeName(c); err != nil {
		return Owner{}, err
	}
	switch o.Action {
	case Configure:
		o.Form, err = formIn(c)
	case Affiliations:
		for a := range c.Elements() {
			if a.Name.Space != OwnerNS || a.Name.Local != "affiliation" {
				continue
			}
			v, err := wire.Required(a, "jid")
			if err != nil {
				return Owner{}, err
			}
			j, err := wire.Address(v)
			if err != nil {
				return Owner{}, err
			}
			o.Affiliations = append(o.Affiliations, Affiliation{JID: j, Affiliation: a.Attr("affiliation")})
		}
	}
	return o, err
}

// Encode writes <pubsub/>.
func (o Owner) Encode(e *xmlstream.Encoder) {
	e.Start(OwnerNS, "pubsub")
	for name, action := range ownerNames {
		if action == o.Action {
			e.Start(OwnerNS, name)
		}
	}
	wire.OptionalAttr(e, "node", o.Node)
	if o.Form.Type != "" {
		o.Form.Encode(e)
	}
	for _, a := range o.Affiliations {
		e.Start(OwnerNS, "affiliation")
		wire.OptionalAttr(e, "affiliation", a.Affiliation)
		e.Attr("jid", a.JID.String())
		e.End()
	}
	e.End()
	e.End()
}
