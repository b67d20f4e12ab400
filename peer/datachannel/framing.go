package datachannel

import (
	"godwit/link"
	"godwit/xmlstream"
)

// Framing of RFC 7395: every message is one element, a document of its own.

const nsFraming = "urn:ietf:params:xml:ns:xmpp-framing"

// appendOpen renders a stream header (RFC 7395 §3.4).
func appendOpen(h link.Header) []byte {
	attributes := make([]xmlstream.Attr, 0, 5)
	for _, a := range [...]xmlstream.Attr{
		xmlstream.A("id", h.ID), xmlstream.A("from", h.From), xmlstream.A("to", h.To),
		xmlstream.A("version", h.Version), xmlstream.Lang(h.Lang),
	} {
		if a.Value != "" {
			attributes = append(attributes, a)
		}
	}
	b := append(make([]byte, 0, 256), "<open xmlns='"+nsFraming+"'"...)
	return append(xmlstream.AppendAttrs(b, attributes), "/>"...)
}

// closing is the regular end of a stream (RFC 7395 §3.6).
const closing = "<close xmlns='" + nsFraming + "'/>"

// parseFrame reads one message. Inside says whether the stream has begun.
func parseFrame(message []byte, limits xmlstream.Limits, inside bool) (link.Frame, error) {
	if limit := limits.StanzaBytes; limit > 0 && len(message) > limit {
		return link.Frame{}, &xmlstream.Error{Condition: xmlstream.PolicyViolation, Detail: "the message is larger than a stanza may be"}
	}
	el, err := xmlstream.ParseElement(message, limits)
	if err != nil {
		return link.Frame{}, err
	}
	framing := el.Name.Space == nsFraming
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
