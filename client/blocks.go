package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/blocking"
	"godwit/xmlstream"
)

// blocks are whom the user has blocked, as the server last told (XEP-0191). It stops them; this end closes what does not pass through it.
type blocks struct {
	known bool // the server has told, in this run
	set   map[jid.JID]struct{}
}

func (b *blocks) has(j jid.JID) bool {
	_, ok := b.set[j]
	return ok
}

// matches reports whether an address is blocked.
func (b *blocks) matches(who jid.JID) bool { return len(b.set) > 0 && blocking.Matches(who, b.has) }

func (b *blocks) sorted() []jid.JID {
	list := make([]jid.JID, 0, len(b.set))
	for j := range b.set {
		list = append(list, j)
	}
	slices.SortFunc(list, func(x, y jid.JID) int { return cmp.Compare(x.String(), y.String()) })
	return list
}

// ErrNoBlocking: the server cannot block anybody.
var ErrNoBlocking = WithCode("unsupported", errors.New("client: the server has no blocklist"))

// Block stops everything that comes from these addresses and goes to them: people, single devices (full addresses) or whole domains. They see
// the user leave; direct links with them end at once. It needs the server.
func (c *Client) Block(ctx context.Context, who ...jid.JID) error {
	if len(who) == 0 {
		return fmt.Errorf("%w: nobody to block", ErrInvalid)
	}
	return c.changeBlocks(ctx, blocking.Command{Items: who})
}

// Unblock ends that. It needs the server.
func (c *Client) Unblock(ctx context.Context, who ...jid.JID) error {
	if len(who) == 0 { // which would mean all
		return fmt.Errorf("%w: nobody to unblock", ErrInvalid)
	}
	return c.changeBlocks(ctx, blocking.Command{Unblock: true, Items: who})
}

func (c *Client) changeBlocks(ctx context.Context, command blocking.Command) error {
	for _, j := range command.Items {
		if j.IsZero() || j.Bare() == c.core.self {
			return fmt.Errorf("%w: that is nobody who can be blocked", ErrInvalid)
		}
	}
	return c.ask(ctx, func(k *core, done func(error)) {
		k.request(k.self, stanza.Set, command.Encode, func(_ *stanza.Stanza, err error) {
			switch {
			case unsupported(err):
				err = ErrNoBlocking
			case err == nil:
				k.applyBlocks(command)
			}
			done(err)
		})
	})
}

// Blocked returns who is blocked, in the order of their addresses; without a connection as it was last.
func (c *Client) Blocked(ctx context.Context) (who []jid.JID, err error) {
	err = c.call(ctx, func(k *core) error {
		if !k.blocks.known {
			if !k.online() {
				return ErrOffline
			}
			return ErrNoBlocking
		}
		who = k.blocks.sorted()
		return nil
	})
	return who, err
}

// askBlocks asks for the list, and for pushes from then on.
func (k *core) askBlocks() {
	k.request(k.self, stanza.Get, blocking.List{}.Encode, k.inSession(func(s *stanza.Stanza, err error) {
		if err != nil {
			k.log.Info("the server tells no blocklist", "error", err)
			return
		}
		n, _ := s.Child(blocking.NS, "blocklist")
		list, err := blocking.ParseList(n)
		if err != nil {
			k.log.Warn("the blocklist is unreadable", "error", err)
			return
		}
		first := !k.blocks.known
		k.blocks.known = true
		set := make(map[jid.JID]struct{}, len(list.Items))
		for _, j := range list.Items {
			set[j] = struct{}{}
		}
		k.setBlocks(set, first)
	}))
}

// blocksPushed takes a change that the server tells. Only it may (as RFC 6121 §2.1.6 has it for the roster).
func (k *core) blocksPushed(from jid.JID, n xmlstream.Node) *stanza.Error {
	if !from.IsZero() && from != k.self {
		k.log.Warn("a forged change of the blocklist was dropped", "from", from.String())
		return stanza.ErrServiceUnavailable()
	}
	c, err := blocking.ParseCommand(n)
	if err != nil {
		return stanza.ErrBadRequest()
	}
	k.applyBlocks(c)
	return nil
}

func (k *core) applyBlocks(c blocking.Command) {
	set := make(map[jid.JID]struct{}, len(k.blocks.set)+len(c.Items))
	if !c.Unblock || len(c.Items) > 0 {
		for j := range k.blocks.set {
			set[j] = struct{}{}
		}
	}
	for _, j := range c.Items {
		if c.Unblock {
			delete(set, j)
		} else {
			set[j] = struct{}{}
		}
	}
	k.setBlocks(set, false)
}

// setBlocks makes a list the one that holds, and ends what it forbids: links, introductions, and what is shown of the presence of people who
// cannot be seen any more.
func (k *core) setBlocks(set map[jid.JID]struct{}, first bool) {
	if same := len(set) == len(k.blocks.set); same && !first {
		for j := range set {
			same = same && k.blocks.has(j)
		}
		if same {
			return
		}
	}
	k.blocks.set = set
	k.permissions.setBlocked(set)
	for _, devices := range k.people.people {
		for full := range devices {
			if k.blocks.matches(full) {
				k.deviceGone(full, "")
			}
		}
	}
	k.permitAll()
	for _, l := range k.links.open {
		if k.blocks.matches(l.device) {
			k.closeLink(l, "blocked")
		}
	}
	k.introduceAll()
	k.emit(BlocksChanged{Blocked: k.blocks.sorted()})
}
