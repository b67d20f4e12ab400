package xmlstream

import "bytes"

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
	if space = outer.defName; f.ns != outer.def {
		space = ownString(f.ns.of(sc.ns))
	}
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
		if s, ok := internHead(local); ok {
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
		if f.ns.plain && f.ns.n > 0 {
			k.ns = span{f.local.off + f.local.n + int32(len(" xmlns='")), f.ns.n}
		} else {
			k.space = ownString(f.ns.of(sc.ns))
		}
	}
	sc.kids = append(sc.kids, k)
}
