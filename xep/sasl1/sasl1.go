package sasl1

import (
	"fmt"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of every element of the profile.
const NS = "urn:ietf:params:xml:ns:xmpp-sasl"

// MaxMechanisms bounds how many mechanism names are read from a feature.
const MaxMechanisms = 64

// ErrEncoding is wrapped by parse errors about malformed base64, which a
// server answers with [IncorrectEncoding].
var ErrEncoding = wire.ErrEncoding

// Condition is a SASL failure condition (RFC 6120 §6.5). SASL2 shares them.
type Condition string

// The defined conditions.
const (
	Aborted              Condition = "aborted"
	AccountDisabled      Condition = "account-disabled"
	CredentialsExpired   Condition = "credentials-expired"
	EncryptionRequired   Condition = "encryption-required"
	IncorrectEncoding    Condition = "incorrect-encoding"
	InvalidAuthzID       Condition = "invalid-authzid"
	InvalidMechanism     Condition = "invalid-mechanism"
	MalformedRequest     Condition = "malformed-request"
	MechanismTooWeak     Condition = "mechanism-too-weak"
	NotAuthorized        Condition = "not-authorized"
	TemporaryAuthFailure Condition = "temporary-auth-failure"
)

// Element is one of the types of this package.
type Element interface{ Encode(*xmlstream.Encoder) }

// Mechanisms is the stream feature (RFC 6120 §6.3.3), strongest first.
type Mechanisms struct{ Names []string }

// Auth begins an exchange (RFC 6120 §6.4.2). Initial is nil when there is no
// initial response, and empty but not nil when there is one without data.
type Auth struct {
	Mechanism string
	Initial   []byte
}

// Challenge carries data from the server (RFC 6120 §6.4.3).
type Challenge struct{ Data []byte }

// Response carries data from the client (RFC 6120 §6.4.3).
type Response struct{ Data []byte }

// Abort ends the exchange from the client's side (RFC 6120 §6.4.4).
type Abort struct{}

// Success ends the exchange well (RFC 6120 §6.4.6). Data is nil when there is
// no additional data.
type Success struct{ Data []byte }

// Failure ends the exchange badly (RFC 6120 §6.4.5).
type Failure struct {
	Condition Condition
	Text      string
}

// ValidMechanism reports whether name has the syntax of RFC 4422 §3.1: 1 to
// 20 capital letters, digits, hyphens and underscores.
func ValidMechanism(name string) bool {
	if name == "" || len(name) > 20 {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// Parse reads any element of the namespace. Unknown names are bad-request,
// which the profile words as malformed-request.
func Parse(n xmlstream.Node) (Element, error) {
	switch n.Name.Local {
	case "mechanisms":
		return lift(ParseMechanisms(n))
	case "auth":
		return lift(ParseAuth(n))
	case "challenge":
		data, err := payload(n, "challenge")
		return lift(Challenge{data}, err)
	case "response":
		data, err := payload(n, "response")
		return lift(Response{data}, err)
	case "abort":
		return lift(Abort{}, wire.Expect(n, NS, "abort"))
	case "success":
		return lift(ParseSuccess(n))
	case "failure":
		return lift(ParseFailure(n))
	}
	return nil, wire.Unknown(n, "SASL")
}

func lift[T Element](v T, err error) (Element, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// ParseMechanisms reads the feature. Names that are no mechanism names are
// left out, as is everything after [MaxMechanisms].
func ParseMechanisms(n xmlstream.Node) (Mechanisms, error) {
	if err := wire.Expect(n, NS, "mechanisms"); err != nil {
		return Mechanisms{}, err
	}
	return Mechanisms{Names: Names(n, NS)}, nil
}

// Names reads the <mechanism/> children of n in namespace space; SASL2 lists
// them the same way.
func Names(n xmlstream.Node, space string) []string {
	var names []string
	for c := range n.Elements() {
		if c.Name.Local != "mechanism" || c.Name.Space != space {
			continue
		}
		if name := c.InnerText(); ValidMechanism(name) && len(names) < MaxMechanisms {
			names = append(names, name)
		}
	}
	return names
}

// ParseAuth reads <auth/>.
func ParseAuth(n xmlstream.Node) (Auth, error) {
	if err := wire.Expect(n, NS, "auth"); err != nil {
		return Auth{}, err
	}
	mechanism, err := wire.Required(n, "mechanism")
	if err != nil {
		return Auth{}, err
	}
	if !ValidMechanism(mechanism) {
		return Auth{}, wire.Bad("%s is not the name of a mechanism", wire.Quote(mechanism))
	}
	initial, err := optional(n)
	return Auth{Mechanism: mechanism, Initial: initial}, err
}

// ParseSuccess reads <success/>.
func ParseSuccess(n xmlstream.Node) (Success, error) {
	if err := wire.Expect(n, NS, "success"); err != nil {
		return Success{}, err
	}
	data, err := optional(n)
	return Success{Data: data}, err
}

// ParseFailure reads <failure/>. One that names no condition counts as
// not-authorized, the general one (RFC 6120 §6.5.10).
func ParseFailure(n xmlstream.Node) (Failure, error) {
	if err := wire.Expect(n, NS, "failure"); err != nil {
		return Failure{}, err
	}
	f := Failure{Condition: ConditionOf(n)}
	if text, ok := n.Child(NS, "text"); ok {
		f.Text = text.InnerText()
	}
	return f, nil
}

// ConditionOf reads the condition among the children of a <failure/>.
func ConditionOf(n xmlstream.Node) Condition {
	for c := range n.Elements() {
		if c.Name.Space == NS && c.Name.Local != "text" {
			return Condition(c.Name.Local)
		}
	}
	return NotAuthorized
}

// payload reads the data of a challenge or response; no text is no bytes.
func payload(n xmlstream.Node, local string) ([]byte, error) {
	if err := wire.Expect(n, NS, local); err != nil {
		return nil, err
	}
	data, err := optional(n)
	if data == nil && err == nil {
		data = []byte{}
	}
	return data, err
}

// optional tells data that is absent (nil) from data that is empty ("=").
func optional(n xmlstream.Node) ([]byte, error) {
	switch text := n.InnerText(); text {
	case "":
		return nil, nil
	case "=":
		return []byte{}, nil
	default:
		data, err := wire.Base64(text)
		if err != nil {
			return nil, fmt.Errorf("<%s/>: %w", n.Name.Local, err)
		}
		return data, nil
	}
}

// Encode writes the feature.
func (v Mechanisms) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "mechanisms")
	for _, name := range v.Names {
		e.Leaf(NS, "mechanism", name)
	}
	e.End()
}

// Encode writes <auth/>.
func (v Auth) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "auth")
	e.Attr("mechanism", v.Mechanism)
	encodeOptional(e, v.Initial)
	e.End()
}

// Encode writes <challenge/>.
func (v Challenge) Encode(e *xmlstream.Encoder) { encodePayload(e, "challenge", v.Data) }

// Encode writes <response/>.
func (v Response) Encode(e *xmlstream.Encoder) { encodePayload(e, "response", v.Data) }

// Encode writes <abort/>.
func (Abort) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "abort") }

// Encode writes <success/>.
func (v Success) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "success")
	encodeOptional(e, v.Data)
	e.End()
}

// Encode writes <failure/>.
func (v Failure) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "failure")
	if v.Condition == "" {
		v.Condition = NotAuthorized
	}
	wire.Empty(e, NS, string(v.Condition))
	wire.OptionalLeaf(e, NS, "text", v.Text)
	e.End()
}

func encodePayload(e *xmlstream.Encoder, local string, data []byte) {
	e.Start(NS, local)
	if len(data) > 0 {
		e.Text(wire.EncodeBase64(data))
	}
	e.End()
}

func encodeOptional(e *xmlstream.Encoder, data []byte) {
	switch {
	case data == nil:
	case len(data) == 0:
		e.Text("=")
	default:
		e.Text(wire.EncodeBase64(data))
	}
}
