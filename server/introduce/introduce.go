// Package introduce decides whether one account may offer another a direct path (Jingle, XEP-0166). The offers themselves pass through
// server/deliver like any other request; what they contain is the two clients' business.
package introduce

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
	"godwit/xmlstream"
)

// Policy says between whom introductions pass.
type Policy string

// The policies.
const (
	// Contacts passes them between two accounts of which one shows the other its presence and is shown it, that is, mutual contacts.
	Contacts Policy = "contacts"
	// Anyone passes all of them; the clients decide.
	Anyone Policy = "anyone"
	// Off passes none: every message stays on the server.
	Off Policy = "off"
)

// ParsePolicy reads a policy as configured.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case Contacts, Anyone, Off:
		return p, nil
	}
	return "", fmt.Errorf("introductions pass by policy contacts, anyone or off, not %q", s)
}

// NS is the namespace of the application-specific error condition by which a client tells a policy from a missing client.
const NS = "urn:godwit:introduce:0"

// Counters are the numbers operators watch.
type Counters struct {
	Passed  atomic.Int64 // Jingle requests passed on
	Refused atomic.Int64 // refused by policy
}

// Contacts of an account, as package account knows them.
type rosters interface {
	Contact(owner, who jid.JID) (account.Contact, error)
}

// Gate applies a policy. Safe for concurrent use.
type Gate struct {
	policy   Policy
	rosters  rosters
	log      *slog.Logger
	Counters Counters
}

// NewGate returns a gate.
func NewGate(p Policy, r rosters, log *slog.Logger) *Gate {
	return &Gate{policy: p, rosters: r, log: log}
}

// Allow reports what keeps an introduction from passing, or nil. It looks at the recipient's roster: what somebody claims in their own proves
// nothing.
func (g *Gate) Allow(_ context.Context, from, to jid.JID) *stanza.Error {
	var reason string
	switch g.policy {
	case Anyone:
	case Off:
		reason = "direct connections are switched off on this server"
	default:
		c, err := g.rosters.Contact(to.Bare(), from.Bare())
		if err != nil {
			g.log.Error("an introduction could not be judged", "from", from.String(), "to", to.String(), "error", err)
			return stanza.ErrInternalServerError()
		}
		if !c.From || !c.To {
			reason = "direct connections are only for mutual contacts"
		}
	}
	if reason == "" {
		g.Counters.Passed.Add(1)
		return nil
	}
	g.Counters.Refused.Add(1)
	g.log.Info("introduction refused", "from", from.String(), "to", to.String(), "policy", string(g.policy))
	return stanza.ErrForbidden().WithText(reason).WithApp(xmlstream.NewNode(NS, "refused", xmlstream.A("policy", string(g.policy))))
}
