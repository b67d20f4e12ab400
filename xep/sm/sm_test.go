package sm_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"godwit/xep/internal/codectest"
	"godwit/xep/sm"
)

type row = codectest.Row[sm.Element]

func TestElements(t *testing.T) {
	codectest.Table(t, sm.Parse,
		row{Why: "feature", XML: `<sm xmlns='urn:xmpp:sm:3'/>`, Want: sm.Feature{}},
		row{Why: "request", XML: `<r xmlns='urn:xmpp:sm:3'/>`, Want: sm.Request{}},
		row{Why: "ack", XML: `<a xmlns='urn:xmpp:sm:3' h='7'/>`, Want: sm.Ack{H: 7}},
		row{Why: "ack at the last number before it wraps", XML: `<a xmlns='urn:xmpp:sm:3' h='4294967295'/>`, Want: sm.Ack{H: math.MaxUint32}},
		row{Why: "ack beyond 32 bits", XML: `<a xmlns='urn:xmpp:sm:3' h='4294967296'/>`, Err: "bad-request"},
		row{Why: "negative ack", XML: `<a xmlns='urn:xmpp:sm:3' h='-1'/>`, Err: "bad-request"},
		row{Why: "signed ack", XML: `<a xmlns='urn:xmpp:sm:3' h='+1'/>`, Err: "bad-request"},
		row{Why: "hexadecimal ack", XML: `<a xmlns='urn:xmpp:sm:3' h='0x1'/>`, Err: "bad-request"},
		row{Why: "ack without a count", XML: `<a xmlns='urn:xmpp:sm:3'/>`, Err: "bad-request"},
		row{Why: "plain enable", XML: `<enable xmlns='urn:xmpp:sm:3'/>`, Want: sm.Enable{}},
		row{Why: "enable with resumption", XML: `<enable xmlns='urn:xmpp:sm:3' resume='true' max='300'/>`,
			Want: sm.Enable{Resume: true, Max: 300 * time.Second}},
		row{Why: "the other spelling of true", XML: `<enable xmlns='urn:xmpp:sm:3' resume='1'/>`,
			Want: sm.Enable{Resume: true}, Out: `<enable xmlns='urn:xmpp:sm:3' resume='true'/>`},
		row{Why: "an endless resumption time is only long", XML: `<enable xmlns='urn:xmpp:sm:3' max='99999999999999999999999'/>`,
			Want: sm.Enable{Max: math.MaxInt32 * time.Second}, Out: `<enable xmlns='urn:xmpp:sm:3' max='2147483647'/>`},
		row{Why: "resume is a boolean", XML: `<enable xmlns='urn:xmpp:sm:3' resume='yes'/>`, Err: "bad-request"},
		row{Why: "enabled", XML: `<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true' max='60' location='[2001:db8::1]:5222'/>`,
			Want: sm.Enabled{ID: "s1", Resume: true, Max: time.Minute, Location: "[2001:db8::1]:5222"}},
		row{Why: "enabled without resumption", XML: `<enabled xmlns='urn:xmpp:sm:3'/>`, Want: sm.Enabled{}},
		row{Why: "resumption without an id cannot be asked for later", XML: `<enabled xmlns='urn:xmpp:sm:3' resume='true'/>`, Err: "bad-request"},
		row{Why: "resume", XML: `<resume xmlns='urn:xmpp:sm:3' h='0' previd='s1'/>`, Want: sm.Resume{PrevID: "s1"}},
		row{Why: "resume needs to know which stream", XML: `<resume xmlns='urn:xmpp:sm:3' h='0'/>`, Err: "bad-request"},
		row{Why: "resume needs a count", XML: `<resume xmlns='urn:xmpp:sm:3' previd='s1'/>`, Err: "bad-request"},
		row{Why: "an id longer than §5 allows", XML: `<resume xmlns='urn:xmpp:sm:3' h='0' previd='` + strings.Repeat("x", sm.MaxID+1) + `'/>`, Err: "not-acceptable"},
		row{Why: "resumed", XML: `<resumed xmlns='urn:xmpp:sm:3' h='21' previd='s1'/>`, Want: sm.Resumed{PrevID: "s1", H: 21}},
		row{Why: "failed, nothing known", XML: `<failed xmlns='urn:xmpp:sm:3'/>`, Want: sm.Failed{}},
		row{Why: "failed, count known, zero is a count",
			XML:  `<failed xmlns='urn:xmpp:sm:3' h='0'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
			Want: sm.Failed{Condition: "item-not-found", HasH: true}},
		row{Why: "failed with words",
			XML: `<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>` +
				`<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>bind first</text></failed>`,
			Want: sm.Failed{Condition: "unexpected-request", Text: "bind first"}},
		row{Why: "handled count too high", XML: `<handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/>`,
			Want: sm.HandledCountTooHigh{H: 10, SendCount: 8}},
		row{Why: "another element", XML: `<b xmlns='urn:xmpp:sm:3'/>`, Err: "bad-request"},
		row{Why: "an older version", XML: `<a xmlns='urn:xmpp:sm:2' h='1'/>`, Err: "bad-request"},
		row{Why: "a request of another namespace", XML: `<r xmlns='urn:xmpp:sm:2'/>`, Err: "bad-request"},
	)
}

func TestAppend(t *testing.T) {
	for _, h := range []uint32{0, 1, 4095, math.MaxUint32} {
		if got, want := string(sm.AppendAck(nil, h)), codectest.Write(t, sm.Ack{H: h}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got, want := string(sm.AppendRequest(nil)), codectest.Write(t, sm.Request{}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseHandled(t *testing.T) {
	if h, err := sm.ParseHandled("42"); h != 42 || err != nil {
		t.Errorf("got %d, %v", h, err)
	}
	for _, v := range []string{"", "x", "4294967296", "-0", "1e3", "１"} {
		if h, err := sm.ParseHandled(v); err == nil {
			t.Errorf("%q accepted as %d", v, h)
		}
	}
}

func BenchmarkAppendAck(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = sm.AppendAck(buf[:0], 123456)
	}
}
