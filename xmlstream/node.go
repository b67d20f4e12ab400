package xmlstream

import (
	"iter"
	"slices"
	"strings"
)

// Node is a small tree, for payloads off the hot path. An element has Name.Local set; a text node has an empty
// Name.Local and its characters in Text. Nodes are values: With and WithText return a changed copy and leave the
// receiver alone. A Node got from an Element may share its memory and, like it, must not be written to.
type Node struct {
	Name     Name
	Attrs    []Attr
	Children []Node
	Text     string
}

// NewNode makes an element.
func NewNode(space, local string, attrs ...Attr) Node {
	return Node{Name: Name{Space: space, Local: local}, Attrs: attrs}
}

// With returns the element with children added at its end.
func (n Node) With(children ...Node) Node {
	n.Children = append(slices.Clip(n.Children), children...)
	return n
}

// WithText returns the element with a text node added at its end.
func (n Node) WithText(s string) Node {
	return n.With(Node{Text: s})
}

// WithAttr returns the element with attributes added at their end.
func (n Node) WithAttr(attrs ...Attr) Node {
	n.Attrs = append(slices.Clip(n.Attrs), attrs...)
	return n
}

// IsZero reports whether n is neither an element nor text.
func (n Node) IsZero() bool { return n.Name.Local == "" && n.Text == "" }

// IsText reports whether n is a text node.
func (n Node) IsText() bool { return n.Name.Local == "" }

// Attr gives the value of the attribute local in no namespace, "" if there is none.
func (n Node) Attr(local string) string {
	v, _ := lookupAttr(n.Attrs, "", local)
	return v
}

// LookupAttr finds an attribute by its expanded name; space "" means in no namespace.
func (n Node) LookupAttr(space, local string) (string, bool) {
	return lookupAttr(n.Attrs, space, local)
}

// Lang gives the element's own xml:lang, "" if there is none.
func (n Node) Lang() string {
	v, _ := lookupAttr(n.Attrs, NSXML, "lang")
	return v
}

// Child finds the first child element of that name.
func (n Node) Child(space, local string) (Node, bool) {
	for i := range n.Children {
		if c := &n.Children[i]; c.Name.Local == local && c.Name.Space == space && local != "" {
			return *c, true
		}
	}
	return Node{}, false
}

// Elements walks the child elements, skipping text.
func (n Node) Elements() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for i := range n.Children {
			if n.Children[i].Name.Local != "" && !yield(n.Children[i]) {
				return
			}
		}
	}
}

// InnerText gives the characters directly inside the element (for a text node: its own), without those of its children.
func (n Node) InnerText() string {
	if n.IsText() {
		return n.Text
	}
	var one string
	count := 0
	for i := range n.Children {
		if n.Children[i].Name.Local == "" {
			one = n.Children[i].Text
			count++
		}
	}
	if count <= 1 {
		return one
	}
	var b strings.Builder
	for i := range n.Children {
		if n.Children[i].Name.Local == "" {
			b.WriteString(n.Children[i].Text)
		}
	}
	return b.String()
}

// Encode writes the node and all below it.
func (n Node) Encode(e *Encoder) { n.encode(e) }

func (n *Node) encode(e *Encoder) {
	if n.Name.Local == "" {
		e.Text(n.Text)
		return
	}
	e.Start(n.Name.Space, n.Name.Local)
	for i := range n.Attrs {
		a := &n.Attrs[i]
		e.AttrNS(a.Name.Space, a.Name.Local, a.Value)
	}
	for i := range n.Children {
		n.Children[i].encode(e)
	}
	e.End()
}

// Append writes the node in canonical form where inheritedNS is the default namespace in force. It fails only for a
// tree that has no XML form (a bad name, a character XML lacks).
func (n Node) Append(dst []byte, inheritedNS string) ([]byte, error) {
	e := NewEncoder(dst, inheritedNS)
	n.encode(e)
	return e.Bytes(), e.Err()
}
