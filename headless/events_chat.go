package headless

// Message: one that arrived, or that the user sent, on this device (told when the command
// had a tag) or another; and the answer to "history". As "changed": one that was told
// before looks like this now, because it was edited, retracted or found to be refused.
type Message struct {
	Event string `json:"event,omitempty"` // "message", "changed"; none inside another event
	Tag   string `json:"tag,omitempty"`
	Chat  string `json:"chat"` // bare address of the other side
	From  string `json:"from"`
	To    string `json:"to"`
	Own   bool   `json:"own,omitempty"` // the user wrote it
	// ID is the origin-id (XEP-0359), or where there is none the id attribute.
	ID   string `json:"id"`
	Body string `json:"body"` // as it is now, without the quotation a reply may carry
	Path string `json:"path"` // direct, relay, server; empty while nothing has carried it
	Time string `json:"time"` // RFC 3339, UTC
	// Late: it was delivered with delay or comes from the archive.
	Late bool `json:"late,omitempty"`
	// History: it is the answer to that command.
	History bool `json:"history,omitempty"`
	// State is queued, sent, delivered, read, failed, or received for those of others.
	State string `json:"state,omitempty"`
	// Cursor is its place in the history, for "before" and "after".
	Cursor string `json:"cursor,omitempty"`
	// Reply is what it answers (XEP-0461).
	Reply *Reply `json:"reply,omitempty"`
	// Edited is when it was edited last (XEP-0308).
	Edited string `json:"edited,omitempty"`
	// Retracted: its author took it back (XEP-0424). It has no body any more.
	Retracted bool `json:"retracted,omitempty"`
	// Error is why it failed.
	Error string `json:"error,omitempty"`
	// File is there when it is about a file.
	File *FileInfo `json:"file,omitempty"`
	// Gap: between it and the one before, messages may be missing that the server's
	// archive has; "history" before its cursor fetches them.
	Gap bool `json:"gap,omitempty"`
}

// Removed: a message is in the history no more, because another one took its place.
type Removed struct {
	Event   string `json:"event"` // "removed"
	Tag     string `json:"tag,omitempty"`
	Chat    string `json:"chat"` // bare
	ID      string `json:"id"`
	Instead string `json:"instead,omitempty"` // id of that other message
}

// Reply says what a message answers.
type Reply struct {
	ID   string `json:"id"`   // of the other message
	From string `json:"from"` // bare address of its author
	// Body is how that message begins, as this client knows it, or as the reply quotes
	// it; empty when neither is known.
	Body string `json:"body,omitempty"`
}

// Chats: the list of chats, those with the newest messages first; the answer to "chats".
type Chats struct {
	Event string `json:"event"` // "chats"
	Tag   string `json:"tag,omitempty"`
	Items []Chat `json:"items"`
}

// Chat is one line of the list of chats.
type Chat struct {
	Chat   string `json:"chat"` // bare address
	Name   string `json:"name,omitempty"`
	Unread int    `json:"unread"`
	Muted  bool   `json:"muted,omitempty"`
	// Last is the newest message; absent in a chat that has only a draft.
	Last  *Message `json:"last,omitempty"`
	Draft string   `json:"draft,omitempty"`
	Time  string   `json:"time,omitempty"` // of the last message
	// FirstUnread is the id of the oldest message that was not read.
	FirstUnread string `json:"first_unread,omitempty"`
}

// ChatChanged: a line of the list of chats changed.
type ChatChanged struct {
	Event string `json:"event"` // "chat"
	Tag   string `json:"tag,omitempty"`
	Chat
}

// Found: one page of what "search" found, the newest first.
type Found struct {
	Event string    `json:"event"` // "found"
	Tag   string    `json:"tag,omitempty"`
	Items []Message `json:"items"`
}

// Typing: what the other side does in a chat (XEP-0085).
type Typing struct {
	Event string `json:"event"` // "typing"
	Tag   string `json:"tag,omitempty"`
	From  string `json:"from"`  // full
	Chat  string `json:"chat"`  // bare
	State string `json:"state"` // active, composing, paused, inactive, gone
}

// Read: messages of a chat up to one were read: by the user, here or on another device
// (those of the other side), or by the other side (the user's own).
type Read struct {
	Event string `json:"event"` // "read"
	Tag   string `json:"tag,omitempty"`
	With  string `json:"with"` // bare
	ID    string `json:"id"`   // the last message read
	By    string `json:"by"`   // self, peer
	Time  string `json:"time,omitempty"`
}

// Setting: one setting changed.
type Setting struct {
	Event string `json:"event"` // "setting"
	Tag   string `json:"tag,omitempty"`
	Choice
}

// Settings: all that was chosen; the answer to "settings".
type Settings struct {
	Event string   `json:"event"` // "settings"
	Tag   string   `json:"tag,omitempty"`
	Items []Choice `json:"items"`
}

// Choice is one setting.
type Choice struct {
	Name  string `json:"name"`
	Value string `json:"value"`          // empty when nothing is chosen any more
	With  string `json:"with,omitempty"` // the chat it is of; absent for the account's
}

// Devices: the devices of the account; the answer to "devices".
type Devices struct {
	Event string   `json:"event"` // "devices"
	Tag   string   `json:"tag,omitempty"`
	Items []Device `json:"items"`
}

// Device is one device of the account (XEP-0494).
type Device struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`   // what its user calls it
	Client   string `json:"client,omitempty"` // the name of the software
	LastSeen string `json:"last_seen,omitempty"`
	Address  string `json:"address,omitempty"`
	Current  bool   `json:"current,omitempty"` // it is this one
	Online   bool   `json:"online,omitempty"`
	How      string `json:"how,omitempty"` // how it signs in
}

// Blocked: the addresses that are blocked (XEP-0191); the answer to "blocked", and told
// when the list changes.
type Blocked struct {
	Event string   `json:"event"` // "blocked"
	Tag   string   `json:"tag,omitempty"`
	Items []string `json:"items"`
}

// Invite: an invitation; the answer to "invite".
type Invite struct {
	Event   string `json:"event"` // "invite"
	Tag     string `json:"tag,omitempty"`
	URI     string `json:"uri"`           // xmpp:…
	URL     string `json:"url,omitempty"` // of a page for who has no client yet
	Expires string `json:"expires,omitempty"`
}

// File: how far a file has come, or that one is offered.
type File struct {
	Event     string `json:"event"` // "file"
	Tag       string `json:"tag,omitempty"`
	SID       string `json:"sid"`
	ID        string `json:"id,omitempty"` // of the message
	Chat      string `json:"chat"`
	Direction string `json:"direction"` // in, out
	Name      string `json:"name"`
	Size      int64  `json:"size"` // in bytes
	Type      string `json:"type,omitempty"`
	Done      int64  `json:"done,omitempty"`   // bytes
	Speed     int64  `json:"speed,omitempty"`  // bytes a second
	ETA       int64  `json:"eta_ms,omitempty"` // milliseconds
	State     string `json:"state"`            // offered, active, paused, complete, failed, cancelled
	Path      string `json:"path,omitempty"`   // direct, relay, server
	URL       string `json:"url,omitempty"`
	SHA256    string `json:"sha256,omitempty"` // hexadecimal
	Error     string `json:"error,omitempty"`
}

// FileInfo is the file that a message is about.
type FileInfo struct {
	SID    string `json:"sid,omitempty"`
	Name   string `json:"name"`
	Size   int64  `json:"size,omitempty"` // in bytes
	Type   string `json:"type,omitempty"`
	URL    string `json:"url,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // hexadecimal
	State  string `json:"state,omitempty"`
}
