// Package deposit takes messages that went directly between two clients into the archive of the client that hands them in, and shows them to
// the account's other sessions as ordinary carbons (urn:godwit:deposit:0, docs/direct-link.md). Each side deposits into its own account only,
// so nothing here reaches another person.
package deposit

import (
	"context"
	"errors"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/blocking"
	"godwit/xep/deposit"
)

// Archiver tells whose messages the archive keeps; *archive.Policy does.
type Archiver interface {
	Wants(ctx context.Context, owner, with jid.JID) bool
}

// skew is how far in the future a deposited message may claim to be; later ones get the server's time.
const skew = time.Minute

// Register adds the handlers of this room.
// clean takes out of a message what only the server may say.
func Register(t *handler.Table, accounts *account.Registry, commits store.Committer, archiver Archiver, clean func(*stanza.Stanza) *stanza.Stanza) {
	room := &room{accounts: accounts, commits: commits, archiver: archiver, clean: clean}
	t.Register(deposit.NS, "deposit", stanza.Set, handler.Self, room.deposit)
}

type room struct {
	accounts *account.Registry
	commits  store.Committer
	archiver Archiver
	clean    func(*stanza.Stanza) *stanza.Stanza
}

// deposit stores the batch in one transaction, then copies what is new to the other sessions, in order.
func (room *room) deposit(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	in, err := deposit.Parse(r.Payload)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	result := deposit.Result{Receipts: make([]deposit.Receipt, len(in.Items))}
	var batch store.Batch
	var stored []int // for each archive entry, which item it is
	for i, item := range in.Items {
		result.Receipts[i].Key = item.Key()
		other, bad := check(r.Account, item)
		if bad != nil {
			result.Receipts[i].Error = bad
			continue
		}
		blocked, err := room.accounts.Blocks(ctx, r.Account, other)
		if err != nil {
			return nil, err
		}
		if blocked { // nothing of them is kept, whatever way it came
			result.Receipts[i].Error = blocking.ErrBlocked()
			continue
		}
		if !room.archiver.Wants(ctx, r.Account, other.Bare()) {
			result.Receipts[i].Error = stanza.ErrNotAllowed().WithText("the account's archive does not keep this conversation")
			continue
		}
		in.Items[i].Forwarded.Stanza = room.clean(item.Forwarded.Stanza) // whoever wrote it is not trusted more for having come directly
		item = in.Items[i]
		at := item.Forwarded.Delay.Stamp
		if at.After(now.Add(skew)) {
			at = now
		}
		batch.Archive = append(batch.Archive, store.ArchiveEntry{
			Owner: r.Account, With: other, Time: at, Sender: item.Forwarded.Stanza.From.Bare(), OriginID: item.OriginID,
			Stanza: item.Forwarded.Stanza.Append(nil, ""),
		})
		stored = append(stored, i)
	}
	archived, err := room.commit(ctx, batch)
	if err != nil {
		return nil, storeError(err)
	}
	for n, a := range archived {
		i := stored[n]
		result.Receipts[i].ID = account.FormatID(a.ID)
		if a.Duplicate {
			continue
		}
		st := account.StampID(in.Items[i].Forwarded.Stanza, r.Account, a.ID)
		if in.Items[i].Direction == deposit.Sent {
			room.accounts.CopySent(r.Session, st, true)
		} else {
			room.accounts.CopyReceived(r.Session, st, true)
		}
	}
	return result.Encode, nil
}

// check makes sure that a message is between the account and somebody else, in the direction claimed, and returns the somebody.
func check(owner jid.JID, item deposit.Item) (jid.JID, *stanza.Error) {
	st := item.Forwarded.Stanza
	mine, other := st.From, st.To
	if item.Direction == deposit.Received {
		mine, other = st.To, st.From
	}
	if mine.Bare() != owner || other.Bare() == owner || other.Local() == "" {
		return jid.JID{}, stanza.ErrForbidden().WithText("this message was not exchanged by this account")
	}
	return other, nil
}

// commit waits until the batch is on disk.
func (room *room) commit(ctx context.Context, b store.Batch) ([]store.Archived, error) {
	if len(b.Archive) == 0 {
		return nil, nil
	}
	type outcome struct {
		r   store.Result
		err error
	}
	done := make(chan outcome, 1)
	if err := room.commits.Commit(b, func(r store.Result, err error) { done <- outcome{r, err} }); err != nil {
		return nil, err
	}
	select {
	case o := <-done:
		return o.r.Archive, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func storeError(err error) error {
	switch {
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrFull):
		return stanza.ErrResourceConstraint()
	case errors.Is(err, store.ErrInvalid):
		return stanza.ErrBadRequest()
	}
	return err
}
