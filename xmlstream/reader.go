package xmlstream

import (
	"errors"
	"io"
)

// TokenKind says what a Token is.
type TokenKind uint8

// The kinds of Token.
const (
	// StreamStart is the start tag of the document's root; Token.Start is set.
	StreamStart TokenKind = iota + 1
	// ElementToken is one complete child of the root; Token.Element is set.
	ElementToken
	// StreamEnd is the end tag of the root. The Reader reads no further; Next gives io.EOF from then on.
	StreamEnd
)

// Token is one step of a stream.
type Token struct {
	Kind    TokenKind
	Start   StreamHeader
	Element Element
}

// StreamHeader is the start tag of the document's root (RFC 6120 §4.7).
type StreamHeader struct {
	Name Name
	// Attrs are the attributes without namespace declarations.
	Attrs []Attr
	// DefaultNS is the content namespace: the default one declared, "" if none is (RFC 6120 §4.8.2).
	DefaultNS string
}

// Attr gives the value of the attribute local in no namespace, "" if there is none.
func (h *StreamHeader) Attr(local string) string {
	v, _ := lookupAttr(h.Attrs, "", local)
	return v
}

// Lang gives xml:lang, "" if there is none.
func (h *StreamHeader) Lang() string {
	v, _ := lookupAttr(h.Attrs, NSXML, "lang")
	return v
}

// Reader is a strict incremental tokenizer.
type Reader struct {
	src io.Reader
	lim Limits
}

// NewReader reads one XML document after another from r.
func NewReader(r io.Reader, l Limits) *Reader { return &Reader{src: r, lim: l.orDefaults()} }

// Next gives the next token, waiting for it.
func (r *Reader) Next() (Token, error) { return Token{}, errors.ErrUnsupported }

// Reset begins a new XML document.
func (r *Reader) Reset(src io.Reader) {}

// Buffered gives the number of bytes read but not yet used.
func (r *Reader) Buffered() int { return 0 }

// SetLimits changes the limits from the next token on.
func (r *Reader) SetLimits(l Limits) { r.lim = l.orDefaults() }

// ParseElement parses exactly one element.
func ParseElement(data []byte, l Limits) (Element, error) { return Element{}, errors.ErrUnsupported }
