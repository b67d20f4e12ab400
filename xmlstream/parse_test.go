package xmlstream

import (
	"errors"
	"strings"
	"testing"
)

// refused lists inputs that must be refused whatever carries them, with the stream error condition due.
var refused = []struct{ why, in, condition string }{
	// RFC 6120 §11.1: what XMPP leaves out of XML.
	{"comment (§11.1)", "<a><!-- x --></a>", RestrictedXML},
	{"comment between attributes' end and content", "<a>x<!---->y</a>", RestrictedXML},
	{"processing instruction (§11.1)", "<a><?php x?></a>", RestrictedXML},
	{"XML declaration inside", "<a><?xml version='1.0'?></a>", RestrictedXML},
	{"DTD inside (§11.1)", "<a><!DOCTYPE a></a>", RestrictedXML},
	{"entity declaration inside", "<a><!ENTITY x 'y'></a>", RestrictedXML},
	{"conditional section", "<a><![INCLUDE[x]]></a>", RestrictedXML},
	{"general entity in text (§11.1)", "<a>&foo;</a>", RestrictedXML},
	{"general entity in a value", "<a b='&foo;'/>", RestrictedXML},
	{"HTML entity", "<a>&nbsp;</a>", RestrictedXML},
	{"entity of many letters", "<a>&abcdefghijklmnopqrstuvwxyz;</a>", RestrictedXML},
	{"entity of many letters in a value", "<a b='&abcdefghijklmnopqrstuvwxyz;'/>", RestrictedXML},

	// XML 1.0 well-formedness (RFC 6120 §11.3).
	{"mismatched end tag", "<a></b>", NotWellFormed},
	{"end tag longer", "<a></ab>", NotWellFormed},
	{"end tag shorter", "<ab></a>", NotWellFormed},
	{"end tag case", "<a></A>", NotWellFormed},
	{"end tag with attribute", "<a></a b=''>", NotWellFormed},
	{"end tag with space before the name", "<a></ a>", NotWellFormed},
	{"end tag with another prefix for the same namespace", "<p:a xmlns:p='u' xmlns:q='u'></q:a>", NotWellFormed},
	{"end tag without the prefix", "<p:a xmlns:p='u'></a>", NotWellFormed},
	{"end tag with a prefix too many", "<a xmlns:p='u'></p:a>", NotWellFormed},
	{"nested wrongly", "<a><b></a></b>", NotWellFormed},
	{"space before the name", "< a/>", NotWellFormed},
	{"name begins with a digit", "<1/>", NotWellFormed},
	{"name begins with a hyphen", "<-a/>", NotWellFormed},
	{"name begins with a combining character", "<\u0300/>", NotWellFormed},
	{"name with U+00D7", "<a\u00d7/>", NotWellFormed},
	{"name of the fifth edition only", "<a\u2c00/>", NotWellFormed},
	{"name beyond the BMP", "<\U00010000/>", NotWellFormed},
	{"no name", "<>", NotWellFormed},
	{"attribute without value", "<a b/>", NotWellFormed},
	{"attribute without quotes", "<a b=c/>", NotWellFormed},
	{"attribute without =", "<a b 'c'/>", NotWellFormed},
	{"no space between attributes", "<a b='c'd='e'/>", NotWellFormed},
	{"duplicate attribute", "<a b='c' b='d'/>", NotWellFormed},
	{"duplicate attribute far apart", "<a b='1' c='2' d='3' b='4'/>", NotWellFormed},
	{"duplicate xml:lang", "<a xml:lang='en' xml:lang='de'/>", NotWellFormed},
	{"< in a value", "<a b='<'/>", NotWellFormed},
	{"stray slash", "<a / >", NotWellFormed},
	{"slash and more", "<a /b>", NotWellFormed},
	{"bare ampersand", "<a>& </a>", NotWellFormed},
	{"bare ampersand in a value", "<a b='&'/>", NotWellFormed},
	{"ampersand before the end tag", "<a>&</a>", NotWellFormed},
	{"empty reference", "<a>&;</a>", NotWellFormed},
	{"entity without semicolon", "<a>&amp</a>", NotWellFormed},
	{"character reference without digits", "<a>&#;</a>", NotWellFormed},
	{"hexadecimal reference without digits", "<a>&#x;</a>", NotWellFormed},
	{"hexadecimal reference with capital X", "<a>&#X41;</a>", NotWellFormed},
	{"reference with bad digit", "<a>&#12a;</a>", NotWellFormed},
	{"reference to NUL", "<a>&#0;</a>", NotWellFormed},
	{"reference to a control character", "<a>&#x1;</a>", NotWellFormed},
	{"reference to a surrogate", "<a>&#xD800;</a>", NotWellFormed},
	{"reference to U+FFFE", "<a>&#xFFFE;</a>", NotWellFormed},
	{"reference beyond Unicode", "<a>&#x110000;</a>", NotWellFormed},
	{"reference that overflows", "<a>&#x1000000000;</a>", NotWellFormed},
	{"reference of endless zeros", "<a>&#000000000000000000065;</a>", NotWellFormed},
	{"]]> in text", "<a>]]></a>", NotWellFormed},
	{"]]]> in text", "<a>]]]></a>", NotWellFormed},
	{"]]> after an escaped bracket", "<a>&#93;]]></a>", NotWellFormed},
	{"control character in text", "<a>\x01</a>", NotWellFormed},
	{"NUL in text", "<a>\x00</a>", NotWellFormed},
	{"control character in a value", "<a b='\x02'/>", NotWellFormed},
	{"control character in CDATA", "<a><![CDATA[\x03]]></a>", NotWellFormed},
	{"U+FFFE", "<a>\ufffe</a>", NotWellFormed},
	{"U+FFFF in a value", "<a b='\uffff'/>", NotWellFormed},

	// Bad UTF-8 (RFC 6120 §11.6; the class of CVE-2022-25235).
	{"lone continuation byte", "<a>\x80</a>", NotWellFormed},
	{"overlong slash", "<a>\xc0\xaf</a>", NotWellFormed},
	{"overlong three bytes", "<a>\xe0\x80\xaf</a>", NotWellFormed},
	{"surrogate in UTF-8", "<a>\xed\xa0\x80</a>", NotWellFormed},
	{"beyond U+10FFFF", "<a>\xf4\x90\x80\x80</a>", NotWellFormed},
	{"five-byte form", "<a>\xf8\x88\x80\x80\x80</a>", NotWellFormed},
	{"byte 0xFF", "<a>\xff</a>", NotWellFormed},
	{"truncated before the end tag", "<a>\xe2\x82</a>", NotWellFormed},
	{"truncated in a name", "<a\xc3></a>", NotWellFormed},
	{"truncated before the quote", "<a b='\xe2\x82'/>", NotWellFormed},
	{"bad UTF-8 in CDATA", "<a><![CDATA[\xfe]]></a>", NotWellFormed},
	{"bad UTF-8 that swallows a quote elsewhere", "<a b='\xf0'/>", NotWellFormed},

	// Namespaces in XML 1.0 (RFC 6120 §11.3).
	{"undeclared element prefix", "<p:a/>", NotWellFormed},
	{"undeclared prefix that is a known namespace", "<vcard-temp:vCard/>", NotWellFormed},
	{"undeclared prefix inside", "<a><p:b/></a>", NotWellFormed},
	{"undeclared attribute prefix", "<a p:b='c'/>", NotWellFormed},
	{"prefix out of scope", "<a><b xmlns:p='u'/><p:c/></a>", NotWellFormed},
	{"attribute prefix out of scope", "<a><b xmlns:p='u'></b><c p:d=''/></a>", NotWellFormed},
	{"prefix bound to nothing", "<a xmlns:p=''/>", NotWellFormed},
	{"prefix xml rebound", "<a xmlns:xml='u'/>", NotWellFormed},
	{"prefix xmlns bound", "<a xmlns:xmlns='u'/>", NotWellFormed},
	{"prefix xmlns bound to its own", "<a xmlns:xmlns='" + NSXMLNS + "'/>", NotWellFormed},
	{"another prefix bound to xml", "<a xmlns:p='" + NSXML + "'/>", NotWellFormed},
	{"another prefix bound to xmlns", "<a xmlns:p='" + NSXMLNS + "'/>", NotWellFormed},
	{"default namespace xml", "<a xmlns='" + NSXML + "'/>", NotWellFormed},
	{"default namespace xmlns", "<a xmlns='" + NSXMLNS + "'/>", NotWellFormed},
	{"default namespace xml by reference", "<a xmlns='http://www.w3.org/XML/1998/namespac&#101;'/>", NotWellFormed},
	{"element of prefix xmlns", "<xmlns:a/>", NotWellFormed},
	{"element of prefix xml", "<xml:a/>", NotWellFormed},
	{"two colons", "<a xmlns:p='u' p:b:c=''/>", NotWellFormed},
	{"two colons in an element name", "<p:a:b xmlns:p='u'/>", NotWellFormed},
	{"empty prefix", "<:a/>", NotWellFormed},
	{"only a colon", "<:/>", NotWellFormed},
	{"empty local name", "<p: xmlns:p='u'/>", NotWellFormed},
	{"empty local attribute name", "<a xmlns:='u'/>", NotWellFormed},
	{"local name begins with a digit", "<p:1 xmlns:p='u'/>", NotWellFormed},
	{"duplicate default declaration", "<a xmlns='u' xmlns='v'/>", NotWellFormed},
	{"duplicate prefix declaration", "<a xmlns:p='u' xmlns:p='u'/>", NotWellFormed},
	{"same attribute by two prefixes", "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", NotWellFormed},
	{"same attribute by two prefixes, one spelled with a reference", "<a xmlns:p='u' xmlns:q='&#117;' p:b='1' q:b='2'/>", NotWellFormed},
}

func TestRefusedElements(t *testing.T) {
	for _, tt := range refused {
		t.Run(tt.why, func(t *testing.T) {
			el, err := ParseElement([]byte(tt.in), DefaultLimits())
			wantCondition(t, tt.in, err, tt.condition)
			if el.Name.Local != "" {
				t.Errorf("refused and yet an element: %+v", el)
			}
			// The same inside a stream, and one level deeper.
			for _, in := range []string{tt.in, "<message>" + tt.in + "</message>"} {
				r := NewReader(strings.NewReader(testHeader+in+"</stream:stream>"), DefaultLimits())
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
				_, err = r.Next()
				wantCondition(t, in, err, tt.condition)
				if _, again := r.Next(); again != err {
					t.Errorf("after the error: %v", again)
				}
			}
		})
	}
}

func TestRefusedAloneOnly(t *testing.T) {
	for _, tt := range []struct{ why, in, condition string }{
		{"nothing", "", NotWellFormed},
		{"white space", " \n", NotWellFormed},
		{"text", "hello", NotWellFormed},
		{"text before", "x<a/>", NotWellFormed},
		{"text after", "<a/>x", NotWellFormed},
		{"several roots", "<a/><b/>", NotWellFormed},
		{"end tag only", "</a>", NotWellFormed},
		{"end tag after", "<a/></a>", NotWellFormed},
		{"comment after", "<a/><!-- -->", NotWellFormed},
		{"DTD before", "<!DOCTYPE a><a/>", RestrictedXML},
		{"XML declaration", "<?xml version='1.0'?><a/>", RestrictedXML},
		{"byte order mark", "\ufeff<a/>", NotWellFormed},
		{"cut in the tag", "<a", NotWellFormed},
		{"cut in a value", "<a b='c", NotWellFormed},
		{"cut in text", "<a>b", NotWellFormed},
		{"cut in a reference", "<a>&am", NotWellFormed},
		{"cut in CDATA", "<a><![CDATA[x]]", NotWellFormed},
		{"cut in the end tag", "<a></a", NotWellFormed},
		{"never closed", "<a><b></b>", NotWellFormed},
		{"cut in a character", "<a>\xe2\x82", NotWellFormed},
	} {
		_, err := ParseElement([]byte(tt.in), DefaultLimits())
		if e := (*Error)(nil); !errors.As(err, &e) || e.Condition != tt.condition {
			t.Errorf("%s: %q: got %v, want %s", tt.why, tt.in, err, tt.condition)
		}
	}
}

func wantCondition(t *testing.T, in string, err error, condition string) {
	t.Helper()
	e := (*Error)(nil)
	if !errors.As(err, &e) || e.Condition != condition {
		t.Errorf("%q: got %v, want %s", in, err, condition)
	}
}

// canonical lists inputs with their canonical form.
var canonical = []struct{ why, in, want string }{
	{"nothing to do", "<a/>", "<a/>"},
	{"empty element written long", "<a></a>", "<a/>"},
	{"nested empty element written long", "<a><b></b></a>", "<a><b/></a>"},
	{"white space in tags", "<a  b = 'c'\n\td=\"e\" ><f ></f\n></a >", "<a b='c' d='e'><f/></a>"},
	{"double quotes", `<a b="c"/>`, `<a b='c'/>`},
	{"apostrophe in double quotes", `<a b="it's"/>`, `<a b='it&apos;s'/>`},
	{"quote in a value", `<a b='"'><c d='&quot;'/></a>`, `<a b='"'><c d='"'/></a>`},
	{"> in a value", `<a><b c='>'/></a>`, `<a><b c='&gt;'/></a>`},
	{"> in text", `<a>x>y]>z</a>`, `<a>x&gt;y]&gt;z</a>`},
	{"predefined entities (§11.1)", `<a>&lt;&gt;&amp;&apos;&quot;</a>`, `<a>&lt;&gt;&amp;'"</a>`},
	{"character references", `<a>&#65;&#x42;&#x20AC;&#x1F600;&#0067;</a>`, "<a>AB€😀C</a>"},
	{"character references to markup", `<a b='&#60;'>&#38;&#60;&#62;</a>`, "<a b='&lt;'>&amp;&lt;&gt;</a>"},
	{"escaped end of CDATA", "<a>]]&gt;</a>", "<a>]]&gt;</a>"},
	{"CDATA", "<a><![CDATA[<b>&amp;]]></a>", "<a>&lt;b&gt;&amp;amp;</a>"},
	{"CDATA with brackets", "<a><![CDATA[]]]]></a>", "<a>]]</a>"},
	{"CDATA with bracket before its end", "<a><![CDATA[x]]]></a>", "<a>x]</a>"},
	{"CDATA end split over sections", "<a><![CDATA[]]]]><![CDATA[>]]></a>", "<a>]]&gt;</a>"},
	{"empty CDATA is nothing", "<a><b><![CDATA[]]></b></a>", "<a><b/></a>"},
	{"CDATA beside text", "<a>x<![CDATA[y]]>z</a>", "<a>xyz</a>"},
	{"line ends (XML 1.0 §2.11)", "<a>1\r\n2\r3\n4\r\r\n5</a>", "<a>1\n2\n3\n4\n\n5</a>"},
	{"line ends in CDATA", "<a><![CDATA[1\r\n2\r3]]></a>", "<a>1\n2\n3</a>"},
	{"escaped CR", "<a>&#13;&#xA;\r</a>", "<a>&#xD;\n\n</a>"},
	{"white space in values (§3.3.3)", "<a b='1\t2\n3\r\n4\r5'/>", "<a b='1 2 3 4 5'/>"},
	{"escaped white space in values", "<a><x b='&#9;&#10;&#13;'/></a>", "<a><x b='&#x9;&#xA;&#xD;'/></a>"},
	{"non-ASCII text and names", "<ä ö='ü'>日本語</ä>", "<ä ö='ü'>日本語</ä>"},
	{"white space between children stays", "<a> <b/>\n</a>", "<a> <b/>\n</a>"},

	{"namespace of the element", "<a xmlns='u'><b/></a>", "<a xmlns='u'><b/></a>"},
	{"prefix of the element", "<p:a xmlns:p='u'><p:b/></p:a>", "<a xmlns='u'><b/></a>"},
	{"prefixed child of another namespace", "<a xmlns='u' xmlns:p='v'><p:b><c/></p:b></a>", "<a xmlns='u'><b xmlns='v'><c xmlns='u'/></b></a>"},
	{"redundant declaration", "<a xmlns='u'><b xmlns='u'/></a>", "<a xmlns='u'><b/></a>"},
	{"unused declaration", "<a xmlns:p='u'/>", "<a/>"},
	{"declaration after its use", "<p:a b='c' xmlns:p='u'/>", "<a xmlns='u' b='c'/>"},
	{"prefix redefined inside", "<p:a xmlns:p='u'><p:b xmlns:p='v'/><p:c/></p:a>", "<a xmlns='u'><b xmlns='v'/><c/></a>"},
	{"default namespace undone", "<a xmlns='u'><b xmlns=''><c/></b></a>", "<a xmlns='u'><b xmlns=''><c/></b></a>"},
	{"xml:lang", "<a xml:lang='en'><b xml:lang='de'/></a>", "<a xml:lang='en'><b xml:lang='de'/></a>"},
	{"xml:lang with xml declared", "<a xmlns:xml='" + NSXML + "' xml:lang='en'/>", "<a xml:lang='en'/>"},
	{"attribute in a namespace", "<a xmlns:p='u' p:b='c' d='e'/>", "<a xmlns:ns1='u' ns1:b='c' d='e'/>"},
	{"attributes in two namespaces", "<a xmlns:p='u' xmlns:q='v'><x q:b='1' p:c='2' q:d='3'/></a>",
		"<a><x xmlns:ns1='v' ns1:b='1' xmlns:ns2='u' ns2:c='2' ns1:d='3'/></a>"},
	{"attribute in the element's own namespace", "<p:a xmlns:p='u' p:b='c' b='d'/>", "<a xmlns='u' xmlns:ns1='u' ns1:b='c' b='d'/>"},
	{"two prefixes, one namespace", "<a xmlns:p='u' xmlns:q='u' p:b='1' q:c='2'/>", "<a xmlns:ns1='u' ns1:b='1' ns1:c='2'/>"},
	{"prefix that is like a generated one", "<a xmlns:ns1='u' xmlns:ns2='v'><b ns2:c='1' ns1:d='2'/></a>",
		"<a><b xmlns:ns1='v' ns1:c='1' xmlns:ns2='u' ns2:d='2'/></a>"},
	{"default namespace is not for attributes", "<a xmlns='u' b='c'/>", "<a xmlns='u' b='c'/>"},
	{"namespace with markup in it", "<a xmlns=\"it's&amp;&lt;\"><b xmlns='x&gt;' xmlns:p='&#39;' p:c=''/></a>",
		"<a xmlns='it&apos;s&amp;&lt;'><b xmlns='x&gt;' xmlns:ns1='&apos;' ns1:c=''/></a>"},
	{"attribute called xmlns in a namespace", "<a xmlns:p='u' p:xmlns='v'><p:b/></a>", "<a xmlns:ns1='u' ns1:xmlns='v'><b xmlns='u'/></a>"},
	{"names that begin with xml", "<xmla xmlns:xmlb='u'><xmlb:xml/></xmla>", "<xmla><xml xmlns='u'/></xmla>"},
	{"white space around", " \n<a/>\r\n", "<a/>"},
}

func TestCanonicalForm(t *testing.T) {
	for _, tt := range canonical {
		t.Run(tt.why, func(t *testing.T) {
			el, err := ParseElement([]byte(tt.in), DefaultLimits())
			if err != nil {
				t.Fatalf("%q: %v", tt.in, err)
			}
			if got := string(el.Append(nil, "")); got != tt.want {
				t.Errorf("%q\n got %s\nwant %s", tt.in, got, tt.want)
			}
			checkElement(t, &el)
		})
	}
}

// checkElement holds an accepted element against everything that is true of canonical form.
func checkElement(t *testing.T, el *Element) {
	t.Helper()
	canon := el.Append(nil, "")
	limits := Limits{StanzaBytes: 1 << 20, Depth: 100, Attrs: 100, Namespaces: 100, Children: 1000}
	again, err := ParseElement(canon, limits)
	if err != nil {
		t.Fatalf("canonical form refused: %v\n%s", err, canon)
	}
	if got := string(again.Append(nil, "")); got != string(canon) {
		t.Fatalf("canonical form is no fixed point:\n%s\n%s", canon, got)
	}
	if string(again.Inner) != string(el.Inner) || len(again.Children) != len(el.Children) {
		t.Fatalf("content changed:\n%q\n%q", el.Inner, again.Inner)
	}
	tree, err := el.Tree()
	if err != nil {
		t.Fatalf("no tree: %v\n%s", err, canon)
	}
	if got, err := tree.Append(nil, ""); err != nil || string(got) != string(canon) {
		t.Fatalf("tree writes other bytes (%v):\n%s\n%s", err, canon, got)
	}
	if tree.InnerText() != el.Text() {
		t.Fatalf("text: tree %q, element %q", tree.InnerText(), el.Text())
	}
	kids, err := IndexChildren(el.Inner, el.Name.Space)
	if err != nil || len(kids) != len(el.Children) {
		t.Fatalf("index of children: %v, %d against %d", err, len(kids), len(el.Children))
	}
	i := 0
	for n := range tree.Elements() {
		if kids[i] != el.Children[i] || again.Children[i] != kids[i] || n.Name != kids[i].Name {
			t.Fatalf("child %d: %v, %v, %v, %v", i, kids[i], el.Children[i], again.Children[i], n.Name)
		}
		child, err := el.Node(kids[i])
		if err != nil || child.InnerText() != ChildText(el.Inner, kids[i]) {
			t.Fatalf("child %d: %v, %q against %q", i, err, child.InnerText(), ChildText(el.Inner, kids[i]))
		}
		a, _ := child.Append(nil, el.Name.Space)
		if string(a) != string(el.Inner[kids[i].Start:kids[i].End]) {
			t.Fatalf("child %d: %s against %s", i, a, el.Inner[kids[i].Start:kids[i].End])
		}
		i++
	}
	if i != len(kids) {
		t.Fatalf("tree has %d child elements, index %d", i, len(kids))
	}
}

func TestElementParts(t *testing.T) {
	el, err := ParseElement([]byte(`<p:message xmlns:p='jabber:client' xmlns='urn:x' to='bob' unheardof='1' xml:lang='de' xmlns:z='urn:z' z:to='zed'>`+
		`<p:body>hi &amp; <b/>ho</p:body><unknown xmlns='urn:not:known'/><y/></p:message>`), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if el.Name != (Name{"jabber:client", "message"}) || el.Attr("to") != "bob" || el.Attr("unheardof") != "1" || el.Lang() != "de" || el.Attr("lang") != "" {
		t.Errorf("head: %+v", el)
	}
	if v, ok := el.LookupAttr("urn:z", "to"); !ok || v != "zed" {
		t.Errorf("attribute in a namespace: %q, %v", v, ok)
	}
	var names []string
	for _, c := range el.Children {
		names = append(names, c.Name.String())
	}
	if got, want := strings.Join(names, " "), "{jabber:client}body {urn:not:known}unknown {urn:x}y"; got != want {
		t.Errorf("children %s, want %s", got, want)
	}
	c, ok := el.Child("jabber:client", "body")
	if !ok || ChildText(el.Inner, c) != "hi & ho" {
		t.Errorf("body %q", ChildText(el.Inner, c))
	}
	if _, ok := el.Child("", "body"); ok {
		t.Error("a child of another namespace was found")
	}
	n, err := el.Node(c)
	if err != nil || n.InnerText() != "hi & ho" || len(n.Children) != 3 {
		t.Errorf("tree of the body: %+v, %v", n, err)
	}
	if b, ok := n.Child("urn:x", "b"); !ok || b.Name.Space != "urn:x" {
		t.Errorf("grandchild: %+v", n)
	}
}

// Large elements must not be kept alive by their heads, and small ones cost one piece of memory (see Element).
func TestLargeElementHasHeadOfItsOwn(t *testing.T) {
	for _, size := range []int{10, viewLimit - 100, viewLimit + 1, 100_000} {
		el, err := ParseElement([]byte("<a id='unheard-of-id'><b-unheard-of xmlns='urn:unheard-of'>"+strings.Repeat("x", size)+"</b-unheard-of></a>"), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if el.Attr("id") != "unheard-of-id" || el.Children[0].Name != (Name{"urn:unheard-of", "b-unheard-of"}) {
			t.Errorf("size %d: %+v", size, el.Children)
		}
		if cap(el.Inner) != len(el.Inner) {
			t.Errorf("size %d: Inner can be appended to in place", size)
		}
		checkElement(t, &el)
	}
}
