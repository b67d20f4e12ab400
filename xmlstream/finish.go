package xmlstream

import (
	"bytes"
	"unsafe"
)

// finish makes the Element out of the scratch memory. Small elements get one piece of memory for everything. Large ones
// get a second one for the head, so that an address or id kept for long does not keep the content alive with it.
func (sc *scratch) finish(el *Element, inner int, space string) {
	var head []byte
	view := len(sc.out) <= viewLimit
	if view {
		data := bytes.Clone(sc.out)
		head, el.Inner = data[:inner:inner], data[inner:]
	} else {
		head, el.Inner = bytes.Clone(sc.out[:inner]), bytes.Clone(sc.out[inner:])
	}
	el.Inner = el.Inner[:len(el.Inner):len(el.Inner)]
	if len(el.Inner) == 0 {
		el.Inner = nil
	}
	local := head[:sc.rootLocal(inner)]
	known, ok := internHead(local)
	if !ok {
		known = unsafe.String(unsafe.SliceData(local), len(local))
	}
	el.Name = Name{Space: space, Local: known}
	el.Attrs = sc.headAttrs(head)
	if len(sc.kids) == 0 {
		return
	}
	el.Children = make([]Child, len(sc.kids))
	for i := range sc.kids {
		k, c := &sc.kids[i], &el.Children[i]
		c.Start, c.End = int(k.start)-inner, int(k.end)-inner
		c.Name.Local = keptString(el.Inner, k.local, inner, view)
		switch {
		case k.same:
			c.Name.Space = space
		case k.ns.n > 0:
			c.Name.Space = keptString(el.Inner, k.ns, inner, view)
		default:
			c.Name.Space = k.space
		}
	}
}

// keptString gives a name that stands in the content: in a small element as a view, else shared or of its own.
func keptString(content []byte, s span, inner int, view bool) string {
	b := content[int(s.off)-inner : int(s.off+s.n)-inner]
	if view {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return ownString(b)
}

// rootLocal gives the length of the element's local name, with which scratch.out begins.
func (sc *scratch) rootLocal(inner int) int {
	switch {
	case len(sc.head) == 0:
		return inner
	case sc.head[0].local == "":
		return int(sc.head[0].name.off)
	}
	return int(sc.head[0].value.off)
}

func (sc *scratch) headAttrs(head []byte) []Attr {
	if len(sc.head) == 0 {
		return nil
	}
	attrs := make([]Attr, len(sc.head))
	for i := range sc.head {
		h := &sc.head[i]
		local := h.local
		if local == "" {
			local = nameString(h.name.of(head), true)
		}
		v := h.value.of(head)
		attrs[i] = Attr{Name{h.space, local}, unsafe.String(unsafe.SliceData(v), len(v))}
	}
	return attrs
}

// ownString gives b as a string that does not share its memory.
func ownString(b []byte) string { return nameString(b, false) }
