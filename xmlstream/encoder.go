package xmlstream

import (
	"errors"
	"strconv"
)

// Encoder appends canonical XML (see the package comment) to a byte slice. It knows the namespace in force and writes
// xmlns='…' only where an element's namespace differs. Methods return the encoder so that calls chain. It is owned by
// one goroutine. Misuse (an attribute after content, End without Start, a name XML cannot hold) is a programming error
// that Err reports; text that XML cannot hold is written with U+FFFD in its place and reported by Err too, so what
// Bytes gives is well-formed text and values in every case.
type Encoder struct {
	buf    []byte
	ns     string // namespace in force where the next child would be
	stack  []openTag
	attrNS []string // namespaces already declared by prefix on the open start tag
	open   bool     // a start tag awaits its '>' or '/>'
	err    error
	room   [6]openTag
}

type openTag struct{ local, outer string }

// Errors of Err.
var (
	// ErrInvalidText reports a character that XML 1.0 cannot express, or text that is not UTF-8.
	ErrInvalidText = errors.New("xml stream: text holds a character that XML cannot express")
	// ErrEncoderMisuse reports calls in an order or with names that give no XML.
	ErrEncoderMisuse = errors.New("xml stream: encoder misuse")
)

// NewEncoder appends to dst where inheritedNS is the default namespace in force ("" for none).
func NewEncoder(dst []byte, inheritedNS string) *Encoder {
	return &Encoder{buf: dst, ns: inheritedNS}
}

// Start opens an element.
func (e *Encoder) Start(space, local string) *Encoder {
	if !validNCName(local) || space == NSXML || space == NSXMLNS {
		e.misuse()
		space, local = e.ns, "invalid"
	}
	e.closeTag()
	if e.stack == nil {
		e.stack = e.room[:0]
	}
	e.stack = append(e.stack, openTag{local, e.ns})
	e.buf = append(e.buf, '<')
	e.buf = append(e.buf, local...)
	if space != e.ns {
		e.buf = append(e.buf, " xmlns='"...)
		e.value(space)
		e.buf = append(e.buf, '\'')
		e.ns = space
	}
	e.open = true
	e.attrNS = e.attrNS[:0]
	return e
}

// Attr adds an attribute in no namespace to the element just opened.
func (e *Encoder) Attr(local, value string) *Encoder {
	if !e.open || !validNCName(local) || local == "xmlns" {
		return e.misuse()
	}
	e.buf = append(e.buf, ' ')
	e.buf = append(e.buf, local...)
	e.buf = append(e.buf, '=', '\'')
	e.value(value)
	e.buf = append(e.buf, '\'')
	return e
}

// OptAttr is Attr for a value that is left out when empty.
func (e *Encoder) OptAttr(local, value string) *Encoder {
	if value == "" {
		return e
	}
	return e.Attr(local, value)
}

// AttrNS adds an attribute in a namespace; with space "" it is Attr.
func (e *Encoder) AttrNS(space, local, value string) *Encoder {
	if space == "" {
		return e.Attr(local, value)
	}
	if !e.open || !validNCName(local) || space == NSXMLNS {
		return e.misuse()
	}
	if space == NSXML {
		e.buf = append(e.buf, " xml:"...)
	} else {
		n := e.prefixFor(space)
		e.buf = append(e.buf, " ns"...)
		e.buf = strconv.AppendInt(e.buf, int64(n), 10)
		e.buf = append(e.buf, ':')
	}
	e.buf = append(e.buf, local...)
	e.buf = append(e.buf, '=', '\'')
	e.value(value)
	e.buf = append(e.buf, '\'')
	return e
}

// Lang adds xml:lang if tag is not empty.
func (e *Encoder) Lang(tag string) *Encoder {
	if tag == "" {
		return e
	}
	return e.AttrNS(NSXML, "lang", tag)
}

// prefixFor gives the number of the generated prefix for a namespace on the open tag, declaring it at first use.
func (e *Encoder) prefixFor(space string) int {
	for i, s := range e.attrNS {
		if s == space {
			return i + 1
		}
	}
	e.attrNS = append(e.attrNS, space)
	e.buf = append(e.buf, " xmlns:ns"...)
	e.buf = strconv.AppendInt(e.buf, int64(len(e.attrNS)), 10)
	e.buf = append(e.buf, '=', '\'')
	e.value(space)
	e.buf = append(e.buf, '\'')
	return len(e.attrNS)
}

// Text adds characters.
func (e *Encoder) Text(s string) *Encoder {
	if s == "" {
		return e
	}
	e.closeTag()
	var ok bool
	if e.buf, ok = appendEscaped(e.buf, s, escText); !ok && e.err == nil {
		e.err = ErrInvalidText
	}
	return e
}

// Raw adds bytes that are canonical where the namespace in force is the default one, such as Element.Inner.
func (e *Encoder) Raw(canonical []byte) *Encoder {
	if len(canonical) == 0 {
		return e
	}
	e.closeTag()
	e.buf = append(e.buf, canonical...)
	return e
}

// Element adds a whole element.
func (e *Encoder) Element(el *Element) *Encoder {
	e.closeTag()
	e.buf = el.Append(e.buf, e.ns)
	return e
}

// Leaf adds an element holding nothing but text (or nothing).
func (e *Encoder) Leaf(space, local, text string) *Encoder {
	return e.Start(space, local).Text(text).End()
}

// End closes the element opened last.
func (e *Encoder) End() *Encoder {
	if len(e.stack) == 0 {
		return e.misuse()
	}
	t := e.stack[len(e.stack)-1]
	e.stack = e.stack[:len(e.stack)-1]
	if e.open {
		e.buf = append(e.buf, '/', '>')
		e.open = false
	} else {
		e.buf = append(e.buf, '<', '/')
		e.buf = append(e.buf, t.local...)
		e.buf = append(e.buf, '>')
	}
	e.ns = t.outer
	return e
}

// NS gives the default namespace in force where the encoder stands.
func (e *Encoder) NS() string { return e.ns }

// Bytes gives what was written, dst included; further writing may overwrite it.
func (e *Encoder) Bytes() []byte { return e.buf }

// Err gives the first misuse or unencodable text, ErrEncoderMisuse too if elements are still open.
func (e *Encoder) Err() error {
	if e.err == nil && len(e.stack) > 0 {
		return ErrEncoderMisuse
	}
	return e.err
}

// Balanced reports whether every element started here has been ended and no start tag is left open.
func (e *Encoder) Balanced() bool { return len(e.stack) == 0 && !e.open }

func (e *Encoder) closeTag() {
	if e.open {
		e.buf = append(e.buf, '>')
		e.open = false
	}
}

func (e *Encoder) value(s string) {
	var ok bool
	if e.buf, ok = appendEscaped(e.buf, s, escValue); !ok && e.err == nil {
		e.err = ErrInvalidText
	}
}

func (e *Encoder) misuse() *Encoder {
	if e.err == nil {
		e.err = ErrEncoderMisuse
	}
	return e
}
