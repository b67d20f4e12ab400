package store

import (
	"context"
	"fmt"
	"time"

	"godwit/jid"
)

// Invitation lets whoever has its token become a contact of somebody, make an account, or both (XEP-0379, XEP-0401, XEP-0445).
type Invitation struct {
	// Hash is the hash of the token, and the key. The token is not kept.
	Hash []byte
	// Inviter is the bare address of the account that invites; zero for the operator of the server.
	Inviter jid.JID
	// Contact: whoever uses it and the inviter see each other's presence from then on.
	Contact bool
	// Register: an account may be made with it, with a name of one's own choice unless Account says which address is reserved.
	Register bool
	Account  jid.JID
	Created  time.Time
	Expires  time.Time
	// Uses is how often it can still be used. What is used up is kept until it expires, so that this can be told.
	Uses int
}

// Good reports whether it can be used at a time.
func (i *Invitation) Good(now time.Time) bool { return i.Uses > 0 && i.Expires.After(now) }

// Invitations keeps invitations. [Accounts.Remove] removes those of an account.
type Invitations interface {
	// Create adds one. ErrLimit if the inviter would have more than most that are good at the time it was created (0: no bound), ErrExists if the
	// address it reserves is taken or reserved by another one, ErrNotFound if the inviter has no account, ErrInvalid for what can never be kept.
	Create(ctx context.Context, i Invitation, most int) error
	// Invitation returns one, whether or not it is good, or ErrNotFound.
	Invitation(ctx context.Context, hash []byte) (Invitation, error)
	// Redeem uses one once and returns it as it is then. ErrNotFound if it is not good at now.
	Redeem(ctx context.Context, hash []byte, now time.Time) (Invitation, error)
	// Register uses one once to make an account, all of it or nothing, and returns it. That it has expired does not matter, only that it has not
	// been removed (XEP-0445 §4). ErrNotFound if it is not there, used up or not for registration; ErrExists if the address is taken; else as
	// [Accounts.Create].
	Register(ctx context.Context, hash []byte, a Account) (Invitation, error)
	// Reserved returns whether an invitation that is good at now reserves the address for whoever has its token. hash, if not nil, is not counted.
	Reserved(ctx context.Context, account jid.JID, hash []byte, now time.Time) (bool, error)
	// Purge removes up to max that expired before a time, and returns how many.
	Purge(ctx context.Context, before time.Time, max int) (int, error)
}

// Bounds of an invitation.
const (
	MaxInvitationUses = 10_000
	maxInvitationHash = 64
)

// Check returns ErrInvalid for an invitation that can never be kept.
func (i *Invitation) Check() error {
	switch {
	case len(i.Hash) == 0 || len(i.Hash) > maxInvitationHash:
		return invalid("an invitation's hash has 1 to %d bytes", maxInvitationHash)
	case i.Uses < 1 || i.Uses > MaxInvitationUses:
		return invalid("an invitation has 1 to %d uses, not %d", MaxInvitationUses, i.Uses)
	case !i.Contact && !i.Register:
		return invalid("an invitation to nothing")
	case i.Contact && i.Inviter.IsZero():
		return invalid("a contact invitation of nobody")
	case !i.Account.IsZero() && (!i.Register || i.Uses != 1 || CheckAccount(i.Account) != nil):
		return invalid("only an invitation for one account reserves an address, and only one that can be had")
	case i.Created.IsZero() || i.Expires.IsZero():
		return invalid("an invitation needs times")
	case i.Inviter.IsZero():
		return nil
	}
	return CheckAccount(i.Inviter)
}

// Take uses an invitation once. It is for implementations of Invitations.
func (i *Invitation) Take() error {
	if i.Uses <= 0 {
		return fmt.Errorf("%w: the invitation is used up", ErrNotFound)
	}
	i.Uses--
	return nil
}
