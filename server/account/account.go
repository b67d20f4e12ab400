package account

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/store"
)

// Account is the state of one account while anything happens to it. All fields below the line are owned by the goroutine that runs the
// mailbox; nobody else reads or writes them.
type Account struct {
	registry *Registry
	owner    jid.JID // bare; constant
	mailbox  mailbox

	// Read by anyone, written by the owner.
	reachable atomic.Int32 // available resources of non-negative priority
	exists    atomic.Bool  // a session was bound, so the account is there

	// ————————————————————————————————————————————————————————————————
	sessions []*Session // in order of binding
	roster   *roster    // nil until needed
	// inboxSent is the highest inbox id that was handed to a live session and not yet acknowledged by it; 0 when none. It keeps a second
	// session from getting the same messages.
	inboxSent int64
	// leaving are the inbox entries whose removal is under way; they are not handed out again. The account stays in memory for them.
	leaving map[int64]struct{}
	// left is when the last session left, while that is being stored; nil otherwise. The account stays in memory for it, too.
	left *store.Seen
}

func (a *Account) log() *slog.Logger { return a.registry.cfg.Log.With("account", a.owner.String()) }

// run works on the mailbox until it is empty. After budget events (0: no bound) the rest goes to a goroutine of its own.
func (a *Account) run(budget int) {
	for done := 0; ; {
		batch := a.mailbox.take()
		if batch == nil {
			return
		}
		for i := range batch {
			a.handle(&batch[i])
		}
		done += len(batch)
		a.mailbox.giveBack(batch)
		if a.idle() && a.mailbox.closeIfIdle() {
			a.registry.drop(a)
			return
		}
		if budget > 0 && done >= budget {
			go a.run(0)
			return
		}
	}
}

// idle reports whether the account may be forgotten: the store knows all there is to know about it.
func (a *Account) idle() bool { return len(a.sessions) == 0 && len(a.leaving) == 0 && a.left == nil }

// handle works on one event. A panic is a defect of this package; it is logged and ends the event, not the server.
func (a *Account) handle(it *item) {
	defer func() {
		if p := recover(); p != nil {
			a.log().Error("defect in an account event", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if it.do != nil {
		it.do()
		return
	}
	a.deliver(&it.envelope)
}

// updateReachable recounts what Registry.Reachable tells, and notes since when each session is.
func (a *Account) updateReachable() {
	n := int32(0)
	for _, s := range a.sessions {
		switch {
		case !s.isReachable():
			s.reachable = time.Time{}
			continue
		case s.reachable.IsZero():
			s.reachable = time.Now()
		}
		n++
	}
	a.reachable.Store(n)
}

// session returns the session with a resource, or nil.
func (a *Account) session(resource string) *Session {
	for _, s := range a.sessions {
		if s.JID.Resource() == resource {
			return s
		}
	}
	return nil
}

func (a *Account) rosterLimits() store.RosterLimits {
	l := a.registry.cfg.Limits
	return store.RosterLimits{Items: l.RosterItems, Requests: l.Requests}
}
