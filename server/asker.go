package server

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
	"godwit/xep/version"
)

// askFor is how long an answer is waited for.
const askFor = 30 * time.Second

// asker asks clients that did not say so at sign-in what they are (XEP-0092). mu guards the open questions.
type asker struct {
	domain   jid.JID
	accounts *account.Registry

	mu   sync.Mutex
	open map[*account.Session]string // the id of the question
}

func newAsker(domain jid.JID, accounts *account.Registry) *asker {
	return &asker{domain: domain, accounts: accounts, open: make(map[*account.Session]string)}
}

func (a *asker) ask(s *account.Session) {
	var b [9]byte
	rand.Read(b[:]) // never fails
	id := "version-" + hex.EncodeToString(b[:])
	a.mu.Lock()
	a.open[s] = id
	a.mu.Unlock()
	time.AfterFunc(askFor, func() { a.take(s, id) })
	a.accounts.Give(s, stanza.Build(stanza.IQ, stanza.Get, s.JID, a.domain, id, version.Version{}.Encode), true)
}

// take closes a question and reports whether it was open.
func (a *asker) take(s *account.Session, id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open[s] != id {
		return false
	}
	delete(a.open, s)
	return true
}

// answer takes an answer that a session sent to the server. Whatever was not asked is ignored.
func (a *asker) answer(s *account.Session, st *stanza.Stanza) {
	if !a.take(s, st.ID) || st.IsError() {
		return
	}
	n, ok := st.PayloadNode()
	if !ok {
		return
	}
	v, err := version.Parse(n)
	if err != nil || v.Name == "" {
		return
	}
	s.SetClient(account.Client{Name: v.Name, Version: v.Version, OS: v.OS})
}
