package client

import (
	"strings"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/correction"
	"godwit/xep/fallback"
	"godwit/xep/hints"
	"godwit/xep/reply"
	"godwit/xep/retraction"
	"godwit/xmlstream"
)

// content is what a message says or does, taken out of its stanza. Who wrote it and
// whether that counts is not its business.
type content struct {
	kind      cache.Kind
	target    string // id of the message it changes
	body      string // without the quotation
	quote     string
	replyTo   string
	replyFrom jid.JID // bare
}

// contentOf reads a message. What is malformed is as if it were not there, so that its
// text is shown as the text it is.
func contentOf(s *stanza.Stanza) content {
	c := content{body: s.Body()}
	if n, ok := s.Child(retraction.NS, "retract"); ok {
		if r, err := retraction.ParseRetract(n); err == nil {
			return content{kind: cache.KindRetraction, target: r.ID} // the body is for who cannot take back
		}
	}
	if c.body == "" {
		return c
	}
	if n, ok := s.Child(correction.NS, "replace"); ok {
		if r, err := correction.Parse(n); err == nil {
			c.kind, c.target = cache.KindEdit, r.ID
		}
	}
	if n, ok := s.Child(reply.NS, "reply"); ok {
		if r, err := reply.Parse(n); err == nil {
			c.replyTo, c.replyFrom = r.ID, r.To.Bare()
			c.quote, c.body = splitQuote(s, c.body)
		}
	}
	return c
}

// splitQuote takes the quotation off a reply (XEP-0428). Only lines that every client
// shows as a quotation are taken off, and never all of the text: others would see words of
// the author's that this client hides.
func splitQuote(s *stanza.Stanza, body string) (quote, rest string) {
	for n := range s.Children() {
		if n.Name.Space != fallback.NS || n.Name.Local != "fallback" {
			continue
		}
		f, err := fallback.Parse(n)
		if err != nil || f.For != reply.NS || len(f.Body) != 1 {
			continue
		}
		before, part, behind, ok := f.Body[0].Cut(body)
		if !ok || before != "" || strings.TrimSpace(behind) == "" || !quoted(part) {
			return "", body
		}
		if !strings.HasSuffix(part, "\n") { // the break is not the text's
			if behind, ok = strings.CutPrefix(behind, "\n"); !ok {
				return "", body
			}
			part += "\n"
		}
		return part, behind
	}
	return "", body
}

// quoted reports whether every line is a quotation (XEP-0393 §5.1.3).
func quoted(text string) bool {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, ">") {
			return false
		}
	}
	return text != ""
}

// Bounds of what a reply quotes of the message it answers.
const (
	maxQuoteLines = 4
	maxQuoteLine  = 200 // bytes
)

// quoteOf makes the quotation of a text.
func quoteOf(text string) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		if n++; n > maxQuoteLines {
			b.WriteString("> …\n")
			break
		}
		b.WriteString("> " + clip(strings.TrimRight(line, "\r\n"), maxQuoteLine) + "\n")
	}
	return b.String()
}

// retractionText is what clients show that cannot take messages back.
const retractionText = "(This message takes an earlier one back. Your program cannot remove it.)"

// encode writes the content into a message.
func (c *content) encode(e *xmlstream.Encoder) {
	switch c.kind {
	case cache.KindRetraction:
		e.Leaf(stanza.NSClient, "body", retractionText)
		retraction.Retract{ID: c.target}.Encode(e)
		fallback.Fallback{For: retraction.NS, Whole: true}.Encode(e)
		hints.Store.Encode(e)
		return
	case cache.KindEdit:
		correction.Replace{ID: c.target}.Encode(e)
	}
	e.Leaf(stanza.NSClient, "body", c.quote+c.body)
	if c.replyTo == "" {
		return
	}
	reply.Reply{ID: c.replyTo, To: c.replyFrom}.Encode(e)
	if c.quote != "" {
		fallback.Fallback{For: reply.NS, Body: []fallback.Range{{End: uint32(len([]rune(c.quote)))}}}.Encode(e)
	}
}

// PublicID is the id a message is known by to people and programs: the origin-id
// (XEP-0359), or where there is none the id attribute.
func PublicID(m *cache.Message) string {
	if m.OriginID != "" {
		return m.OriginID
	}
	return m.Name
}

// MessageFrom gives a message of the history as it is told. self is the user's bare
// address.
func MessageFrom(m *cache.Message, self jid.JID) Message {
	out := Message{
		From: m.From, To: self, Chat: m.Chat, Own: m.Direction == cache.Out, ID: PublicID(m), Body: m.Body, Quote: m.Quote,
		ReplyTo: m.ReplyTo, ReplyFrom: m.ReplyFrom, Edited: m.Edited, Retracted: !m.Retracted.IsZero(), Error: m.Error,
		Path: path.Kind(m.Route), Time: m.Time, State: m.State, Place: m.Place(),
	}
	if out.Own {
		out.To = m.Chat
	}
	if out.From.IsZero() {
		out.From = m.Sender
	}
	return out
}
