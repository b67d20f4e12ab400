package xmlstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"
)

const testHeader = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`

// streams are documents whose outcome must not depend on how they are split.
var streams = []string{
	benchHeader + benchMessage + " \n" + benchPresence + "</stream:stream>",
	benchHeader + benchArchive() + benchArchive(),
	"<?xml version=\"1.0\" encoding='utf-8' standalone=\"yes\" ?>\r\n" + testHeader + "</stream:stream >",
	testHeader + "<a>\r\n\r&#13;]]&gt;<![CDATA[]]]]>]<![CDATA[x]]]><![CDATA[\r\n]]>日本語&#x20AC;\U0001F600</a>\n</stream:stream>trailing",
	testHeader + "<stream:features><p:a xmlns:p='ü' p:ö=\"a'b\r\nc\"></p:a  ></stream:features>",
	"<stream xmlns='http://etherx.jabber.org/streams'/>",
	"<s:stream xmlns:s='http://etherx.jabber.org/streams' from='a&amp;b'><a/></s:stream>",
	testHeader + " text",
	testHeader + "</stream>",
	testHeader + "<!-- -->",
	testHeader + "<?pi?>",
	testHeader + "<![CDATA[x]]>",
	"<?xml version='1.1'?>" + testHeader,
	"<?xml?>" + testHeader,
	"<?xml-stylesheet?>" + testHeader,
	"<?xml encoding='UTF-8'?>" + testHeader,
	"<?xml version='1.0' encoding='ISO-8859-1'?>" + testHeader,
	"<?xml version='1.0' standalone='maybe'?>" + testHeader,
	"<?xml version='1.0' x='y'?>" + testHeader,
	"<?xml version='1.0'" + strings.Repeat(" ", 300) + "?>" + testHeader,
	"<?xml version='1.0'>" + testHeader,
	" <?xml version='1.0'?>" + testHeader,
	"<?xml version='1.0'?><?xml version='1.0'?>" + testHeader,
	"<?xml version='1.0'?> x",
	"<!DOCTYPE stream>" + testHeader,
	"\ufeff" + testHeader,
	"\xff\xfe<\x00",
	"\x16\x03\x01\x02\x00",
	"hello",
	"</a>",
	"<a",
	"",
	"   ",
	"<?xml version='1.0'?>",
}

func init() {
	for _, tt := range refused {
		streams = append(streams, testHeader+"<message>"+tt.in+"</message></stream:stream>")
	}
	for _, tt := range canonical {
		streams = append(streams, testHeader+tt.in+"</stream:stream>")
	}
}

// outcome reads src to its end and tells all there is to tell about it.
func outcome(src io.Reader, l Limits) string {
	var b strings.Builder
	r := NewReader(src, l)
	for {
		tok, err := r.Next()
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
			return b.String()
		}
		switch tok.Kind {
		case StreamStart:
			fmt.Fprintf(&b, "start %+v\n", tok.Start)
		case ElementToken:
			fmt.Fprintf(&b, "%s %+v\n", tok.Element.Append(nil, "jabber:client"), tok.Element.Children)
		case StreamEnd:
			b.WriteString("end\n")
		}
	}
}

// chunks gives data in pieces of the given sizes, over and over.
type chunks struct {
	data  []byte
	sizes []int
	turn  int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(1, c.sizes[c.turn%len(c.sizes)]))], c.data)
	c.turn++
	c.data = c.data[n:]
	return n, nil
}

func TestEverySplitGivesTheSame(t *testing.T) {
	tight := Limits{StanzaBytes: 150, StreamBytes: 400, Depth: 3, Attrs: 4, Namespaces: 4, Children: 2}
	for _, s := range streams {
		for _, l := range []Limits{DefaultLimits(), tight} {
			want := outcome(strings.NewReader(s), l)
			check := func(how string, src io.Reader) {
				t.Helper()
				if got := outcome(src, l); got != want {
					t.Errorf("%s: %q\n got %s\nwant %s", how, s, got, want)
				}
			}
			check("byte by byte", iotest.OneByteReader(strings.NewReader(s)))
			check("data with EOF", iotest.DataErrReader(strings.NewReader(s)))
			for i := range len(s) + 1 {
				check(fmt.Sprint("split at ", i), io.MultiReader(strings.NewReader(s[:i]), strings.NewReader(s[i:])))
			}
			for k := 2; k < 9; k++ {
				check(fmt.Sprint("pieces of ", k), &chunks{[]byte(s), []int{k}, 0})
			}
		}
	}
}

func TestStreamConditions(t *testing.T) {
	for _, tt := range []struct{ why, in, condition string }{
		{"text between stanzas", testHeader + "x", BadFormat},
		{"reference between stanzas", testHeader + "&#32;", BadFormat},
		{"CDATA between stanzas (not white space even if it holds some)", testHeader + "<![CDATA[ ]]>", RestrictedXML},
		{"comment between stanzas (§11.1)", testHeader + "<!-- -->", RestrictedXML},
		{"PI between stanzas (§11.1)", testHeader + "<?a?>", RestrictedXML},
		{"second XML declaration", testHeader + "<?xml version='1.0'?>", RestrictedXML},
		{"DTD before the root (§11.1)", "<!DOCTYPE x [<!ENTITY a 'b'>]>" + testHeader, RestrictedXML},
		{"DTD after the declaration", "<?xml version='1.0'?><!DOCTYPE x>" + testHeader, RestrictedXML},
		{"comment before the root", "<!---->" + testHeader, RestrictedXML},
		{"PI before the root", "<?xml-stylesheet href='x'?>" + testHeader, RestrictedXML},
		{"declaration not at the very start (XML 1.0 §2.8)", "\n<?xml version='1.0'?>" + testHeader, RestrictedXML},
		{"other encoding (§11.6)", "<?xml version='1.0' encoding='UTF-16'?>" + testHeader, UnsupportedEncoding},
		{"UTF-16 by its first byte", "\xfe\xff\x00<", UnsupportedEncoding},
		{"UTF-32 by its first byte", "\x00\x00\x00<", UnsupportedEncoding},
		{"byte order mark is a character (§11.6)", "\ufeff" + testHeader, NotWellFormed},
		{"XML 1.1", "<?xml version='1.1'?>" + testHeader, NotWellFormed},
		{"wrong end of the stream", testHeader + "</stream:strea>", NotWellFormed},
		{"end with another prefix", "<a xmlns='u' xmlns:p='u'></p:a>", NotWellFormed},
		{"undeclared prefix on the root", "<stream:stream>", NotWellFormed},
		{"duplicate attribute on the root", "<stream to='a' to='b'>", NotWellFormed},
		{"end tag first", "</stream:stream>", NotWellFormed},
		{"a stanza's prefix does not leak to the next", testHeader + "<a xmlns:p='u'/><p:b/>", NotWellFormed},
	} {
		err := drain(NewReader(strings.NewReader(tt.in), DefaultLimits()))
		if e := (*Error)(nil); !errors.As(err, &e) || e.Condition != tt.condition {
			t.Errorf("%s: %q: got %v, want %s", tt.why, tt.in, err, tt.condition)
		}
	}
}

func drain(r *Reader) error {
	for {
		if _, err := r.Next(); err != nil {
			return err
		}
	}
}

func TestLimits(t *testing.T) {
	many := func(n int, f string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, f, i, i)
		}
		return b.String()
	}
	base := Limits{StanzaBytes: 1000, Depth: 5, Attrs: 6, Namespaces: 7, Children: 8}
	for _, tt := range []struct {
		why, ok, over string
	}{
		{"stanza bytes in text", "<a>" + strings.Repeat("x", 1000-7) + "</a>", "<a>" + strings.Repeat("x", 1000-6) + "</a>"},
		{"stanza bytes in a value", "<a b='" + strings.Repeat("x", 1000-9) + "'/>", "<a b='" + strings.Repeat("x", 1000-8) + "'/>"},
		{"stanza bytes in a name", "<" + strings.Repeat("x", 1000-3) + "/>", "<" + strings.Repeat("x", 1000-2) + "/>"},
		{"depth", "<a><b><c><d><e/></d></c></b></a>", "<a><b><c><d><e><f/></e></d></c></b></a>"},
		{"attributes", "<a" + many(5, " a%d='%d'") + "/>", "<a" + many(7, " a%d='%d'") + "/>"},
		{"attributes of a child", "<a><b" + many(6, " a%d='%d'") + "/></a>", "<a><b" + many(7, " a%d='%d'") + "/></a>"},
		{"declarations count as attributes", "<a><b" + many(4, " xmlns:a%d='%d'") + "/></a>", "<a><b" + many(7, " xmlns:a%d='%d'") + "/></a>"},
		{"namespaces in scope (two from the header)", "<a" + many(4, " xmlns:a%d='%d'") + "><b xmlns='u'/><b xmlns='u'/></a>", "<a" + many(5, " xmlns:a%d='%d'") + "><b xmlns='u'/></a>"},
		{"canonical form has more attributes: prefixes are declared where used",
			"<a xmlns:p='u' xmlns:q='v'><b p:a='' p:b='' q:a='' q:b=''/></a>", "<a xmlns:p='u' xmlns:q='v'><b p:a='' p:b='' q:a='' q:b='' c=''/></a>"},
		{"children", "<a>" + many(8, "<b>%d%d</b>") + "</a>", "<a>" + many(9, "<b>%d%d</b>") + "</a>"},
		{"canonical size: prefixes spelled out", "<a xmlns:p='" + strings.Repeat("u", 100) + "'>" + strings.Repeat("<p:b/>", 7) + "</a>",
			"<a xmlns:p='" + strings.Repeat("u", 200) + "'>" + strings.Repeat("<p:b/>", 7) + "</a>"},
		{"canonical size: characters escaped", "<a>" + strings.Repeat(">", 200) + "</a>", "<a>" + strings.Repeat(">", 300) + "</a>"},
	} {
		for i, in := range []string{tt.ok, tt.over} {
			r := NewReader(iotest.HalfReader(strings.NewReader(testHeader+in+"</stream:stream>")), base)
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
			_, err := r.Next()
			e := (*Error)(nil)
			if over := errors.As(err, &e) && e.Condition == PolicyViolation; over != (i == 1) || i == 0 && err != nil {
				t.Errorf("%s, %q: %v", tt.why, in, err)
			}
		}
	}
}

func TestStreamBytes(t *testing.T) {
	l := Limits{StreamBytes: len(testHeader) + 20}
	for _, tt := range []struct {
		in   string
		want error
	}{
		{strings.Repeat(" ", 20), io.EOF},
		{strings.Repeat(" ", 21), overLimit("too many bytes in one stream")},
		{strings.Repeat("<a/>", 5), io.EOF},
		{strings.Repeat("<a/>", 5) + " ", overLimit("too many bytes in one stream")},
		{"<a>" + strings.Repeat("x", 20) + "</a>", overLimit("too many bytes in one stream")},
	} {
		for _, src := range []io.Reader{strings.NewReader(testHeader + tt.in), iotest.OneByteReader(strings.NewReader(testHeader + tt.in))} {
			if err := drain(NewReader(src, l)); err.Error() != tt.want.Error() {
				t.Errorf("%q: got %v, want %v", tt.in, err, tt.want)
			}
		}
	}
	// Raising the limits, as after authentication, takes effect with the next token.
	r := NewReader(strings.NewReader(testHeader+"<a/>"+strings.Repeat(" ", 100)+"<b/>"), l)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	r.SetLimits(DefaultLimits())
	if tok, err := r.Next(); err != nil || tok.Element.Name.Local != "b" {
		t.Errorf("after raising the limits: %v, %v", tok, err)
	}
}

func TestStreamHeader(t *testing.T) {
	r := NewReader(strings.NewReader("<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' to='example.org' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en'><stream:error/>"), DefaultLimits())
	tok, err := r.Next()
	if err != nil || tok.Kind != StreamStart {
		t.Fatal(tok, err)
	}
	h := tok.Start
	if h.Name != (Name{"http://etherx.jabber.org/streams", "stream"}) || h.DefaultNS != "jabber:client" || h.Attr("to") != "example.org" ||
		h.Attr("version") != "1.0" || h.Lang() != "en" || len(h.Attrs) != 3 {
		t.Errorf("header: %+v", h)
	}
	tok, err = r.Next()
	if err != nil || tok.Element.Name != (Name{"http://etherx.jabber.org/streams", "error"}) {
		t.Errorf("%+v, %v", tok, err)
	}
	if got := string(tok.Element.Append(nil, "jabber:client")); got != "<error xmlns='http://etherx.jabber.org/streams'/>" {
		t.Error(got)
	}
}

func TestEndOfInput(t *testing.T) {
	for _, tt := range []struct {
		why, in string
		want    error
	}{
		{"between stanzas", testHeader + "<a/>", io.EOF},
		{"after white space", testHeader + "<a/> \n", io.EOF},
		{"before the document", "", io.EOF},
		{"within the header", "<stream", io.ErrUnexpectedEOF},
		{"within the declaration", "<?xml", io.ErrUnexpectedEOF},
		{"within a stanza", testHeader + "<a>", io.ErrUnexpectedEOF},
		{"after <", testHeader + "<", io.ErrUnexpectedEOF},
		{"within the end of the stream", testHeader + "</stream:st", io.ErrUnexpectedEOF},
		{"after the end of the stream nothing is read", testHeader + "</stream:stream><![<", io.EOF},
	} {
		if err := drain(NewReader(strings.NewReader(tt.in), DefaultLimits())); err != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	broken := errors.New("broken")
	for _, in := range []string{"", testHeader, testHeader + "<a>"} {
		if err := drain(NewReader(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)), DefaultLimits())); err != broken {
			t.Errorf("%q: %v", in, err)
		}
	}
	if err := drain(NewReader(idleReader{}, DefaultLimits())); err != io.ErrNoProgress {
		t.Errorf("reader that gives nothing: %v", err)
	}
}

type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

func TestReset(t *testing.T) {
	next := func(r *Reader, kind TokenKind) {
		t.Helper()
		if tok, err := r.Next(); err != nil || tok.Kind != kind {
			t.Fatalf("got %v, %v, want kind %d", tok.Kind, err, kind)
		}
	}
	r := NewReader(strings.NewReader(testHeader+"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><injected/>"), DefaultLimits())
	next(r, StreamStart)
	next(r, ElementToken)
	if got := r.Buffered(); got != len("<injected/>") {
		t.Errorf("buffered %d", got)
	}
	r.Reset(strings.NewReader("<?xml version='1.0'?>" + testHeader + "</stream:stream>"))
	if r.Buffered() != 0 {
		t.Error("bytes from before survived a new source")
	}
	next(r, StreamStart)
	next(r, StreamEnd)
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}

	// With no new source, what is buffered begins the next document, whose limit on bytes starts over.
	two := testHeader + "<auth/>"
	r = NewReader(strings.NewReader(two+"<?xml version='1.0'?>"+testHeader+"<a/>"), Limits{StreamBytes: len(two) + 30})
	next(r, StreamStart)
	next(r, ElementToken)
	r.Reset(nil)
	next(r, StreamStart)
	next(r, ElementToken)

	// A Reader that has failed can be used again.
	r = NewReader(strings.NewReader("x"), DefaultLimits())
	if _, err := r.Next(); err == nil {
		t.Fatal("accepted")
	}
	r.Reset(strings.NewReader(testHeader))
	next(r, StreamStart)
}

// watched looks at the Reader from within Read.
type watched struct {
	pieces []string
	seen   func(piece int, size int)
	turn   int
}

func (w *watched) Read(p []byte) (int, error) {
	if w.turn == len(w.pieces) {
		w.seen(w.turn, len(p))
		return 0, io.EOF
	}
	w.seen(w.turn, len(p))
	n := copy(p, w.pieces[w.turn])
	if w.pieces[w.turn] = w.pieces[w.turn][n:]; w.pieces[w.turn] == "" {
		w.turn++
	}
	return n, nil
}

func TestNoBufferHeldWhileIdle(t *testing.T) {
	var r *Reader
	var idle, busy int
	w := &watched{pieces: []string{testHeader, "<a/>", " ", "\n \t", "<b/> ", "<c>", "</c>", "<d/><e/>"}}
	w.seen = func(piece, size int) {
		if (r.sc == nil) != (size == 1) {
			t.Errorf("at piece %d: buffer held %v, %d bytes asked for", piece, r.sc != nil, size)
		}
		between := !strings.HasPrefix(strings.Join(w.pieces[piece:], ""), "</c>") &&
			(piece >= len(w.pieces) || w.pieces[piece] == "" || strings.ContainsAny(w.pieces[piece][:1], "< \n\t"))
		if r.sc == nil {
			idle++
			if !between {
				t.Errorf("at piece %d: waiting for a byte within a stanza", piece)
			}
		} else {
			busy++
		}
	}
	r = NewReader(w, DefaultLimits())
	for {
		tok, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.sc != nil && tok.Element.Name.Local != "d" && tok.Element.Name.Local != "b" {
			t.Errorf("after %v: buffer held with nothing in it", tok.Element.Name)
		}
	}
	if idle < 8 || busy == 0 {
		t.Errorf("%d idle reads, %d busy ones", idle, busy)
	}
	if size := unsafe.Sizeof(Reader{}); size > 256 {
		t.Errorf("an idle Reader takes %d bytes", size)
	}
}

// dripped gives one byte at a time and counts the bytes its Reader has copied to make room for it.
type dripped struct {
	r     *Reader
	data  []byte
	buf   *byte
	got   int
	moved int
}

func (d *dripped) Read(p []byte) (int, error) {
	if len(d.data) == 0 {
		return 0, io.EOF
	}
	if d.r.sc != nil {
		if buf := &d.r.sc.buf[0]; buf != d.buf || d.r.got != d.got {
			d.moved += d.r.got
			d.buf, d.got = buf, d.r.got
		}
		d.got++
	}
	p[0] = d.data[0]
	d.data = d.data[1:]
	return 1, nil
}

// However slowly a stanza drips in, the work per byte must not grow with its size. Every byte is looked at once as it
// comes, so what could grow is the copying when the window is full.
func TestDripFeedIsLinear(t *testing.T) {
	shapes := map[string]func(n int) string{
		"text":       func(n int) string { return "<a>" + strings.Repeat("x", n) + "</a>" },
		"value":      func(n int) string { return "<a b='" + strings.Repeat("x", n) + "'/>" },
		"name":       func(n int) string { return "<" + strings.Repeat("x", n) + "/>" },
		"spaces":     func(n int) string { return "<a" + strings.Repeat(" ", n) + "/>" },
		"brackets":   func(n int) string { return "<a>" + strings.Repeat("]", n) + "</a>" },
		"CDATA":      func(n int) string { return "<a><![CDATA[" + strings.Repeat("]>", n/2) + "]]></a>" },
		"references": func(n int) string { return "<a>" + strings.Repeat("&#65;", n/5) + "</a>" },
		"elements":   func(n int) string { return "<a><c>" + strings.Repeat("<b/>", n/4) + "</c></a>" },
		"end tag":    func(n int) string { return "<a></a" + strings.Repeat(" ", n) + ">" },
	}
	for name, shape := range shapes {
		perByte := func(n int) float64 {
			src := &dripped{data: []byte(testHeader + shape(n) + "</stream:stream>")}
			src.r = NewReader(src, Limits{StanzaBytes: 1 << 30})
			if err := drain(src.r); err != io.EOF {
				t.Fatalf("%s: %v", name, err)
			}
			return float64(src.moved) / float64(n)
		}
		small, large := perByte(50_000), perByte(800_000)
		if large > small+4 || large > 8 {
			t.Errorf("%s: %.2f bytes moved per byte at 50 kB, %.2f at 800 kB", name, small, large)
		}
	}
}

func TestAllocations(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		most       float64
	}{
		{"message", benchMessage, 3}, {"presence", benchPresence, 3}, {"archive result", benchArchive(), 3},
		{"message in double quotes", strings.ReplaceAll(benchMessage, "'", `"`), 3},
		{"keep-alive and an empty element", " <r xmlns='urn:xmpp:sm:3'/>", 1},
	} {
		r := NewReader(&endless{header: benchHeader, stanza: tt.text}, DefaultLimits())
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		got := testing.AllocsPerRun(200, func() {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		})
		if got > tt.most && !raceEnabled {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}

func TestWellKnownStringsAreShared(t *testing.T) {
	for _, s := range wellKnown {
		got, ok := internBytes([]byte(s))
		if !ok || got != s {
			t.Errorf("%q is not found", s)
		}
	}
	for _, s := range []string{"x-unheard-of", "urn:xmpp:unheard-of", strings.Repeat("x", 1000)} {
		if got, ok := internBytes([]byte(s)); ok {
			t.Errorf("%q gives %q", s, got)
		}
	}
	if used := len(wellKnown); used*2 > 1<<internBits {
		t.Errorf("%d strings are too many for a table of %d", used, 1<<internBits)
	}
}

// What a pooled buffer held for one stream must not show up in another.
func TestElementsDoNotShareScratch(t *testing.T) {
	r := NewReader(strings.NewReader(testHeader+"<a b='first'><c>one</c></a>"+"<a b='other'><c>two</c></a>"), DefaultLimits())
	var els []Element
	for {
		tok, err := r.Next()
		if err != nil {
			break
		}
		if tok.Kind == ElementToken {
			els = append(els, tok.Element)
		}
	}
	for i, want := range []string{"<a b='first'><c>one</c></a>", "<a b='other'><c>two</c></a>"} {
		if got := els[i].Append(nil, "jabber:client"); !bytes.Equal(got, []byte(want)) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	data := []byte("<a id='xyzzy'>text</a>")
	el, err := ParseElement(data, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if el.Attr("id") != "xyzzy" || string(el.Inner) != "text" {
		t.Errorf("the element shares its input: %+v", el)
	}
}
