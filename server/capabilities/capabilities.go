// Package capabilities finds out which notices each session wants (XEP-0115, XEP-0163 §4.3.4): by the hash a client announces, or, where nobody
// has answered for that hash yet, by asking the client.
//
// An answer holds for everybody who announces the same only if it bears out the hash; otherwise for the one session that gave it. So nobody can
// make the server believe anything about the software of somebody else. What nobody asked is not listened to. What may not enter: nodes, and who
// may read them.
package capabilities

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
	"godwit/xep/caps"
	"godwit/xep/disco"
	"godwit/xep/pubsub"
)

// Bounds.
const (
	askFor     = 30 * time.Second // how long an answer is waited for
	maxKnown   = 2000             // kinds of software remembered; the least used go first
	maxWaiting = 1000             // sessions that wait for another's answer about one kind; more ask for themselves
	maxFollows = 128              // nodes one kind of software may follow
	maxNames   = 8 << 10          // bytes of their names together
)

// Sessions are those that are asked; *account.Registry knows them. Neither method waits.
type Sessions interface {
	Give(s *account.Session, st *stanza.Stanza, inline bool)
	Follow(s *account.Session, c caps.Caps, f *account.Follows)
}

// Room knows what software follows. mu guards all below it; nothing is called while it is held. Safe for concurrent use.
type Room struct {
	domain   jid.JID
	sessions Sessions
	after    func(time.Duration, func()) *time.Timer

	mu     sync.Mutex
	young  map[key]*account.Follows // used since the last time the generations changed
	old    map[key]*account.Follows
	asking map[key]*question
	open   map[*account.Session]*question
}

// key is what a hash names; the node in the announcement is only decoration.
type key struct{ hash, ver string }

// question is one that a session has not answered yet.
type question struct {
	id      string
	caps    caps.Caps
	session *account.Session
	shared  bool // others wait for the answer
	waiting []waiter
	timer   *time.Timer
}

type waiter struct {
	session *account.Session
	caps    caps.Caps
}

// New returns a room that knows nothing yet.
func New(domain jid.JID, sessions Sessions) *Room {
	return &Room{
		domain: domain, sessions: sessions, after: time.AfterFunc,
		young: make(map[key]*account.Follows), asking: make(map[key]*question), open: make(map[*account.Session]*question),
	}
}

// Announced is told that a session says what software it is. It does not wait.
func (r *Room) Announced(s *account.Session, c caps.Caps) {
	r.mu.Lock()
	if f, known := r.get(c); known {
		r.mu.Unlock()
		r.sessions.Follow(s, c, f)
		return
	}
	if q := r.open[s]; q != nil && q.caps == c { // it said so before, and is being asked
		r.mu.Unlock()
		return
	}
	k := key{c.Hash, c.Ver}
	q := &question{caps: c, session: s}
	if !c.Legacy() {
		if other := r.asking[k]; other != nil && len(other.waiting) < maxWaiting {
			other.waiting = append(other.waiting, waiter{s, c})
			r.mu.Unlock()
			return
		}
		if q.shared = r.asking[k] == nil; q.shared {
			r.asking[k] = q
		}
	}
	displaced := r.ask(q)
	r.mu.Unlock()
	r.send(q)
	r.send(displaced)
}

// get looks a kind of software up and keeps it among the young.
func (r *Room) get(c caps.Caps) (*account.Follows, bool) {
	if c.Legacy() {
		return nil, false
	}
	k := key{c.Hash, c.Ver}
	if f, ok := r.young[k]; ok {
		return f, true
	}
	f, ok := r.old[k]
	if ok {
		r.put(k, f)
	}
	return f, ok
}

func (r *Room) put(k key, f *account.Follows) {
	if len(r.young) >= maxKnown/2 {
		r.old, r.young = r.young, make(map[key]*account.Follows)
	}
	r.young[k] = f
}

// ask opens a question. A session has one open at most: what it announces last counts. If others waited for the answer to the one before, the
// question to one of them is returned.
func (r *Room) ask(q *question) (displaced *question) {
	var b [9]byte
	rand.Read(b[:]) // never fails
	q.id = "caps-" + hex.EncodeToString(b[:])
	if before := r.open[q.session]; before != nil {
		r.close(before)
		displaced = r.next(before)
	}
	r.open[q.session] = q
	q.timer = r.after(askFor, func() { r.answered(q, nil) })
	return displaced
}

// send asks; nil is no question.
func (r *Room) send(q *question) {
	if q == nil {
		return
	}
	r.sessions.Give(q.session, stanza.Build(stanza.IQ, stanza.Get, q.session.JID, r.domain, q.id, disco.Info{Node: q.caps.Query()}.Encode), false)
}

// close takes a question off the lists.
func (r *Room) close(q *question) {
	q.timer.Stop()
	if r.open[q.session] == q {
		delete(r.open, q.session)
	}
	if k := (key{q.caps.Hash, q.caps.Ver}); r.asking[k] == q {
		delete(r.asking, k)
	}
}

// next lets another session that waited for the answer be asked; nil if there is none.
func (r *Room) next(q *question) *question {
	for len(q.waiting) > 0 {
		w := q.waiting[0]
		rest := q.waiting[1:]
		q.waiting = nil
		if r.open[w.session] != nil { // it has announced something else meanwhile
			q.waiting = rest
			continue
		}
		another := &question{caps: w.caps, session: w.session, shared: true, waiting: rest}
		r.asking[key{w.caps.Hash, w.caps.Ver}] = another
		r.ask(another)
		return another
	}
	return nil
}

// Answer takes what a session sent to the server as an answer, and reports whether it was one to a question of this room.
func (r *Room) Answer(s *account.Session, st *stanza.Stanza) bool {
	r.mu.Lock()
	q := r.open[s]
	r.mu.Unlock()
	if q == nil || q.id != st.ID {
		return false
	}
	var info *disco.Info
	if n, ok := st.Child(disco.InfoNS, "query"); ok && !st.IsError() {
		if got, err := disco.ParseInfo(n); err == nil {
			info = &got
		}
	}
	r.answered(q, info)
	return true
}

// answered ends a question; info is nil when there was no usable answer.
func (r *Room) answered(q *question, info *disco.Info) {
	var tell []waiter
	var f *account.Follows
	r.mu.Lock()
	if r.open[q.session] != q {
		r.mu.Unlock()
		return
	}
	r.close(q)
	if info != nil {
		f = follows(*info)
		tell = append(tell, waiter{q.session, q.caps})
		if caps.Verify(q.caps, *info) == nil {
			r.put(key{q.caps.Hash, q.caps.Ver}, f)
			tell = append(tell, q.waiting...)
			q.waiting = nil
		}
	}
	next := r.next(q)
	r.mu.Unlock()
	for _, w := range tell {
		r.sessions.Follow(w.session, w.caps, f)
	}
	r.send(next)
}

// follows are the nodes that software wants notices of, as many as may be.
func follows(info disco.Info) *account.Follows {
	var nodes []string
	size := 0
	for _, feature := range info.Features {
		node, ok := strings.CutSuffix(feature, pubsub.Notify)
		if !ok || node == "" || len(node) > pubsub.MaxNode {
			continue
		}
		if size += len(node); len(nodes) == maxFollows || size > maxNames {
			break
		}
		nodes = append(nodes, strings.Clone(node)) // it outlives the answer, whose bytes it would hold
	}
	return account.NewFollows(nodes)
}
