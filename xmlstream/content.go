package xmlstream

import "unicode/utf8"

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
			if c >= 0xE1 && c <= 0xEC && i+2 < len(buf) && buf[i+1]&0xC0 == 0x80 && buf[i+2]&0xC0 == 0x80 {
				i += 3 // U+1000 to U+CFFF, all of them characters that XML has: most of the text not in Latin letters
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
