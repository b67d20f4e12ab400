package xmlstream

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// headAttr is an attribute of the element itself, kept until the element is complete.
type headAttr struct {
	space string
	local string // if well known
	name  span   // else in scratch.out
	value span   // in scratch.out
}

// kid is a direct child element, kept until the element is complete.
type kid struct {
	start, end int32 // in scratch.out
	local      span  // in scratch.out
	ns         span  // in scratch.out, if written there as it is
	space      string
	same       bool // in the namespace of the element
}

// header reads the root's start tag.
func (r *Reader) header() (Token, error) {
	sc := r.sc
	r.startElement(&noScope)
	t, empty, err := r.tag()
	if err != nil {
		return Token{}, err
	}
	def, err := r.declare(t, nsRef{plain: true})
	if err != nil {
		return Token{}, err
	}
	if err := r.resolveAttrs(t); err != nil {
		return Token{}, err
	}
	ns, _, err := r.elementNS(t, def)
	if err != nil {
		return Token{}, err
	}
	tok := Token{Kind: StreamStart}
	tok.Start.Name = Name{Space: ownString(ns.of(sc.ns)), Local: ownString(sc.name.local.of(t))}
	tok.Start.DefaultNS = ownString(def.of(sc.ns))
	r.writeHead(t)
	head := bytes.Clone(sc.out)
	tok.Start.Attrs = sc.headAttrs(head)
	nameEnd := sc.name.local.off + sc.name.local.n
	r.scope = makeScope(sc, def, t[1:nameEnd])
	r.state = inStream
	if empty {
		r.state = emptyRoot
	}
	return tok, nil
}

// startElement clears the scratch memory for one element inside outer.
func (r *Reader) startElement(outer *scope) {
	sc := r.sc
	sc.out, sc.open, sc.head, sc.kids = sc.out[:0], sc.open[:0], sc.head[:0], sc.kids[:0]
	sc.ns = append(sc.ns[:0], outer.ns...)
	sc.bind = append(sc.bind[:0], outer.bind...)
	r.tagOpen = false
}

// element reads the child of the root whose '<' is at pos.
func (r *Reader) element(el *Element) error {
	sc := r.sc
	outer := r.scope
	if outer == nil {
		outer = &noScope
	}
	r.startElement(outer)
	inner, space, err := r.rootTag(outer)
	if err != nil {
		return err
	}
	for len(sc.open) > 0 {
		if err := r.text(false); err != nil {
			return err
		}
		c, err := r.second()
		switch {
		case err != nil:
		case c == '/':
			err = r.endTag()
		case c == '!':
			if err = r.cdataStart(); err == nil {
				err = r.text(true)
			}
		case c == '?':
			err = restricted("processing instruction")
		default:
			err = r.childTag()
		}
		if err != nil {
			return err
		}
	}
	sc.finish(el, inner, space)
	return nil
}

// rootTag reads the element's own start tag. What the head needs is then in scratch.out; the content begins at inner.
func (r *Reader) rootTag(outer *scope) (inner int, space string, err error) {
	sc := r.sc
	f := frame{nsLen: int32(len(sc.ns)), binds: int32(len(sc.bind))}
	t, empty, err := r.tag()
	if err != nil {
		return 0, "", err
	}
	if f.def, err = r.declare(t, outer.def); err != nil {
		return 0, "", err
	}
	if err = r.resolveAttrs(t); err != nil {
		return 0, "", err
	}
	if f.ns, f.prefix, err = r.elementNS(t, f.def); err != nil {
		return 0, "", err
	}
	space = ownString(f.ns.of(sc.ns))
	f.local = span{0, sc.name.local.n}
	f.scoped = 1
	r.writeHead(t)
	if err = r.checkTag(&f, 1); err != nil {
		return 0, "", err
	}
	if !empty {
		sc.open = append(sc.open, f)
	}
	return len(sc.out), space, r.checkSize()
}

// writeHead puts the tag's local name and its attributes into scratch.out and scratch.head.
func (r *Reader) writeHead(t []byte) {
	sc := r.sc
	sc.out = append(sc.out, sc.name.local.of(t)...)
	for i := range sc.attr {
		a := &sc.attr[i]
		if a.form&declares != 0 {
			continue
		}
		h := headAttr{}
		switch {
		case a.name.prefix.n == 0:
		case a.ns.off == isXML:
			h.space = NSXML
		default:
			sc.prefix(a.ns)
			h.space = ownString(a.ns.of(sc.ns))
		}
		local := a.name.local.of(t)
		if s, ok := internBytes(local); ok {
			h.local = s
		} else {
			h.name = sc.put2out(local)
		}
		h.value = sc.put2out(sc.value(a, t))
		sc.head = append(sc.head, h)
	}
}

func (sc *scratch) put2out(b []byte) span {
	s := span{int32(len(sc.out)), int32(len(b))}
	sc.out = append(sc.out, b...)
	return s
}

// childTag reads the start tag of an element inside and writes it in canonical form.
func (r *Reader) childTag() error {
	sc := r.sc
	if len(sc.open) >= r.lim.Depth {
		return overLimit("elements nested too deep")
	}
	parent := &sc.open[len(sc.open)-1]
	f := frame{def: parent.def, nsLen: int32(len(sc.ns)), binds: int32(len(sc.bind))}
	t, empty, err := r.tag()
	if err != nil {
		return err
	}
	if len(sc.attr) > 0 {
		if f.def, err = r.declare(t, parent.def); err != nil {
			return err
		}
		if err = r.resolveAttrs(t); err != nil {
			return err
		}
	}
	if f.ns, f.prefix, err = r.elementNS(t, f.def); err != nil {
		return err
	}
	isKid := len(sc.open) == 1
	if isKid && len(sc.kids) >= r.lim.Children {
		return overLimit("too many child elements")
	}
	r.closeStart()
	start := int32(len(sc.out))
	same := sc.sameNS(f.ns, parent.ns)
	f.local = span{start + 1, sc.name.local.n}
	f.scoped = parent.scoped
	if !same {
		f.scoped++
	}
	if sc.clean && same != (len(sc.attr) > 0 && sc.attr[0].form&declares != 0) {
		end := len(t) - 1
		if empty {
			end++
		}
		sc.out = append(sc.out, t[:end]...)
	} else {
		sc.writeTag(t, &f, same, empty)
	}
	if err = r.checkTag(&f, int(f.scoped-parent.scoped)); err != nil {
		return err
	}
	if isKid {
		sc.addKid(start, &f, same)
	}
	if empty {
		if isKid {
			sc.kids[len(sc.kids)-1].end = int32(len(sc.out))
		}
		sc.ns, sc.bind = sc.ns[:f.nsLen], sc.bind[:f.binds]
	} else {
		r.tagOpen = true
		sc.open = append(sc.open, f)
	}
	return r.checkSize()
}

// writeTag writes the start tag t in canonical form, but for the '>' of one that has content.
func (sc *scratch) writeTag(t []byte, f *frame, same, empty bool) {
	out := append(sc.out, '<')
	out = append(out, sc.name.local.of(t)...)
	if !same {
		out = append(out, " xmlns='"...)
		out = appendValueBytes(out, f.ns.of(sc.ns), f.ns.plain)
		out = append(out, '\'')
	}
	if len(sc.attr) > 0 {
		out = sc.appendAttrs(out, t)
	}
	if empty {
		out = append(out, '/', '>')
	}
	sc.out = out
}

// checkTag holds the canonical form of the tag just written against the limits, so that whoever reads it under the same
// ones accepts it. declared is 1 if it has an xmlns of its own.
func (r *Reader) checkTag(f *frame, declared int) error {
	sc := r.sc
	f.scoped += int32(len(sc.used))
	if int(f.scoped) > r.lim.Namespaces {
		return overLimit("too many namespaces")
	}
	n := declared + len(sc.used) + len(sc.attr)
	if n <= r.lim.Attrs {
		return nil
	}
	for i := range sc.attr {
		if sc.attr[i].form&declares != 0 {
			n--
		}
	}
	if n > r.lim.Attrs {
		return overLimit("too many attributes")
	}
	return nil
}

func (sc *scratch) addKid(start int32, f *frame, same bool) {
	k := kid{start: start, local: f.local, same: same}
	if !same {
		if s, ok := internBytes(f.ns.of(sc.ns)); ok {
			k.space = s
		} else if f.ns.plain {
			k.ns = span{f.local.off + f.local.n + int32(len(" xmlns='")), f.ns.n}
		} else {
			k.space = string(f.ns.of(sc.ns))
		}
	}
	sc.kids = append(sc.kids, k)
}

// appendAttrs writes the attributes of the tag t, without declarations, in canonical form.
func (sc *scratch) appendAttrs(out, t []byte) []byte {
	for i := range sc.attr {
		a := &sc.attr[i]
		if a.form&declares != 0 {
			continue
		}
		if a.form == verbatim {
			out = append(out, ' ')
			out = append(out, t[a.name.local.off:a.value.off+a.value.n+1]...)
			continue
		}
		switch {
		case a.name.prefix.n == 0:
			out = append(out, ' ')
		case a.ns.off == isXML:
			out = append(out, " xml:"...)
		default:
			out = sc.appendPrefix(out, a.ns)
		}
		out = append(out, a.name.local.of(t)...)
		out = append(out, '=', '\'')
		out = appendValueBytes(out, sc.value(a, t), a.form&quoting == 0)
		out = append(out, '\'')
	}
	return out
}

// appendPrefix writes the generated prefix of a namespace, declaring it at its first use on this tag.
func (sc *scratch) appendPrefix(out []byte, ns nsRef) []byte {
	n, first := sc.prefix(ns)
	if first {
		out = append(out, " xmlns:ns"...)
		out = strconv.AppendInt(out, int64(n), 10)
		out = append(out, '=', '\'')
		out = appendValueBytes(out, ns.of(sc.ns), ns.plain)
		out = append(out, '\'')
	}
	out = append(out, " ns"...)
	out = strconv.AppendInt(out, int64(n), 10)
	return append(out, ':')
}

// prefix gives the number of the generated prefix of a namespace on this tag.
func (sc *scratch) prefix(ns nsRef) (n int, first bool) {
	for i, u := range sc.used {
		if sc.sameNS(u, ns) {
			return i + 1, false
		}
	}
	sc.used = append(sc.used, ns)
	return len(sc.used), true
}

func appendValueBytes(out, v []byte, plain bool) []byte {
	if plain {
		return append(out, v...)
	}
	out, _ = appendEscaped(out, unsafe.String(unsafe.SliceData(v), len(v)), escValue)
	return out
}

// closeStart ends the start tag written last, because content follows.
func (r *Reader) closeStart() {
	if r.tagOpen {
		r.sc.out = append(r.sc.out, '>')
		r.tagOpen = false
	}
}

// checkSize bounds the canonical form too: prefixes spelled out and characters escaped can make it longer than the input.
func (r *Reader) checkSize() error {
	if len(r.sc.out) > r.lim.StanzaBytes {
		return overLimit("stanza too large in canonical form")
	}
	return nil
}

// endTag reads the end tag at pos and closes the innermost element.
func (r *Reader) endTag() error {
	sc := r.sc
	f := &sc.open[len(sc.open)-1]
	local := f.local.of(sc.out)
	n := len(local)
	if t := sc.buf[r.pos:r.vis]; f.prefix.n == 0 && len(t) > n+2 && t[n+2] == '>' && string(t[2:n+2]) == string(local) {
		r.pos += n + 3
	} else {
		name, err := r.endTagName()
		if err != nil {
			return err
		}
		prefix := f.prefix.of(sc.ns)
		if len(prefix) > 0 {
			if !bytes.HasPrefix(name, prefix) || len(name) == len(prefix) || name[len(prefix)] != ':' {
				return malformed("end tag without its start tag")
			}
			name = name[len(prefix)+1:]
		}
		if string(name) != string(local) {
			return malformed("end tag without its start tag")
		}
	}
	last := len(sc.open) - 1
	if last > 0 {
		if r.tagOpen {
			sc.out = append(sc.out, '/', '>')
			r.tagOpen = false
		} else {
			sc.out = append(sc.out, '<', '/')
			sc.out = append(sc.out, local...)
			sc.out = append(sc.out, '>')
		}
		if last == 1 {
			sc.kids[len(sc.kids)-1].end = int32(len(sc.out))
		}
	}
	sc.ns, sc.bind = sc.ns[:f.nsLen], sc.bind[:f.binds]
	sc.open = sc.open[:last]
	return r.checkSize()
}

// endTagName reads the end tag at pos and gives the name as written, valid until the next call of more.
func (r *Reader) endTagName() ([]byte, error) {
	r.mark = r.pos
	t := r.sc.buf[r.mark:r.vis]
	t, i, err := r.scanName(t, 2, &r.sc.name)
	if err != nil {
		return nil, err
	}
	n := i
	if t, i, err = r.scanSpace(t, i); err != nil {
		return nil, err
	}
	if t[i] != '>' {
		return nil, malformed("end tag with more than a name")
	}
	r.pos = r.mark + i + 1
	return t[2:n], nil
}

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
	n := sc.rootLocal(inner)
	el.Name = Name{Space: space, Local: nameString(head[:n:n], true)}
	el.Attrs = sc.headAttrs(head)
	if len(sc.kids) == 0 {
		return
	}
	el.Children = make([]Child, len(sc.kids))
	for i := range sc.kids {
		k := &sc.kids[i]
		c := &el.Children[i]
		c.Start, c.End = int(k.start)-inner, int(k.end)-inner
		k.local.off -= int32(inner)
		c.Name.Local = nameString(k.local.of(el.Inner), view)
		switch {
		case k.same:
			c.Name.Space = space
		case k.ns.n > 0:
			k.ns.off -= int32(inner)
			c.Name.Space = nameString(k.ns.of(el.Inner), view)
		default:
			c.Name.Space = k.space
		}
	}
}

// rootLocal gives the length of the element's local name, with which scratch.out begins.
func (sc *scratch) rootLocal(inner int) int {
	n := inner
	for i := range sc.head {
		if sc.head[i].local == "" {
			return int(sc.head[i].name.off)
		}
		return int(sc.head[i].value.off)
	}
	return n
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

// ParseElement parses exactly one whole element, declared namespaces and all: a WebSocket frame (RFC 7395 §3.3), a stored
// stanza. White space around it is allowed, nothing else, not even an XML declaration. The element does not share data.
func ParseElement(data []byte, l Limits) (Element, error) {
	r := Reader{lim: l.orDefaults(), state: inStream}
	r.acquire()
	own := r.sc.buf
	r.sc.buf, r.got = data, len(data)
	defer func() {
		r.sc.buf = own
		r.sc.put()
	}()
	r.skipData()
	if r.pos == r.got {
		return Element{}, malformed("no element")
	}
	if data[r.pos] != '<' {
		return Element{}, malformed("text outside the element")
	}
	r.beginToken()
	c, err := r.second()
	var el Element
	switch {
	case err != nil:
	case c == '!' || c == '?':
		err = restricted("markup other than elements")
	default:
		err = r.element(&el)
	}
	if err == nil {
		if r.skipData(); r.pos < r.got {
			err = malformed("something after the element")
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = malformed("input ends within the element")
	}
	if err != nil {
		return Element{}, err
	}
	return el, nil
}

func (r *Reader) skipData() {
	for r.pos < r.got && class[r.sc.buf[r.pos]]&space != 0 {
		r.pos++
	}
}

// text copies character data from pos up to the next '<', or in a CDATA section up to its end, into canonical form.
func (r *Reader) text(cdata bool) error {
	for {
		buf := r.sc.buf[:r.vis]
		i := r.pos + plainText(buf[r.pos:])
		for i < len(buf) {
			c := buf[i]
			if class[c]&stopText == 0 {
				i++
				continue
			}
			if c < utf8.RuneSelf || !utf8.FullRune(buf[i:]) {
				break
			}
			ru, n := utf8.DecodeRune(buf[i:])
			if n == 1 {
				return malformed("bad UTF-8")
			}
			if !validChar(ru) {
				return malformed("character that XML does not have")
			}
			i += n
		}
		if i > r.pos {
			r.closeStart()
			r.sc.out = append(r.sc.out, buf[r.pos:i]...)
			r.pos = i
			if err := r.checkSize(); err != nil {
				return err
			}
		}
		if i == len(buf) || buf[i] >= utf8.RuneSelf {
			r.mark = r.pos
			if err := r.more(); err != nil {
				return err
			}
			continue
		}
		if buf[i] == '<' && !cdata {
			return nil
		}
		if done, err := r.special(buf[i], cdata); done || err != nil {
			return err
		}
	}
}

// special handles one character at pos that text cannot run over. It reports the end of a CDATA section.
func (r *Reader) special(c byte, cdata bool) (done bool, err error) {
	switch c {
	case ']':
		return r.brackets(cdata)
	case '>':
		r.emit("&gt;")
	case '<':
		r.emit("&lt;")
	case '&':
		if !cdata {
			return false, r.reference()
		}
		r.emit("&amp;")
	case '\r': // one line end, whatever follows it (XML 1.0 §2.11)
		second, err := r.second()
		if err != nil {
			return false, err
		}
		if second != '\n' {
			r.emit("\n")
		}
	default:
		return false, malformed("control character")
	}
	r.pos++
	return false, r.checkSize()
}

func (r *Reader) emit(s string) {
	r.closeStart()
	r.sc.out = append(r.sc.out, s...)
}

// brackets handles a run of ']', which before '>' ends a CDATA section and must not stand in text (XML 1.0 §2.4).
func (r *Reader) brackets(cdata bool) (done bool, err error) {
	n := 0
	for {
		if r.pos == r.vis {
			r.mark = r.pos
			if err := r.more(); err != nil {
				return false, err
			}
		}
		if r.sc.buf[r.pos] != ']' {
			break
		}
		n++
		r.pos++
	}
	if r.sc.buf[r.pos] == '>' && n >= 2 {
		if !cdata {
			return false, malformed("]]> in text")
		}
		done = true
		n -= 2
		r.pos++
	}
	for range n {
		r.emit("]")
	}
	return done, r.checkSize()
}

// reference replaces the reference at pos by its character.
func (r *Reader) reference() error {
	for {
		b := r.sc.buf[r.pos+1 : r.vis]
		n, whole, err := referenceLen(b)
		if err != nil {
			return err
		}
		if !whole {
			r.mark = r.pos
			if err := r.more(); err != nil {
				return err
			}
			continue
		}
		ru, err := resolve(b[:n])
		if err != nil {
			return err
		}
		r.pos += n + 2
		if esc := textEscape(ru); esc != "" {
			r.emit(esc)
		} else {
			r.closeStart()
			r.sc.out = utf8.AppendRune(r.sc.out, ru)
		}
		return r.checkSize()
	}
}

func textEscape(ru rune) string {
	switch ru {
	case '&', '<', '>', '\r':
		return escapeOf(byte(ru))
	}
	return ""
}

const cdataOpen = "<![CDATA["

// cdataStart reads the beginning of a CDATA section; anything else that begins with "<!" is refused at the first byte
// that differs.
func (r *Reader) cdataStart() error {
	for i := 2; i < len(cdataOpen); i++ {
		for r.pos+i >= r.vis {
			r.mark = r.pos
			if err := r.more(); err != nil {
				return err
			}
		}
		if r.sc.buf[r.pos+i] != cdataOpen[i] {
			return restricted("markup declaration or comment")
		}
	}
	r.pos += len(cdataOpen)
	return nil
}
