package cache

import (
	"context"

	"godwit/jid"
)

// Batch is a set of changes that become durable together or not at all. They apply in the order of the fields.
type Batch struct {
	// Add are messages for the history; copies of what is there are merged into it.
	//
	// One that changes another (Kind) is kept like any other, but is no part of Messages, Search or Chats. It takes effect at once
	// if the message it changes is there, else when that one is added; see Message.Change.
	Add []Message
	// Enqueue are records for the outbox. Each needs its Message in Add of the same batch. A record whose origin-id the
	// account has used before refuses the whole batch with ErrExists.
	Enqueue []OutboxRecord
	// Progress tells how far outgoing messages have come.
	Progress []Progress
	// Deposit are messages to be deposited. One whose key is queued already is skipped.
	Deposit []Deposit
	// Deposited are keys of deposits the server has accepted, or that need none any more. Unknown ones are ignored.
	Deposited []Key
	// Positions say how far archives have been read, so that a page and its end become durable together.
	Positions []Position
	// Records are pieces of session state to keep together with all this.
	Records []Record
	// Read says how far chats have been read.
	Read []Reading
	// Forget takes messages out of the history; their keys stay, so they do not come back. Unknown ones are ignored, as are those
	// in the outbox.
	Forget []Key

	// Backfill: what is added is older than what is known, as when an archive is read backwards. It is not unread, and changes
	// among it do not undo newer ones.
	Backfill bool
}

// Key names a message by its author's bare address and origin-id.
type Key struct {
	Sender   jid.JID
	OriginID string
}

// Progress is a step of an outgoing message, in the history and in the outbox at once. Unknown messages are ignored.
type Progress struct {
	// Sender is the user's own bare address, OriginID the message's id.
	Sender   jid.JID
	OriginID string
	// State to reach; a lower one than the message has is ignored.
	State State
	// Route it took, or "" for no change.
	Route string
	// Error for StateFailed.
	Error string
	// Archive and StanzaID are the second key when it became known with this step (as from a deposit); both or neither.
	Archive  jid.JID
	StanzaID string
	// Remove takes the record out of the outbox. Otherwise StateSent marks it Sent there.
	Remove bool
}

// Added tells what became of one message of Batch.Add.
type Added struct {
	// ID of the record that stands.
	ID int64
	// New is set when the message was not known before. Only then is it shown.
	New bool
	// Changed is a message of KindText as it is now, without its Stanza, when that is not as it was before or as it was handed over:
	// the one that a message which changes another has changed, or the one added itself when changes to it came before it.
	Changed *Message
}

// Result tells what became of a batch, position by position.
type Result struct {
	Added    []Added
	Enqueued []int64 // OutboxRecord.Seq
	// Read tells, for each of Batch.Read, the place of the last message that is read now, or zero when nothing changed.
	Read []Cursor
}

// Committer makes changes durable, many batches at once.
type Committer interface {
	// Commit hands over a batch and returns at once. Either it returns an error and done is never called: ErrInvalid,
	// ErrLimit, ErrBusy, ErrClosed. Or it returns nil and done is called exactly once: with a nil error the batch is durable,
	// with any other none of it happened (ErrExists, ErrFull, ErrIO …).
	//
	// Batches apply, and their done functions run, in the order of the calls to Commit. The done functions run one after
	// another on a goroutine of the cache; they must return quickly and never wait for another commit (calling Commit is fine).
	Commit(b Batch, done func(Result, error)) error
}

// Bounds of one batch.
const (
	MaxBatchEntries = 4_096
	MaxBatchBytes   = 8 << 20 // stanzas, bodies and records together
)

// Write commits one batch and waits for it. When ctx ends first the batch may still become durable.
func Write(ctx context.Context, c Committer, b Batch) (Result, error) {
	type outcome struct {
		r   Result
		err error
	}
	ch := make(chan outcome, 1)
	if err := c.Commit(b, func(r Result, err error) { ch <- outcome{r, err} }); err != nil {
		return Result{}, err
	}
	select {
	case o := <-ch:
		return o.r, o.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}
