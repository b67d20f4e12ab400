package pars

import (
	"errors"
	"net/url"
	"strings"

	"godwit/jid"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <preauth/>.
const NS = "urn:xmpp:pars:0"

// RegisterNS is the namespace of the stream feature of XEP-0445.
const RegisterNS = "urn:xmpp:ibr-token:0"

// MaxToken bounds a token in bytes; more is not-acceptable.
const MaxToken = 256

// Preauth is <preauth/>, in a subscription request (XEP-0379 §3.4) or a request before registration (XEP-0445 §4).
type Preauth struct{ Token string }

// Parse reads <preauth/>.
func Parse(n xmlstream.Node) (Preauth, error) {
	if err := wire.Expect(n, NS, "preauth"); err != nil {
		return Preauth{}, err
	}
	token, err := wire.Required(n, "token")
	if err == nil && len(token) > MaxToken {
		err = wire.NotAcceptable("the token is longer than %d bytes", MaxToken)
	}
	return Preauth{Token: token}, err
}

// Encode writes <preauth/>.
func (p Preauth) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "preauth")
	e.Attr("token", p.Token)
	e.End()
}

// Feature is <register/> among the stream features (XEP-0445 §3).
type Feature struct{}

// ParseFeature reads <register/>.
func ParseFeature(n xmlstream.Node) (Feature, error) {
	return Feature{}, wire.Expect(n, RegisterNS, "register")
}

// Encode writes <register/>.
func (Feature) Encode(e *xmlstream.Encoder) { wire.Empty(e, RegisterNS, "register") }

// Invitation is what the URI of an invitation says (XEP-0401 §4, XEP-0445 §2).
type Invitation struct {
	// With is whom to become a contact of, a bare address with a local part; or, if Register, where to register: a domain, or the address to take.
	With jid.JID
	// Register: the URI is for making an account; else for adding a contact.
	Register bool
	Token    string
	// InBand: an account may be made with the token of a contact invitation too.
	InBand bool
	Name   string // suggested for the contact; may be empty
}

// ErrURI is wrapped by what ParseURI returns.
var ErrURI = errors.New("this is not the address of an invitation")

// String writes the URI (RFC 5122).
func (i Invitation) String() string {
	// What PathEscape leaves alone is allowed in a path of RFC 5122, but for ? and #, which it does not leave alone.
	path := url.PathEscape(i.With.Domain())
	if local := i.With.Local(); local != "" {
		path = url.PathEscape(local) + "@" + path
	}
	action := "roster"
	if i.Register {
		action = "register"
	}
	s := "xmpp:" + path + "?" + action + ";preauth=" + value(i.Token)
	if i.Name != "" && !i.Register {
		s += ";name=" + value(i.Name)
	}
	if i.InBand && !i.Register {
		s += ";ibr=y"
	}
	return s
}

// value escapes a value of a query: spaces too, as XEP-0147 wants it, not as forms have it.
func value(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// ParseURI reads the URI of an invitation. Parameters that are not known are ignored.
func ParseURI(s string) (Invitation, error) {
	rest, ok := strings.CutPrefix(s, "xmpp:")
	path, query, more := strings.Cut(rest, "?")
	if !ok || !more || strings.HasPrefix(path, "//") || len(s) > 8<<10 {
		return Invitation{}, ErrURI
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return Invitation{}, ErrURI
	}
	with, err := jid.Parse(path)
	if err != nil || !with.IsBare() {
		return Invitation{}, ErrURI
	}
	params := strings.Split(query, ";")
	i := Invitation{With: with, Register: params[0] == "register"}
	if !i.Register && (params[0] != "roster" || with.Local() == "") {
		return Invitation{}, ErrURI
	}
	for _, p := range params[1:] {
		key, raw, _ := strings.Cut(p, "=")
		v, err := url.PathUnescape(raw)
		if err != nil {
			return Invitation{}, ErrURI
		}
		switch key {
		case "preauth":
			i.Token = v
		case "ibr":
			i.InBand = v == "y" && !i.Register
		case "name":
			if !i.Register {
				i.Name = v
			}
		}
	}
	if i.Token == "" || len(i.Token) > MaxToken {
		return Invitation{}, ErrURI
	}
	return i, nil
}
