package sasl2

import (
	"fmt"
	"strings"

	"godwit/jid"
	"godwit/xep/bind2"
	"godwit/xep/fast"
	"godwit/xep/internal/wire"
	"godwit/xep/sasl1"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// NS is the namespace of every element of the profile.
const NS = "urn:xmpp:sasl:2"

// ErrEncoding is wrapped by parse errors about malformed base64, which a
// server answers with [sasl1.IncorrectEncoding].
var ErrEncoding = wire.ErrEncoding

// MaxAgent bounds each part of a [UserAgent] in bytes.
const MaxAgent = 256

const maxTasks = 64

// Element is one of the types of this package.
type Element interface{ Encode(*xmlstream.Encoder) }

// Authentication is the stream feature (XEP-0388 §2.1).
type Authentication struct {
	Mechanisms []string         // strongest first
	SM         bool             // a stream can be resumed inline (XEP-0198 §9.2)
	Bind       *bind2.Feature   // Bind 2 is offered
	Fast       *fast.Feature    // tokens can be had and used (XEP-0484)
	Inline     []xmlstream.Node // other inline features
}

// Authenticate begins an exchange (XEP-0388 §2.3). Initial is nil when there
// is no initial response, and empty but not nil when there is one without
// data.
type Authenticate struct {
	Mechanism string
	Initial   []byte
	Agent     UserAgent
	Resume    *sm.Resume       // go on with an earlier stream; comes before Bind
	Bind      *bind2.Bind      // else bind a resource
	Fast      *fast.Use        // what is proven is a token (XEP-0484)
	Token     *fast.Request    // a token is wanted for the next time
	Inline    []xmlstream.Node // other requests
}

// UserAgent describes the client (XEP-0388 §2.3). A server must not show it
// to anyone but the user.
type UserAgent struct {
	ID       string // UUID version 4 of the installation, lower case; optional
	Software string
	Device   string
}

// Challenge carries data from the server (XEP-0388 §2.5).
type Challenge struct{ Data []byte }

// Response carries data from the client (XEP-0388 §2.5).
type Response struct{ Data []byte }

// Abort ends the exchange from the client's side (XEP-0388 §4.5).
type Abort struct{ Text string }

// Success ends the exchange well (XEP-0388 §2.6.1).
type Success struct {
	Data          []byte           // additional data of the mechanism; nil when there is none
	Authorization jid.JID          // who the client now is: bare, or full once bound
	Resumed       *sm.Resumed      // the earlier stream goes on
	ResumeFailed  *sm.Failed       // it does not, and a new one was bound if asked
	Bound         *bind2.Bound     // what binding brought
	Token         *fast.Token      // for the next sign-in (XEP-0484)
	Other         []xmlstream.Node // other answers
}

// Failure ends the exchange badly (XEP-0388 §2.6.2).
type Failure struct {
	Condition sasl1.Condition
	Text      string
	App       []xmlstream.Node // application-specific conditions
}

// Continue says that more than the mechanism is needed (XEP-0388 §2.6.3).
type Continue struct {
	Data  []byte
	Tasks []string
	Text  string
}

// Parse reads any element of the namespace. Unknown names are bad-request.
func Parse(n xmlstream.Node) (Element, error) {
	switch n.Name.Local {
	case "authentication":
		return lift(ParseAuthentication(n))
	case "authenticate":
		return lift(ParseAuthenticate(n))
	case "challenge":
		data, err := payload(n, "challenge")
		return lift(Challenge{data}, err)
	case "response":
		data, err := payload(n, "response")
		return lift(Response{data}, err)
	case "abort":
		return lift(ParseAbort(n))
	case "success":
		return lift(ParseSuccess(n))
	case "failure":
		return lift(ParseFailure(n))
	case "continue":
		return lift(ParseContinue(n))
	}
	return nil, wire.Unknown(n, "SASL2")
}

func lift[T Element](v T, err error) (Element, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// ParseAuthentication reads the stream feature.
func ParseAuthentication(n xmlstream.Node) (Authentication, error) {
	if err := wire.Expect(n, NS, "authentication"); err != nil {
		return Authentication{}, err
	}
	a := Authentication{Mechanisms: sasl1.Names(n, NS)}
	inline, _ := n.Child(NS, "inline")
	for c := range inline.Elements() {
		switch c.Name {
		case xmlstream.Name{Space: sm.NS, Local: "sm"}:
			a.SM = true
		case xmlstream.Name{Space: bind2.NS, Local: "bind"}:
			f, err := bind2.ParseFeature(c)
			if err != nil {
				return Authentication{}, err
			}
			a.Bind = &f
		case xmlstream.Name{Space: fast.NS, Local: "fast"}:
			f, err := fast.ParseFeature(c)
			if err != nil {
				return Authentication{}, err
			}
			a.Fast = &f
		default:
			a.Inline = append(a.Inline, c)
		}
	}
	return a, nil
}

// ParseAuthenticate reads <authenticate/>.
func ParseAuthenticate(n xmlstream.Node) (Authenticate, error) {
	if err := wire.Expect(n, NS, "authenticate"); err != nil {
		return Authenticate{}, err
	}
	mechanism, err := wire.Required(n, "mechanism")
	if err != nil {
		return Authenticate{}, err
	}
	if !sasl1.ValidMechanism(mechanism) {
		return Authenticate{}, wire.Bad("%s is not the name of a mechanism", wire.Quote(mechanism))
	}
	a := Authenticate{Mechanism: mechanism}
	seen := make(map[xmlstream.Name]bool)
	for c := range n.Elements() {
		if seen[c.Name] && (c.Name.Space == NS || c.Name.Space == sm.NS || c.Name.Space == bind2.NS || c.Name.Space == fast.NS) {
			return Authenticate{}, wire.Bad("<authenticate/> has <%s/> twice", c.Name.Local)
		}
		seen[c.Name] = true
		if err := a.read(c); err != nil {
			return Authenticate{}, err
		}
	}
	return a, nil
}

func (a *Authenticate) read(c xmlstream.Node) error {
	var err error
	switch c.Name {
	case xmlstream.Name{Space: NS, Local: "initial-response"}:
		a.Initial, err = data(c)
	case xmlstream.Name{Space: NS, Local: "user-agent"}:
		a.Agent, err = parseAgent(c)
	case xmlstream.Name{Space: sm.NS, Local: "resume"}:
		var v sm.Resume
		v, err = sm.ParseResume(c)
		a.Resume = &v
	case xmlstream.Name{Space: bind2.NS, Local: "bind"}:
		var v bind2.Bind
		v, err = bind2.ParseBind(c)
		a.Bind = &v
	case xmlstream.Name{Space: fast.NS, Local: "fast"}:
		var v fast.Use
		v, err = fast.ParseUse(c)
		a.Fast = &v
	case xmlstream.Name{Space: fast.NS, Local: "request-token"}:
		var v fast.Request
		v, err = fast.ParseRequest(c)
		a.Token = &v
	default:
		a.Inline = append(a.Inline, c)
	}
	return err
}

func parseAgent(n xmlstream.Node) (UserAgent, error) {
	u := UserAgent{ID: n.Attr("id")}
	if c, ok := n.Child(NS, "software"); ok {
		u.Software = c.InnerText()
	}
	if c, ok := n.Child(NS, "device"); ok {
		u.Device = c.InnerText()
	}
	if len(u.Software) > MaxAgent || len(u.Device) > MaxAgent {
		return UserAgent{}, wire.NotAcceptable("parts of <user-agent/> may be %d bytes long", MaxAgent)
	}
	if u.ID != "" {
		id, ok := canonicalUUID(u.ID)
		if !ok {
			return UserAgent{}, wire.Bad("the id of <user-agent/> is not a UUID: %s", wire.Quote(u.ID))
		}
		u.ID = id
	}
	// Sessions remember these for as long as they last; the rest of the element goes.
	u.Software, u.Device = strings.Clone(u.Software), strings.Clone(u.Device)
	return u, nil
}

// canonicalUUID lowers the digits of a UUID in its usual form. The version is
// not checked: what matters is that the same installation says the same.
func canonicalUUID(s string) (string, bool) {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(form) {
		return "", false
	}
	b := []byte(s)
	for i, c := range b {
		switch {
		case form[i] == '-':
			if c != '-' {
				return "", false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			b[i] = c + 'a' - 'A'
		default:
			return "", false
		}
	}
	return string(b), true
}

// ParseAbort reads <abort/>.
func ParseAbort(n xmlstream.Node) (Abort, error) {
	if err := wire.Expect(n, NS, "abort"); err != nil {
		return Abort{}, err
	}
	text, _ := n.Child(NS, "text")
	return Abort{Text: text.InnerText()}, nil
}

// ParseSuccess reads <success/>.
func ParseSuccess(n xmlstream.Node) (Success, error) {
	if err := wire.Expect(n, NS, "success"); err != nil {
		return Success{}, err
	}
	var s Success
	for c := range n.Elements() {
		if err := s.read(c); err != nil {
			return Success{}, err
		}
	}
	if s.Authorization.IsZero() {
		return Success{}, wire.Bad("<success/> does not say who was authenticated")
	}
	return s, nil
}

func (s *Success) read(c xmlstream.Node) error {
	var err error
	switch c.Name {
	case xmlstream.Name{Space: NS, Local: "additional-data"}:
		s.Data, err = data(c)
	case xmlstream.Name{Space: NS, Local: "authorization-identifier"}:
		s.Authorization, err = wire.Address(c.InnerText())
	case xmlstream.Name{Space: sm.NS, Local: "resumed"}:
		var v sm.Resumed
		v, err = sm.ParseResumed(c)
		s.Resumed = &v
	case xmlstream.Name{Space: sm.NS, Local: "failed"}:
		var v sm.Failed
		v, err = sm.ParseFailed(c)
		s.ResumeFailed = &v
	case xmlstream.Name{Space: bind2.NS, Local: "bound"}:
		var v bind2.Bound
		v, err = bind2.ParseBound(c)
		s.Bound = &v
	case xmlstream.Name{Space: fast.NS, Local: "token"}:
		var v fast.Token
		v, err = fast.ParseToken(c)
		s.Token = &v
	default:
		s.Other = append(s.Other, c)
	}
	return err
}

// ParseFailure reads <failure/>; without a condition it counts as
// not-authorized.
func ParseFailure(n xmlstream.Node) (Failure, error) {
	if err := wire.Expect(n, NS, "failure"); err != nil {
		return Failure{}, err
	}
	f := Failure{Condition: sasl1.ConditionOf(n)}
	for c := range n.Elements() {
		switch {
		case c.Name.Space == NS && c.Name.Local == "text":
			f.Text = c.InnerText()
		case c.Name.Space != NS && c.Name.Space != sasl1.NS:
			f.App = append(f.App, c)
		}
	}
	return f, nil
}

// ParseContinue reads <continue/>.
func ParseContinue(n xmlstream.Node) (Continue, error) {
	if err := wire.Expect(n, NS, "continue"); err != nil {
		return Continue{}, err
	}
	var v Continue
	var err error
	if c, ok := n.Child(NS, "additional-data"); ok {
		if v.Data, err = data(c); err != nil {
			return Continue{}, err
		}
	}
	tasks, _ := n.Child(NS, "tasks")
	for c := range tasks.Elements() {
		if c.Name.Space == NS && c.Name.Local == "task" && len(v.Tasks) < maxTasks {
			v.Tasks = append(v.Tasks, c.InnerText())
		}
	}
	text, _ := n.Child(NS, "text")
	v.Text = text.InnerText()
	return v, nil
}

func payload(n xmlstream.Node, local string) ([]byte, error) {
	if err := wire.Expect(n, NS, local); err != nil {
		return nil, err
	}
	return data(n)
}

// data reads base64; an element that is there is never nil (XEP-0388 §2.2).
func data(n xmlstream.Node) ([]byte, error) {
	b, err := wire.Base64(n.InnerText())
	if err != nil {
		return nil, fmt.Errorf("<%s/>: %w", n.Name.Local, err)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}
