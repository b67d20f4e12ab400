package path

import (
	"container/heap"
	"time"

	"godwit/jid"
)

// Apply carries out one effect of the chat with peer. It must not call the set: what happens meanwhile (a link that breaks on
// sending) is told afterwards.
type Apply func(peer jid.JID, e Effect)

// Initial is what a new chat starts with.
type Initial struct {
	Route      Route // "" is Auto
	NoReceipts bool  // the peer's clients are known not to confirm messages
}

// Set holds all chats of an account and wakes those that are due. It is pure like Chat and owned by the same goroutine. Chats that
// hold nothing are forgotten and made anew when needed.
type Set struct {
	cfg     Config
	initial func(peer jid.JID) Initial
	server  bool
	chats   map[jid.JID]*member
	due     queue
}

type member struct {
	peer  jid.JID
	chat  *Chat
	next  time.Time
	index int // in due, or -1
}

// NewSet returns a set without chats and without a server. initial says what a chat starts with; nil stands for the zero Initial.
func NewSet(cfg Config, initial func(peer jid.JID) Initial) *Set {
	if initial == nil {
		initial = func(jid.JID) Initial { return Initial{} }
	}
	return &Set{cfg: cfg, initial: initial, chats: map[jid.JID]*member{}}
}

// Do runs f on the chat with peer (a bare address), creating it if need be, and applies its effects. All inputs but those about the
// server go through here. now must be the time that f passes on.
func (s *Set) Do(now time.Time, peer jid.JID, f func(*Chat) []Effect, apply Apply) {
	m := s.chats[peer]
	if m == nil {
		m = &member{peer: peer, chat: NewChat(s.cfg), index: -1}
		s.chats[peer] = m
		in := s.initial(peer)
		m.chat.route, m.chat.receipts = in.Route, !in.NoReceipts
		if !m.chat.route.Valid() {
			m.chat.route = Auto
		}
		if s.server {
			s.run(m, m.chat.ServerUp(now, false), apply)
		}
	}
	s.run(m, f(m.chat), apply)
	s.schedule(m)
}

// ServerUp tells every chat that the stream to the server is ready; see Chat.ServerUp.
func (s *Set) ServerUp(now time.Time, resumed bool, apply Apply) {
	s.server = true
	s.all(func(c *Chat) []Effect { return c.ServerUp(now, resumed) }, apply)
}

// ServerDown tells every chat that the stream to the server broke.
func (s *Set) ServerDown(now time.Time, apply Apply) {
	s.server = false
	s.all(func(c *Chat) []Effect { return c.ServerDown(now) }, apply)
}

// Wake wakes every chat that is due.
func (s *Set) Wake(now time.Time, apply Apply) {
	for len(s.due) > 0 && !s.due[0].next.After(now) {
		m := s.due[0]
		s.run(m, m.chat.Wake(now), apply)
		s.schedule(m)
	}
}

// Next returns when Wake is due, or the zero time.
func (s *Set) Next() time.Time {
	if len(s.due) == 0 {
		return time.Time{}
	}
	return s.due[0].next
}

// Chat returns the chat with peer if there is one, to be read only.
func (s *Set) Chat(peer jid.JID) (*Chat, bool) {
	m, ok := s.chats[peer]
	if !ok {
		return nil, false
	}
	return m.chat, true
}

func (s *Set) all(f func(*Chat) []Effect, apply Apply) {
	for _, m := range s.chats {
		s.run(m, f(m.chat), apply)
		s.schedule(m)
	}
}

func (s *Set) run(m *member, effects []Effect, apply Apply) {
	for _, e := range effects {
		apply(m.peer, e)
	}
}

// schedule notes when m is due, or forgets it.
func (s *Set) schedule(m *member) {
	m.next = m.chat.Next()
	idle := m.chat.Idle()
	if idle {
		delete(s.chats, m.peer)
	}
	switch {
	case idle || m.next.IsZero():
		if m.index >= 0 {
			heap.Remove(&s.due, m.index)
		}
	case m.index < 0:
		heap.Push(&s.due, m)
	default:
		heap.Fix(&s.due, m.index)
	}
}

// queue is a heap of members by the time they are due.
type queue []*member

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].next.Before(q[j].next) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	m := x.(*member)
	m.index = len(*q)
	*q = append(*q, m)
}

func (q *queue) Pop() any {
	old := *q
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	m.index = -1
	return m
}
