package framing

import (
	"godwit/link"
	"godwit/xmlstream"
)

// Namespace of <open/> and <close/> (RFC 7395 §3.3).
const Namespace = "urn:ietf:params:xml:ns:xmpp-framing"

// Closing is the message that ends a stream (RFC 7395 §3.6).
const Closing = "<close xmlns='" + Namespace + "'/>"

// AppendOpen renders the message that begins a stream (RFC 7395 §3.4).
func AppendOpen(dst []byte, h link.Header) []byte {
	attributes := make([]xmlstream.Attr, 0, 5)
	for _, a := range [...]xmlstream.Attr{
		xmlstream.A("id", h.ID), xmlstream.A("from", h.From), xmlstream.A("to", h.To),
		xmlstream.A("version", h.Version), xmlstream.Lang(h.Lang),
	} {
		if a.Value != "" {
			attributes = append(attributes, a)
		}
	}
	dst = append(dst, "<open xmlns='"+Namespace+"'"...)
	return append(xmlstream.AppendAttrs(dst, attributes), "/>"...)
}

// Parse reads one message. Inside says whether the stream has begun. What it
// refuses it refuses with *xmlstream.Error. The frame shares no memory with the
// message.
func Parse(message []byte, limits xmlstream.Limits, inside bool) (link.Frame, error) {
	if limit := limits.StanzaBytes; limit > 0 && len(message) > limit {
		return link.Frame{}, tooLong()
	}
	if len(message) == 0 || message[0] != '<' { // §3.3: nothing in front, and nothing but an element
		return link.Frame{}, &xmlstream.Error{Condition: xmlstream.BadFormat, Detail: "a message begins with an element"}
	}
	el, err := xmlstream.ParseElement(message, limits)
	if err != nil {
		return link.Frame{}, err
	}
	framing := el.Name.Space == Namespace
	switch {
	case framing && el.Name.Local == "close":
		return link.Frame{Kind: link.Close}, nil
	case framing && el.Name.Local == "open" && !inside:
		return link.Frame{Kind: link.Open, Header: link.Header{
			To: el.Attr("to"), From: el.Attr("from"), ID: el.Attr("id"), Version: el.Attr("version"), Lang: el.Lang(),
		}}, nil
	case framing || !inside:
		return link.Frame{}, &xmlstream.Error{Condition: xmlstream.BadFormat, Detail: "a stream begins with one <open/> and ends with <close/>"}
	}
	return link.Frame{Kind: link.Element, Element: el}, nil
}

func tooLong() error {
	return &xmlstream.Error{Condition: xmlstream.PolicyViolation, Detail: "the message is larger than a stanza may be"}
}
