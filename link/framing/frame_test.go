package framing_test

import (
	"errors"
	"testing"

	"godwit/link"
	"godwit/link/framing"
	"godwit/xmlstream"
)

const ns = " xmlns='" + framing.Namespace + "'"

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		why, message string
		inside       bool
		kind         link.FrameKind
		condition    string
	}{
		{"a header", "<open" + ns + " to='b.example' version='1.0'/>", false, link.Open, ""},
		{"with a prefix", "<f:open xmlns:f='" + framing.Namespace + "'/>", false, link.Open, ""},
		{"the end", "<close" + ns + "/>", true, link.Close, ""},
		{"the end before the beginning", "<close" + ns + "/>", false, link.Close, ""},
		{"the end with a pointer elsewhere", "<close" + ns + " see-other-uri='wss://c.example/'/>", true, link.Close, ""},
		{"an element", "<presence xmlns='jabber:client'/>", true, link.Element, ""},
		{"an element before the beginning", "<presence xmlns='jabber:client'/>", false, 0, xmlstream.BadFormat},
		{"a second header", "<open" + ns + "/>", true, 0, xmlstream.BadFormat},
		{"something else of framing", "<pause" + ns + "/>", true, 0, xmlstream.BadFormat},
		{"a stream header", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", false, 0, xmlstream.NotWellFormed},
		{"nothing", "", true, 0, xmlstream.BadFormat},
		{"white space", " ", true, 0, xmlstream.BadFormat},
		{"white space in front", " <presence xmlns='jabber:client'/>", true, 0, xmlstream.BadFormat},
		{"a declaration", "<?xml version='1.0'?><presence xmlns='jabber:client'/>", true, 0, xmlstream.RestrictedXML},
		{"a document type", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", true, 0, xmlstream.RestrictedXML},
		{"a comment", "<!-- x --><a/>", true, 0, xmlstream.RestrictedXML},
		{"two elements", "<a/><b/>", true, 0, xmlstream.NotWellFormed},
		{"half an element", "<a><b/>", true, 0, xmlstream.NotWellFormed},
	} {
		f, err := framing.Parse([]byte(tt.message), xmlstream.DefaultLimits(), tt.inside)
		if tt.condition == "" {
			if err != nil || f.Kind != tt.kind {
				t.Errorf("%s: %v, %v", tt.why, f.Kind, err)
			}
			continue
		}
		var refused *xmlstream.Error
		if !errors.As(err, &refused) || refused.Condition != tt.condition {
			t.Errorf("%s: %v, %v", tt.why, f.Kind, err)
		}
	}
}

func TestOpenComesBack(t *testing.T) {
	for _, h := range []link.Header{
		{},
		{To: "b.example", From: "a@b.example/'<&\">", ID: "x'y", Version: "1.0", Lang: "zh-CN"},
	} {
		f, err := framing.Parse(framing.AppendOpen(nil, h), xmlstream.PreAuthLimits(), false)
		if err != nil || f.Header != h {
			t.Errorf("%+v came back as %+v, %v", h, f.Header, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"<open" + ns + " to='b.example' version='1.0' xml:lang='en'/>", framing.Closing, "<presence xmlns='jabber:client'/>",
		"<message xmlns='jabber:client' to='a@b'><body>x</body></message>", "<?xml version='1.0'?><a/>", "<a/><b/>", " <a/>", "<a",
		"<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, message []byte, inside bool) {
		frame, err := framing.Parse(message, xmlstream.PreAuthLimits(), inside)
		if err != nil {
			var refused *xmlstream.Error
			if !errors.As(err, &refused) || refused.Condition == "" {
				t.Fatalf("refused without a condition: %v", err)
			}
			return
		}
		switch frame.Kind {
		case link.Open:
			if inside {
				t.Fatal("a second beginning")
			}
			again, err := framing.Parse(framing.AppendOpen(nil, frame.Header), xmlstream.DefaultLimits(), false)
			if err != nil || again.Header != frame.Header {
				t.Fatalf("%+v came back as %+v, %v", frame.Header, again.Header, err)
			}
		case link.Element:
			if !inside {
				t.Fatal("an element before the beginning")
			}
		case link.Close:
		default:
			t.Fatalf("a frame of kind %v", frame.Kind)
		}
	})
}
