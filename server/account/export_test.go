package account

import (
	"time"

	"godwit/jid"
	"godwit/stream"
)

// SessionOptions are what a test wants a session to be like.
type SessionOptions struct {
	Carbons, Bind2, Interested bool
	ResumeFor                  time.Duration // 0: it can not be resumed
}

// Join adds a session that writes to out, as binding one does.
func (r *Registry) Join(full jid.JID, out Outlet, o SessionOptions) (s *Session) {
	r.call(full.Bare(), func(a *Account) {
		s = &Session{JID: full, Log: randomID(6), Since: time.Now(), owner: a, out: out, carbons: o.Carbons, bind2: o.Bind2, interested: o.Interested}
		if o.ResumeFor > 0 {
			s.resumeID, s.resumeFor = stream.NewResumeID(), o.ResumeFor
		}
		a.exists.Store(true)
		a.sessions = append(a.sessions, s)
		r.Counters.Sessions.Add(1)
	})
	return s
}

// Loaded reports whether an account is in memory.
func (r *Registry) Loaded(owner jid.JID) bool { return r.loaded(owner) != nil }

// Post runs f as the writer of an account.
func (r *Registry) Post(owner jid.JID, inline bool, f func()) {
	r.do(owner, inline, func(*Account) { f() })
}

// InMemory counts the accounts in memory.
func (r *Registry) InMemory() (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

// Outlet is the stream the session has now.
func (s *Session) Outlet() Outlet { return s.out }

// ForgetBlocks has an account's blocklist read again.
func (r *Registry) ForgetBlocks(owner jid.JID) { r.blocks.forget(owner) }
