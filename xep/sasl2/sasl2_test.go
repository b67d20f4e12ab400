package sasl2_test

import (
	"testing"
	"time"

	"godwit/jid"
	"godwit/xep/bind2"
	"godwit/xep/fast"
	"godwit/xep/internal/codectest"
	"godwit/xep/sasl1"
	"godwit/xep/sasl2"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

type row = codectest.Row[sasl2.Element]

const ns = ` xmlns='urn:xmpp:sasl:2'`

func TestClient(t *testing.T) {
	open := `<authenticate` + ns + ` mechanism='SCRAM-SHA-256'>`
	codectest.Table(t, sasl2.Parse,
		row{Why: "no initial response", XML: `<authenticate` + ns + ` mechanism='SCRAM-SHA-256'/>`, Want: sasl2.Authenticate{Mechanism: "SCRAM-SHA-256"}},
		row{Why: "an empty one", XML: open + `<initial-response/></authenticate>`, Want: sasl2.Authenticate{Mechanism: "SCRAM-SHA-256", Initial: []byte{}}},
		row{Why: "resume, else bind", XML: open + `<initial-response>biws</initial-response>` +
			`<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Godwit</software><device>desk</device></user-agent>` +
			`<resume xmlns='urn:xmpp:sm:3' h='5' previd='s1'/><bind xmlns='urn:xmpp:bind:0'><tag>Godwit</tag></bind><more xmlns='urn:example'/></authenticate>`,
			Want: sasl2.Authenticate{Mechanism: "SCRAM-SHA-256", Initial: []byte("n,,"),
				Agent:  sasl2.UserAgent{ID: "d4565fa7-4d72-4749-b3d3-740edbf87770", Software: "Godwit", Device: "desk"},
				Resume: &sm.Resume{PrevID: "s1", H: 5}, Bind: &bind2.Bind{Tag: "Godwit"},
				Inline: []xmlstream.Node{xmlstream.NewNode("urn:example", "more")}}},
		row{Why: "a UUID in capitals is the same", XML: open + `<user-agent id='D4565FA7-4D72-4749-B3D3-740EDBF87770'/></authenticate>`,
			Want: sasl2.Authenticate{Mechanism: "SCRAM-SHA-256", Agent: sasl2.UserAgent{ID: "d4565fa7-4d72-4749-b3d3-740edbf87770"}},
			Out:  open + `<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/></authenticate>`},
		row{Why: "an id that is no UUID", XML: open + `<user-agent id='my-laptop'/></authenticate>`, Err: "bad-request"},
		row{Why: "an id of the right length only", XML: open + `<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf8777g'/></authenticate>`, Err: "bad-request"},
		row{Why: "no mechanism", XML: `<authenticate` + ns + `/>`, Err: "bad-request"},
		row{Why: "bad base64", XML: open + `<initial-response>bi ws</initial-response></authenticate>`, Err: codectest.Encoding},
		row{Why: "the equals sign of the older profile is not base64", XML: open + `<initial-response>=</initial-response></authenticate>`, Err: codectest.Encoding},
		row{Why: "two initial responses leave it open which counts", XML: open + `<initial-response/><initial-response>biws</initial-response></authenticate>`, Err: "bad-request"},
		row{Why: "two binds", XML: open + `<bind xmlns='urn:xmpp:bind:0'/><bind xmlns='urn:xmpp:bind:0'/></authenticate>`, Err: "bad-request"},
		row{Why: "a broken resumption", XML: open + `<resume xmlns='urn:xmpp:sm:3' h='x' previd='s1'/></authenticate>`, Err: "bad-request"},
		row{Why: "a token is used and another wanted (XEP-0484)", XML: `<authenticate` + ns + ` mechanism='HT-SHA-256-NONE'><initial-response>YQ==</initial-response>` +
			`<fast xmlns='urn:xmpp:fast:0' count='3'/><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/></authenticate>`,
			Want: sasl2.Authenticate{Mechanism: "HT-SHA-256-NONE", Initial: []byte("a"), Fast: &fast.Use{Count: 3}, Token: &fast.Request{Mechanism: "HT-SHA-256-NONE"}}},
		row{Why: "two tokens used leave it open which counts", XML: open + `<fast xmlns='urn:xmpp:fast:0' count='3'/><fast xmlns='urn:xmpp:fast:0' count='4'/></authenticate>`, Err: "bad-request"},
		row{Why: "response", XML: `<response` + ns + `>Yz1i</response>`, Want: sasl2.Response{Data: []byte("c=b")}},
		row{Why: "empty response", XML: `<response` + ns + `/>`, Want: sasl2.Response{Data: []byte{}}},
		row{Why: "abort", XML: `<abort` + ns + `><text>enough</text></abort>`, Want: sasl2.Abort{Text: "enough"}},
	)
}

func TestServer(t *testing.T) {
	alice := jid.MustParse("alice@a.example")
	codectest.Table(t, sasl2.Parse,
		row{Why: "feature", XML: `<authentication` + ns + `><mechanism>SCRAM-SHA-1</mechanism><inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'/><fast xmlns='urn:xmpp:fast:0'/></inline></authentication>`,
			Want: sasl2.Authentication{Mechanisms: []string{"SCRAM-SHA-1"}, SM: true, Bind: &bind2.Feature{}, Fast: &fast.Feature{}}},
		row{Why: "an inline feature of others", XML: `<authentication` + ns + `><mechanism>SCRAM-SHA-1</mechanism><inline><more xmlns='urn:example'/></inline></authentication>`,
			Want: sasl2.Authentication{Mechanisms: []string{"SCRAM-SHA-1"}, Inline: []xmlstream.Node{xmlstream.NewNode("urn:example", "more")}}},
		row{Why: "feature without extras", XML: `<authentication` + ns + `><mechanism>PLAIN</mechanism></authentication>`, Want: sasl2.Authentication{Mechanisms: []string{"PLAIN"}}},
		row{Why: "challenge", XML: `<challenge` + ns + `>cj0x</challenge>`, Want: sasl2.Challenge{Data: []byte("r=1")}},
		row{Why: "success", XML: `<success` + ns + `><additional-data>dj0x</additional-data><authorization-identifier>alice@a.example</authorization-identifier></success>`,
			Want: sasl2.Success{Data: []byte("v=1"), Authorization: alice}},
		row{Why: "success that resumes", XML: `<success` + ns + `><authorization-identifier>alice@a.example/r</authorization-identifier><resumed xmlns='urn:xmpp:sm:3' h='345' previd='s1'/></success>`,
			Want: sasl2.Success{Authorization: jid.MustParse("alice@a.example/r"), Resumed: &sm.Resumed{PrevID: "s1", H: 345}}},
		row{Why: "success that binds instead", XML: `<success` + ns + `><authorization-identifier>alice@a.example/r</authorization-identifier><failed xmlns='urn:xmpp:sm:3' h='3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed><bound xmlns='urn:xmpp:bind:0'/></success>`,
			Want: sasl2.Success{Authorization: jid.MustParse("alice@a.example/r"), ResumeFailed: &sm.Failed{Condition: "item-not-found", HasH: true, H: 3}, Bound: &bind2.Bound{}}},
		row{Why: "success with a token", XML: `<success` + ns + `><authorization-identifier>alice@a.example</authorization-identifier><token xmlns='urn:xmpp:fast:0' expiry='2030-01-01T00:00:00Z' token='s'/></success>`,
			Want: sasl2.Success{Authorization: alice, Token: &fast.Token{Token: "s", Expiry: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}}},
		row{Why: "success for nobody", XML: `<success` + ns + `/>`, Err: "bad-request"},
		row{Why: "success for no address", XML: `<success` + ns + `><authorization-identifier>@</authorization-identifier></success>`, Err: "jid-malformed"},
		row{Why: "failure", XML: `<failure` + ns + `><aborted xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><why xmlns='urn:example'/><text>as you wish</text></failure>`,
			Want: sasl2.Failure{Condition: sasl1.Aborted, Text: "as you wish", App: []xmlstream.Node{xmlstream.NewNode("urn:example", "why")}}},
		row{Why: "failure without a reason", XML: `<failure` + ns + `/>`, Want: sasl2.Failure{Condition: sasl1.NotAuthorized},
			Out: `<failure` + ns + `><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>`},
		row{Why: "more to do", XML: `<continue` + ns + `><additional-data>dj0x</additional-data><tasks><task>TOTP</task></tasks><text>second factor</text></continue>`,
			Want: sasl2.Continue{Data: []byte("v=1"), Tasks: []string{"TOTP"}, Text: "second factor"}},
		row{Why: "an element the profile has not", XML: `<auth` + ns + `/>`, Err: "bad-request"},
		row{Why: "the older profile", XML: `<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`, Err: "bad-request"},
	)
}
