package xmlstream

import (
	"errors"
	"io"
	"math"
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

// Reader is a strict incremental tokenizer for XML streams (RFC 6120 §4, §11). It works in time linear in its input
// however that is split. While it waits between stanzas it holds no buffer: it reads a single byte into a field and takes
// pooled memory only when something other than white space has come, returning it once all of it is used. In the middle
// of a stanza it holds memory bounded by a small multiple of Limits.StanzaBytes.
//
// It is owned by one goroutine; Limits, too, are set by that one.
type Reader struct {
	src   io.Reader
	lim   Limits
	sc    *scratch
	scope *scope // what the stream header declared
	err   error  // why reading is over

	// Window on the document: sc.buf[:got] has been read, of which [:vis] may be looked at without going over a limit and
	// [:pos] has been used; [mark:] must be kept when room is made.
	pos, vis, got, mark int
	base                int64 // bytes read before sc.buf[0]
	budget              int64 // offset at which vis ends, whatever has been read
	docStart            int64

	state   state
	tagOpen bool // the start tag written last awaits '>' or '/>'
	one     [1]byte
}

type state uint8

const (
	atDocument state = iota // before the root's start tag
	inStream
	emptyRoot // the root was an empty element: its end is due
	ended
)

// NewReader reads an XML document from r; see Reset for the next one.
func NewReader(r io.Reader, l Limits) *Reader { return &Reader{src: r, lim: l.orDefaults()} }

// Next gives the next token, waiting for it. White space between stanzas (keep-alive, RFC 6120 §4.6.1) is swallowed.
//
// Refused input gives an *Error and ends the Reader. An error of the underlying reader is handed on; if it came between
// stanzas, Next may be called again. A document cut off in the middle of a token gives io.ErrUnexpectedEOF, one cut off
// between them io.EOF.
func (r *Reader) Next() (Token, error) {
	if r.err != nil {
		return Token{}, r.err
	}
	tok, err := r.next()
	if err != nil {
		if r.sc != nil || errors.As(err, new(*Error)) {
			r.err = err
		}
		r.release()
		return Token{}, err
	}
	if r.pos == r.got {
		r.release()
	}
	return tok, nil
}

// Reset begins a new XML document, as after STARTTLS or SASL (RFC 6120 §4.3.3). With a new src all bytes not yet used are
// dropped; with nil the Reader goes on with the source it has and the bytes it has buffered.
func (r *Reader) Reset(src io.Reader) {
	if src != nil {
		r.release()
		r.src = src
	}
	r.err, r.scope, r.state = nil, nil, atDocument
	r.docStart = r.base + int64(r.pos)
}

// Buffered gives the number of bytes read but not yet used. Between stanzas, unused white space counts.
func (r *Reader) Buffered() int { return r.got - r.pos }

// BytesRead gives the number of bytes taken from the source since NewReader, those Reset dropped included.
func (r *Reader) BytesRead() int64 { return r.base + int64(r.got) }

// SetLimits changes the limits from the next token on.
func (r *Reader) SetLimits(l Limits) { r.lim = l.orDefaults() }

func (r *Reader) next() (Token, error) {
	switch r.state {
	case atDocument:
		return r.document()
	case emptyRoot:
		r.state = ended
		return Token{Kind: StreamEnd}, nil
	case ended:
		return Token{}, io.EOF
	}
	if err := r.skipSpace(); err != nil {
		return Token{}, err
	}
	if r.sc.buf[r.pos] != '<' {
		return Token{}, &Error{BadFormat, "text between stanzas"}
	}
	r.beginToken()
	c, err := r.second()
	switch {
	case err != nil:
		return Token{}, err
	case c == '/':
		return r.endOfStream()
	case c == '!' || c == '?':
		return Token{}, restricted("markup other than elements")
	}
	tok := Token{Kind: ElementToken}
	return tok, r.element(&tok.Element)
}

// document reads up to the end of the root's start tag.
func (r *Reader) document() (Token, error) {
	if err := r.skipSpace(); err != nil {
		return Token{}, err
	}
	atStart := r.base+int64(r.pos) == r.docStart
	if c := r.sc.buf[r.pos]; c != '<' {
		return Token{}, notXML(c)
	}
	r.beginToken()
	c, err := r.second()
	if err == nil && c == '?' && atStart {
		if err = r.declaration(); err != nil {
			return Token{}, err
		}
		if err = r.skipSpace(); err != nil {
			return Token{}, err
		}
		if r.sc.buf[r.pos] != '<' {
			return Token{}, malformed("text before the root element")
		}
		r.beginToken()
		c, err = r.second()
	}
	switch {
	case err != nil:
		return Token{}, err
	case c == '!' || c == '?':
		return Token{}, restricted("markup other than elements")
	}
	return r.header()
}

// notXML explains a first byte that begins no XML document in UTF-8.
func notXML(c byte) error {
	switch c {
	case 0xFE, 0xFF, 0x00:
		return &Error{UnsupportedEncoding, "the stream is not in UTF-8"}
	case 0xEF: // U+FEFF is no byte order mark here but a character (RFC 6120 §11.6), and text cannot come first
		return malformed("byte order mark before the root element")
	case 0x16:
		return malformed("TLS handshake on a stream that is not TLS")
	}
	return malformed("text before the root element")
}

// endOfStream reads the root's end tag.
func (r *Reader) endOfStream() (Token, error) {
	name, err := r.endTagName()
	if err != nil {
		return Token{}, err
	}
	if string(name) != r.scope.root {
		return Token{}, malformed("end tag without its start tag")
	}
	r.state = ended
	return Token{Kind: StreamEnd}, nil
}

// beginToken gives the token at pos its budget of bytes.
func (r *Reader) beginToken() {
	r.budget = r.base + int64(r.pos) + int64(r.lim.StanzaBytes)
	if s := r.streamBudget(); s < r.budget {
		r.budget = s
	}
	r.show()
}

func (r *Reader) streamBudget() int64 {
	if r.lim.StreamBytes == 0 {
		return math.MaxInt64
	}
	return r.docStart + int64(r.lim.StreamBytes)
}

// show makes visible what has been read, as far as the budget goes.
func (r *Reader) show() {
	r.vis = r.got
	if left := r.budget - r.base; int64(r.vis) > left {
		r.vis = int(left)
	}
}
