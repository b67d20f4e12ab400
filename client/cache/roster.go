package cache

import (
	"context"

	"godwit/jid"
)

// RosterItem is a contact as the server last told (RFC 6121 §2.1.2).
type RosterItem struct {
	JID          jid.JID // bare
	Name         string
	Subscription string // none, to, from, both
	Ask          bool   // the user's request is unanswered
	Approved     bool   // pre-approved by the user (RFC 6121 §3.4)
	Groups       []string
}

// MaxRosterItems is the most contacts kept.
const MaxRosterItems = 20_000

// Roster keeps the contact list and its version (RFC 6121 §2.6).
type Roster interface {
	// Roster returns all items in the order of their addresses, and the version they have ("" when never loaded).
	Roster(ctx context.Context) ([]RosterItem, string, error)
	// ReplaceRoster forgets all items and keeps these.
	ReplaceRoster(ctx context.Context, items []RosterItem, version string) error
	// PutRosterItem adds or replaces one item: a roster push.
	PutRosterItem(ctx context.Context, item RosterItem, version string) error
	// DeleteRosterItem removes one item: a roster push with subscription "remove". A missing item is no error.
	DeleteRosterItem(ctx context.Context, contact jid.JID, version string) error
}
