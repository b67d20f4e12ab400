package displayed

import (
	"godwit/jid"
	"godwit/xep/dataform"
	"godwit/xep/internal/wire"
	"godwit/xep/pubsub"
	"godwit/xep/stanzaid"
	"godwit/xmlstream"
)

// NS is the namespace of the payload and the name of the node.
const NS = "urn:xmpp:mds:displayed:0"

// Displayed is <displayed/>: everything up to a message was displayed
// (XEP-0490 §4.1). It is the payload of an item whose id is the chat.
type Displayed struct {
	By jid.JID // who gave the id: the own account, or a room
	ID string  // stanza-id of the message
}

// Parse reads <displayed/>.
func Parse(n xmlstream.Node) (Displayed, error) {
	if err := wire.Expect(n, NS, "displayed"); err != nil {
		return Displayed{}, err
	}
	c, err := wire.Only(n, stanzaid.NS)
	if err != nil {
		return Displayed{}, err
	}
	id, err := stanzaid.ParseStanza(c)
	if err != nil {
		return Displayed{}, err
	}
	return Displayed{By: id.By, ID: id.ID}, nil
}

// Encode writes <displayed/>.
func (d Displayed) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "displayed")
	stanzaid.Stanza{By: d.By, ID: d.ID}.Encode(e)
	e.End()
}

// Node is the payload as a tree.
func (d Displayed) Node() xmlstream.Node {
	return xmlstream.NewNode(NS, "displayed").With(xmlstream.NewNode(stanzaid.NS, "stanza-id",
		xmlstream.Attr{Name: xmlstream.Name{Local: "id"}, Value: d.ID},
		xmlstream.Attr{Name: xmlstream.Name{Local: "by"}, Value: d.By.String()}))
}

// Config is what the node must be (XEP-0490 §4.2): private, and with room for
// every chat. formType tells whether it is demanded by a publication or set.
func Config(formType string) dataform.Form {
	field := func(name, value string) dataform.Field {
		return dataform.Field{Var: "pubsub#" + name, Values: []string{value}}
	}
	return dataform.New(dataform.TypeSubmit, formType,
		field("persist_items", "true"), field("max_items", "max"), field("send_last_published_item", "never"), field("access_model", "whitelist"))
}

// Publication puts how far a chat was read on the node.
func Publication(chat jid.JID, d Displayed) pubsub.Request {
	return pubsub.Request{
		Action: pubsub.Publish, Node: NS, Items: []pubsub.Item{{ID: chat.String(), Payload: d.Node()}}, Form: Config(pubsub.PublishOptions),
	}
}
