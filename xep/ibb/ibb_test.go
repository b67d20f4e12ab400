package ibb_test

import (
	"strings"
	"testing"

	"godwit/xep/ibb"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='http://jabber.org/protocol/ibb'`

func TestOpen(t *testing.T) {
	type row = codectest.Row[ibb.Open]
	codectest.Table(t, ibb.ParseOpen,
		row{Why: "as usual", XML: `<open` + ns + ` block-size='4096' sid='a'/>`, Want: ibb.Open{SID: "a", BlockSize: 4096}},
		row{Why: "in IQs, said aloud", XML: `<open` + ns + ` block-size='4096' sid='a' stanza='iq'/>`, Want: ibb.Open{SID: "a", BlockSize: 4096}, Out: `<open` + ns + ` block-size='4096' sid='a'/>`},
		row{Why: "in messages", XML: `<open` + ns + ` block-size='1' sid='a' stanza='message'/>`, Want: ibb.Open{SID: "a", BlockSize: 1, Messages: true}},
		row{Why: "in presence", XML: `<open` + ns + ` block-size='1' sid='a' stanza='presence'/>`, Err: "bad-request"},
		row{Why: "blocks of nothing", XML: `<open` + ns + ` block-size='0' sid='a'/>`, Err: "bad-request"},
		row{Why: "blocks beyond all blocks", XML: `<open` + ns + ` block-size='65536' sid='a'/>`, Err: "bad-request"},
		row{Why: "no id", XML: `<open` + ns + ` block-size='1'/>`, Err: "bad-request"},
	)
}

func TestTransport(t *testing.T) {
	type row = codectest.Row[ibb.Transport]
	codectest.Table(t, ibb.ParseTransport,
		row{Why: "as usual", XML: `<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='a'/>`, Want: ibb.Transport{SID: "a", BlockSize: 4096}},
		row{Why: "another transport", XML: `<transport xmlns='urn:xmpp:jingle:transports:s5b:1' block-size='4096' sid='a'/>`, Err: "bad-request"},
	)
}

func TestData(t *testing.T) {
	type row = codectest.Row[ibb.Data]
	codectest.Table(t, ibb.ParseData,
		row{Why: "a block", XML: `<data` + ns + ` seq='65535' sid='a'>AQID</data>`, Want: ibb.Data{SID: "a", Seq: 65535, Bytes: []byte{1, 2, 3}}},
		row{Why: "beyond the last number", XML: `<data` + ns + ` seq='65536' sid='a'>AQID</data>`, Err: "bad-request"},
		row{Why: "not base64", XML: `<data` + ns + ` seq='0' sid='a'>A?</data>`, Err: "bad-request"},
		row{Why: "a block without end", XML: `<data` + ns + ` seq='0' sid='a'>` + strings.Repeat("AAAA", 22000) + `</data>`, Err: "not-acceptable"},
	)
}

func TestClose(t *testing.T) {
	type row = codectest.Row[ibb.Close]
	codectest.Table(t, ibb.ParseClose,
		row{Why: "the end", XML: `<close` + ns + ` sid='a'/>`, Want: ibb.Close{SID: "a"}},
		row{Why: "of what?", XML: `<close` + ns + `/>`, Err: "bad-request"},
	)
}
