package account

import (
	"context"
	"slices"

	"godwit/bus"
	"godwit/jid"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/caps"
)

// Follows are the nodes whose notices a client asked for, by the features that end in +notify (XEP-0163 §4.3.4). It never changes once made, so
// that sessions of the same software share one; nil follows nothing.
type Follows struct{ nodes map[string]struct{} }

// NewFollows returns the set of these nodes, nil for none.
func NewFollows(nodes []string) *Follows {
	if len(nodes) == 0 {
		return nil
	}
	f := &Follows{nodes: make(map[string]struct{}, len(nodes))}
	for _, n := range nodes {
		f.nodes[n] = struct{}{}
	}
	return f
}

// Has reports whether the node is followed.
func (f *Follows) Has(node string) bool {
	if f == nil {
		return false
	}
	_, ok := f.nodes[node]
	return ok
}

// Watcher is told what matters to publishing. Accounts' writers call it, so its methods must not wait.
type Watcher interface {
	// Announced: a session became available, or says that it is other software than before (XEP-0115).
	Announced(s *Session, c caps.Caps)
	// Following: an available session follows these nodes from now on.
	Following(s *Session, f *Follows)
}

// announced looks for capabilities in what a session broadcasts.
func (a *Account) announced(s *Session, st *stanza.Stanza, initial bool) {
	w := a.registry.cfg.Watcher
	n, ok := st.Child(caps.NS, "c")
	if w == nil || !ok {
		return
	}
	c, err := caps.Parse(n)
	if err != nil || c == s.caps && !initial {
		return
	}
	if c != s.caps {
		s.caps, s.follows = c, nil
	}
	w.Announced(s, c)
}

// Follow notes what the software that announced itself so follows, if it still does.
func (r *Registry) Follow(s *Session, c caps.Caps, f *Follows) {
	r.do(s.owner.owner, false, func(a *Account) {
		if s.ended || s.caps != c {
			return
		}
		s.follows = f
		if f != nil && s.available {
			r.cfg.Watcher.Following(s, f)
		}
	})
}

// Audience says which contacts get a notice, of those who see the account's presence.
type Audience struct {
	Contacts bool      // any at all
	Groups   []string  // if not empty, only those in one of these groups of the roster
	Only     []jid.JID // if not empty, only these
}

func (to *Audience) includes(it *store.RosterItem) bool {
	if len(to.Only) > 0 && slices.Contains(to.Only, it.JID) {
		return true
	}
	if len(to.Groups) > 0 {
		return slices.ContainsFunc(to.Groups, func(g string) bool { return slices.Contains(it.Groups, g) })
	}
	return len(to.Only) == 0
}

// Notify hands a notice of a node of the account's to the account's own sessions that follow it and to the audience, where it reaches those
// sessions that follow it (XEP-0163 §4.3). It returns how many contacts it went to. st has the account's bare address as its sender. It waits
// for the account and must not be called by an account's writer.
func (r *Registry) Notify(owner jid.JID, node string, st *stanza.Stanza, to Audience) (contacts int) {
	r.call(owner, func(a *Account) {
		a.toFollowers(st, node)
		if !to.Contacts || !a.loadRoster() {
			return
		}
		for contact := range a.roster.subscribers() {
			if to.includes(a.roster.items[contact]) && !a.blocks(contact) {
				contacts++
				r.cfg.Notice(st.WithTo(contact), node)
			}
		}
	})
	return contacts
}

func (a *Account) toFollowers(st *stanza.Stanza, node string) {
	for _, s := range a.sessions {
		if s.available && s.follows.Has(node) {
			s.send(st.WithTo(s.JID), 0)
		}
	}
}

// notice takes a notice of somebody else's node.
func (a *Account) notice(e *bus.Envelope) {
	if len(a.sessions) > 0 && !a.blocks(e.Stanza.From) {
		a.toFollowers(e.Stanza, e.Node)
	}
}

// Sees returns the contacts whose presence an account sees, as far as its roster says. It waits for the account.
func (r *Registry) Sees(owner jid.JID) (contacts []jid.JID) {
	r.call(owner, func(a *Account) {
		if a.loadRoster() {
			contacts = slices.Collect(a.roster.subscriptions())
		}
	})
	return contacts
}

// GiveFollower hands a notice to one session if it is still available and follows the node, and neither side has blocked the other.
func (r *Registry) GiveFollower(s *Session, node string, st *stanza.Stanza) {
	from := st.From.Bare()
	if from != s.Owner() {
		if blocked, err := r.Blocks(context.Background(), from, s.JID); blocked || err != nil {
			return
		}
	}
	r.do(s.owner.owner, true, func(a *Account) {
		if !s.ended && s.available && s.follows.Has(node) && !a.blocks(from) {
			s.send(st.WithTo(s.JID), 0)
		}
	})
}
