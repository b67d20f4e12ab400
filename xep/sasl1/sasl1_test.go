package sasl1_test

import (
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/sasl1"
)

type row = codectest.Row[sasl1.Element]

func TestElements(t *testing.T) {
	const ns = ` xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`
	codectest.Table(t, sasl1.Parse,
		row{Why: "feature", XML: `<mechanisms` + ns + `><mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms>`,
			Want: sasl1.Mechanisms{Names: []string{"SCRAM-SHA-256-PLUS", "PLAIN"}}},
		row{Why: "what cannot be a mechanism is left out", XML: `<mechanisms` + ns + `><mechanism>plain</mechanism><mechanism/><mechanism>ABCDEFGHIJKLMNOPQRSTU</mechanism><mechanism>X-OK_1</mechanism></mechanisms>`,
			Want: sasl1.Mechanisms{Names: []string{"X-OK_1"}}, Out: `<mechanisms` + ns + `><mechanism>X-OK_1</mechanism></mechanisms>`},
		row{Why: "auth without an initial response", XML: `<auth` + ns + ` mechanism='SCRAM-SHA-1'/>`, Want: sasl1.Auth{Mechanism: "SCRAM-SHA-1"}},
		row{Why: "auth with an empty one", XML: `<auth` + ns + ` mechanism='EXTERNAL'>=</auth>`, Want: sasl1.Auth{Mechanism: "EXTERNAL", Initial: []byte{}}},
		row{Why: "auth with data", XML: `<auth` + ns + ` mechanism='PLAIN'>AGEAYg==</auth>`, Want: sasl1.Auth{Mechanism: "PLAIN", Initial: []byte("\x00a\x00b")}},
		row{Why: "auth without a mechanism", XML: `<auth` + ns + `>AGEAYg==</auth>`, Err: "bad-request"},
		row{Why: "a mechanism's name is in capitals", XML: `<auth` + ns + ` mechanism='plain'/>`, Err: "bad-request"},
		row{Why: "whitespace in base64 (RFC 6120 §13.9.1)", XML: `<auth` + ns + ` mechanism='PLAIN'>AGEA Yg==</auth>`, Err: codectest.Encoding},
		row{Why: "a line break in base64", XML: "<auth" + ns + " mechanism='PLAIN'>AGEA\nYg==</auth>", Err: codectest.Encoding},
		row{Why: "missing padding", XML: `<auth` + ns + ` mechanism='PLAIN'>AGEAYg</auth>`, Err: codectest.Encoding},
		row{Why: "padding bits that are not zero", XML: `<auth` + ns + ` mechanism='PLAIN'>AGEAYh==</auth>`, Err: codectest.Encoding},
		row{Why: "padding and then more", XML: `<auth` + ns + ` mechanism='PLAIN'>AA==AA==</auth>`, Err: codectest.Encoding},
		row{Why: "challenge", XML: `<challenge` + ns + `>cj0x</challenge>`, Want: sasl1.Challenge{Data: []byte("r=1")}},
		row{Why: "empty challenge", XML: `<challenge` + ns + `/>`, Want: sasl1.Challenge{Data: []byte{}}},
		row{Why: "response", XML: `<response` + ns + `>Yz1i</response>`, Want: sasl1.Response{Data: []byte("c=b")}},
		row{Why: "empty response, spelled out", XML: `<response` + ns + `>=</response>`, Want: sasl1.Response{Data: []byte{}}, Out: `<response` + ns + `/>`},
		row{Why: "response that is not base64", XML: `<response` + ns + `>*</response>`, Err: codectest.Encoding},
		row{Why: "abort", XML: `<abort` + ns + `/>`, Want: sasl1.Abort{}},
		row{Why: "success", XML: `<success` + ns + `/>`, Want: sasl1.Success{}},
		row{Why: "success with data", XML: `<success` + ns + `>dj0x</success>`, Want: sasl1.Success{Data: []byte("v=1")}},
		row{Why: "failure", XML: `<failure` + ns + `><account-disabled/><text>ask the desk</text></failure>`,
			Want: sasl1.Failure{Condition: sasl1.AccountDisabled, Text: "ask the desk"}},
		row{Why: "failure that gives no reason", XML: `<failure` + ns + `/>`, Want: sasl1.Failure{Condition: sasl1.NotAuthorized}, Out: `<failure` + ns + `><not-authorized/></failure>`},
		row{Why: "an element the profile has not", XML: `<hello` + ns + `/>`, Err: "bad-request"},
		row{Why: "another namespace", XML: `<abort xmlns='urn:xmpp:sasl:2'/>`, Err: "bad-request"},
	)
}

func TestMechanismsAreBounded(t *testing.T) {
	xml := `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>`
	for range 2 * sasl1.MaxMechanisms {
		xml += `<mechanism>X</mechanism>`
	}
	m, err := sasl1.ParseMechanisms(codectest.Node(t, xml+`</mechanisms>`))
	if err != nil || len(m.Names) != sasl1.MaxMechanisms {
		t.Fatalf("%d names, %v", len(m.Names), err)
	}
}
