package deposit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/deposit"
	"godwit/xep/forward"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:godwit:deposit:0'`

func message(id, typ string) string {
	return `<message xmlns='jabber:client' from='alice@a.example/r' to='bob@b.example/s' type='` + typ + `'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='` + id + `'/></message>`
}

func item(direction, forwarded string) string {
	return `<item direction='` + direction + `'>` + forwarded + `</item>`
}

const stamp = `<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T06:12:00Z'/>`

func wrap(inner string) string {
	return `<forwarded xmlns='urn:xmpp:forward:0'>` + inner + `</forwarded>`
}

func batch(items ...string) string {
	return `<deposit` + ns + `>` + strings.Join(items, "") + `</deposit>`
}

func TestBatch(t *testing.T) {
	type row = codectest.Row[deposit.Batch]
	at := time.Date(2026, 11, 23, 6, 12, 0, 0, time.UTC)
	entry := func(d deposit.Direction, id string) deposit.Item {
		return deposit.Item{Direction: d, OriginID: id, Forwarded: forward.New(codectest.Message(t, message(id, "chat")), at)}
	}
	written := func(d deposit.Direction, id string) string {
		return item(string(d), codectest.Write(t, entry(d, id).Forwarded))
	}
	many := func(n int) string {
		var items []string
		for i := range n {
			items = append(items, item("sent", wrap(stamp+message(fmt.Sprint("m", i), "chat"))))
		}
		return batch(items...)
	}
	bad := func(from, to string) string {
		return batch(item("sent", wrap(stamp+strings.Replace(message("m1", "chat"), from, to, 1))))
	}
	codectest.Table(t, deposit.Parse,
		row{Why: "one each way", XML: batch(written("sent", "m1"), written("received", "m2")),
			Want: deposit.Batch{Items: []deposit.Item{entry(deposit.Sent, "m1"), entry(deposit.Received, "m2")}}},
		row{Why: "no message", XML: `<deposit` + ns + `/>`, Err: "bad-request"},
		row{Why: "sideways", XML: batch(item("sideways", wrap(stamp+message("m1", "chat")))), Err: "bad-request"},
		row{Why: "nothing inside", XML: batch(item("sent", "")), Err: "bad-request"},
		row{Why: "no time", XML: batch(item("sent", wrap(message("m1", "chat")))), Err: "bad-request"},
		row{Why: "an error is not talk", XML: batch(item("sent", wrap(stamp+message("m1", "error")))), Err: "bad-request"},
		row{Why: "rooms keep their own archive", XML: batch(item("sent", wrap(stamp+message("m1", "groupchat")))), Err: "bad-request"},
		row{Why: "presence", XML: batch(item("sent", wrap(stamp+`<presence xmlns='jabber:client' from='a@a.example' to='b@b.example'/>`))), Err: "bad-request"},
		row{Why: "from nobody", XML: bad(` from='alice@a.example/r'`, ``), Err: "bad-request"},
		row{Why: "to nobody", XML: bad(` to='bob@b.example/s'`, ``), Err: "bad-request"},
		row{Why: "from no address", XML: bad(`alice@a.example/r`, `@`), Err: "jid-malformed"},
		row{Why: "no origin-id", XML: bad(`<origin-id xmlns='urn:xmpp:sid:0' id='m1'/>`, ``), Err: "bad-request"},
		row{Why: "an origin-id without an id", XML: bad(` id='m1'`, ``), Err: "bad-request"},
		row{Why: "two origin-ids leave it open which counts", XML: bad(`<body>hi</body>`, `<origin-id xmlns='urn:xmpp:sid:0' id='m0'/>`), Err: "bad-request"},
		row{Why: "the same message twice", XML: batch(written("sent", "m1"), written("sent", "m1")), Err: "bad-request"},
		row{Why: "more than a batch", XML: many(deposit.MaxItems + 1), Err: "not-acceptable"},
		row{Why: "the answer is no request", XML: `<deposited` + ns + `/>`, Err: "bad-request"},
	)
	b, err := deposit.Parse(codectest.Node(t, many(deposit.MaxItems)))
	if err != nil || len(b.Items) != deposit.MaxItems {
		t.Fatalf("a full batch: %d, %v", len(b.Items), err)
	}
	if got, want := b.Items[3].Key(), (deposit.Key{Sender: jid.MustParse("alice@a.example"), OriginID: "m3"}); got != want {
		t.Errorf("key %v, want %v", got, want)
	}
}

func TestResult(t *testing.T) {
	type row = codectest.Row[deposit.Result]
	key := deposit.Key{Sender: jid.MustParse("alice@a.example"), OriginID: "m1"}
	result := func(inner string) string { return `<deposited` + ns + `>` + inner + `</deposited>` }
	refused := deposit.Result{Receipts: []deposit.Receipt{{Key: key, Error: stanza.ErrResourceConstraint().WithText("archive is full")}}}
	codectest.Table(t, deposit.ParseResult,
		row{Why: "kept", XML: result(`<item sender='alice@a.example' origin-id='m1' id='8f2c'/>`), Want: deposit.Result{Receipts: []deposit.Receipt{{Key: key, ID: "8f2c"}}}},
		row{Why: "refused", XML: codectest.Write(t, refused), Want: refused},
		row{Why: "neither", XML: result(`<item sender='alice@a.example' origin-id='m1'/>`), Err: "bad-request"},
		row{Why: "whose?", XML: result(`<item origin-id='m1' id='8f2c'/>`), Err: "bad-request"},
		row{Why: "whose exactly?", XML: result(`<item sender='alice@a.example/r' origin-id='m1' id='8f2c'/>`), Err: "bad-request"},
		row{Why: "which?", XML: result(`<item sender='alice@a.example' id='8f2c'/>`), Err: "bad-request"},
		row{Why: "too many", XML: result(strings.Repeat(`<item sender='alice@a.example' origin-id='m1' id='8f2c'/>`, deposit.MaxItems+1)), Err: "not-acceptable"},
		row{Why: "the request is no answer", XML: `<deposit` + ns + `/>`, Err: "bad-request"},
	)
}
