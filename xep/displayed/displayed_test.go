package displayed_test

import (
	"testing"

	"godwit/jid"
	"godwit/xep/displayed"
	"godwit/xep/internal/codectest"
)

const (
	id  = `<stanza-id xmlns='urn:xmpp:sid:0' id='28' by='alice@a.example'/>`
	xml = `<displayed xmlns='urn:xmpp:mds:displayed:0'>` + id + `</displayed>`
)

var read = displayed.Displayed{By: jid.MustParse("alice@a.example"), ID: "28"}

func TestDisplayed(t *testing.T) {
	type row = codectest.Row[displayed.Displayed]
	codectest.Table(t, displayed.Parse,
		row{Why: "read up to a message", XML: xml, Want: read},
		row{Why: "up to no message", XML: `<displayed xmlns='urn:xmpp:mds:displayed:0'/>`, Err: "bad-request"},
		row{Why: "up to two", XML: `<displayed xmlns='urn:xmpp:mds:displayed:0'>` + id + id + `</displayed>`, Err: "bad-request"},
		row{Why: "a marker for the other side is something else", XML: `<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>`, Err: "bad-request"},
	)
}

func TestPublication(t *testing.T) {
	const want = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='bob@b.example'>` + xml + `</item></publish>` +
		`<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
		`<field var='pubsub#persist_items'><value>true</value></field><field var='pubsub#max_items'><value>max</value></field>` +
		`<field var='pubsub#send_last_published_item'><value>never</value></field><field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options></pubsub>`
	if got := codectest.Write(t, displayed.Publication(jid.MustParse("bob@b.example"), read)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
