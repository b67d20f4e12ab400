// Package fallback is the codec of Fallback Indication (XEP-0428, version
// 0.2.1): which part of a body stands there only for clients that do not know an
// extension.
//
// It may not hold what is shown instead.
package fallback

import (
	"strconv"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the elements.
const NS = "urn:xmpp:fallback:0"

// MaxRanges bounds the parts of one body.
const MaxRanges = 16

// Fallback says which part of the body is for whom.
type Fallback struct {
	For   string  // namespace of the extension whose clients need it not; may be empty
	Whole bool    // the whole body is
	Body  []Range // parts of it; not with Whole
}

// Range is a part of a body, in characters (code points, XEP-0426), from Start up to
// but without End.
type Range struct{ Start, End uint32 }

// Parse reads <fallback/>. One that names no part means the whole body.
func Parse(n xmlstream.Node) (Fallback, error) {
	if err := wire.Expect(n, NS, "fallback"); err != nil {
		return Fallback{}, err
	}
	f := Fallback{}
	f.For = n.Attr("for")
	parts := 0
	for c := range n.Elements() {
		if c.Name.Space != NS {
			continue
		}
		parts++
		if c.Name.Local != "body" {
			continue
		}
		start, from, err := wire.Uint32(c, "start")
		if err != nil {
			return Fallback{}, err
		}
		end, to, err := wire.Uint32(c, "end")
		switch {
		case err != nil:
			return Fallback{}, err
		case !from && !to:
			f.Whole = true
			continue
		case from != to || end < start:
			return Fallback{}, wire.Bad("a part of the body from %d to %d", start, end)
		case len(f.Body) == MaxRanges:
			return Fallback{}, wire.NotAcceptable("more than %d parts of the body", MaxRanges)
		}
		f.Body = append(f.Body, Range{start, end})
	}
	if f.Whole = f.Whole || parts == 0; f.Whole {
		f.Body = nil
	}
	return f, nil
}

// Encode writes <fallback/>.
func (f Fallback) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "fallback")
	wire.OptionalAttr(e, "for", f.For)
	switch {
	case f.Whole:
		wire.Empty(e, NS, "body")
	case len(f.Body) == 0: // only something else than the body is
		wire.Empty(e, NS, "subject")
	}
	for _, r := range f.Body {
		e.Start(NS, "body")
		e.Attr("start", strconv.FormatUint(uint64(r.Start), 10))
		e.Attr("end", strconv.FormatUint(uint64(r.End), 10))
		e.End()
	}
	e.End()
}

// Cut takes the first part of a body out: what was before, in and behind it. ok is false
// when the body is shorter than the part says.
func (r Range) Cut(body string) (before, part, behind string, ok bool) {
	start, ok := offset(body, r.Start)
	end, ok2 := offset(body, r.End)
	if !ok || !ok2 || end < start {
		return "", "", "", false
	}
	return body[:start], body[start:end], body[end:], true
}

// offset is where character number n begins, in bytes.
func offset(s string, n uint32) (int, bool) {
	at := uint32(0)
	for i := range s {
		if at == n {
			return i, true
		}
		at++
	}
	return len(s), at == n
}
