package xmlstream

import "unicode/utf8"

// qname is a name as written; spans are relative to the tag.
type qname struct{ prefix, local span }

// rawAttr is an attribute as written.
type rawAttr struct {
	name  qname
	value span // in the tag, or in scratch.vals if decoded
	form  form
	ns    nsRef // of a prefixed attribute, once resolved
}

// form says what the value of an attribute is like.
type form uint8

const (
	decoded   form = 1 << iota // held references or white space to normalise; value is in scratch.vals
	quoting                    // holds characters that canonical form escapes
	verbatim                   // name='value' stands in the input as in canonical form
	declares                   // xmlns or xmlns:…
	declaresP                  // xmlns:…
)

// tag reads the start tag whose '<' is at pos into scratch.name and scratch.attr, leaves pos behind it and gives its
// bytes, which stay in place until the next call of more.
func (r *Reader) tag() (t []byte, empty bool, err error) {
	sc := r.sc
	sc.used = sc.used[:0]
	t = sc.buf[r.pos:r.vis]
	if n, empty := sc.fastTag(t, r.lim.Attrs); n > 0 {
		r.pos += n
		return t[:n], empty, nil
	}
	empty, err = r.scanTag()
	return sc.buf[r.mark:r.pos], empty, err
}

// scanTag reads the start tag of any form, however it is split. Its bytes are in the window from mark on.
func (r *Reader) scanTag() (empty bool, err error) {
	sc := r.sc
	r.mark = r.pos
	sc.attr, sc.vals, sc.clean = sc.attr[:0], sc.vals[:0], false
	t := sc.buf[r.mark:r.vis]
	t, i, err := r.scanName(t, 1, &sc.name)
	if err != nil {
		return false, err
	}
	for {
		spaced := i
		if t, i, err = r.scanSpace(t, i); err != nil {
			return false, err
		}
		switch c := t[i]; {
		case c == '>':
			r.pos = r.mark + i + 1
			return false, nil
		case c == '/':
			if i++; i == len(t) {
				if t, err = r.moreTag(); err != nil {
					return false, err
				}
			}
			if t[i] != '>' {
				return false, malformed("stray / in a tag")
			}
			r.pos = r.mark + i + 1
			return true, nil
		case spaced == i:
			return false, malformed("no white space before an attribute")
		}
		if len(sc.attr) >= r.lim.Attrs {
			return false, overLimit("too many attributes")
		}
		if t, i, err = r.scanAttr(t, i); err != nil {
			return false, err
		}
	}
}

// scanSpace skips white space; on success t[i] exists and is something else.
func (r *Reader) scanSpace(t []byte, i int) ([]byte, int, error) {
	for {
		for i < len(t) {
			if class[t[i]]&space == 0 {
				return t, i, nil
			}
			i++
		}
		var err error
		if t, err = r.moreTag(); err != nil {
			return t, i, err
		}
	}
}

// scanName reads a qualified name (Namespaces in XML 1.0 §4) beginning at t[i]; on success t[i] is what follows.
func (r *Reader) scanName(t []byte, i int, q *qname) (_ []byte, _ int, err error) {
	start, colon := i, -1
	want := nameStart
	for {
		for i < len(t) && class[t[i]]&want != 0 {
			want = nameChar
			i++
		}
		if i == len(t) {
			if t, err = r.moreTag(); err != nil {
				return t, i, err
			}
			continue
		}
		c := t[i]
		if c >= utf8.RuneSelf {
			if !utf8.FullRune(t[i:]) {
				if t, err = r.moreTag(); err != nil {
					return t, i, err
				}
				continue
			}
			ru, n := utf8.DecodeRune(t[i:])
			if n == 1 || !nameRune(ru, want) {
				return t, i, malformed("bad character in a name")
			}
			want = nameChar
			i += n
			continue
		}
		if want == nameStart {
			return t, i, malformed("bad name")
		}
		if c != ':' {
			break
		}
		if colon >= 0 {
			return t, i, malformed("second colon in a name")
		}
		colon = i
		want = nameStart
		i++
	}
	if colon < 0 {
		*q = qname{local: span{int32(start), int32(i - start)}}
	} else {
		*q = qname{span{int32(start), int32(colon - start)}, span{int32(colon + 1), int32(i - colon - 1)}}
	}
	return t, i, nil
}

// scanAttr reads one attribute beginning at t[i]; on success i is behind the closing quote.
func (r *Reader) scanAttr(t []byte, i int) (_ []byte, _ int, err error) {
	sc := r.sc
	sc.attr = append(sc.attr, rawAttr{})
	a := &sc.attr[len(sc.attr)-1]
	if t, i, err = r.scanName(t, i, &a.name); err != nil {
		return t, i, err
	}
	nameEnd := i
	if t[i] != '=' {
		if t, i, err = r.scanSpace(t, i); err != nil {
			return t, i, err
		}
		if t[i] != '=' {
			return t, i, malformed("attribute without a value")
		}
	}
	if t, i, err = r.scanSpace(t, i+1); err != nil {
		return t, i, err
	}
	quote := t[i]
	if quote != '\'' && quote != '"' {
		return t, i, malformed("attribute value without quotes")
	}
	i++
	start := i
	if t, i, err = r.scanValue(t, i, quote, &a.form); err != nil {
		return t, i, err
	}
	a.value = span{int32(start), int32(i - start)}
	if a.form == 0 && quote == '\'' && start == nameEnd+2 && a.name.prefix.n == 0 {
		a.form = verbatim
	}
	switch {
	case a.name.prefix.n == 0 && string(a.name.local.of(t)) == "xmlns":
		a.form |= declares
	case string(a.name.prefix.of(t)) == "xmlns":
		a.form |= declares | declaresP
	}
	if a.form&decoded != 0 {
		from := len(sc.vals)
		if sc.vals, err = appendDecoded(sc.vals, t[start:i]); err != nil {
			return t, i, err
		}
		a.value = span{int32(from), int32(len(sc.vals) - from)}
	}
	return t, i + 1, nil
}

// scanValue goes from the first byte of a value to its closing quote, checking every character.
func (r *Reader) scanValue(t []byte, i int, quote byte, f *form) (_ []byte, _ int, err error) {
	for {
		if i += plainValue(t[i:]); i == len(t) {
			if t, err = r.moreTag(); err != nil {
				return t, i, err
			}
			continue
		}
		switch c := t[i]; {
		case c == quote:
			return t, i, nil
		case c == '"':
		case c == '\'' || c == '>':
			*f |= quoting
		case c == '&' || c == '\t' || c == '\n' || c == '\r':
			*f |= decoded | quoting
		case c == '<':
			return t, i, malformed("< in an attribute value")
		case c < 0x20:
			return t, i, malformed("control character")
		default:
			if !utf8.FullRune(t[i:]) {
				if t, err = r.moreTag(); err != nil {
					return t, i, err
				}
				continue
			}
			ru, n := utf8.DecodeRune(t[i:])
			if n == 1 {
				return t, i, malformed("bad UTF-8")
			}
			if !validChar(ru) {
				return t, i, malformed("character that XML does not have")
			}
			i += n - 1
		}
		i++
	}
}

// appendDecoded appends an attribute value with references resolved and literal white space normalised (XML 1.0 §3.3.3).
func appendDecoded(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' { // one line end (§2.11), one space
				i++
			}
			dst = append(dst, ' ')
		case '\t', '\n':
			dst = append(dst, ' ')
		case '&':
			n, whole, err := referenceLen(raw[i+1:])
			if err != nil {
				return dst, err
			}
			if !whole {
				return dst, malformed("& that begins no reference")
			}
			ru, err := resolve(raw[i+1 : i+1+n])
			if err != nil {
				return dst, err
			}
			dst = utf8.AppendRune(dst, ru)
			i += n + 1
		default:
			dst = append(dst, c)
		}
	}
	return dst, nil
}

// referenceLen measures what stands between '&' and ';'. It is not whole if b ends first.
func referenceLen(b []byte) (n int, whole bool, err error) {
	for n, c := range b {
		switch {
		case c == ';':
			return n, true, nil
		case n == maxReference && b[0] != '#':
			return 0, false, restricted("entity reference")
		case n == maxReference:
			return 0, false, malformed("character reference too long")
		case class[c]&nameChar == 0 && c < utf8.RuneSelf && c != '#' && c != ':':
			return 0, false, malformed("& that begins no reference")
		}
	}
	return 0, false, nil
}

func resolve(ref []byte) (rune, error) {
	switch ru := resolveReference(ref); {
	case ru >= 0:
		return ru, nil
	case ru == -1:
		return 0, malformed("reference to a character that XML does not have")
	case len(ref) == 0:
		return 0, malformed("& that begins no reference")
	}
	return 0, restricted("entity reference")
}
