package store

import (
	"context"

	"godwit/jid"
)

// Subscription is the state of presence between the owner and a contact (RFC 6121 §2.1.2.5).
type Subscription string

// The four states of RFC 6121 §2.1.2.5, seen from the owner.
const (
	SubNone Subscription = "none" // neither sees the other
	SubTo   Subscription = "to"   // the owner sees the contact
	SubFrom Subscription = "from" // the contact sees the owner
	SubBoth Subscription = "both"
)

// Valid reports whether s is one of the four states.
func (s Subscription) Valid() bool {
	switch s {
	case SubNone, SubTo, SubFrom, SubBoth:
		return true
	}
	return false
}

// RosterItem is one contact of one owner.
type RosterItem struct {
	// JID is the contact's address, bare or the address of a domain.
	JID jid.JID
	// Name is the handle the owner gave, or empty (RFC 6121 §2.1.2.4).
	Name string
	// Groups are kept in the order given, each once (RFC 6121 §2.1.2.6).
	Groups []string
	// Subscription is one of the four states; empty is stored as SubNone.
	Subscription Subscription
	// Ask: the owner has asked and not been answered ("Pending Out", RFC 6121 §2.1.2.2).
	Ask bool
	// Approved: the owner approved in advance (RFC 6121 §2.1.2.1, §3.4).
	Approved bool
	// PendingIn: the contact has asked and not been answered ("Pending In", RFC 6121 appendix A).
	PendingIn bool
	// Hidden: the owner does not have the contact in the roster; the record is there only because of PendingIn. Such a
	// record is never shown to clients (RFC 6121 §3.1.3) and does not move the version.
	Hidden bool
	// Request is the subscription request as it arrived, kept for redelivery until answered (RFC 6121 §3.1.3).
	Request []byte
	// Version is that of the roster after this item last changed; it is set by the store. 0 for hidden items.
	Version uint64
}

// RosterLimits bounds what one owner may have; 0 means no limit.
type RosterLimits struct {
	Items    int // shown items
	Requests int // hidden items
}

// RosterChanges is what happened to a roster since a version (RFC 6121 §2.6).
type RosterChanges struct {
	// Items are the shown items that are new or changed, oldest change first. If Full is set they are all shown items.
	Items []RosterItem
	// Removed are the contacts no longer in the roster, oldest removal first.
	Removed []jid.JID
	// Version is the version after these changes.
	Version uint64
	// Full: the version asked from is unknown or too old; Items is the whole roster and replaces what the client has.
	Full bool
}

// RosterHistory is how many removals per owner are remembered at least for [Roster.Since]. A client that missed more
// gets the whole roster.
const RosterHistory = 128

// Roster keeps contacts, with versions (RFC 6121 §2, §2.6). Owners are bare addresses; whether an account exists is not
// checked.
//
// The version of an owner's roster moves with every change to a shown item and never repeats, also not after the
// account was removed and added again. It is 0 only for an owner who never had a roster.
type Roster interface {
	// Load returns all items, hidden ones too, in order of address, and the version.
	Load(ctx context.Context, owner jid.JID) (items []RosterItem, version uint64, err error)
	// Put adds an item or replaces it whole, and returns the version after it. ErrLimit if it would be one more than
	// allowed; an item that is already there in the same role (shown or hidden) can always be replaced.
	Put(ctx context.Context, owner jid.JID, item RosterItem, limits RosterLimits) (version uint64, err error)
	// Delete removes an item and returns the version after it, or ErrNotFound.
	Delete(ctx context.Context, owner, contact jid.JID) (version uint64, err error)
	// Since returns what changed after the given version.
	Since(ctx context.Context, owner jid.JID, version uint64) (RosterChanges, error)
}
