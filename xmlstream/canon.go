package xmlstream

import (
	"bytes"
	"errors"
	"unicode/utf8"
	"unsafe"
)

// Reading canonical bytes back. In canonical form '<' always begins a tag and '>' always ends one, xmlns comes first,
// values are single-quoted and only a handful of entities occur, so this needs no validation to be exact; bytes that
// are not canonical give ErrNotCanonical or a wrong tree, never a panic.

// ErrNotCanonical reports that bytes said to be canonical are not.
var ErrNotCanonical = errors.New("xml stream: bytes are not in canonical form")

// viewLimit bounds how many bytes a string that is a view can keep alive; content beyond it is copied.
const viewLimit = 4 << 10

// IndexChildren finds the direct child elements in canonical content whose default namespace is ns.
func IndexChildren(inner []byte, ns string) ([]Child, error) {
	var kids []Child
	view := cap(inner) <= viewLimit
	depth, at := 0, 0
	for {
		start := bytes.IndexByte(inner[at:], '<')
		if start < 0 {
			break
		}
		start += at
		size := bytes.IndexByte(inner[start:], '>')
		if size < 2 {
			return nil, ErrNotCanonical
		}
		at = start + size + 1
		tag := inner[start+1 : at-1]
		switch {
		case tag[0] == '/':
			depth--
			if depth < 0 || len(kids) == 0 {
				return nil, ErrNotCanonical
			}
			if depth == 0 {
				kids[len(kids)-1].End = at
			}
			continue
		case depth == 0:
			name, _, ok := tagName(tag, ns, view)
			if !ok {
				return nil, ErrNotCanonical
			}
			kids = append(kids, Child{Name: name, Start: start, End: at})
		}
		if tag[len(tag)-1] != '/' {
			depth++
		}
	}
	if depth != 0 {
		return nil, ErrNotCanonical
	}
	return kids, nil
}

// ChildNode gives the tree of the child c of canonical content whose default namespace is ns.
func ChildNode(inner []byte, c Child, ns string) (Node, error) {
	if c.Start < 0 || c.Start > c.End || c.End > len(inner) {
		return Node{}, ErrNotCanonical
	}
	nodes, err := nodesOf(inner[c.Start:c.End], ns, cap(inner) <= viewLimit)
	if err != nil {
		return Node{}, err
	}
	if len(nodes) != 1 || nodes[0].IsText() {
		return Node{}, ErrNotCanonical
	}
	return nodes[0], nil
}

// tagName reads the name of a start tag given without its angle brackets, and gives what follows it.
func tagName(tag []byte, ns string, view bool) (name Name, rest []byte, ok bool) {
	n := 0
	for n < len(tag) && tag[n] != ' ' && tag[n] != '/' {
		n++
	}
	if n == 0 {
		return Name{}, nil, false
	}
	name = Name{Space: ns, Local: nameString(tag[:n:n], view)}
	rest = tag[n:]
	const decl = " xmlns='"
	if len(rest) > len(decl) && string(rest[:len(decl)]) == decl {
		rest = rest[len(decl):]
		q := bytes.IndexByte(rest, '\'')
		if q < 0 {
			return Name{}, nil, false
		}
		name.Space = unescape(rest[:q:q], view)
		rest = rest[q+1:]
	}
	return name, rest, true
}

// treeBuilder turns canonical bytes into nodes. Finished nodes wait on a stack until their parent ends, then move into
// memory cut from larger pieces, so a tree costs a few allocations rather than some per element.
type treeBuilder struct {
	view    bool // strings may be views on the input
	open    []openNode
	waiting []Node
	nodes   []Node // room for child lists
	attrs   []Attr // room for attribute lists
	spaces  []prefixed
}

type openNode struct {
	node Node
	mark int // waiting[mark:] are its children
}

type prefixed struct {
	prefix []byte
	space  string
}

func nodesOf(data []byte, ns string, view bool) ([]Node, error) {
	if len(data) == 0 {
		return nil, nil
	}
	b := treeBuilder{view: view}
	at := 0
	for at < len(data) {
		size := bytes.IndexByte(data[at:], '<')
		if size < 0 {
			size = len(data) - at
		}
		if size > 0 {
			b.waiting = append(b.waiting, Node{Text: unescape(data[at:at+size:at+size], b.view)})
			at += size
			continue
		}
		size = bytes.IndexByte(data[at:], '>')
		if size < 2 {
			return nil, ErrNotCanonical
		}
		outer := ns
		if len(b.open) > 0 {
			outer = b.open[len(b.open)-1].node.Name.Space
		}
		if !b.tag(data[at+1:at+size], outer) {
			return nil, ErrNotCanonical
		}
		at += size + 1
	}
	if len(b.open) > 0 {
		return nil, ErrNotCanonical
	}
	return b.waiting, nil
}

func (b *treeBuilder) tag(tag []byte, ns string) bool {
	if tag[0] == '/' {
		if len(b.open) == 0 {
			return false
		}
		top := b.open[len(b.open)-1]
		if top.node.Name.Local != string(tag[1:]) {
			return false
		}
		b.open = b.open[:len(b.open)-1]
		top.node.Children = b.adopt(top.mark)
		b.waiting = append(b.waiting, top.node)
		return true
	}
	name, rest, ok := tagName(tag, ns, b.view)
	if !ok {
		return false
	}
	empty := len(rest) > 0 && rest[len(rest)-1] == '/'
	if empty {
		rest = rest[:len(rest)-1]
	}
	attrs, ok := b.attributes(rest)
	if !ok {
		return false
	}
	node := Node{Name: name, Attrs: attrs}
	if empty {
		b.waiting = append(b.waiting, node)
	} else {
		b.open = append(b.open, openNode{node, len(b.waiting)})
	}
	return true
}

// adopt moves waiting[mark:] into a list of its own.
func (b *treeBuilder) adopt(mark int) []Node {
	kids := b.waiting[mark:]
	n := len(kids)
	if n == 0 {
		return nil
	}
	if cap(b.nodes)-len(b.nodes) < n {
		b.nodes = make([]Node, 0, max(n, min(2*cap(b.nodes), 64)))
	}
	from := len(b.nodes)
	b.nodes = append(b.nodes, kids...)
	clear(kids)
	b.waiting = b.waiting[:mark]
	return b.nodes[from : from+n : from+n]
}

func (b *treeBuilder) attributes(rest []byte) ([]Attr, bool) {
	if len(rest) == 0 {
		return nil, true
	}
	n := bytes.Count(rest, []byte{'='}) // values may hold '=' too: only an estimate
	if n = min(n, 16); cap(b.attrs)-len(b.attrs) < n {
		b.attrs = make([]Attr, 0, max(n, min(2*cap(b.attrs), 64)))
	}
	list := b.attrs[len(b.attrs):len(b.attrs):cap(b.attrs)]
	b.spaces = b.spaces[:0]
	for len(rest) > 0 {
		eq := bytes.IndexByte(rest, '=')
		if rest[0] != ' ' || eq < 2 || eq+1 >= len(rest) || rest[eq+1] != '\'' {
			return nil, false
		}
		q := bytes.IndexByte(rest[eq+2:], '\'')
		if q < 0 {
			return nil, false
		}
		raw, value := rest[1:eq:eq], unescape(rest[eq+2:eq+2+q:eq+2+q], b.view)
		rest = rest[eq+2+q+1:]
		name := Name{Local: nameString(raw, b.view)}
		if colon := bytes.IndexByte(raw, ':'); colon >= 0 {
			prefix, local := raw[:colon], raw[colon+1:]
			if string(prefix) == "xmlns" {
				b.spaces = append(b.spaces, prefixed{local, value})
				continue
			}
			space, ok := b.lookup(prefix)
			if !ok {
				return nil, false
			}
			name = Name{Space: space, Local: nameString(local, b.view)}
		}
		list = append(list, Attr{Name: name, Value: value})
	}
	if len(list) == 0 {
		return nil, true
	}
	if cap(b.attrs)-len(b.attrs) >= len(list) {
		b.attrs = b.attrs[:len(b.attrs)+len(list)]
	}
	return list[:len(list):len(list)], true
}

func (b *treeBuilder) lookup(prefix []byte) (string, bool) {
	if string(prefix) == "xml" {
		return NSXML, true
	}
	for i := len(b.spaces) - 1; i >= 0; i-- {
		if bytes.Equal(b.spaces[i].prefix, prefix) {
			return b.spaces[i].space, true
		}
	}
	return "", false
}

// nameString gives b as a string: shared if well known, else a view or a copy.
func nameString(b []byte, view bool) string {
	if s, ok := internBytes(b); ok {
		return s
	}
	if view {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return string(b)
}

// innerText gives the text directly in canonical content, outside its child elements.
func innerText(inner []byte, kids []Child) string {
	if len(kids) == 0 {
		return unescape(inner, cap(inner) <= viewLimit)
	}
	var text []byte
	at := 0
	for _, c := range kids {
		text = append(text, inner[at:c.Start]...)
		at = c.End
	}
	return unescape(append(text, inner[at:]...), true)
}

// ChildText gives the text directly inside the child c of canonical content, without building a tree.
func ChildText(inner []byte, c Child) string {
	if c.Start < 0 || c.Start > c.End || c.End > len(inner) {
		return ""
	}
	whole := inner[c.Start:c.End]
	gt := bytes.IndexByte(whole, '>')
	if gt < 1 || whole[gt-1] == '/' {
		return ""
	}
	content := whole[gt+1 : max(gt+1, bytes.LastIndexByte(whole, '<'))]
	if bytes.IndexByte(content, '<') < 0 {
		return unescape(content, cap(inner) <= viewLimit)
	}
	kids, err := IndexChildren(content, "")
	if err != nil {
		return ""
	}
	return innerText(content, kids)
}

// unescape undoes canonical escaping. With view it may give a view on b.
func unescape(b []byte, view bool) string {
	amp := bytes.IndexByte(b, '&')
	if amp < 0 {
		return nameString(b, view)
	}
	out := make([]byte, amp, len(b))
	copy(out, b)
	for at := amp; at < len(b); {
		if b[at] != '&' {
			out = append(out, b[at])
			at++
			continue
		}
		semi := bytes.IndexByte(b[at:min(len(b), at+maxReference)], ';')
		r := rune(-1)
		if semi > 0 {
			r = resolveReference(b[at+1 : at+semi])
		}
		if r < 0 {
			out = append(out, b[at])
			at++
			continue
		}
		out = utf8.AppendRune(out, r)
		at += semi + 1
	}
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// maxReference is the longest reference accepted, in bytes: leading zeros are allowed within reason.
const maxReference = 16

// resolveReference gives the character for what stands between '&' and ';': one of the five predefined entities (XML
// 1.0 §4.6) or a character reference (§4.1). It gives -1 for a character XML has not and -2 for any other entity.
func resolveReference(ref []byte) rune {
	switch string(ref) {
	case "amp":
		return '&'
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "apos":
		return '\''
	case "quot":
		return '"'
	}
	if len(ref) == 0 || ref[0] != '#' {
		return -2
	}
	if len(ref) == 1 {
		return -1
	}
	base, digits := rune(10), ref[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	if len(digits) == 0 {
		return -1
	}
	var r rune
	for _, c := range digits {
		d := rune(-1)
		switch {
		case c >= '0' && c <= '9':
			d = rune(c - '0')
		case c >= 'a' && c <= 'f':
			d = rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = rune(c-'A') + 10
		}
		if d < 0 || d >= base {
			return -1
		}
		if r = r*base + d; r > 0x10FFFF {
			return -1
		}
	}
	if !validChar(r) {
		return -1
	}
	return r
}
