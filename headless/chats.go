package headless

import (
	"context"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/path"
)

// chatCommands are about messages.
var chatCommands = []entry{
	on("send", doSend),
	on("history", doHistory),
}

// Send sends a message.
type Send struct {
	Head
	To   string `json:"to"`
	Body string `json:"body"`
	// ID is its origin-id (XEP-0359), never used before by this account; made up if absent.
	ID    string `json:"id,omitempty"`
	Route string `json:"route,omitempty"` // auto, direct, server; else the chat's
	// ReplyTo is the id of the message it answers.
	ReplyTo string `json:"reply_to,omitempty"`
	// Replace is the id of an own message that this is the new text of (XEP-0308).
	Replace string `json:"replace,omitempty"`
}

// Retract takes an own message back (XEP-0424).
type Retract struct {
	Head
	To string `json:"to"`
	ID string `json:"id"`
}

// Retry sends a message that failed once more.
type Retry struct {
	Head
	ID string `json:"id"`
}

// SetTyping tells the other side of a chat what the user does (XEP-0085).
type SetTyping struct {
	Head
	To    string `json:"to"`
	State string `json:"state"` // active, composing, paused, inactive, gone
}

// MarkRead says that the user has seen the messages of a chat.
type MarkRead struct {
	Head
	With string `json:"with"`
	ID   string `json:"id,omitempty"` // of the last message seen; else all
}

// AskChats asks for the list of chats.
type AskChats struct {
	Head
	Max int `json:"max,omitempty"` // the newest; else all
}

// AskHistory asks for messages.
type AskHistory struct {
	Head
	With string `json:"with,omitempty"` // one chat; else all
	Max  int    `json:"max,omitempty"`  // at most; default 50
	// Before and After are cursors: only messages beyond.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Around is the id of a message of the chat: it, and as much before as after.
	Around string `json:"around,omitempty"`
}

// Search looks for words.
type Search struct {
	Head
	Text   string `json:"text"`
	With   string `json:"with,omitempty"`   // one chat; else all
	Max    int    `json:"max,omitempty"`    // at most; default 50
	Before string `json:"before,omitempty"` // cursor: only older ones
}

// defaultHistory is how much history a command gets that does not say.
const defaultHistory = 50

// doSend hands a message over and goes on; many become durable together. Order is that
// of the commands.
func doSend(ctx context.Context, q *Call, c Send) error {
	to, err := address("to", c.To)
	if err != nil {
		return err
	}
	e := q.engine
	m := client.Outgoing{To: to, Body: c.Body, ID: c.ID, Route: path.Route(c.Route)}
	if q.tag != "" {
		if m.ID == "" {
			m.ID = client.NewID()
		}
		q.Result.ID = m.ID
	}
	kept := e.remember(m.ID, q.tag)
	select {
	case e.sending <- struct{}{}:
	case <-e.client.Done():
		return client.ErrClosed
	}
	q.later = true
	err = e.client.Post(m, func(_ string, err error) {
		e.answers <- func() { // there is room for each that is in sending
			<-e.sending
			if err != nil {
				if kept {
					e.recall(m.ID)
				}
				q.fail(err)
				return
			}
			q.finish()
		}
	})
	if err != nil {
		<-e.sending
		if kept {
			e.recall(m.ID)
		}
	}
	return err
}

// remember notes the tag of a message until it is told, and reports whether it did.
func (e *Engine) remember(id, tag string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.tags[id]; taken || tag == "" {
		return false // the id is used by another one
	}
	e.tags[id] = tag
	return true
}

// recall returns the tag of a message, once.
func (e *Engine) recall(id string) (tag string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	tag, ok = e.tags[id]
	delete(e.tags, id)
	return tag, ok
}

// doHistory answers with one "message" event for each, oldest first, marked as
// history.
func doHistory(ctx context.Context, q *Call, c AskHistory) error {
	h := cache.HistoryQuery{Max: c.Max}
	if h.Max <= 0 {
		h.Max = defaultHistory
	}
	if c.With != "" {
		with, err := address("with", c.With)
		if err != nil {
			return err
		}
		h.Chat = with.Bare()
	}
	page, more, err := q.Client().History(ctx, h)
	if err != nil {
		return err
	}
	self := q.Client().JID()
	for i := range page {
		q.Emit(historyEvent(&page[i], self))
	}
	q.Result.MoreBefore = more
	return nil
}
