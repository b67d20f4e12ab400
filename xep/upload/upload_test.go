package upload_test

import (
	"strings"
	"testing"
	"time"

	"godwit/stanza"
	"godwit/xep/dataform"
	"godwit/xep/internal/codectest"
	"godwit/xep/upload"
	"godwit/xmlstream"
)

const ns = ` xmlns='urn:xmpp:http:upload:0'`

func TestRequest(t *testing.T) {
	type row = codectest.Row[upload.Request]
	codectest.Table(t, upload.ParseRequest,
		row{Why: "a picture", XML: `<request` + ns + ` content-type='image/jpeg' filename='très cool.jpg' size='23456'/>`,
			Want: upload.Request{Filename: "très cool.jpg", Size: 23456, ContentType: "image/jpeg"}},
		row{Why: "no type", XML: `<request` + ns + ` filename='x' size='0'/>`, Want: upload.Request{Filename: "x"}},
		row{Why: "larger than any disk", XML: `<request` + ns + ` filename='x' size='99999999999999999999'/>`,
			Want: upload.Request{Filename: "x", Size: 1<<63 - 1}, Out: `<request` + ns + ` filename='x' size='9223372036854775807'/>`},
		row{Why: "less than nothing", XML: `<request` + ns + ` filename='x' size='-1'/>`, Err: "bad-request"},
		row{Why: "no size", XML: `<request` + ns + ` filename='x'/>`, Err: "bad-request"},
		row{Why: "no name", XML: `<request` + ns + ` size='1'/>`, Err: "bad-request"},
		row{Why: "a name without end", XML: `<request` + ns + ` filename='` + strings.Repeat("x", 1025) + `' size='1'/>`, Err: "not-acceptable"},
		row{Why: "a type without end", XML: `<request` + ns + ` content-type='` + strings.Repeat("x", 256) + `' filename='x' size='1'/>`, Err: "not-acceptable"},
		row{Why: "another element", XML: `<slot` + ns + `/>`, Err: "bad-request"},
	)
}

func TestSlot(t *testing.T) {
	type row = codectest.Row[upload.Slot]
	codectest.Table(t, upload.ParseSlot,
		row{Why: "a slot", XML: `<slot` + ns + `><put url='https://u.example/a'/><get url='https://d.example/a'/></slot>`,
			Want: upload.Slot{Put: "https://u.example/a", Get: "https://d.example/a"}},
		row{Why: "with headers", XML: `<slot` + ns + `><put url='https://u.example/a'><header name='Authorization'>Basic x==</header><header name='Cookie'>a=b</header></put><get url='https://d.example/a'/></slot>`,
			Want: upload.Slot{Put: "https://u.example/a", Headers: []upload.Header{{Name: "Authorization", Value: "Basic x=="}, {Name: "Cookie", Value: "a=b"}}, Get: "https://d.example/a"}},
		row{Why: "headers that nobody may ask for, and line breaks", XML: `<slot` + ns + `><put url='u'><header name='Host'>evil</header><header name='eXpires'>1&#13;&#10;X: y</header></put><get url='g'/></slot>`,
			Want: upload.Slot{Put: "u", Headers: []upload.Header{{Name: "Expires", Value: "1X: y"}}, Get: "g"},
			Out:  `<slot` + ns + `><put url='u'><header name='Expires'>1X: y</header></put><get url='g'/></slot>`},
		row{Why: "half a slot", XML: `<slot` + ns + `><put url='u'/></slot>`, Err: "bad-request"},
		row{Why: "the other half", XML: `<slot` + ns + `><get url='u'/></slot>`, Err: "bad-request"},
		row{Why: "no URL", XML: `<slot` + ns + `><put/><get url='g'/></slot>`, Err: "bad-request"},
		row{Why: "an URL without end", XML: `<slot` + ns + `><put url='` + strings.Repeat("x", 8<<10+1) + `'/><get url='g'/></slot>`, Err: "not-acceptable"},
	)
}

func TestErrors(t *testing.T) {
	written := func(e *stanza.Error) string {
		enc := xmlstream.NewEncoder(nil, "jabber:client")
		e.Encode(enc)
		return string(enc.Bytes())
	}
	large := upload.ErrTooLarge(20000)
	if s := written(large); !strings.Contains(s, `<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>20000</max-file-size></file-too-large>`) || !strings.Contains(s, "type='modify'") {
		t.Error(s)
	}
	if max, ok := upload.TooLarge(large); !ok || max != 20000 {
		t.Error(max, ok)
	}
	if _, ok := upload.TooLarge(stanza.ErrNotAcceptable()); ok {
		t.Error("any refusal is read as one for size")
	}
	later := upload.ErrRetry(time.Date(2026, 12, 3, 23, 42, 5, 0, time.UTC), "quota")
	if s := written(later); !strings.Contains(s, `<retry xmlns='urn:xmpp:http:upload:0' stamp='2026-12-03T23:42:05Z'/>`) || !strings.Contains(s, "type='wait'") {
		t.Error(s)
	}
	if s := written(upload.ErrRetry(time.Time{}, "disk")); strings.Contains(s, "retry") {
		t.Error(s)
	}
}

func TestForm(t *testing.T) {
	if got := upload.MaxFileSize([]dataform.Form{upload.Form(5242880)}); got != 5242880 {
		t.Error(got)
	}
	if got := upload.MaxFileSize(nil); got != 0 {
		t.Error(got)
	}
}
