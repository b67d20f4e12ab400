package stanza

import (
	"errors"
	"iter"

	"godwit/jid"
	"godwit/xmlstream"
)

// Content namespaces (RFC 6120 §4.8.2).
const (
	NSClient = "jabber:client"
	NSServer = "jabber:server"
)

// Kind tells the three stanzas apart.
type Kind uint8

// The kinds of stanza.
const (
	Message Kind = iota + 1
	Presence
	IQ
)

// String gives the element name.
func (k Kind) String() string {
	switch k {
	case Message:
		return "message"
	case Presence:
		return "presence"
	case IQ:
		return "iq"
	}
	return "invalid"
}

// Values of Stanza.Type. A message without type or with an unknown one is Normal (RFC 6121 §5.2.2).
const (
	Chat      = "chat"
	Normal    = "normal"
	Groupchat = "groupchat"
	Headline  = "headline"

	Available    = ""
	Unavailable  = "unavailable"
	Subscribe    = "subscribe"
	Subscribed   = "subscribed"
	Unsubscribe  = "unsubscribe"
	Unsubscribed = "unsubscribed"
	Probe        = "probe"

	Get    = "get"
	Set    = "set"
	Result = "result"

	// ErrorType is the type of every stanza that carries an Error.
	ErrorType = "error"
)

// Stanza is one message, presence or IQ. It is immutable once made: nobody writes to its fields or bytes, so any number
// of goroutines may share it. The With… methods give changed copies that share the content.
type Stanza struct {
	Kind     Kind
	Type     string
	ID       string
	Lang     string // xml:lang
	To, From jid.JID

	ns       string
	extra    []xmlstream.Attr // attributes RFC 6120 §8.1 does not define, passed on as they came
	children []xmlstream.Child
	inner    []byte // canonical content, default namespace ns
}

// ErrNotStanza reports an element that is no stanza in jabber:client or jabber:server; the stream error for it is
// unsupported-stanza-type (RFC 6120 §4.9.3.24).
var ErrNotStanza = errors.New("stanza: element is neither message, presence nor iq")

// FromElement reads the head of el. A head that breaks a rule gives an *Error (bad-request, jid-malformed) and the stanza
// as far as it could be read, fit for ErrorReply; the part that was bad is left out of it. ErrNotStanza comes without one.
// The stanza shares the bytes of el and does not keep el itself.
func FromElement(el *xmlstream.Element) (*Stanza, error) {
	if el.Name.Space != NSClient && el.Name.Space != NSServer {
		return nil, ErrNotStanza
	}
	s := &Stanza{ns: el.Name.Space, children: el.Children, inner: el.Inner}
	switch el.Name.Local {
	case "message":
		s.Kind = Message
	case "presence":
		s.Kind = Presence
	case "iq":
		s.Kind = IQ
	default:
		return nil, ErrNotStanza
	}
	var to, from string
	for i := range el.Attrs {
		a := &el.Attrs[i]
		switch {
		case a.Name.Space == xmlstream.NSXML && a.Name.Local == "lang":
			s.Lang = a.Value
		case a.Name.Space != "":
			s.extra = append(s.extra, *a)
		case a.Name.Local == "to":
			to = a.Value
		case a.Name.Local == "from":
			from = a.Value
		case a.Name.Local == "id":
			s.ID = a.Value
		case a.Name.Local == "type":
			s.Type = a.Value
		default:
			s.extra = append(s.extra, *a)
		}
	}
	return s, s.checkHead(to, from)
}

// checkHead fills in what needs checking. All of it is done whatever fails, so that a reply can be addressed.
func (s *Stanza) checkHead(to, from string) error {
	var bad *Error
	var err error
	if from != "" {
		if s.From, err = jid.Parse(from); err != nil {
			bad = ErrJIDMalformed().WithText("the from attribute is no valid address")
		}
	}
	if to != "" {
		if s.To, err = jid.Parse(to); err != nil {
			bad = ErrJIDMalformed().WithText("the to attribute is no valid address")
		}
	}
	known, ok := knownType(s.Kind, s.Type)
	if ok {
		s.Type = known
	}
	switch {
	case bad != nil:
	case !ok:
		bad = ErrBadRequest().WithText("unknown type of " + s.Kind.String())
	case s.Kind == IQ:
		bad = s.checkIQ()
	}
	if bad != nil {
		return bad
	}
	return nil
}

// checkIQ holds an IQ against RFC 6120 §8.2.3: an id; exactly one payload in a request, at most one in a result.
func (s *Stanza) checkIQ() *Error {
	switch {
	case s.ID == "":
		return ErrBadRequest().WithText("an iq needs an id")
	case (s.Type == Get || s.Type == Set) && len(s.children) != 1:
		return ErrBadRequest().WithText("an iq request needs exactly one payload element")
	case s.Type == Result && len(s.children) > 1:
		return ErrBadRequest().WithText("an iq result has at most one payload element")
	case s.Type == ErrorType && !s.Has(s.ns, "error"):
		return ErrBadRequest().WithText("an iq of type error needs an error element")
	}
	return nil
}

// knownType gives the constant for a type attribute, or false for one that the kind does not have.
func knownType(k Kind, t string) (string, bool) {
	if t == ErrorType {
		return ErrorType, true
	}
	switch k {
	case Message:
		switch t {
		case Chat:
			return Chat, true
		case Groupchat:
			return Groupchat, true
		case Headline:
			return Headline, true
		}
		return Normal, true
	case Presence:
		switch t {
		case Available:
			return Available, true
		case Unavailable:
			return Unavailable, true
		case Subscribe:
			return Subscribe, true
		case Subscribed:
			return Subscribed, true
		case Unsubscribe:
			return Unsubscribe, true
		case Unsubscribed:
			return Unsubscribed, true
		case Probe:
			return Probe, true
		}
	case IQ:
		switch t {
		case Get:
			return Get, true
		case Set:
			return Set, true
		case Result:
			return Result, true
		}
	}
	return t, false
}

// NS gives the content namespace, NSClient unless the stanza came from or is meant for another server.
func (s *Stanza) NS() string { return s.ns }

// Inner gives the canonical content, whose default namespace is NS. It must not be written to.
func (s *Stanza) Inner() []byte { return s.inner }

// Size gives about how many bytes the stanza holds in memory and on the wire, for bounded queues.
func (s *Stanza) Size() int {
	n := len(s.inner) + len(s.ID) + len(s.Lang) + len(s.To.String()) + len(s.From.String()) + 96
	for i := range s.extra {
		n += len(s.extra[i].Name.Space) + len(s.extra[i].Name.Local) + len(s.extra[i].Value)
	}
	return n
}

// Append writes the stanza where inheritedNS is the default namespace in force; "" makes it carry its own xmlns.
func (s *Stanza) Append(dst []byte, inheritedNS string) []byte {
	local := s.Kind.String()
	dst = xmlstream.AppendStart(dst, xmlstream.Name{Space: s.ns, Local: local}, inheritedNS)
	if !s.From.IsZero() {
		dst = xmlstream.AppendAttr(dst, "from", s.From.String())
	}
	if !s.To.IsZero() {
		dst = xmlstream.AppendAttr(dst, "to", s.To.String())
	}
	if s.ID != "" {
		dst = xmlstream.AppendAttr(dst, "id", s.ID)
	}
	if s.Type != "" && !(s.Kind == Message && s.Type == Normal) {
		dst = xmlstream.AppendAttr(dst, "type", s.Type)
	}
	if s.Lang != "" {
		dst = append(dst, " xml:lang='"...)
		dst = xmlstream.AppendValue(dst, s.Lang)
		dst = append(dst, '\'')
	}
	if len(s.extra) > 0 {
		dst = xmlstream.AppendAttrs(dst, s.extra)
	}
	return xmlstream.AppendInner(dst, local, s.inner)
}

// String gives the stanza as it would stand alone, for tests and debugging.
func (s *Stanza) String() string { return string(s.Append(nil, "")) }

// Child gives the first child element of that name as a tree; false if there is none.
func (s *Stanza) Child(space, local string) (xmlstream.Node, bool) {
	for i := range s.children {
		if c := &s.children[i]; c.Name.Local == local && c.Name.Space == space {
			n, err := xmlstream.ChildNode(s.inner, *c, s.ns)
			return n, err == nil
		}
	}
	return xmlstream.Node{}, false
}

// Has reports whether there is a child element of that name.
func (s *Stanza) Has(space, local string) bool {
	for i := range s.children {
		if c := &s.children[i]; c.Name.Local == local && c.Name.Space == space {
			return true
		}
	}
	return false
}

// HasNS reports whether there is a child element in that namespace.
func (s *Stanza) HasNS(space string) bool {
	for i := range s.children {
		if s.children[i].Name.Space == space {
			return true
		}
	}
	return false
}

// Payload names the first child element, which for an IQ request is what is asked. In an IQ error it may be the request
// sent back.
func (s *Stanza) Payload() (xmlstream.Name, bool) {
	if len(s.children) == 0 {
		return xmlstream.Name{}, false
	}
	return s.children[0].Name, true
}

// PayloadNode gives the first child element as a tree; false if there is none.
func (s *Stanza) PayloadNode() (xmlstream.Node, bool) {
	if len(s.children) == 0 {
		return xmlstream.Node{}, false
	}
	n, err := xmlstream.ChildNode(s.inner, s.children[0], s.ns)
	return n, err == nil
}

// ChildNames walks the names of the child elements, in order.
func (s *Stanza) ChildNames() iter.Seq[xmlstream.Name] {
	return func(yield func(xmlstream.Name) bool) {
		for i := range s.children {
			if !yield(s.children[i].Name) {
				return
			}
		}
	}
}

// Children walks the child elements as trees, in order.
func (s *Stanza) Children() iter.Seq[xmlstream.Node] {
	return func(yield func(xmlstream.Node) bool) {
		for i := range s.children {
			n, err := xmlstream.ChildNode(s.inner, s.children[i], s.ns)
			if err == nil && !yield(n) {
				return
			}
		}
	}
}

// Body gives the text of the first <body/>, "" if there is none (RFC 6121 §5.2.3).
func (s *Stanza) Body() string { return s.Text("body") }

// Text gives the text of the first child of that name in the content namespace: body, subject, thread, show, status.
func (s *Stanza) Text(local string) string {
	for i := range s.children {
		if c := &s.children[i]; c.Name.Local == local && c.Name.Space == s.ns {
			return xmlstream.ChildText(s.inner, *c)
		}
	}
	return ""
}

// IsError reports whether the stanza carries an error.
func (s *Stanza) IsError() bool { return s.Type == ErrorType }

// Err gives the error that a stanza of type error carries, nil for every other type. One without a readable error element
// gives undefined-condition.
func (s *Stanza) Err() *Error {
	if s.Type != ErrorType {
		return nil
	}
	if n, ok := s.Child(s.ns, "error"); ok {
		if e, err := ParseError(n); err == nil {
			return e
		}
	}
	return ErrUndefinedCondition()
}
