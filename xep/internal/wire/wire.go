package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xmlstream"
)

// ErrEncoding is wrapped by errors about base64 that RFC 4648 §4 does not
// allow. SASL answers it with incorrect-encoding (RFC 6120 §6.5.5).
var ErrEncoding = errors.New("base64 data is malformed")

// Bad returns an error that a request is answered with when its payload does
// not follow the protocol (RFC 6120 §8.3.3.1). The text is shown to the peer.
func Bad(format string, args ...any) error {
	return stanza.ErrBadRequest().WithText(fmt.Sprintf(format, args...))
}

// NotAcceptable returns an error for a payload that is well formed but breaks
// a limit (RFC 6120 §8.3.3.9).
func NotAcceptable(format string, args ...any) error {
	return stanza.ErrNotAcceptable().WithText(fmt.Sprintf(format, args...))
}

// NotImplemented returns an error for a payload that asks for something this
// side does not know (RFC 6120 §8.3.3.3).
func NotImplemented(format string, args ...any) error {
	return stanza.ErrFeatureNotImplemented().WithText(fmt.Sprintf(format, args...))
}

// Quote renders a value that the peer sent for use in an error text, cut to a
// length that cannot swell a reply.
func Quote(s string) string {
	const most = 48
	if len(s) > most {
		s = Cut(s, most) + "…"
	}
	return strconv.Quote(s)
}

// Cut shortens s to at most limit bytes without splitting a character.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// Expect reports an error unless n is the element space local.
func Expect(n xmlstream.Node, space, local string) error {
	if n.Name.Local == local && n.Name.Space == space {
		return nil
	}
	return Bad("expected <%s xmlns='%s'/>, got <%s/> in namespace %s", local, space, cutName(n.Name.Local), Quote(n.Name.Space))
}

// Unknown is the error for an element that a family of elements does not
// have.
func Unknown(n xmlstream.Node, family string) error {
	return Bad("%s has no element <%s/> in namespace %s", family, cutName(n.Name.Local), Quote(n.Name.Space))
}

func cutName(s string) string {
	q := Quote(s)
	return q[1 : len(q)-1]
}

// Required returns the attribute local, which must be there and not empty.
func Required(n xmlstream.Node, local string) (string, error) {
	v, ok := n.LookupAttr("", local)
	if !ok || v == "" {
		return "", Bad("<%s/> needs the attribute '%s'", n.Name.Local, local)
	}
	return v, nil
}

// Bounded returns the attribute local, which must be there, not empty and at
// most limit bytes long.
func Bounded(n xmlstream.Node, local string, limit int) (string, error) {
	v, err := Required(n, local)
	if err == nil && len(v) > limit {
		return "", NotAcceptable("attribute '%s' of <%s/> is longer than %d bytes", local, n.Name.Local, limit)
	}
	return v, err
}

// Bool parses an xs:boolean attribute; absent means false.
func Bool(n xmlstream.Node, local string) (bool, error) {
	v, ok := n.LookupAttr("", local)
	if !ok {
		return false, nil
	}
	b, ok := ParseBool(v)
	if !ok {
		return false, Bad("attribute '%s' of <%s/> is not a boolean: %s", local, n.Name.Local, Quote(v))
	}
	return b, nil
}

// ParseBool parses the lexical forms of xs:boolean.
func ParseBool(v string) (value, ok bool) {
	switch strings.Trim(v, " \t\r\n") {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// Uint parses a plain decimal number of at most max. It accepts only digits:
// no sign, no spaces inside, no other base.
func Uint(v string, max uint64) (uint64, bool) {
	v = strings.Trim(v, " \t\r\n")
	if v == "" || len(v) > 20 || v[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n > max {
		return 0, false
	}
	return n, true
}

// Saturate parses a non-negative decimal number and answers max for anything
// larger, so that a request for "everything" is understood and not obeyed.
func Saturate(v string, max uint64) (uint64, bool) {
	v = strings.Trim(v, " \t\r\n")
	if v == "" || len(v) > 64 {
		return 0, false
	}
	for i := 0; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' {
			return 0, false
		}
	}
	if n, ok := Uint(v, max); ok {
		return n, true
	}
	return max, true
}

// Uint32 parses an optional xs:unsignedInt attribute.
func Uint32(n xmlstream.Node, local string) (value uint32, present bool, err error) {
	v, ok := n.LookupAttr("", local)
	if !ok {
		return 0, false, nil
	}
	u, ok := Uint(v, math.MaxUint32)
	if !ok {
		return 0, false, Bad("attribute '%s' of <%s/> is not a 32-bit number: %s", local, n.Name.Local, Quote(v))
	}
	return uint32(u), true, nil
}

// Address parses an address found in a payload. The error is jid-malformed
// (RFC 6120 §8.3.3.8).
func Address(v string) (jid.JID, error) {
	j, err := jid.Parse(v)
	if err != nil {
		return jid.JID{}, stanza.ErrJIDMalformed().WithText("not an address: " + Quote(v))
	}
	return j, nil
}

// AddressAttr parses the attribute local as an address; absent gives the zero
// address.
func AddressAttr(n xmlstream.Node, local string) (jid.JID, error) {
	v, ok := n.LookupAttr("", local)
	if !ok {
		return jid.JID{}, nil
	}
	return Address(v)
}

// Base64 decodes strict RFC 4648 §4 data: padding required, no whitespace, no
// stray bits (RFC 6120 §13.9.1).
func Base64(v string) ([]byte, error) {
	if strings.ContainsAny(v, "\r\n") {
		return nil, fmt.Errorf("%w: line break", ErrEncoding)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return data, nil
}

// EncodeBase64 is the inverse of [Base64].
func EncodeBase64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// Only returns the one child element of n in namespace space; none and more
// than one are errors.
func Only(n xmlstream.Node, space string) (xmlstream.Node, error) {
	var found xmlstream.Node
	count := 0
	for c := range n.Elements() {
		if c.Name.Space == space {
			found = c
			count++
		}
	}
	if count != 1 {
		return xmlstream.Node{}, Bad("<%s/> needs exactly one child in namespace %s, got %d", n.Name.Local, Quote(space), count)
	}
	return found, nil
}

// OptionalAttr writes an attribute unless its value is empty.
func OptionalAttr(e *xmlstream.Encoder, local, value string) {
	if value != "" {
		e.Attr(local, value)
	}
}

// Empty writes an element without content.
func Empty(e *xmlstream.Encoder, space, local string) {
	e.Start(space, local)
	e.End()
}

// OptionalLeaf writes an element with text unless the text is empty.
func OptionalLeaf(e *xmlstream.Encoder, space, local, text string) {
	if text != "" {
		e.Leaf(space, local, text)
	}
}
