package client

import (
	"time"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/carbons"
	"godwit/xep/delay"
	"godwit/xep/forward"
	"godwit/xep/stanzaid"
)

// source tells how a message came.
type source uint8

const (
	live     source = iota // addressed to this device, through the server
	direct                 // over a direct link
	copied                 // a carbon copy (XEP-0280)
	archived               // from the archive (XEP-0313)
)

// received is one message as it arrived, freed of what it was wrapped in.
type received struct {
	source source
	stanza *stanza.Stanza
	from   jid.JID // who wrote it; the account where the message names nobody
	to     jid.JID
	own    bool    // the user wrote it
	chat   jid.JID // bare
	origin string  // origin-id or ""
	entry  string  // id in the own archive or ""
	says   content
	time   time.Time
	late   bool
	// backlog: it was there before this client first signed in.
	backlog bool
	link    *directLink // for direct
}

// trust is what classify needs to know to tell the server's words from others'.
type trust struct {
	self      jid.JID // bare
	server    jid.JID
	stanzaIDs bool // stanza-ids by the own account are the server's
	now       time.Time
}

// unwrapCopy takes a carbon copy apart. A copy is believed only when the own
// account sends it (XEP-0280 §11), whatever it says about itself; and what it
// holds must be the account's own message, or one to it.
func unwrapCopy(s *stanza.Stanza, t *trust) (r received, isCopy, ok bool) {
	local := ""
	switch {
	case s.Has(carbons.NS, "received"):
		local = "received"
	case s.Has(carbons.NS, "sent"):
		local = "sent"
	default:
		return received{}, false, false
	}
	if !s.From.IsZero() && s.From != t.self {
		return received{}, true, false
	}
	n, _ := s.Child(carbons.NS, local)
	c, err := carbons.Parse(n)
	if err != nil || c.Forwarded.Stanza.Kind != stanza.Message {
		return received{}, true, false
	}
	r = unwrap(c.Forwarded, t, copied)
	if c.Direction == carbons.Sent {
		return r, true, r.own
	}
	return r, true, r.to.IsZero() || r.to.Bare() == t.self
}

// unwrap describes a forwarded message that the own server vouches for.
func unwrap(f forward.Forwarded, t *trust, from source) received {
	r := describeMessage(f.Stanza, t, from)
	if at := f.Delay.Stamp; !at.IsZero() && at.Before(t.now) {
		r.time = at
	}
	return r
}

// describeMessage tells who wrote a message, where it belongs and when it was
// written. The sender of s must have been verified.
func describeMessage(s *stanza.Stanza, t *trust, from source) received {
	r := received{source: from, stanza: s, from: s.From, to: s.To, time: t.now, late: from == archived}
	if r.from.IsZero() {
		r.from = t.self
	}
	if r.to.IsZero() {
		r.to = t.self
	}
	r.says = contentOf(s)
	r.own = r.from.Bare() == t.self
	r.chat = r.from.Bare()
	if r.own {
		r.chat = r.to.Bare()
	}
	if n, ok := s.Child(stanzaid.NS, "origin-id"); ok {
		if o, err := stanzaid.ParseOrigin(n); err == nil {
			r.origin = o.ID
		}
	}
	if from != direct {
		r.entry = archiveID(s, t)
		if at, ok := delayed(s, t); ok {
			r.time, r.late = at, true
		}
	}
	return r
}

// archiveID is the id the own archive gave the message. Only the own server may
// say (XEP-0359 §6).
func archiveID(s *stanza.Stanza, t *trust) string {
	if !t.stanzaIDs {
		return ""
	}
	for n := range s.Children() {
		if n.Name == stanzaid.StanzaName {
			if id, err := stanzaid.ParseStanza(n); err == nil && id.By == t.self {
				return id.ID
			}
		}
	}
	return ""
}

// delayed is the time the own server says it got the message (XEP-0203).
func delayed(s *stanza.Stanza, t *trust) (time.Time, bool) {
	for n := range s.Children() {
		if n.Name.Space != delay.NS || n.Name.Local != "delay" {
			continue
		}
		d, err := delay.Parse(n)
		if err == nil && (d.From == t.server || d.From == t.self) && d.Stamp.Before(t.now) {
			return d.Stamp, true
		}
	}
	return time.Time{}, false
}

// showable reports whether a message is part of the conversation.
func (r *received) showable() bool {
	switch r.stanza.Type {
	case stanza.ErrorType, stanza.Groupchat:
		return false
	}
	return r.says.body != "" || r.says.kind != cache.KindText
}

// id is what the message is known by to people: the origin-id, else the id.
func (r *received) id() string {
	if r.origin != "" {
		return r.origin
	}
	return r.stanza.ID
}

// path is the word for how it came.
func (r *received) path() path.Kind {
	if r.source == direct {
		return r.link.kind
	}
	return path.Server
}

// record is the message as the cache keeps it.
func (r *received) record(self jid.JID) cache.Message {
	m := cache.Message{
		Chat: r.chat, Sender: r.from.Bare(), From: r.from, OriginID: r.origin,
		Direction: cache.In, State: cache.StateReceived, Route: string(r.path()), Time: r.time.UTC(),
		Body: r.says.body, Stanza: r.stanza.Append(nil, ""), Kind: r.says.kind, Target: r.says.target,
		ReplyTo: r.says.replyTo, ReplyFrom: r.says.replyFrom, Quote: r.says.quote,
	}
	if r.stanza.ID != r.origin {
		m.Name = r.stanza.ID
	}
	if r.own {
		m.Direction, m.State = cache.Out, cache.StateSent
	}
	if r.entry != "" {
		m.Archive, m.StanzaID = self, r.entry
	}
	return m
}

// event is the message as the application sees it. m is what was kept of it.
func (r *received) event(m *cache.Message, id int64) Message {
	e := MessageFrom(m, r.to)
	e.To, e.Late = r.to, r.late
	e.Time, e.Place = r.time, cache.Cursor{Time: cache.Stamp(m.Time), ID: id}
	return e
}
