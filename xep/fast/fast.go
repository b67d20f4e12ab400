package fast

import (
	"strconv"
	"time"

	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of every element.
const NS = "urn:xmpp:fast:0"

// MaxToken bounds a token in bytes; more is not-acceptable.
const MaxToken = 1024

// maxMechanisms bounds the mechanisms that are read.
const maxMechanisms = 32

// maxMechanism is the longest name of a mechanism, RFC 4422 §3.1 allows 20 and the names here are shorter.
const maxMechanism = 64

// Feature is <fast/> among the inline features of SASL2 (XEP-0484 §3.1).
type Feature struct {
	Mechanisms []string // strongest first
	// ZeroRTT: authentication may be sent as early data of TLS 1.3.
	ZeroRTT bool
}

// ParseFeature reads the feature. Names that are too long are left out.
func ParseFeature(n xmlstream.Node) (Feature, error) {
	if err := wire.Expect(n, NS, "fast"); err != nil {
		return Feature{}, err
	}
	var f Feature
	var err error
	if f.ZeroRTT, err = wire.Bool(n, "tls-0rtt"); err != nil {
		return Feature{}, err
	}
	for c := range n.Elements() {
		if c.Name != (xmlstream.Name{Space: NS, Local: "mechanism"}) || len(f.Mechanisms) == maxMechanisms {
			continue
		}
		if m := c.InnerText(); m != "" && len(m) <= maxMechanism {
			f.Mechanisms = append(f.Mechanisms, m)
		}
	}
	return f, nil
}

// Encode writes the feature.
func (f Feature) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "fast")
	if f.ZeroRTT {
		e.Attr("tls-0rtt", "true")
	}
	for _, m := range f.Mechanisms {
		e.Leaf(NS, "mechanism", m)
	}
	e.End()
}

// Request is <request-token/>, which asks for a token (§3.2).
type Request struct{ Mechanism string }

// ParseRequest reads <request-token/>.
func ParseRequest(n xmlstream.Node) (Request, error) {
	if err := wire.Expect(n, NS, "request-token"); err != nil {
		return Request{}, err
	}
	m, err := wire.Required(n, "mechanism")
	if err != nil {
		return Request{}, err
	}
	if len(m) > maxMechanism {
		return Request{}, wire.NotAcceptable("the name of a mechanism is longer than %d bytes", maxMechanism)
	}
	return Request{Mechanism: m}, nil
}

// Encode writes <request-token/>.
func (r Request) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "request-token")
	e.Attr("mechanism", r.Mechanism)
	e.End()
}

// Use is <fast/> in <authenticate/>: what is proven is a token (§3.4).
type Use struct {
	// Count numbers the attempts with this token from 1 on; 0 when it is not given.
	Count uint32
	// Invalidate the token once it has been used (§3.6).
	Invalidate bool
}

// ParseUse reads <fast/>.
func ParseUse(n xmlstream.Node) (Use, error) {
	if err := wire.Expect(n, NS, "fast"); err != nil {
		return Use{}, err
	}
	var u Use
	count, present, err := wire.Uint32(n, "count")
	if err != nil {
		return Use{}, err
	}
	if present && (count == 0 || count > 1<<31-1) { // a positive integer, xs:int
		return Use{}, wire.Bad("count is a positive integer")
	}
	u.Count = count
	u.Invalidate, err = wire.Bool(n, "invalidate")
	return u, err
}

// Encode writes <fast/>.
func (u Use) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "fast")
	if u.Count > 0 {
		e.Attr("count", strconv.FormatUint(uint64(u.Count), 10))
	}
	if u.Invalidate {
		e.Attr("invalidate", "true")
	}
	e.End()
}

// Token is <token/> in <success/> (§3.3).
type Token struct {
	Token  string
	Expiry time.Time
}

// ParseToken reads <token/>. One without a secret or a time is bad-request.
func ParseToken(n xmlstream.Node) (Token, error) {
	if err := wire.Expect(n, NS, "token"); err != nil {
		return Token{}, err
	}
	secret, err := wire.Required(n, "token")
	if err != nil {
		return Token{}, err
	}
	if len(secret) > MaxToken {
		return Token{}, wire.NotAcceptable("the token is longer than %d bytes", MaxToken)
	}
	expiry, err := datetime.Parse(n.Attr("expiry"))
	if err != nil {
		return Token{}, wire.Bad("the token does not say when it expires: %s", wire.Quote(n.Attr("expiry")))
	}
	return Token{Token: secret, Expiry: expiry}, nil
}

// Encode writes <token/>.
func (t Token) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "token")
	e.Attr("expiry", datetime.Format(t.Expiry))
	e.Attr("token", t.Token)
	e.End()
}
