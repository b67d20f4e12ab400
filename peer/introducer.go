package peer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"
)

// Errors of an Introducer.
var (
	ErrClosed = errors.New("peer: the introducer is closed")
	// ErrNoTransport: the peer knows none of our transports.
	ErrNoTransport = errors.New("peer: no transport in common")
	// ErrNotFull: only one device can be linked, so its full address is needed.
	ErrNotFull = errors.New("peer: not a full address")
)

// maxQueued bounds the stanzas waiting for the Introducer's goroutine.
const maxQueued = 1024

// Config says what an Introducer works with.
type Config struct {
	// Send sends an IQ on the client's stream, which stamps its address. An
	// error means that the server cannot be reached now. Must not block on the
	// network. Called on the Introducer's goroutine.
	Send func(*stanza.Stanza) error
	// Transports in the order of preference, at least one.
	Transports []Transport
	// Policy decides about each peer, when an introduction begins.
	Policy Policy
	// Report receives what happens, in order, on the Introducer's goroutine;
	// nothing after Close returned. It must not block and must not call Close.
	Report func(Report)
	// Timeouts; the zero value is sensible.
	Timeouts Timeouts
	// Logger may be nil.
	Logger *slog.Logger
}

// State is what a Report says.
type State uint8

// The states of a session, as reported: Connecting once; Up for each link, or not
// at all; Moved for a link that is up; Down once.
const (
	Connecting State = iota + 1
	Up
	Down
	Moved
)

func (s State) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Up:
		return "up"
	case Down:
		return "down"
	case Moved:
		return "moved"
	}
	return "invalid"
}

// Report tells about one session.
type Report struct {
	Key   Key
	Role  Role
	State State
	// Link and Path are set when State is Up or Moved. The receiver owns the
	// link: the Initiator sends the stream header first (XEP-0247 §2), on every
	// link of the session. Up again is a link on a better path: the receiver
	// moves to it and ends the older one. When all links have ended, whoever
	// ended them, the session has. A link that is never read is never noticed to
	// be dead. Moved tells that a link from an earlier Up takes another path.
	Link link.Link
	Path Path
	// Reason is set when State is Down. A link that was handed out is closed or
	// closing by then.
	Reason Reason
}

// Introducer runs introductions. Its methods may be called by any goroutine;
// all state is owned by the goroutine of run, which they reach by the queue.
type Introducer struct {
	config Config
	log    *slog.Logger
	prefix string // of our IQ ids

	mu     sync.Mutex // guards the queue only
	queue  []func()
	closed bool
	wake   chan struct{}
	done   chan struct{}

	// Owned by run.
	machine *Machine
	halves  map[Key]*half
	endings sync.WaitGroup // watchers of links
}

// New starts an Introducer. Close ends it.
func New(config Config) *Introducer {
	i := &Introducer{
		config: config, log: config.Logger, prefix: "jingle-" + random(8) + "-",
		wake: make(chan struct{}, 1), done: make(chan struct{}), halves: make(map[Key]*half),
	}
	if i.log == nil {
		i.log = slog.New(slog.DiscardHandler)
	}
	var namespaces []string
	for _, t := range config.Transports {
		namespaces = append(namespaces, t.Namespace())
	}
	newID := func() string { return i.prefix + random(12) }
	i.machine = NewMachine(namespaces, config.Policy, newID, config.Timeouts)
	go i.run()
	return i
}

// random returns n unguessable bytes in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}

// Features lists what service discovery announces (XEP-0166 §11, XEP-0247 §2).
func (i *Introducer) Features() []string {
	features := []string{jingle.NS, xmlstreamapp.NS}
	for _, t := range i.config.Transports {
		features = append(features, t.Namespace())
	}
	return features
}

// SetSelf tells the client's full JID after each sign-in.
func (i *Introducer) SetSelf(self jid.JID) { i.do(func() { i.machine.SetSelf(self) }) }

// Connect begins an introduction to one device of a contact, unless one is
// under way or a link is up; then it does nothing. Features are those the device
// announces; the first transport of ours among them is taken, and when it fails
// the next. What comes of it is reported.
func (i *Introducer) Connect(peer jid.JID, features []string) error {
	if !peer.IsFull() {
		return fmt.Errorf("%w: %v", ErrNotFull, peer)
	}
	common := i.common(features)
	if len(common) == 0 || !slices.Contains(features, xmlstreamapp.NS) {
		return fmt.Errorf("%w: %v", ErrNoTransport, peer)
	}
	return i.do(func() {
		if !i.machine.Live(peer) {
			i.offer(peer, common)
		}
	})
}

// common lists our transports that a device announces, best first.
func (i *Introducer) common(features []string) []Transport {
	var list []Transport
	for _, t := range i.config.Transports {
		if slices.Contains(features, t.Namespace()) {
			list = append(list, t)
		}
	}
	return list
}

// Replace begins an introduction even though one is there: a new link beside one
// that is no longer trusted. The old one is left to its owner.
func (i *Introducer) Replace(peer jid.JID, features []string) error {
	common := i.common(features)
	if len(common) == 0 || !peer.IsFull() {
		return fmt.Errorf("%w: %v", ErrNoTransport, peer)
	}
	return i.do(func() { i.offer(peer, common) })
}

// Disconnect ends every introduction to and link with a device.
func (i *Introducer) Disconnect(peer jid.JID) error {
	return i.do(func() {
		for _, key := range i.machine.Sessions() {
			if key.Peer == peer {
				i.perform(i.machine.Ended(key, jingle.Success))
			}
		}
	})
}

// Forget ends the introductions that have led to no link yet: for when the server
// has lost what was said in them.
func (i *Introducer) Forget() error {
	return i.do(func() {
		for _, key := range i.machine.Sessions() {
			if h := i.halves[key]; h == nil || len(h.links) == 0 {
				i.perform(i.machine.Ended(key, jingle.Gone))
			}
		}
	})
}

// Cancel ends one introduction that has led to no link yet: for when another kind of
// attempt is wanted in its place. One that has is left alone.
func (i *Introducer) Cancel(key Key) error {
	return i.do(func() {
		if h := i.halves[key]; h == nil || len(h.links) == 0 {
			i.perform(i.machine.Ended(key, jingle.Cancel))
		}
	})
}

// HandleIQ takes an IQ of the client's stream and reports whether it was for
// the Introducer: requests with a <jingle/> payload and replies to its own.
func (i *Introducer) HandleIQ(iq *stanza.Stanza) bool {
	if iq.Kind != stanza.IQ {
		return false
	}
	switch iq.Type {
	case stanza.Set:
		if !iq.Has(jingle.NS, "jingle") {
			return false
		}
		if i.enqueue(true, func() { i.perform(i.machine.HandleRequest(time.Now(), iq)) }) != nil {
			if reply := iq.ErrorReply(stanza.ErrResourceConstraint()); reply != nil {
				_ = i.config.Send(reply)
			}
		}
		return true
	case stanza.Result, stanza.ErrorType:
		if !strings.HasPrefix(iq.ID, i.prefix) {
			return false
		}
		_ = i.enqueue(true, func() { i.perform(i.machine.HandleReply(time.Now(), iq)) })
		return true
	}
	return false
}

// Close ends every session and link, and returns when all goroutines are gone;
// links get their bounded time to flush. Further calls wait for the first.
func (i *Introducer) Close() {
	_ = i.do(func() {
		for _, key := range i.machine.Sessions() {
			i.perform(i.machine.Ended(key, jingle.Gone))
		}
	})
	i.mu.Lock()
	i.closed = true
	i.mu.Unlock()
	i.signal()
	<-i.done
	i.endings.Wait()
}

// do queues work for the goroutine.
func (i *Introducer) do(work func()) error { return i.enqueue(false, work) }

var errBusy = errors.New("peer: too many stanzas at once")

func (i *Introducer) enqueue(bounded bool, work func()) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.closed:
		return ErrClosed
	case bounded && len(i.queue) >= maxQueued:
		return errBusy
	}
	i.queue = append(i.queue, work)
	i.signal()
	return nil
}

func (i *Introducer) signal() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// run owns everything.
func (i *Introducer) run() {
	defer close(i.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		i.mu.Lock()
		work, closed := i.queue, i.closed
		i.queue = nil
		i.mu.Unlock()
		for _, f := range work {
			f()
		}
		if closed {
			i.leave()
			return
		}
		i.perform(i.machine.Tick(time.Now()))
		wait := time.Hour
		if deadline := i.machine.Deadline(); !deadline.IsZero() {
			wait = max(0, time.Until(deadline))
		}
		timer.Reset(wait)
		select {
		case <-i.wake:
		case <-timer.C:
		}
	}
}

// leave cleans up what came in after Close had ended all sessions.
func (i *Introducer) leave() {
	for _, key := range i.machine.Sessions() {
		i.perform(i.machine.Ended(key, jingle.Gone))
	}
}

// offer makes the initiator's half and sends the offer: of the first transport
// that can be had, with the others to fall back to.
func (i *Introducer) offer(peer jid.JID, common []Transport) {
	key := Key{peer, random(16)}
	decision := i.config.Policy(peer)
	if i.machine.Count(peer) >= maxPerPeer {
		i.refused(key, Initiator, errors.New("earlier attempts with this device have not ended"))
		return
	}
	if !decision.Talk {
		i.refused(key, Initiator, errors.New("the settings allow no direct link to this contact"))
		return
	}
	var failures []error
	for at, transport := range common {
		h := &half{role: Initiator}
		session, err := transport.Offer(i.params(key, h, decision.Addresses))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		h.session = session
		i.halves[key] = h
		var others []string
		for _, t := range common[at+1:] {
			others = append(others, t.Namespace())
		}
		i.report(Report{Key: key, Role: Initiator, State: Connecting})
		i.perform(i.machine.Initiate(time.Now(), key, decision.Addresses, session.Local(), others...))
		return
	}
	i.refused(key, Initiator, errors.Join(failures...))
}

// refused reports an attempt that ended before it began.
func (i *Introducer) refused(key Key, role Role, err error) {
	i.report(Report{Key: key, Role: role, State: Connecting})
	i.report(Report{Key: key, Role: role, State: Down, Reason: Reason{Condition: jingle.FailedTransport, Err: err}})
}

// perform does what the machine decided, in order.
func (i *Introducer) perform(ops []Op) {
	for _, op := range ops {
		switch op := op.(type) {
		case OpSend:
			if err := i.config.Send(op.Stanza); err != nil {
				i.log.Debug("peer: a request of the introduction was not sent", "to", op.Stanza.To, "error", err)
			}
		case OpAnswer:
			i.answer(op)
		case OpReplace:
			i.replace(op)
		case OpRemote:
			i.give(op.Key, op.Remote, Session.Remote)
		case OpInfo:
			i.inform(op)
		case OpEnd:
			i.end(op)
		}
	}
}

// give hands an element to a half; one it cannot use ends the session.
func (i *Introducer) give(key Key, n xmlstream.Node, to func(Session, xmlstream.Node) error) {
	h := i.halves[key]
	if h == nil || h.session == nil {
		return
	}
	if err := to(h.session, n); err != nil {
		i.perform(i.machine.Failed(time.Now(), key, conditionOf(err), err))
	}
}

// inform hands over candidates. Broken ones cost themselves, not the session.
func (i *Introducer) inform(op OpInfo) {
	if h := i.halves[op.Key]; h != nil && h.session != nil {
		if err := h.session.Info(op.Remote); err != nil {
			i.log.Debug("peer: candidates could not be used", "peer", op.Key.Peer, "error", err)
		}
	}
}

// conditionOf tells errors of the peer's making from our own.
func conditionOf(err error) string {
	var e *stanza.Error
	if errors.As(err, &e) {
		return jingle.IncompatibleParameters
	}
	return jingle.FailedTransport
}

func (i *Introducer) report(r Report) {
	if i.config.Report != nil {
		i.config.Report(r)
	}
}
