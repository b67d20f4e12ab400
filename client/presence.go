package client

import (
	"errors"
	"fmt"

	"godwit/jid"
	rosterxep "godwit/xep/roster"
	"godwit/xmlstream"
)

// Show is how available somebody is (RFC 6121 §4.7.2.1).
type Show string

// The values of Show.
const (
	Present      Show = "" // simply there
	Chatty       Show = "chat"
	Away         Show = "away"
	ExtendedAway Show = "xa"
	DoNotDisturb Show = "dnd"
)

// Valid reports whether s is one of the five.
func (s Show) Valid() bool {
	switch s {
	case Present, Chatty, Away, ExtendedAway, DoNotDisturb:
		return true
	}
	return false
}

// Presence is what the user lets contacts see.
type Presence struct {
	Show     Show
	Status   string
	Priority int8
	// Invisible: signed in without telling anybody; messages to the account go
	// to its other devices or wait.
	Invisible bool
}

// maxStatus bounds the words of a status, in bytes.
const maxStatus = 1024

// ErrInvalid is what calls with unusable arguments return.
var ErrInvalid = errors.New("invalid")

func (p Presence) check() error {
	switch {
	case !p.Show.Valid():
		return fmt.Errorf("%w: no presence %q; there are away, xa, dnd, chat and none", ErrInvalid, p.Show)
	case len(p.Status) > maxStatus:
		return fmt.Errorf("%w: the status is longer than %d bytes", ErrInvalid, maxStatus)
	case !xmlstream.ValidText(p.Status):
		return fmt.Errorf("%w: the status holds characters that cannot be sent", ErrInvalid)
	}
	return nil
}

// Contact is one entry of the contact list.
type Contact struct {
	JID          jid.JID // bare
	Name         string
	Groups       []string
	Subscription rosterxep.Subscription
	// Asked: the user's request is unanswered.
	Asked bool
	// Approved: a request from the contact will be accepted at once.
	Approved bool
}

// Mutual reports whether both see each other's presence.
func (c *Contact) Mutual() bool { return c.Subscription == rosterxep.Both }
