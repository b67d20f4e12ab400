package jingle

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xmlstream"
)

func tree(t testing.TB, text string) xmlstream.Node {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(text), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	n, err := el.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func encode(t testing.TB, j Jingle) string {
	t.Helper()
	e := xmlstream.NewEncoder(nil, "")
	j.Encode(e)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	return string(e.Bytes())
}

func TestRoundTrip(t *testing.T) {
	romeo, juliet := jid.MustParse("romeo@montague.lit/orchard"), jid.MustParse("juliet@capulet.lit/balcony")
	description := xmlstream.NewNode("urn:xmpp:jingle:apps:stub:0", "description")
	transport := xmlstream.NewNode("urn:xmpp:jingle:transports:stub:0", "transport", xmlstream.A("pwd", "x"))
	tests := []struct {
		xml  string
		want Jingle
	}{
		{`<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='romeo@montague.lit/orchard' sid='a73'>` +
			`<content creator='initiator' name='stub'><description xmlns='urn:xmpp:jingle:apps:stub:0'/>` +
			`<transport xmlns='urn:xmpp:jingle:transports:stub:0' pwd='x'/></content></jingle>`,
			Jingle{Action: SessionInitiate, SID: "a73", Initiator: romeo,
				Contents: []Content{{Creator: Initiator, Name: "stub", Description: description, Transport: transport}}}},
		{`<jingle xmlns='urn:xmpp:jingle:1' action='session-accept' responder='juliet@capulet.lit/balcony' sid='a'>` +
			`<content creator='responder' disposition='early' name='n' senders='none'><transport xmlns='urn:xmpp:jingle:transports:stub:0' pwd='x'/></content></jingle>`,
			Jingle{Action: SessionAccept, SID: "a", Responder: juliet,
				Contents: []Content{{Creator: Responder, Name: "n", Disposition: "early", Senders: "none", Transport: transport}}}},
		{`<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='a'><reason><success/><text>Sorry, gotta go!</text></reason></jingle>`,
			Jingle{Action: SessionTerminate, SID: "a", Reason: &Reason{Condition: Success, Text: "Sorry, gotta go!"}}},
		{`<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='a'><reason><alternative-session><sid>b84</sid></alternative-session></reason></jingle>`,
			Jingle{Action: SessionTerminate, SID: "a", Reason: &Reason{Condition: AlternativeSession, Alternative: "b84"}}},
		{`<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='a'><ringing xmlns='urn:xmpp:jingle:apps:rtp:1:info'/></jingle>`,
			Jingle{Action: SessionInfo, SID: "a", Info: []xmlstream.Node{xmlstream.NewNode("urn:xmpp:jingle:apps:rtp:1:info", "ringing")}}},
		{`<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='a'/>`, Jingle{Action: SessionInfo, SID: "a"}},
	}
	for _, test := range tests {
		got, err := Parse(tree(t, test.xml))
		if err != nil {
			t.Errorf("%s: %v", test.xml, err)
			continue
		}
		if !reflect.DeepEqual(normal(got), normal(test.want)) {
			t.Errorf("%s\n got %#v\nwant %#v", test.xml, got, test.want)
		}
		if again := encode(t, test.want); again != test.xml {
			t.Errorf("encoded %s\n    want %s", again, test.xml)
		}
	}
}

// normal makes nil and empty slices alike.
func normal(j Jingle) Jingle {
	for i := range j.Contents {
		for _, n := range []*xmlstream.Node{&j.Contents[i].Description, &j.Contents[i].Transport} {
			if len(n.Attrs) == 0 {
				n.Attrs = nil
			}
			if len(n.Children) == 0 {
				n.Children = nil
			}
		}
	}
	for i := range j.Info {
		if len(j.Info[i].Attrs) == 0 {
			j.Info[i].Attrs = nil
		}
	}
	return j
}

func TestParseRefuses(t *testing.T) {
	const ns = `xmlns='urn:xmpp:jingle:1'`
	content := `<content creator='initiator' name='x'/>`
	tests := []struct{ why, xml, condition string }{
		{"another element", `<jungle ` + ns + ` action='session-info' sid='a'/>`, "bad-request"},
		{"another namespace", `<jingle xmlns='urn:xmpp:jingle:0' action='session-info' sid='a'/>`, "bad-request"},
		{"no action", `<jingle ` + ns + ` sid='a'/>`, "bad-request"},
		{"unknown actions are bad requests (§7.2)", `<jingle ` + ns + ` action='session-dance' sid='a'/>`, "bad-request"},
		{"no sid", `<jingle ` + ns + ` action='session-info'/>`, "bad-request"},
		{"a sid without end", `<jingle ` + ns + ` action='session-info' sid='` + strings.Repeat("a", MaxSID+1) + `'/>`, "not-acceptable"},
		{"a content without name", `<jingle ` + ns + ` action='session-info' sid='a'><content creator='initiator'/></jingle>`, "bad-request"},
		{"an unknown creator", `<jingle ` + ns + ` action='session-info' sid='a'><content creator='me' name='x'/></jingle>`, "bad-request"},
		{"unknown senders", `<jingle ` + ns + ` action='session-info' sid='a'><content name='x' senders='all'/></jingle>`, "bad-request"},
		{"two transports", `<jingle ` + ns + ` action='session-info' sid='a'><content name='x'><transport xmlns='a'/><transport xmlns='b'/></content></jingle>`, "bad-request"},
		{"contents without end", `<jingle ` + ns + ` action='session-info' sid='a'>` + strings.Repeat(content, maxContents+1) + `</jingle>`, "not-acceptable"},
		{"payloads without end", `<jingle ` + ns + ` action='session-info' sid='a'>` + strings.Repeat(`<x/>`, maxInfo+1) + `</jingle>`, "not-acceptable"},
	}
	for _, test := range tests {
		_, err := Parse(tree(t, test.xml))
		var e *stanza.Error
		if !errors.As(err, &e) || e.Condition != test.condition {
			t.Errorf("%s: %v", test.why, err)
		}
	}
}

func TestParseIsLenientWhereItShould(t *testing.T) {
	got, err := Parse(tree(t, `<jingle xmlns='urn:xmpp:jingle:1' action='session-accept' sid='a' initiator='@@' responder=''>`+
		`<content name='x'/><reason><weird xmlns='other'/><media-error/><timeout/></reason></jingle>`))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Initiator.IsZero() || got.Contents[0].Creator != Initiator || got.Reason.Condition != "media-error" {
		t.Errorf("%+v", got)
	}
}

func TestErrors(t *testing.T) {
	// XEP-0166 §10, table 7.
	for _, test := range []struct {
		err                  *stanza.Error
		condition, ownNotion string
	}{
		{ErrOutOfOrder(), "unexpected-request", "out-of-order"},
		{ErrTieBreak(), "conflict", "tie-break"},
		{ErrUnknownSession(), "item-not-found", "unknown-session"},
		{ErrUnsupportedInfo(), "feature-not-implemented", "unsupported-info"},
	} {
		if test.err.Condition != test.condition || test.err.App.Name != (xmlstream.Name{Space: ErrorsNS, Local: test.ownNotion}) {
			t.Errorf("%+v", test.err)
		}
	}
	if !IsTieBreak(ErrTieBreak()) || IsTieBreak(ErrOutOfOrder()) || !IsUnknownSession(ErrUnknownSession()) || IsUnknownSession(stanza.ErrItemNotFound()) {
		t.Error("errors are not told apart")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='a@b/c' sid='a'><content creator='initiator' name='x' senders='both'><description xmlns='d'/><transport xmlns='t'/><security xmlns='s'/></content></jingle>`))
	f.Add([]byte(`<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='a'><reason><alternative-session><sid>b</sid></alternative-session><text>t</text></reason><x/></jingle>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		el, err := xmlstream.ParseElement(data, xmlstream.DefaultLimits())
		if err != nil {
			return
		}
		n, err := el.Tree()
		if err != nil {
			return
		}
		first, err := Parse(n)
		if err != nil {
			return
		}
		text := encode(t, first)
		second, err := Parse(tree(t, text))
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if again := encode(t, second); again != text {
			t.Fatalf("%s\n%s", text, again)
		}
	})
}
