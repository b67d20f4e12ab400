package stanza

import (
	"godwit/jid"
	"godwit/xmlstream"
)

// Build makes a stanza. For a message typ "" is Normal. payload, if not nil, writes the content; it is called once, with
// the content namespace jabber:client in force, and leaves every element it starts ended (what it writes amiss is left
// out: the stanza then has no content at all).
func Build(kind Kind, typ string, to, from jid.JID, id string, payload func(*xmlstream.Encoder)) *Stanza {
	if t, ok := knownType(kind, typ); ok {
		typ = t
	}
	s := &Stanza{Kind: kind, Type: typ, ID: id, To: to, From: from, ns: NSClient}
	if payload != nil {
		s.inner, s.children = encode(nil, nil, s.ns, payload)
	}
	return s
}

// WithFrom gives a copy with another sender.
func (s *Stanza) WithFrom(from jid.JID) *Stanza {
	c := *s
	c.From = from
	return &c
}

// WithTo gives a copy with another recipient.
func (s *Stanza) WithTo(to jid.JID) *Stanza {
	c := *s
	c.To = to
	return &c
}

// WithID gives a copy with another id.
func (s *Stanza) WithID(id string) *Stanza {
	c := *s
	c.ID = id
	return &c
}

// WithType gives a copy with another type.
func (s *Stanza) WithType(typ string) *Stanza {
	c := *s
	c.Type, _ = knownType(s.Kind, typ)
	return &c
}

// WithLang gives a copy with another xml:lang.
func (s *Stanza) WithLang(tag string) *Stanza {
	c := *s
	c.Lang = tag
	return &c
}

// WithNS gives the stanza in another content namespace, as when it passes between a client and a server stream (RFC 6120
// §4.8.3): children in the old one, such as <body/>, are in the new one then.
func (s *Stanza) WithNS(ns string) *Stanza {
	if ns == s.ns {
		return s
	}
	c := *s
	c.ns = ns
	if kids, err := xmlstream.IndexChildren(s.inner, ns); err == nil {
		c.children = kids
	}
	return &c
}

// WithChildren gives a copy with more content at its end, written by add under the rules of Build.
func (s *Stanza) WithChildren(add func(*xmlstream.Encoder)) *Stanza {
	c := *s
	c.inner, c.children = encode(s.inner, s.children, s.ns, add)
	return &c
}

// Without gives a copy that lacks the child elements match picks by name and, if it asks, content: what a sender may not
// assert, for one. If none match it is s itself.
func (s *Stanza) Without(match func(name xmlstream.Name, tree func() xmlstream.Node) bool) *Stanza {
	var drop []int
	for i := range s.children {
		tree := func() xmlstream.Node {
			n, _ := xmlstream.ChildNode(s.inner, s.children[i], s.ns)
			return n
		}
		if match(s.children[i].Name, tree) {
			drop = append(drop, i)
		}
	}
	if len(drop) == 0 {
		return s
	}
	c := *s
	c.inner = make([]byte, 0, len(s.inner))
	c.children = make([]xmlstream.Child, 0, len(s.children)-len(drop))
	at, removed := 0, 0
	for i, child := range s.children {
		if len(drop) > 0 && drop[0] == i {
			drop = drop[1:]
			c.inner = append(c.inner, s.inner[at:child.Start]...)
			removed += child.End - child.Start
			at = child.End
			continue
		}
		child.Start -= removed
		child.End -= removed
		c.children = append(c.children, child)
	}
	c.inner = append(c.inner, s.inner[at:]...)
	return &c
}

// Result gives the answer to an IQ request (RFC 6120 §8.2.3): same id, addresses swapped, payload written as by Build.
// It is nil if s is no IQ request.
func (s *Stanza) Result(payload func(*xmlstream.Encoder)) *Stanza {
	if s.Kind != IQ || s.Type != Get && s.Type != Set {
		return nil
	}
	r := Build(IQ, Result, s.From, s.To, s.ID, payload)
	return r.WithNS(s.ns)
}

// ErrorReply gives the error answer to s (RFC 6120 §8.3.1): same kind and id, addresses swapped. It is nil where no
// answer may be given: to errors and to IQ results (§8.3.1, §8.2.3).
func (s *Stanza) ErrorReply(e *Error) *Stanza {
	if s.Type == ErrorType || s.Kind == IQ && s.Type == Result {
		return nil
	}
	r := Build(s.Kind, ErrorType, s.From, s.To, s.ID, e.Encode)
	return r.WithNS(s.ns)
}

// encode appends what add writes to canonical content and its index, never in place.
func encode(inner []byte, kids []xmlstream.Child, ns string, add func(*xmlstream.Encoder)) ([]byte, []xmlstream.Child) {
	e := xmlstream.NewEncoder(inner[:len(inner):len(inner)], ns)
	add(e)
	out := e.Bytes()
	if len(out) == len(inner) || !e.Balanced() {
		return inner, kids
	}
	base := len(inner)
	more, err := xmlstream.IndexChildren(out[base:], ns)
	if err != nil {
		return inner, kids
	}
	all := make([]xmlstream.Child, 0, len(kids)+len(more))
	all = append(all, kids...)
	for _, c := range more {
		c.Start += base
		c.End += base
		all = append(all, c)
	}
	return out, all
}
