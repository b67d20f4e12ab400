package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"godwit/jid"
)

// Token is what the server keeps of one token that signs in (XEP-0484): not the token, but what it was made from together with a secret of the
// server's that is not in the same record.
type Token struct {
	Salt      []byte
	Mechanism string // the only one it is good for
	Issued    time.Time
	Expires   time.Time
	Count     uint32 // the highest the client has used it with; 0: none
}

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return len(t.Salt) == 0 }

// Grant is the access of one client to an account, by tokens.
type Grant struct {
	// Account and Agent are the key: the bare address, and the id the client's installation gives itself (XEP-0388 §2.3).
	Account jid.JID
	Agent   string
	// ID names the grant to the owner of the account (XEP-0494). It cannot be guessed and says nothing about Agent.
	ID string
	// Software and Device are what the client said; Address is where it came from last.
	Software, Device, Address string
	// First is when it was first granted a token, Last when it last signed in.
	First, Last time.Time
	// Password: the last time, it proved the password and not a token.
	Password bool
	// Current is the token in use, New one that was sent and not used yet (XEP-0484 §6.1).
	Current, New Token
}

// Find returns the token with that salt, or nil.
func (g *Grant) Find(salt []byte) *Token {
	for _, t := range []*Token{&g.New, &g.Current} {
		if !t.IsZero() && bytes.Equal(t.Salt, salt) {
			return t
		}
	}
	return nil
}

// Expired reports whether no token of it is good at a time.
func (g *Grant) Expired(now time.Time) bool {
	return !g.Current.Expires.After(now) && !g.New.Expires.After(now)
}

// GrantUse is a sign-in with a token.
type GrantUse struct {
	Account jid.JID
	Agent   string
	Salt    []byte
	Count   uint32 // 0: the client did not count
	Address string
	Now     time.Time
}

// Use changes a grant as a sign-in does: the token becomes the current one, and one that was issued before it is no more. It fails with ErrNotFound
// for a token that is not there or has expired, and with ErrExists for a count that was used before. It is for implementations of Grants.
func (g *Grant) Use(u GrantUse) error {
	t := g.Find(u.Salt)
	if t == nil || !t.Expires.After(u.Now) {
		return fmt.Errorf("%w: no such token of %s", ErrNotFound, g.Account)
	}
	if u.Count > 0 {
		if u.Count <= t.Count {
			return fmt.Errorf("%w: the token was used %d times", ErrExists, t.Count)
		}
		t.Count = u.Count
	}
	if t == &g.New {
		g.Current, g.New = g.New, Token{}
	}
	g.Last, g.Address, g.Password = u.Now, u.Address, false
	return nil
}

// Issue changes a grant as a new token does: it takes the place of one that was sent and never used. It is for implementations of Grants.
func (g *Grant) Issue(now Grant) {
	g.New = now.New
	g.Software, g.Device, g.Address, g.Last, g.Password = now.Software, now.Device, now.Address, now.Last, now.Password
}

// Grants keeps which clients may sign in with tokens. [Accounts.SetCredentials] and [Accounts.Remove] take all grants of an account away, in the same
// transaction.
type Grants interface {
	// Issue records g.New as a token of the client, beside its current one. First and ID of a grant that is there stay. Beyond most grants of one
	// account (0: no bound) the one used least recently goes. ErrNotFound if there is no such account, ErrInvalid for what can never be kept.
	Issue(ctx context.Context, g Grant, most int) error
	// Use notes a sign-in, as [Grant.Use] has it, all of it or nothing: of two with the same count one succeeds.
	Use(ctx context.Context, u GrantUse) error
	// Grant returns a client's grant, or ErrNotFound.
	Grant(ctx context.Context, account jid.JID, agent string) (Grant, error)
	// Grants returns all of an account, the one used last first.
	Grants(ctx context.Context, account jid.JID) ([]Grant, error)
	// Revoke takes a client's grant away; ErrNotFound if it has none.
	Revoke(ctx context.Context, account jid.JID, agent string) error
	// Purge removes up to max grants of which no token is good at a time, and returns how many.
	Purge(ctx context.Context, now time.Time, max int) (int, error)
}

// Bounds of a grant's texts, in bytes.
const (
	maxAgentID   = 64
	maxAgentText = 1 << 10
	maxSalt      = 64
)

// Check returns ErrInvalid for a grant that can never be kept.
func (g *Grant) Check() error {
	switch {
	case g.Agent == "" || len(g.Agent) > maxAgentID || g.ID == "" || len(g.ID) > maxAgentID:
		return invalid("a grant needs an agent and an id of up to %d bytes", maxAgentID)
	case len(g.Software) > maxAgentText || len(g.Device) > maxAgentText || len(g.Address) > maxAgentText:
		return invalid("a grant's texts are too long")
	case g.New.IsZero() || len(g.New.Salt) > maxSalt || g.New.Mechanism == "" || len(g.New.Mechanism) > maxAgentID:
		return invalid("a grant needs a token with a salt of up to %d bytes and a mechanism", maxSalt)
	case g.New.Issued.IsZero() || g.New.Expires.IsZero() || g.First.IsZero() || g.Last.IsZero():
		return invalid("a grant needs times")
	}
	return CheckAccount(g.Account)
}
