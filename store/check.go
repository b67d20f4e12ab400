package store

import (
	"fmt"
	"slices"

	"godwit/jid"
)

// The checks here are shared by all implementations, so that they refuse the same things in the same words.

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

func limit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrLimit, fmt.Sprintf(format, args...))
}

// CheckOwner returns ErrInvalid unless owner is a bare address.
func CheckOwner(owner jid.JID) error {
	if !owner.IsBare() {
		return invalid("owner %q is not a bare address", owner)
	}
	return nil
}

// CheckAccount returns ErrInvalid unless account is a bare address with a local part.
func CheckAccount(account jid.JID) error {
	if !account.IsBare() || account.Local() == "" {
		return invalid("account %q is not a bare address with a local part", account)
	}
	return nil
}

// CheckCredentials returns ErrInvalid for a set that no exchange could use.
func CheckCredentials(c map[Hash]Credentials) error {
	for h, v := range c {
		if h == "" || len(v.Salt) == 0 || v.Iterations <= 0 || len(v.StoredKey) == 0 || len(v.ServerKey) == 0 {
			return invalid("credentials for %q are incomplete", h)
		}
	}
	return nil
}

// Check returns ErrInvalid for an item that cannot be stored, and otherwise the item as it is stored: an empty
// subscription becomes SubNone, repeated groups are dropped, Version is 0.
func (it RosterItem) Check() (RosterItem, error) {
	if !it.JID.IsBare() {
		return it, invalid("contact %q is not a bare address", it.JID)
	}
	if it.Subscription == "" {
		it.Subscription = SubNone
	}
	if !it.Subscription.Valid() {
		return it, invalid("subscription %q", it.Subscription)
	}
	if it.Hidden && (!it.PendingIn || it.Subscription != SubNone || it.Ask || it.Approved) {
		return it, invalid("a hidden item holds a request and nothing else")
	}
	groups := make([]string, 0, len(it.Groups))
	for _, g := range it.Groups {
		if g == "" {
			return it, invalid("empty group name")
		}
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	it.Groups, it.Version = groups, 0
	if len(groups) == 0 {
		it.Groups = nil
	}
	return it, nil
}

// Check returns ErrInvalid for a question that makes no sense, and otherwise the question with Max brought into bounds.
func (q ArchiveQuery) Check() (ArchiveQuery, error) {
	if err := CheckOwner(q.Owner); err != nil {
		return q, err
	}
	if q.Max < 0 || q.After < 0 || q.Before < 0 || q.AfterID < 0 || q.BeforeID < 0 {
		return q, invalid("negative number in an archive query")
	}
	if len(q.IDs) > MaxArchiveIDs {
		return q, limit("%d ids in one query, %d allowed", len(q.IDs), MaxArchiveIDs)
	}
	q.Max = min(q.Max, MaxArchivePage)
	return q, nil
}

// Check returns ErrInvalid or ErrLimit for preferences that cannot be stored.
func (p ArchivePrefs) Check() error {
	switch p.Default {
	case ArchiveAlways, ArchiveNever, ArchiveRoster:
	default:
		return invalid("archive default %q", p.Default)
	}
	if len(p.Always) > MaxArchiveRules || len(p.Never) > MaxArchiveRules {
		return limit("more than %d archive rules", MaxArchiveRules)
	}
	for _, list := range [][]jid.JID{p.Always, p.Never} {
		if slices.ContainsFunc(list, jid.JID.IsZero) {
			return invalid("archive rule without an address")
		}
	}
	return nil
}

// Check returns ErrInvalid or ErrLimit for a batch that can never be stored.
func (b Batch) Check() error {
	n := len(b.Archive) + len(b.Inbox)
	for i := range b.Archive {
		if err := b.Archive[i].check(); err != nil {
			return fmt.Errorf("archive entry %d: %w", i, err)
		}
	}
	for i := range b.Inbox {
		if err := b.Inbox[i].check(len(b.Archive)); err != nil {
			return fmt.Errorf("inbox add %d: %w", i, err)
		}
	}
	for i, d := range b.Deletes {
		n += max(1, len(d.IDs))
		if err := CheckOwner(d.Owner); err != nil {
			return fmt.Errorf("inbox delete %d: %w", i, err)
		}
	}
	for i := range b.Seen {
		n++
		if err := CheckOwner(b.Seen[i].Owner); err != nil {
			return fmt.Errorf("last seen %d: %w", i, err)
		}
	}
	if n > MaxBatchEntries {
		return limit("%d entries in one batch, %d allowed", n, MaxBatchEntries)
	}
	if size := b.Bytes(); size > MaxBatchBytes {
		return limit("%d bytes in one batch, %d allowed", size, MaxBatchBytes)
	}
	return nil
}

// Bytes is what the stanzas of a batch take.
func (b Batch) Bytes() int {
	n := 0
	for i := range b.Archive {
		n += len(b.Archive[i].Stanza)
	}
	for i := range b.Inbox {
		n += len(b.Inbox[i].Entry.Stanza)
	}
	return n
}

func (e *ArchiveEntry) check() error {
	switch {
	case e.ID < 0:
		return invalid("negative id")
	case !e.Owner.IsBare():
		return invalid("owner %q is not a bare address", e.Owner)
	case e.With.IsZero():
		return invalid("no other side")
	case !e.Sender.IsBare():
		return invalid("sender %q is not a bare address", e.Sender)
	case len(e.Stanza) == 0:
		return invalid("no stanza")
	case e.Time.IsZero():
		return invalid("no time")
	}
	return nil
}

func (a *InboxAdd) check(archive int) error {
	switch {
	case !a.Entry.Owner.IsBare():
		return invalid("owner %q is not a bare address", a.Entry.Owner)
	case len(a.Entry.Stanza) == 0:
		return invalid("no stanza")
	case a.Entry.Time.IsZero():
		return invalid("no time")
	case a.IfNew < 0 || a.IfNew > archive:
		return invalid("depends on archive entry %d of %d", a.IfNew, archive)
	case a.Quota.Entries < 0 || a.Quota.Bytes < 0:
		return invalid("negative quota")
	}
	return nil
}

// CheckSecretSize returns ErrInvalid for a name or size no secret can have.
func CheckSecretSize(name string, size int) error {
	if name == "" {
		return invalid("secret without a name")
	}
	if size < MinSecretBytes || size > MaxSecretBytes {
		return invalid("secret %q of %d bytes", name, size)
	}
	return nil
}

// CheckSecret returns ErrInvalid for a secret that cannot be put.
func CheckSecret(name string, value []byte) error {
	if name == "" {
		return invalid("secret without a name")
	}
	if len(value) == 0 || len(value) > MaxSecretBytes {
		return invalid("secret %q of %d bytes", name, len(value))
	}
	return nil
}

// CheckBlocked returns ErrInvalid for a list of addresses that cannot be blocked.
func CheckBlocked(owner jid.JID, who []jid.JID) error {
	if slices.ContainsFunc(who, jid.JID.IsZero) {
		return invalid("blocked nobody")
	}
	return CheckOwner(owner)
}

// Check returns ErrInvalid for a node that cannot be kept.
func (n Node) Check() error {
	if err := CheckOwner(n.Owner); err != nil {
		return err
	}
	if n.Name == "" || len(n.Name) > MaxNodeName {
		return invalid("the name of a node has %d bytes, 1 to %d allowed", len(n.Name), MaxNodeName)
	}
	if n.Created.IsZero() {
		return invalid("no time")
	}
	return n.Config.Check()
}

// Check returns ErrInvalid for a configuration that no node can have.
func (c NodeConfig) Check() error {
	switch c.Access {
	case AccessOpen, AccessPresence, AccessRoster, AccessWhitelist:
	default:
		return invalid("access model %q", c.Access)
	}
	switch c.SendLast {
	case SendNever, SendOnPresence, SendOnSubscribe:
	default:
		return invalid("send the last item %q", c.SendLast)
	}
	if c.MaxItems < 1 || c.MaxItems > MaxNodeItems {
		return invalid("a node of %d items, 1 to %d allowed", c.MaxItems, MaxNodeItems)
	}
	for _, m := range c.Members {
		if !m.IsBare() {
			return invalid("member %q is not a bare address", m)
		}
	}
	return nil
}

// Check returns ErrInvalid for an item that cannot be kept.
func (i NodeItem) Check() error {
	switch {
	case i.ID == "" || len(i.ID) > MaxItemID:
		return invalid("the id of an item has %d bytes, 1 to %d allowed", len(i.ID), MaxItemID)
	case len(i.Payload) == 0:
		return invalid("no payload")
	case i.Time.IsZero():
		return invalid("no time")
	}
	return nil
}

// Size is what an item counts for towards NodeLimits.Bytes.
func (i NodeItem) Size() int64 { return int64(len(i.ID) + len(i.Payload)) }
