package xmlstream

import "strconv"

// Element is one complete element, usually a child of the stream root, in canonical form (see the package comment).
// It is immutable and owns its bytes: any number of goroutines may read it, nobody may write to what its slices hold.
//
// Strings of an element may be views on its bytes. A string kept for long keeps those alive; for elements of more than
// a few kilobytes the Reader makes names and attribute values of their own, so that what is kept alive stays small.
type Element struct {
	Name Name
	// Attrs are the attributes without namespace declarations, in the sender's order.
	Attrs []Attr
	// Children index the direct child elements, in order.
	Children []Child
	// Inner is the canonical form of everything between start and end tag, where Name.Space is the default namespace.
	Inner []byte
}

// Child locates one direct child element: Inner[Start:End] is the whole of it.
type Child struct {
	Name       Name
	Start, End int
}

// Attr gives the value of the attribute local in no namespace, "" if there is none.
func (el *Element) Attr(local string) string {
	v, _ := lookupAttr(el.Attrs, "", local)
	return v
}

// LookupAttr finds an attribute by its expanded name; space "" means in no namespace.
func (el *Element) LookupAttr(space, local string) (string, bool) {
	return lookupAttr(el.Attrs, space, local)
}

// Lang gives the element's own xml:lang, "" if there is none.
func (el *Element) Lang() string {
	v, _ := lookupAttr(el.Attrs, NSXML, "lang")
	return v
}

// Child finds the first direct child of that name.
func (el *Element) Child(space, local string) (Child, bool) {
	for i := range el.Children {
		if c := &el.Children[i]; c.Name.Local == local && c.Name.Space == space {
			return *c, true
		}
	}
	return Child{}, false
}

// Node gives the tree of one direct child.
func (el *Element) Node(c Child) (Node, error) { return ChildNode(el.Inner, c, el.Name.Space) }

// Tree gives the whole element as a tree.
func (el *Element) Tree() (Node, error) {
	n := Node{Name: el.Name, Attrs: el.Attrs}
	kids, err := nodesOf(el.Inner, el.Name.Space, cap(el.Inner) <= viewLimit)
	n.Children = kids
	return n, err
}

// Text gives the unescaped characters directly inside the element, without those of its children.
func (el *Element) Text() string { return innerText(el.Inner, el.Children) }

// Append writes the element in canonical form where inheritedNS is the default namespace in force.
func (el *Element) Append(dst []byte, inheritedNS string) []byte {
	dst = AppendStart(dst, el.Name, inheritedNS)
	dst = AppendAttrs(dst, el.Attrs)
	return AppendInner(dst, el.Name.Local, el.Inner)
}

// AppendStart writes the beginning of a start tag, up to and without its attributes.
func AppendStart(dst []byte, name Name, inheritedNS string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name.Local...)
	if name.Space != inheritedNS {
		dst = append(dst, " xmlns='"...)
		dst, _ = appendEscaped(dst, name.Space, escValue)
		dst = append(dst, '\'')
	}
	return dst
}

// AppendAttr writes one attribute in no namespace.
func AppendAttr(dst []byte, local, value string) []byte {
	dst = append(dst, ' ')
	dst = append(dst, local...)
	dst = append(dst, '=', '\'')
	dst, _ = appendEscaped(dst, value, escValue)
	return append(dst, '\'')
}

// AppendValue writes s as it stands between the quotes of a canonical attribute.
func AppendValue(dst []byte, s string) []byte {
	dst, _ = appendEscaped(dst, s, escValue)
	return dst
}

// AppendAttrs writes the attributes of one element, declaring prefixes as canonical form asks.
func AppendAttrs(dst []byte, attrs []Attr) []byte {
	for i := range attrs {
		a := &attrs[i]
		switch a.Name.Space {
		case "":
			dst = AppendAttr(dst, a.Name.Local, a.Value)
			continue
		case NSXML:
			dst = append(dst, " xml:"...)
		default:
			n, first := prefixNumber(attrs[:i+1])
			if first {
				dst = append(dst, " xmlns:ns"...)
				dst = strconv.AppendInt(dst, int64(n), 10)
				dst = append(dst, '=', '\'')
				dst, _ = appendEscaped(dst, a.Name.Space, escValue)
				dst = append(dst, '\'')
			}
			dst = append(dst, " ns"...)
			dst = strconv.AppendInt(dst, int64(n), 10)
			dst = append(dst, ':')
		}
		dst = append(dst, a.Name.Local...)
		dst = append(dst, '=', '\'')
		dst, _ = appendEscaped(dst, a.Value, escValue)
		dst = append(dst, '\'')
	}
	return dst
}

// prefixNumber gives the number of the prefix for the last of attrs, counting namespaces by first use.
func prefixNumber(attrs []Attr) (n int, first bool) {
	want := attrs[len(attrs)-1].Name.Space
	seen := 0
	for i := range attrs {
		s := attrs[i].Name.Space
		if s == "" || s == NSXML {
			continue
		}
		used := false
		for j := range i {
			used = used || attrs[j].Name.Space == s
		}
		if !used {
			seen++
		}
		if s == want {
			return seen, i == len(attrs)-1
		}
	}
	return seen, true
}

// AppendInner ends a start tag begun by AppendStart, writes canonical content and the end tag; without content the tag
// is closed as an empty one.
func AppendInner(dst []byte, local string, inner []byte) []byte {
	if len(inner) == 0 {
		return append(dst, '/', '>')
	}
	dst = append(dst, '>')
	dst = append(dst, inner...)
	dst = append(dst, '<', '/')
	dst = append(dst, local...)
	return append(dst, '>')
}
