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

// half is our side of one session.
type half struct {
	role    Role
	session Session
	links   []link.Link // those that live, oldest first
}

// maxLinks bounds the links of one session that live at the same time: a relayed
// one, its successor, and room for one that takes its time to end.
const maxLinks = 3

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
// announces; the first transport of ours among them is taken. What comes of it
// is reported.
func (i *Introducer) Connect(peer jid.JID, features []string) error {
	if !peer.IsFull() {
		return fmt.Errorf("%w: %v", ErrNotFull, peer)
	}
	var transport Transport
	for _, t := range i.config.Transports {
		if slices.Contains(features, t.Namespace()) {
			transport = t
			break
		}
	}
	if transport == nil || !slices.Contains(features, xmlstreamapp.NS) {
		return fmt.Errorf("%w: %v", ErrNoTransport, peer)
	}
	return i.do(func() {
		if !i.machine.Live(peer) {
			i.offer(peer, transport)
		}
	})
}

// Replace begins an introduction even though one is there: a new link beside one
// that is no longer trusted. The old one is left to its owner.
func (i *Introducer) Replace(peer jid.JID, features []string) error {
	for _, t := range i.config.Transports {
		if slices.Contains(features, t.Namespace()) && peer.IsFull() {
			return i.do(func() { i.offer(peer, t) })
		}
	}
	return fmt.Errorf("%w: %v", ErrNoTransport, peer)
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

// offer makes the initiator's half and sends the offer.
func (i *Introducer) offer(peer jid.JID, transport Transport) {
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
	h := &half{role: Initiator}
	i.halves[key] = h
	session, err := transport.Offer(i.params(key, decision.Addresses))
	if err != nil {
		delete(i.halves, key)
		i.refused(key, Initiator, err)
		return
	}
	h.session = session
	i.report(Report{Key: key, Role: Initiator, State: Connecting})
	i.perform(i.machine.Initiate(time.Now(), key, decision.Addresses, session.Local()))
}

// refused reports an attempt that ended before it began.
func (i *Introducer) refused(key Key, role Role, err error) {
	i.report(Report{Key: key, Role: role, State: Connecting})
	i.report(Report{Key: key, Role: role, State: Down, Reason: Reason{Condition: jingle.FailedTransport, Err: err}})
}

func (i *Introducer) params(key Key, addresses Addresses) Params {
	return Params{SID: key.SID, Peer: key.Peer, Addresses: addresses, Events: Events{
		Candidates: func(n xmlstream.Node) {
			_ = i.do(func() { i.perform(i.machine.Candidates(key, n)) })
		},
		Connected: func(l link.Link, path Path) {
			if i.do(func() { i.connected(key, l, path) }) != nil {
				l.Abort()
			}
		},
		Moved: func(l link.Link, path Path) { _ = i.do(func() { i.moved(key, l, path) }) },
		Failed: func(err error) {
			_ = i.do(func() { i.perform(i.machine.Failed(time.Now(), key, jingle.FailedTransport, err)) })
		},
	}}
}

// connected takes over a link.
func (i *Introducer) connected(key Key, l link.Link, path Path) {
	ops, live := i.machine.Connected(time.Now(), key)
	h := i.halves[key]
	if !live || h == nil || len(h.links) >= maxLinks {
		l.Abort()
		i.perform(ops)
		return
	}
	h.links = append(h.links, l)
	i.endings.Go(func() {
		<-l.Done()
		_ = i.do(func() { i.linkEnded(key, h, l) })
	})
	i.report(Report{Key: key, Role: h.role, State: Up, Link: l, Path: path})
	i.perform(ops)
}

// linkEnded ends the session with its last link.
func (i *Introducer) linkEnded(key Key, h *half, l link.Link) {
	h.links = slices.DeleteFunc(h.links, func(other link.Link) bool { return other == l })
	if len(h.links) == 0 && i.halves[key] == h {
		i.perform(i.machine.Ended(key, jingle.Success))
	}
}

// moved passes on that a link takes another path.
func (i *Introducer) moved(key Key, l link.Link, path Path) {
	if h := i.halves[key]; h != nil && slices.Contains(h.links, l) {
		i.report(Report{Key: key, Role: h.role, State: Moved, Link: l, Path: path})
	}
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
		case OpRemote:
			i.give(op.Key, op.Remote, Session.Remote)
		case OpInfo:
			i.inform(op)
		case OpEnd:
			i.end(op)
		}
	}
}

// answer makes the responder's half.
func (i *Introducer) answer(op OpAnswer) {
	h := &half{role: Responder}
	i.halves[op.Key] = h
	i.report(Report{Key: op.Key, Role: Responder, State: Connecting})
	var session Session
	err := error(ErrNoTransport)
	for _, t := range i.config.Transports {
		if t.Namespace() == op.Transport {
			session, err = t.Answer(i.params(op.Key, op.Addresses), op.Remote)
			break
		}
	}
	if err != nil {
		i.perform(i.machine.Failed(time.Now(), op.Key, conditionOf(err), err))
		return
	}
	h.session = session
	i.perform(i.machine.Answered(time.Now(), op.Key, session.Local()))
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

// grace is how long a link may live on after the peer ended its session, so
// that words still on their way are read.
const grace = 2 * time.Second

// end closes our half. Links that are up are closed, not cut; when the peer ends
// the session, which it may do a moment before its last words have arrived by
// the link, they are left to end by themselves first.
func (i *Introducer) end(op OpEnd) {
	h := i.halves[op.Key]
	if h == nil {
		return
	}
	delete(i.halves, op.Key)
	down := Report{Key: op.Key, Role: h.role, State: Down, Reason: op.Reason}
	links := slices.Clone(h.links)
	switch {
	case len(links) > 0 && op.Reason.Remote:
		i.endings.Go(func() {
			i.letEnd(links)
			closeAll(links)
			h.session.Close()
			_ = i.do(func() { i.report(down) })
		})
		return
	case len(links) > 0:
		for _, l := range links {
			_ = l.Close(nil)
		}
		i.endings.Go(func() {
			closeAll(links)
			h.session.Close()
		})
	case h.session != nil:
		h.session.Close()
	}
	i.report(down)
}

// letEnd waits for links to end by themselves, for the time of grace in all.
func (i *Introducer) letEnd(links []link.Link) {
	over := time.NewTimer(grace)
	defer over.Stop()
	for _, l := range links {
		select {
		case <-l.Done():
		case <-i.done: // Close
			return
		case <-over.C:
			return
		}
	}
}

// closeAll closes links, each in its bounded time, and waits for their end.
func closeAll(links []link.Link) {
	for _, l := range links {
		_ = l.Close(nil)
	}
	for _, l := range links {
		<-l.Done()
	}
}

func (i *Introducer) report(r Report) {
	if i.config.Report != nil {
		i.config.Report(r)
	}
}
