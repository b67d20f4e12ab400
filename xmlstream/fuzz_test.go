package xmlstream

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func addSeeds(f *testing.F) {
	for _, s := range benchStanzas[:3] {
		f.Add([]byte(s.text))
	}
	for _, tt := range canonical {
		f.Add([]byte(tt.in))
	}
	for _, tt := range refused {
		f.Add([]byte(tt.in))
	}
}

// FuzzParseElement: whatever is accepted has a canonical form that is a fixed point, and means the same to another
// parser.
func FuzzParseElement(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		el, err := ParseElement(data, Limits{StanzaBytes: 64 << 10})
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Condition == "" || e.Detail == "" {
				t.Fatalf("unexplained refusal: %v", err)
			}
			return
		}
		checkElement(t, &el)
		want, err := standardTree(data)
		if err != nil {
			t.Fatalf("accepted %q, which encoding/xml refuses: %v", data, err)
		}
		tree, err := el.Tree()
		if err != nil {
			t.Fatal(err)
		}
		normalise(&tree, true)
		normalise(&want, true)
		if a, b := describe(tree), describe(want); a != b {
			t.Fatalf("%q\nhere         %s\nencoding/xml %s", data, a, b)
		}
	})
}

// standardTree parses with the standard library.
func standardTree(data []byte) (Node, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	root := Node{Name: Name{Local: "root"}}
	stack := []*Node{&root}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Node{}, err
		}
		top := stack[len(stack)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			n := Node{Name: Name(tok.Name)}
			for _, a := range tok.Attr {
				if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
					n.Attrs = append(n.Attrs, Attr{Name(a.Name), a.Value})
				}
			}
			top.Children = append(top.Children, n)
			stack = append(stack, &top.Children[len(top.Children)-1])
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 1 {
				top.Children = append(top.Children, Node{Text: string(tok)})
			}
		default:
			return Node{}, errors.New("token that XMPP does not allow")
		}
	}
	if len(root.Children) != 1 {
		return Node{}, errors.New("not one root")
	}
	return root.Children[0], nil
}

// normalise joins neighbouring text and, if values is set, does what the standard library leaves out: white space in
// attribute values.
func normalise(n *Node, values bool) {
	if values {
		n.Name.Space = spaces.Replace(n.Name.Space)
		for i := range n.Attrs {
			a := &n.Attrs[i]
			a.Name.Space, a.Value = spaces.Replace(a.Name.Space), spaces.Replace(a.Value)
		}
	}
	var kids []Node
	for _, c := range n.Children {
		if last := len(kids) - 1; c.IsText() && last >= 0 && kids[last].IsText() {
			kids[last].Text += c.Text
			continue
		}
		if !c.IsText() {
			normalise(&c, values)
		}
		kids = append(kids, c)
	}
	n.Children = kids[:0]
	for _, c := range kids {
		if !c.IsZero() {
			n.Children = append(n.Children, c)
		}
	}
}

func describe(n Node) string {
	b, err := n.Append(nil, "")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

var spaces = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\t", " ")

// FuzzReader: how a stream is split changes nothing, memory stays bounded, nothing panics.
func FuzzReader(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s), byte(1), byte(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, a, b byte) {
		l := Limits{StanzaBytes: 4 << 10, StreamBytes: 16 << 10, Depth: 6, Attrs: 8, Namespaces: 10, Children: 8}
		want := outcome(bytes.NewReader(data), l)
		if got := outcome(iotest.OneByteReader(bytes.NewReader(data)), l); got != want {
			t.Fatalf("byte by byte:\n got %s\nwant %s", got, want)
		}
		if got := outcome(&chunks{data, []int{int(a), int(b), 1}, 0}, l); got != want {
			t.Fatalf("in pieces of %d, %d and 1:\n got %s\nwant %s", a, b, got, want)
		}
		r := NewReader(bytes.NewReader(data), l)
		for {
			tok, err := r.Next()
			if r.sc != nil && len(r.sc.buf) > 4*l.StanzaBytes {
				t.Fatalf("window of %d bytes", len(r.sc.buf))
			}
			if err != nil {
				break
			}
			if len(tok.Element.Inner) > l.StanzaBytes {
				t.Fatalf("%d bytes of content", len(tok.Element.Inner))
			}
		}
	})
}

// FuzzCanonicalReaders: bytes that are not canonical must not hurt those who read canonical bytes.
func FuzzCanonicalReaders(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		el := Element{Name: Name{"u", "x"}, Inner: data}
		el.Tree()
		kids, err := IndexChildren(data, "u")
		if err != nil {
			return
		}
		for _, c := range kids {
			el.Node(c)
			ChildText(data, c)
		}
		el.Children = kids
		el.Text()
		ChildText(data, Child{Start: -1, End: 1})
		ChildText(data, Child{Start: 0, End: len(data) + 1})
	})
}
