package headless

import (
	"context"
	"unicode/utf8"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/path"
)

// chatCommands are about messages.
var chatCommands = []entry{
	on("send", doSend),
	on("retract", doRetract),
	on("retry", doRetry),
	on("typing", doTyping),
	on("read", doRead),
	on("chats", doChats),
	on("history", doHistory),
	on("search", doSearch),
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
func doSend(_ context.Context, q *Call, c Send) error {
	to, err := address("to", c.To)
	if err != nil {
		return err
	}
	return q.post(client.Outgoing{To: to, Body: c.Body, ID: c.ID, Route: path.Route(c.Route), ReplyTo: c.ReplyTo, Replace: c.Replace})
}

// doRetract hands a retraction over, in the order of messages.
func doRetract(_ context.Context, q *Call, c Retract) error {
	to, err := address("to", c.To)
	if err != nil {
		return err
	}
	if c.ID == "" {
		return bad(`"id" is missing`)
	}
	return q.post(client.Outgoing{To: to, Retract: c.ID})
}

// post hands a message over.
func (q *Call) post(m client.Outgoing) error {
	e := q.engine
	if q.tag != "" {
		if m.ID == "" {
			m.ID = client.NewID()
		}
		if m.Retract == "" {
			q.Result.ID = m.ID
		}
	}
	kept := e.remember(m.ID, q.tag)
	select {
	case e.sending <- struct{}{}:
	case <-e.client.Done():
		return client.ErrClosed
	}
	q.later = true
	err := e.client.Post(m, func(_ string, err error) {
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

// doRetry sends a message that failed once more; "done" tells its new id.
func doRetry(ctx context.Context, q *Call, c Retry) (err error) {
	q.Result.ID, err = q.Client().Retry(ctx, c.ID)
	return err
}

func doTyping(ctx context.Context, q *Call, c SetTyping) error {
	to, err := address("to", c.To)
	if err != nil {
		return err
	}
	return q.Client().SetChatState(ctx, to, client.ChatStateName(c.State))
}

func doRead(ctx context.Context, q *Call, c MarkRead) error {
	with, err := address("with", c.With)
	if err != nil {
		return err
	}
	return q.Client().MarkRead(ctx, with, c.ID)
}

func doChats(ctx context.Context, q *Call, c AskChats) error {
	chats, err := q.Client().Chats(ctx, max(0, c.Max))
	if err != nil {
		return err
	}
	answer := Chats{Event: "chats", Items: make([]Chat, 0, len(chats))}
	for i := range chats {
		answer.Items = append(answer.Items, q.engine.chat(ctx, &chats[i]))
	}
	q.Emit(answer)
	return nil
}

// doHistory answers with one "message" event for each, oldest first, marked as
// history. It goes aside when the server has to be asked for what came before.
func doHistory(ctx context.Context, q *Call, c AskHistory) error {
	h := client.PageQuery{Max: c.Max, Around: c.Around, Cached: true}
	if h.Max <= 0 {
		h.Max = defaultHistory
	}
	with, err := chatOf(c.With)
	if err != nil {
		return err
	}
	h.Chat = with
	if h.Before, err = cache.ParseCursor(c.Before); err != nil {
		return err
	}
	if h.After, err = cache.ParseCursor(c.After); err != nil {
		return err
	}
	page, err := q.Client().Page(ctx, h)
	if err != nil {
		return err
	}
	if !page.Older {
		q.history(ctx, &page)
		return nil
	}
	return q.Go(ctx, func(ctx context.Context) error {
		h.Cached = false
		page, err := q.Client().Page(ctx, h)
		if err == nil {
			q.history(ctx, &page)
		}
		return err
	})
}

func (q *Call) history(ctx context.Context, page *client.Page) {
	self := q.Client().JID().Bare()
	for i := range page.Messages {
		told := client.MessageFrom(&page.Messages[i], self)
		m := q.engine.message(ctx, "message", &told)
		m.History, m.Gap = true, page.Gap && i == 0
		q.Emit(m)
	}
	q.Result.MoreBefore, q.Result.MoreAfter = page.Before, page.After
}

func doSearch(ctx context.Context, q *Call, c Search) error {
	s := cache.SearchQuery{Text: c.Text, Max: c.Max}
	if s.Max <= 0 {
		s.Max = defaultHistory
	}
	with, err := chatOf(c.With)
	if err != nil {
		return err
	}
	s.Chat = with
	if s.Before, err = cache.ParseCursor(c.Before); err != nil {
		return err
	}
	found, more, err := q.Client().Search(ctx, s)
	if err != nil {
		return err
	}
	self := q.Client().JID().Bare()
	answer := Found{Event: "found", Items: make([]Message, 0, len(found))}
	for i := range found {
		told := client.MessageFrom(&found[i], self)
		answer.Items = append(answer.Items, q.engine.message(ctx, "", &told))
	}
	q.Result.More = more
	q.Emit(answer)
	return nil
}

// chat gives a line of the list of chats.
func (e *Engine) chat(ctx context.Context, c *client.ChatInfo) Chat {
	out := Chat{Chat: c.Chat.Chat.String(), Name: c.Name, Unread: c.Unread, Muted: c.Muted, Draft: c.Draft}
	self := e.client.JID().Bare()
	if c.Last.ID != 0 {
		told := client.MessageFrom(&c.Last, self)
		last := e.message(ctx, "", &told)
		out.Last, out.Time = &last, last.Time
	}
	if c.First.ID != 0 {
		out.FirstUnread = client.PublicID(&c.First)
	}
	return out
}

// maxReply bounds what is told of a message that is answered, in bytes.
const maxReply = 300

// message gives the event, or the item, for a message.
func (e *Engine) message(ctx context.Context, event string, m *client.Message) Message {
	out := Message{Event: event, Chat: m.Chat.String(), From: m.From.String(), To: m.To.String(), Own: m.Own, ID: m.ID, Body: m.Body,
		Path: string(m.Path), Time: stamp(m.Time), Late: m.Late, State: states[m.State], Cursor: m.Place.String(), Retracted: m.Retracted,
		Error: m.Error}
	if !m.Edited.IsZero() {
		out.Edited = stamp(m.Edited)
	}
	if m.ReplyTo == "" {
		return out
	}
	out.Reply = &Reply{ID: m.ReplyTo}
	old, err := e.client.Answered(ctx, m)
	if err != nil { // then the words are shown that its author quoted, as the author's
		if !m.ReplyFrom.IsZero() {
			out.Reply.From = m.ReplyFrom.String()
		}
		out.Body = m.Quote + m.Body
		return out
	}
	out.Reply.From, out.Reply.Body = old.Sender.String(), clip(old.Body, maxReply)
	return out
}

// clip shortens s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
