package stanza

import (
	"strconv"

	"godwit/xmlstream"
)

// NSStanzas is the namespace of the defined conditions (RFC 6120 §8.3.3).
const NSStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// ErrorKind says what the sender can do about an error (RFC 6120 §8.3.2).
type ErrorKind string

// The kinds of error.
const (
	Auth     ErrorKind = "auth"     // retry after providing credentials
	Cancel   ErrorKind = "cancel"   // do not retry
	Continue ErrorKind = "continue" // it was only a warning
	Modify   ErrorKind = "modify"   // retry after changing what was sent
	Wait     ErrorKind = "wait"     // retry after waiting
)

// Error is a stanza error (RFC 6120 §8.3). As a Go error it is what the peer may read; errors.Is finds an equal
// Condition, so errors.Is(err, ErrItemNotFound()) asks for that one. It must not be changed once shared.
type Error struct {
	Type      ErrorKind
	Condition string // one of the defined conditions, §8.3.3
	Text      string // for people; optional
	By        string // address of the entity that found the error; optional
	Alternate string // the new address in gone and redirect (§8.3.3.5, §8.3.3.14); optional
	App       xmlstream.Node
}

func (e *Error) Error() string {
	s := "stanza error: " + e.Condition
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Is reports whether target is an Error with the same condition.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Condition == e.Condition
}

// WithText gives a copy with a text for people.
func (e *Error) WithText(text string) *Error {
	c := *e
	c.Text = text
	return &c
}

// WithApp gives a copy with an application-specific condition (RFC 6120 §8.3.4).
func (e *Error) WithApp(app xmlstream.Node) *Error {
	c := *e
	c.App = app
	return &c
}

// WithType gives a copy with another kind than the usual one of its condition.
func (e *Error) WithType(t ErrorKind) *Error {
	c := *e
	c.Type = t
	return &c
}

// Encode writes the <error/> element in the content namespace in force, with the legacy code that clients from before
// RFC 3920 read (XEP-0086).
func (e *Error) Encode(enc *xmlstream.Encoder) {
	enc.Start(enc.NS(), "error").Attr("type", string(e.Type))
	condition := e.Condition
	row, ok := conditions[condition]
	if !ok {
		condition = "undefined-condition"
		row = conditions[condition]
	}
	if row.code != 0 {
		enc.Attr("code", strconv.Itoa(row.code))
	}
	enc.OptAttr("by", e.By)
	enc.Leaf(NSStanzas, condition, e.Alternate)
	if e.Text != "" {
		enc.Leaf(NSStanzas, "text", e.Text)
	}
	if !e.App.IsZero() {
		e.App.Encode(enc)
	}
	enc.End()
}

// ParseError reads an <error/> element. What a peer leaves out or gets wrong becomes undefined-condition and the usual
// kind of the condition; only an element of another name is an error.
func ParseError(n xmlstream.Node) (*Error, error) {
	if n.Name.Local != "error" {
		return nil, ErrNotStanzaError
	}
	e := &Error{By: n.Attr("by")}
	for c := range n.Elements() {
		switch {
		case c.Name.Space != NSStanzas:
			if e.App.IsZero() {
				e.App = c
			}
		case c.Name.Local == "text":
			if e.Text == "" {
				e.Text = c.InnerText()
			}
		case e.Condition == "":
			if _, ok := conditions[c.Name.Local]; ok {
				e.Condition = c.Name.Local
				e.Alternate = c.InnerText()
			}
		}
	}
	if e.Condition == "" {
		e.Condition = "undefined-condition"
	}
	switch t := ErrorKind(n.Attr("type")); t {
	case Auth, Cancel, Continue, Modify, Wait:
		e.Type = t
	default:
		e.Type = conditions[e.Condition].kind
	}
	return e, nil
}
