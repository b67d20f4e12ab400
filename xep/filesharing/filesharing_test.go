package filesharing_test

import (
	"strings"
	"testing"

	"godwit/jid"
	"godwit/xep/filemeta"
	"godwit/xep/filesharing"
	"godwit/xep/internal/codectest"
)

const (
	ns  = ` xmlns='urn:xmpp:sfs:0'`
	url = `<url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/x.jpg'/>`
	pub = `<jinglepub xmlns='urn:xmpp:jinglepub:1' from='romeo@montague.example/r' id='95'><description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/></jinglepub>`
	one = `<file xmlns='urn:xmpp:file:metadata:0'><name>x.jpg</name><size>3</size></file>`
)

func TestSharing(t *testing.T) {
	type row = codectest.Row[filesharing.Sharing]
	file := filemeta.File{Name: "x.jpg", Size: 3}
	codectest.Table(t, filesharing.Parse,
		row{Why: "to be had in two places", XML: `<file-sharing` + ns + ` disposition='inline' id='a'>` + one + `<sources>` + url + pub + `</sources></file-sharing>`,
			Want: filesharing.Sharing{Disposition: filesharing.Inline, ID: "a", File: file, Sources: filesharing.Sources{
				URLs: []string{"https://a.example/x.jpg"}, Jingle: []filesharing.Published{{From: jid.MustParse("romeo@montague.example/r"), ID: "95"}}}}},
		row{Why: "no place yet", XML: `<file-sharing` + ns + `>` + one + `</file-sharing>`, Want: filesharing.Sharing{File: file}},
		row{Why: "a disposition that is none", XML: `<file-sharing` + ns + ` disposition='execute'>` + one + `</file-sharing>`, Want: filesharing.Sharing{File: file},
			Out: `<file-sharing` + ns + `>` + one + `</file-sharing>`},
		row{Why: "places that make no sense", XML: `<file-sharing` + ns + `>` + one + `<sources><url-data xmlns='http://jabber.org/protocol/url-data'/><jinglepub xmlns='urn:xmpp:jinglepub:1' from='@@' id='1'/><carrier-pigeon xmlns='x'/></sources></file-sharing>`,
			Want: filesharing.Sharing{File: file}, Out: `<file-sharing` + ns + `>` + one + `</file-sharing>`},
		row{Why: "no file", XML: `<file-sharing` + ns + `/>`, Err: "bad-request"},
		row{Why: "an id without end", XML: `<file-sharing` + ns + ` id='` + strings.Repeat("x", 1025) + `'>` + one + `</file-sharing>`, Err: "not-acceptable"},
	)
	s, err := filesharing.Parse(codectest.Node(t, `<file-sharing`+ns+`>`+one+`<sources>`+strings.Repeat(url, 100)+`</sources></file-sharing>`))
	if err != nil || len(s.Sources.URLs) != 8 {
		t.Errorf("%d places, %v", len(s.Sources.URLs), err)
	}
}

func TestAttaching(t *testing.T) {
	codectest.Table(t, filesharing.ParseSources,
		codectest.Row[filesharing.Sources]{Why: "one place more", XML: `<sources` + ns + ` id='a'>` + url + `</sources>`, Want: filesharing.Sources{ID: "a", URLs: []string{"https://a.example/x.jpg"}}},
		codectest.Row[filesharing.Sources]{Why: "another element", XML: `<file-sharing` + ns + `/>`, Err: "bad-request"},
	)
	codectest.Table(t, filesharing.ParseAttachTo,
		codectest.Row[filesharing.AttachTo]{Why: "to that message", XML: `<attach-to xmlns='urn:xmpp:message-attaching:1' id='m1'/>`, Want: filesharing.AttachTo{ID: "m1"}},
		codectest.Row[filesharing.AttachTo]{Why: "to which?", XML: `<attach-to xmlns='urn:xmpp:message-attaching:1'/>`, Err: "bad-request"},
	)
}
