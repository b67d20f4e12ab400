package pubsub_test

import (
	"strings"
	"testing"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/dataform"
	"godwit/xep/internal/codectest"
	"godwit/xep/pubsub"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

func in(inner string) string {
	return `<pubsub xmlns='http://jabber.org/protocol/pubsub'>` + inner + `</pubsub>`
}

func owner(inner string) string {
	return `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>` + inner + `</pubsub>`
}

func event(inner string) string {
	return `<event xmlns='http://jabber.org/protocol/pubsub#event'>` + inner + `</event>`
}

const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x>`

var (
	tune    = xmlstream.NewNode("http://jabber.org/protocol/tune", "tune").With(xmlstream.NewNode("http://jabber.org/protocol/tune", "title").WithText("Heart of the Sunrise"))
	options = dataform.New(dataform.TypeSubmit, pubsub.PublishOptions, dataform.Field{Var: "pubsub#access_model", Values: []string{"open"}})
)

const tuneXML = `<tune xmlns='http://jabber.org/protocol/tune'><title>Heart of the Sunrise</title></tune>`

func TestRequest(t *testing.T) {
	type row = codectest.Row[pubsub.Request]
	codectest.Table(t, pubsub.Parse,
		row{Why: "publish", XML: in(`<publish node='n'><item id='i'>` + tuneXML + `</item></publish>`),
			Want: pubsub.Request{Action: pubsub.Publish, Node: "n", Items: []pubsub.Item{{ID: "i", Payload: tune}}}},
		row{Why: "with options, in either order", XML: in(`<publish-options>` + form + `</publish-options><publish node='n'><item/></publish>`),
			Want: pubsub.Request{Action: pubsub.Publish, Node: "n", Items: []pubsub.Item{{}}, Form: options},
			Out:  in(`<publish node='n'><item/></publish><publish-options>` + form + `</publish-options>`)},
		row{Why: "retract", XML: in(`<retract node='n' notify='true'><item id='i'/></retract>`),
			Want: pubsub.Request{Action: pubsub.Retract, Node: "n", Notify: true, Items: []pubsub.Item{{ID: "i"}}}},
		row{Why: "fetch all", XML: in(`<items node='n'/>`), Want: pubsub.Request{Action: pubsub.Fetch, Node: "n"}},
		row{Why: "fetch the newest", XML: in(`<items max_items='2' node='n'/>`), Want: pubsub.Request{Action: pubsub.Fetch, Node: "n", Max: 2}},
		row{Why: "fetch some", XML: in(`<items node='n'><item id='a'/><item id='b'/></items>`), Want: pubsub.Request{Action: pubsub.Fetch, Node: "n", Items: []pubsub.Item{{ID: "a"}, {ID: "b"}}}},
		row{Why: "fetch a part (§6.5.4)", XML: in(`<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before>i</before></set>`),
			Want: pubsub.Request{Action: pubsub.Fetch, Node: "n", Page: rsm.Request{Max: rsm.Some(10), Before: "i", Backward: true}}},
		row{Why: "a part", XML: in(`<items node='n'><item id='i'/></items><set xmlns='http://jabber.org/protocol/rsm'><first>i</first><last>i</last><count>9</count></set>`),
			Want: pubsub.Request{Action: pubsub.Fetch, Node: "n", Items: []pubsub.Item{{ID: "i"}}, Range: rsm.Result{First: "i", Last: "i", Count: rsm.Some(9)}}},
		row{Why: "create", XML: in(`<create node='n'/>`), Want: pubsub.Request{Action: pubsub.Create, Node: "n"}},
		row{Why: "create and configure", XML: in(`<create node='n'/><configure>` + form + `</configure>`), Want: pubsub.Request{Action: pubsub.Create, Node: "n", Form: options}},
		row{Why: "a configuration of nothing", XML: in(`<create node='n'/><configure/>`), Want: pubsub.Request{Action: pubsub.Create, Node: "n"}, Out: in(`<create node='n'/>`)},
		row{Why: "subscribe", XML: in(`<subscribe jid='a@a.example' node='n'/>`), Want: pubsub.Request{Action: pubsub.Subscribe, Node: "n", JID: "a@a.example"}},
		row{Why: "an item of two payloads (§7.1.3.6)", XML: in(`<publish node='n'><item>` + tuneXML + tuneXML + `</item></publish>`), Err: "bad-request"},
		row{Why: "nothing", XML: `<pubsub xmlns='http://jabber.org/protocol/pubsub'/>`, Err: "bad-request"},
		row{Why: "two things at once", XML: in(`<items node='n'/><items node='m'/>`), Err: "bad-request"},
		row{Why: "something else", XML: in(`<affiliations/>`), Err: "feature-not-implemented"},
		row{Why: "not a number", XML: in(`<items max_items='-1' node='n'/>`), Err: "bad-request"},
		row{Why: "a name too long", XML: in(`<items node='` + strings.Repeat("n", pubsub.MaxNode+1) + `'/>`), Err: "not-acceptable"},
		row{Why: "an id too long", XML: in(`<items node='n'><item id='` + strings.Repeat("n", pubsub.MaxID+1) + `'/></items>`), Err: "not-acceptable"},
		row{Why: "a form without a type", XML: in(`<publish node='n'><item/></publish><publish-options><x xmlns='jabber:x:data'/></publish-options>`), Err: "bad-request"},
		row{Why: "notify: perhaps", XML: in(`<retract node='n' notify='perhaps'/>`), Err: "bad-request"},
		row{Why: "the owner's", XML: owner(`<delete node='n'/>`), Err: "bad-request"},
	)
}

func TestOwner(t *testing.T) {
	type row = codectest.Row[pubsub.Owner]
	codectest.Table(t, pubsub.ParseOwner,
		row{Why: "ask for the configuration", XML: owner(`<configure node='n'/>`), Want: pubsub.Owner{Action: pubsub.Configure, Node: "n"}},
		row{Why: "configure", XML: owner(`<configure node='n'>` + form + `</configure>`), Want: pubsub.Owner{Action: pubsub.Configure, Node: "n", Form: options}},
		row{Why: "delete", XML: owner(`<delete node='n'/>`), Want: pubsub.Owner{Action: pubsub.Delete, Node: "n"}},
		row{Why: "purge", XML: owner(`<purge node='n'/>`), Want: pubsub.Owner{Action: pubsub.Purge, Node: "n"}},
		row{Why: "affiliations", XML: owner(`<affiliations node='n'><affiliation affiliation='member' jid='bob@b.example'/></affiliations>`),
			Want: pubsub.Owner{Action: pubsub.Affiliations, Node: "n", Affiliations: []pubsub.Affiliation{{JID: jid.MustParse("bob@b.example"), Affiliation: "member"}}}},
		row{Why: "an affiliation of nobody", XML: owner(`<affiliations node='n'><affiliation affiliation='member'/></affiliations>`), Err: "bad-request"},
		row{Why: "something else", XML: owner(`<subscriptions node='n'/>`), Err: "feature-not-implemented"},
		row{Why: "nothing", XML: owner(``), Err: "bad-request"},
	)
}

func TestEvent(t *testing.T) {
	type row = codectest.Row[pubsub.Event]
	codectest.Table(t, pubsub.ParseEvent,
		row{Why: "something was published", XML: event(`<items node='n'><item id='i'>` + tuneXML + `</item></items>`),
			Want: pubsub.Event{Action: pubsub.Publish, Node: "n", Items: []pubsub.Item{{ID: "i", Payload: tune}}}},
		row{Why: "something was taken back", XML: event(`<items node='n'><retract id='i'/></items>`), Want: pubsub.Event{Action: pubsub.Publish, Node: "n", Retracted: []string{"i"}}},
		row{Why: "emptied", XML: event(`<purge node='n'/>`), Want: pubsub.Event{Action: pubsub.Purge, Node: "n"}},
		row{Why: "removed", XML: event(`<delete node='n'/>`), Want: pubsub.Event{Action: pubsub.Delete, Node: "n"}},
		row{Why: "of no node", XML: event(`<items/>`), Err: "bad-request"},
		row{Why: "configured anew", XML: event(`<configuration node='n'/>`), Err: "feature-not-implemented"},
		row{Why: "two at once", XML: event(`<purge node='n'/><delete node='n'/>`), Err: "bad-request"},
		row{Why: "taken back without a name", XML: event(`<items node='n'><retract/></items>`), Err: "bad-request"},
	)
}

func TestErrors(t *testing.T) {
	e := pubsub.Fail(stanza.ErrConflict(), "precondition-not-met")
	if !pubsub.Failed(e, "precondition-not-met") || pubsub.Failed(e, "closed-node") || pubsub.Failed(nil, "closed-node") || pubsub.Failed(stanza.ErrConflict(), "precondition-not-met") {
		t.Error("conditions are not told apart")
	}
	if e := pubsub.ErrUnsupported("subscribe"); e.Condition != "feature-not-implemented" || e.App.Attr("feature") != "subscribe" {
		t.Errorf("%+v", e)
	}
}
