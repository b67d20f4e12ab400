package xmlstream

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestEncoder(t *testing.T) {
	inner := []byte("<b/>text")
	el, err := ParseElement([]byte("<e xmlns='v'>x</e>"), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why  string
		ns   string
		do   func(e *Encoder)
		want string
	}{
		{"inherited namespace is not repeated", "u", func(e *Encoder) { e.Leaf("u", "a", "x") }, "<a>x</a>"},
		{"another one is declared", "u", func(e *Encoder) { e.Leaf("v", "a", "") }, "<a xmlns='v'/>"},
		{"no namespace within one", "u", func(e *Encoder) { e.Leaf("", "a", "") }, "<a xmlns=''/>"},
		{"scope ends with the element", "u", func(e *Encoder) { e.Start("v", "a").Leaf("v", "b", "").Leaf("u", "c", "").End().Leaf("u", "d", "") },
			"<a xmlns='v'><b/><c xmlns='u'/></a><d/>"},
		{"escaping", "", func(e *Encoder) { e.Start("", "a").Attr("b", "<&>'\"\t\n\r").Text("<&>'\"\t\n\r").End() },
			"<a b='&lt;&amp;&gt;&apos;\"&#x9;&#xA;&#xD;'>&lt;&amp;&gt;'\"\t\n&#xD;</a>"},
		{"attributes in namespaces", "", func(e *Encoder) {
			e.Start("", "a").AttrNS("u", "x", "1").AttrNS("v", "y", "2").AttrNS("u", "z", "3").Lang("en").AttrNS("", "n", "").End()
		}, "<a xmlns:ns1='u' ns1:x='1' xmlns:ns2='v' ns2:y='2' ns1:z='3' xml:lang='en' n=''/>"},
		{"empty options leave nothing", "", func(e *Encoder) { e.Start("", "a").OptAttr("b", "").Lang("").Text("").Raw(nil).End() }, "<a/>"},
		{"raw content", "", func(e *Encoder) { e.Start("", "a").Raw(inner).End() }, "<a><b/>text</a>"},
		{"whole element", "v", func(e *Encoder) { e.Element(&el).Start("u", "a").Element(&el).End() }, "<e>x</e><a xmlns='u'><e xmlns='v'>x</e></a>"},
		{"node", "", func(e *Encoder) {
			NewNode("u", "a", A("b", "c"), Lang("en")).With(NewNode("u", "d")).WithText("x").Encode(e)
		},
			"<a xmlns='u' b='c' xml:lang='en'><d/>x</a>"},
	} {
		e := NewEncoder([]byte("before"), tt.ns)
		tt.do(e)
		if got := string(e.Bytes()); got != "before"+tt.want || e.Err() != nil || !e.Balanced() || e.NS() != tt.ns {
			t.Errorf("%s: %v\n got %s\nwant before%s", tt.why, e.Err(), got, tt.want)
		}
	}
}

func TestEncoderMisuse(t *testing.T) {
	for _, tt := range []struct {
		why  string
		do   func(e *Encoder)
		want error
	}{
		{"end without start", func(e *Encoder) { e.End() }, ErrEncoderMisuse},
		{"start without end", func(e *Encoder) { e.Start("", "a") }, ErrEncoderMisuse},
		{"attribute after content", func(e *Encoder) { e.Start("", "a").Text("x").Attr("b", "").End() }, ErrEncoderMisuse},
		{"attribute after the end", func(e *Encoder) { e.Start("", "a").End().Attr("b", "") }, ErrEncoderMisuse},
		{"name with a space", func(e *Encoder) { e.Leaf("", "a b", "") }, ErrEncoderMisuse},
		{"name with a colon", func(e *Encoder) { e.Leaf("", "a:b", "") }, ErrEncoderMisuse},
		{"no name", func(e *Encoder) { e.Leaf("", "", "") }, ErrEncoderMisuse},
		{"attribute name with =", func(e *Encoder) { e.Start("", "a").Attr("b=", "").End() }, ErrEncoderMisuse},
		{"declaration by hand", func(e *Encoder) { e.Start("", "a").Attr("xmlns", "u").End() }, ErrEncoderMisuse},
		{"reserved namespace", func(e *Encoder) { e.Leaf(NSXML, "a", "") }, ErrEncoderMisuse},
		{"reserved namespace of an attribute", func(e *Encoder) { e.Start("", "a").AttrNS(NSXMLNS, "b", "").End() }, ErrEncoderMisuse},
		{"control character", func(e *Encoder) { e.Leaf("", "a", "\x00") }, ErrInvalidText},
		{"bad UTF-8", func(e *Encoder) { e.Leaf("", "a", "x\xffy") }, ErrInvalidText},
		{"non-character in a value", func(e *Encoder) { e.Start("", "a").Attr("b", "\uffff").End() }, ErrInvalidText},
	} {
		e := NewEncoder(nil, "")
		e.Start("", "root")
		tt.do(e)
		e.End()
		if !errors.Is(e.Err(), tt.want) {
			t.Errorf("%s: got %v, want %v", tt.why, e.Err(), tt.want)
		}
		if e.Balanced() {
			if _, err := ParseElement(e.Bytes(), DefaultLimits()); err != nil {
				t.Errorf("%s: output is malformed: %v: %s", tt.why, err, e.Bytes())
			}
		}
	}
	if e := NewEncoder(nil, ""); e.AttrNS("u", "b", "").Err() != ErrEncoderMisuse {
		t.Error("attribute without element is not reported")
	}
	if e := NewEncoder(nil, ""); e.End().Err() != ErrEncoderMisuse {
		t.Error("end without start is not reported")
	}
}

func TestValidText(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "abc\t\r\n": true, "日本語😀": true, "\u0085\u007f": true, "\x00": false, "\x1b[0m": false, "a\xff": false,
		"\ufffe": false, "\ufffd": true, "\xed\xa0\x80": false, "\U0010ffff": true,
	} {
		if got := ValidText(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// Any tree that can be written is read back as it was, and its bytes are canonical.
func TestTreesRoundTrip(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "body", "x-1", "é", "_", "xmlx"})
	space := rapid.SampledFrom([]string{"", "u", "jabber:client", "it's & <b>", "urn:ü"})
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "x", "]]>", "&amp;", "\r\n", "<>'\"", "日本語😀"}), rapid.String())
	attr := rapid.Custom(func(t *rapid.T) Attr {
		s := rapid.SampledFrom([]string{"", "", "", "u", "v&", NSXML}).Draw(t, "space")
		return Attr{Name{s, name.Draw(t, "name")}, text.Draw(t, "value")}
	})
	var node func(depth int) *rapid.Generator[Node]
	node = func(depth int) *rapid.Generator[Node] {
		return rapid.Custom(func(t *rapid.T) Node {
			n := Node{Name: Name{space.Draw(t, "space"), name.Draw(t, "name")}}
			n.Attrs = rapid.SliceOfNDistinct(attr, 0, 4, func(a Attr) Name { return a.Name }).Draw(t, "attrs")
			if depth == 0 {
				return n
			}
			for range rapid.IntRange(0, 3).Draw(t, "children") {
				if rapid.Bool().Draw(t, "text") {
					n.Children = append(n.Children, Node{Text: text.Draw(t, "text")})
				} else {
					n.Children = append(n.Children, node(depth-1).Draw(t, "child"))
				}
			}
			return n
		})
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := node(4).Draw(rt, "tree")
		b, err := n.Append(nil, "")
		if err != nil {
			if !errors.Is(err, ErrInvalidText) {
				rt.Fatal(err)
			}
			b, _ = n.Append(nil, "")
		}
		el, perr := ParseElement(b, Limits{})
		if perr != nil {
			rt.Fatalf("%v: %s", perr, b)
		}
		if got := string(el.Append(nil, "")); got != string(b) {
			rt.Fatalf("\n got %s\nwant %s", got, b)
		}
		checkElement(t, &el)
		if err != nil {
			return // unencodable text was replaced: the tree differs by that
		}
		tree, terr := el.Tree()
		if terr != nil {
			rt.Fatal(terr)
		}
		n, tree = clone(n), clone(tree)
		normalise(&n, false)
		if a, b := describe(tree), describe(n); a != b {
			rt.Fatalf("\n got %s\nwant %s", a, b)
		}
	})
}

func clone(n Node) Node {
	kids := make([]Node, 0, len(n.Children))
	for _, c := range n.Children {
		kids = append(kids, clone(c))
	}
	n.Children = kids
	return n
}
