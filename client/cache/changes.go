package cache

import (
	"time"

	"godwit/jid"
)

// Kind says what a message does.
type Kind uint8

// The kinds.
const (
	KindText       Kind = 0 // it says something
	KindEdit       Kind = 1 // Body replaces that of Target (XEP-0308)
	KindRetraction Kind = 2 // Target is taken back (XEP-0424)
)

// MaxChanges bounds the answer of History.Changes, and how many changes that came before their message take effect: the newest.
const MaxChanges = 100

// Change gives m, something said, the effect of c, which changes it, and reports whether m looks different now. Only a change
// by the same author in the same chat has one. A retraction is final. An edit takes effect when it is newer than the one before:
// by its time where backfill says that it comes from an archive read backwards; else because an author's messages come in
// order, whatever clocks say, and then c's time is moved so that the order of places is that of the edits.
func (m *Message) Change(c *Message, backfill bool) bool {
	if m.Kind != KindText || m.Chat != c.Chat || m.Sender != c.Sender || !m.Retracted.IsZero() {
		return false
	}
	switch c.Kind {
	case KindRetraction:
		m.Clear(Stamp(c.Time))
		m.ReplyTo, m.ReplyFrom, m.Edited = "", jid.JID{}, time.Time{}
		return true
	case KindEdit:
		at := Stamp(c.Time)
		if !at.After(m.Edited) {
			if backfill {
				return false
			}
			at = m.Edited.Add(time.Microsecond)
			c.Time = at
		}
		if m.Edited.IsZero() {
			m.Original = m.Body
		}
		m.Edited, m.Body = at, c.Body
		return true
	}
	return false
}

// Clear takes all text out of a message that was retracted, or an edit of it.
func (m *Message) Clear(at time.Time) {
	m.Retracted, m.Body, m.Original, m.Quote, m.Stanza = at, "", "", "", nil
}
