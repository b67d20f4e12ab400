package receipts_test

import (
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/receipts"
)

const ns = ` xmlns='urn:xmpp:receipts'`

func TestRequest(t *testing.T) {
	type row = codectest.Row[receipts.Request]
	codectest.Table(t, receipts.ParseRequest,
		row{Why: "request", XML: `<request` + ns + `/>`, Want: receipts.Request{}},
		row{Why: "answer", XML: `<received` + ns + ` id='m1'/>`, Err: "bad-request"},
	)
}

func TestReceived(t *testing.T) {
	type row = codectest.Row[receipts.Received]
	codectest.Table(t, receipts.ParseReceived,
		row{Why: "answer", XML: `<received` + ns + ` id='m1'/>`, Want: receipts.Received{ID: "m1"}},
		row{Why: "an answer for nothing (before version 1.1)", XML: `<received` + ns + `/>`, Err: "bad-request"},
		row{Why: "a carbon is something else", XML: `<received xmlns='urn:xmpp:carbons:2' id='m1'/>`, Err: "bad-request"},
	)
}
