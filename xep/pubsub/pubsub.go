package pubsub

import (
	"math"
	"strconv"

	"godwit/stanza"
	"godwit/xep/dataform"
	"godwit/xep/internal/wire"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

// Namespaces; NS is also the feature from which the others are made.
const (
	NS       = "http://jabber.org/protocol/pubsub"
	OwnerNS  = NS + "#owner"
	EventNS  = NS + "#event"
	ErrorsNS = NS + "#errors"
)

// Types of forms (XEP-0060 §16.4).
const (
	PublishOptions = NS + "#publish-options"
	NodeConfig     = NS + "#node_config"
	MetaData       = NS + "#meta-data"
)

// Notify is what follows the name of a node in the feature by which a client
// asks for its notices (XEP-0163 §4.3.4).
const Notify = "+notify"

// Bounds in bytes.
const (
	MaxNode = 1024
	MaxID   = 1024
)

// Action says what a request is about.
type Action uint8

// The actions of [Request], then those of [Owner].
const (
	Publish     Action = iota + 1 // XEP-0060 §7.1
	Retract                       // §7.2
	Fetch                         // §6.5: <items/>
	Create                        // §8.1
	Subscribe                     // §6.1
	Unsubscribe                   // §6.2

	Configure    // §8.2
	Delete       // §8.4
	Purge        // §8.5
	Affiliations // §8.9
)

// Item is one thing published. Without a payload it names one.
type Item struct {
	ID      string
	Payload xmlstream.Node
}

// Request is <pubsub/> of a request that anybody may make, or of its answer.
type Request struct {
	Action Action
	Node   string
	Items  []Item
	Max    int           // Fetch: at most so many, the newest; 0 is no bound
	Page   rsm.Request   // Fetch: which part (§6.5.4)
	Range  rsm.Result    // the answer to Fetch: which part this is, when it is not all
	Notify bool          // Retract: tell those who follow the node
	JID    string        // Subscribe, Unsubscribe
	Form   dataform.Form // Publish: options; Create: configuration; without a type when there is none
}

var requestNames = map[string]Action{
	"publish": Publish, "retract": Retract, "items": Fetch, "create": Create, "subscribe": Subscribe, "unsubscribe": Unsubscribe,
}

// Parse reads <pubsub/>. An action that is not known is
// feature-not-implemented.
func Parse(n xmlstream.Node) (Request, error) {
	if err := wire.Expect(n, NS, "pubsub"); err != nil {
		return Request{}, err
	}
	var r Request
	var options, configure, set xmlstream.Node
	for c := range n.Elements() {
		if c.Name.Space == rsm.NS && c.Name.Local == "set" && set.IsZero() {
			set = c
		}
		if c.Name.Space != NS {
			continue
		}
		switch c.Name.Local {
		case "publish-options":
			options = c
			continue
		case "configure":
			configure = c
			continue
		}
		action, known := requestNames[c.Name.Local]
		switch {
		case !known:
			return Request{}, wire.NotImplemented("<%s/> is not known here", wire.Cut(c.Name.Local, 48))
		case r.Action != 0:
			return Request{}, wire.Bad("more than one thing is asked")
		}
		var err error
		if r, err = parseAction(c, action); err != nil {
			return Request{}, err
		}
	}
	var err error
	switch {
	case r.Action == 0:
		return Request{}, wire.Bad("nothing is asked")
	case r.Action == Fetch && !set.IsZero():
		if r.Page, err = rsm.ParseRequest(set); err == nil {
			r.Range, err = rsm.ParseResult(set)
		}
	case r.Action == Publish && !options.IsZero():
		r.Form, err = formIn(options)
	case r.Action == Create && !configure.IsZero():
		r.Form, err = formIn(configure)
	}
	return r, err
}

func parseAction(c xmlstream.Node, action Action) (Request, error) {
	r := Request{Action: action, JID: c.Attr("jid")}
	var err error
	if r.Node, err = nodeName(c); err != nil {
		return r, err
	}
	if v, ok := c.LookupAttr("", "max_items"); ok && action == Fetch {
		n, ok := wire.Saturate(v, math.MaxInt32)
		if !ok {
			return r, wire.Bad("max_items is not a number: %s", wire.Quote(v))
		}
		r.Max = int(n)
	}
	if action == Retract {
		if r.Notify, err = wire.Bool(c, "notify"); err != nil {
			return r, err
		}
	}
	if action == Publish || action == Retract || action == Fetch {
		r.Items, err = items(c, NS)
	}
	return r, err
}

func nodeName(c xmlstream.Node) (string, error) {
	name := c.Attr("node")
	if len(name) > MaxNode {
		return "", wire.NotAcceptable("the name of a node may be %d bytes long", MaxNode)
	}
	return name, nil
}

func items(n xmlstream.Node, ns string) ([]Item, error) {
	var list []Item
	for c := range n.Elements() {
		if c.Name.Space != ns || c.Name.Local != "item" {
			continue
		}
		item := Item{ID: c.Attr("id")}
		if len(item.ID) > MaxID {
			return nil, wire.NotAcceptable("the id of an item may be %d bytes long", MaxID)
		}
		for payload := range c.Elements() {
			if !item.Payload.IsZero() { // XEP-0060 §7.1.3.6
				return nil, stanza.ErrBadRequest().WithApp(xmlstream.NewNode(ErrorsNS, "invalid-payload"))
			}
			item.Payload = payload
		}
		list = append(list, item)
	}
	return list, nil
}

func formIn(n xmlstream.Node) (dataform.Form, error) {
	c, ok := n.Child(dataform.NS, "x")
	if !ok {
		return dataform.Form{}, nil
	}
	return dataform.Parse(c)
}

// Encode writes <pubsub/>.
func (r Request) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "pubsub")
	for name, action := range requestNames {
		if action == r.Action {
			e.Start(NS, name)
		}
	}
	wire.OptionalAttr(e, "jid", r.JID)
	if r.Max > 0 {
		e.Attr("max_items", strconv.Itoa(r.Max))
	}
	wire.OptionalAttr(e, "node", r.Node)
	if r.Notify {
		e.Attr("notify", "true")
	}
	encodeItems(e, NS, r.Items)
	e.End()
	switch {
	case r.Page != rsm.Request{}:
		r.Page.Encode(e)
	case r.Range != rsm.Result{}:
		r.Range.Encode(e)
	}
	if r.Form.Type != "" {
		local := "publish-options"
		if r.Action == Create {
			local = "configure"
		}
		e.Start(NS, local)
		r.Form.Encode(e)
		e.End()
	}
	e.End()
}

func encodeItems(e *xmlstream.Encoder, ns string, list []Item) {
	for _, item := range list {
		e.Start(ns, "item")
		wire.OptionalAttr(e, "id", item.ID)
		if !item.Payload.IsZero() {
			item.Payload.Encode(e)
		}
		e.End()
	}
}

// Fail makes a condition of an error, with what about it is of this
// extension: an element of [ErrorsNS], such as precondition-not-met, and
// attributes.
func Fail(e *stanza.Error, condition string, attrs ...xmlstream.Attr) *stanza.Error {
	return e.WithApp(xmlstream.NewNode(ErrorsNS, condition, attrs...))
}

// Failed reports whether an error has that condition of this extension.
func Failed(e *stanza.Error, condition string) bool {
	return e != nil && e.App.Name == xmlstream.Name{Space: ErrorsNS, Local: condition}
}

// ErrUnsupported is the answer to what a service does not do (XEP-0060 §14).
func ErrUnsupported(feature string) *stanza.Error {
	return Fail(stanza.ErrFeatureNotImplemented(), "unsupported", xmlstream.Attr{Name: xmlstream.Name{Local: "feature"}, Value: feature})
}
