package deliver

import (
	"godwit/server/account"
	"godwit/store"
	"godwit/stream"
)

// inFlight bounds how many stanzas of one session wait for the disk; then its reader waits too, and with it the client.
const inFlight = 512

// Inbound is the receiving half of a session's stream; *stream.Stream is one.
type Inbound interface {
	Handled(seq uint64)
	Managed() bool
}

// Line is what one session sends, in order. Its reader owns it; the functions it hands to the store run on the store's goroutine.
//
// A stanza that needs no storing could overtake one that waits for the disk. So while anything of this line is with the store, everything
// goes there, be it as an empty batch: batches come back in the order they were handed over.
type Line struct {
	Session *account.Session
	in      Inbound
	slots   chan struct{} // one taken per stanza that is with the store
}

// NewLine returns the line of a session that reads from in.
func NewLine(s *account.Session, in Inbound) *Line {
	return &Line{Session: s, in: in, slots: make(chan struct{}, inFlight)}
}

// then runs f once batch is on disk, after everything the line handed over before. f gets whether it runs on the reader's goroutine, where
// it may work on accounts directly. An error is the store's refusal; f has it too.
func (l *Line) then(commits store.Committer, batch store.Batch, f func(r store.Result, err error, inline bool)) {
	empty := len(batch.Archive) == 0 && len(batch.Inbox) == 0 && len(batch.Deletes) == 0
	if empty && len(l.slots) == 0 {
		f(store.Result{}, nil, true)
		return
	}
	l.slots <- struct{}{}
	err := commits.Commit(batch, func(r store.Result, err error) {
		f(r, err, false)
		<-l.slots
	})
	if err != nil {
		<-l.slots
		l.Drain()
		f(store.Result{}, err, true)
	}
}

// Drain waits until nothing of the line is with the store. Only its reader may call it.
func (l *Line) Drain() {
	for range inFlight {
		l.slots <- struct{}{}
	}
	for range inFlight {
		<-l.slots
	}
}

// handled acknowledges a stanza in its turn.
func (l *Line) handled(commits store.Committer, ev stream.Event) {
	l.then(commits, store.Batch{}, func(store.Result, error, bool) { l.in.Handled(ev.Seq) })
}
