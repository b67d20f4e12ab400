package xmlstream

import (
	"errors"
	"io"
)

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
