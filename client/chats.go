package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"godwit/client/cache"
	"godwit/jid"
)

// ChatInfo is one line of the list of chats.
type ChatInfo struct {
	// Chat has the zero Last where there is only a draft.
	cache.Chat
	Name  string // what the user calls the contact
	Muted bool
	Draft string
}

// chatList gathers which chats have changed, so that a burst of messages is told as few
// changes.
type chatList struct {
	changed map[jid.JID]bool
	due     alarm
}

// chatPause is how long changes are gathered.
const chatPause = 100 * time.Millisecond

// chatChanged notes that a line of the list of chats changed.
func (k *core) chatChanged(chat jid.JID) {
	l := &k.chatList
	if l.changed == nil {
		l.changed = map[jid.JID]bool{}
	}
	l.changed[chat] = true
	if !l.due.isSet() {
		k.after(&l.due, chatPause, k.tellChats)
	}
}

// tellChats tells what has changed.
func (k *core) tellChats() {
	names := map[jid.JID]string{}
	for chat := range k.chatList.changed {
		names[chat] = k.roster.contacts[chat].Name
	}
	k.chatList.changed = nil
	k.disk.do(func() {
		for chat, name := range names {
			info, err := chatInfo(context.Background(), k.cfg.Cache, chat, name)
			k.box.put(func() {
				if err != nil {
					k.log.Error("a line of the list of chats could not be read", "error", err)
					return
				}
				k.emit(ChatChanged{info})
			})
		}
	})
}

// chatInfo reads one line.
func chatInfo(ctx context.Context, store cache.Cache, chat jid.JID, name string) (ChatInfo, error) {
	c, err := store.Chat(ctx, chat)
	if errors.Is(err, cache.ErrNotFound) {
		c, err = cache.Chat{Chat: chat}, nil
	}
	info := ChatInfo{Chat: c, Name: name}
	if err != nil {
		return info, err
	}
	muted, err := store.Setting(ctx, chat, cache.SettingMute)
	if err != nil {
		return info, err
	}
	info.Muted = muted == "on"
	info.Draft, err = store.Setting(ctx, chat, cache.SettingDraft)
	return info, err
}

// Chats returns the list of chats, those with the newest messages first, and behind them
// those that have only a draft; at most max, all with 0.
func (c *Client) Chats(ctx context.Context, max int) ([]ChatInfo, error) {
	store := c.core.cfg.Cache
	said, err := store.Chats(ctx, max)
	if err != nil {
		return nil, err
	}
	muted, err := store.SettingsNamed(ctx, cache.SettingMute)
	if err != nil {
		return nil, err
	}
	drafts, err := store.SettingsNamed(ctx, cache.SettingDraft)
	if err != nil {
		return nil, err
	}
	all := make([]ChatInfo, 0, len(said)+len(drafts))
	for _, s := range said {
		all = append(all, ChatInfo{Chat: s, Muted: muted[s.Chat] == "on", Draft: drafts[s.Chat]})
		delete(drafts, s.Chat)
	}
	var empty []ChatInfo
	for chat, draft := range drafts {
		if _, err := store.Chat(ctx, chat); errors.Is(err, cache.ErrNotFound) { // not one beyond max
			empty = append(empty, ChatInfo{Chat: cache.Chat{Chat: chat}, Muted: muted[chat] == "on", Draft: draft})
		}
	}
	slices.SortFunc(empty, func(a, b ChatInfo) int { return cmp.Compare(a.Chat.Chat.String(), b.Chat.Chat.String()) })
	if all = append(all, empty...); max > 0 {
		all = all[:min(max, len(all))]
	}
	err = c.call(ctx, func(k *core) error {
		for i := range all {
			all[i].Name = k.roster.contacts[all[i].Chat.Chat].Name
		}
		return nil
	})
	return all, err
}

// Reader is who has read messages.
type Reader string

// The readers.
const (
	ReadHere  Reader = "here"  // the user, on this device
	ReadElse  Reader = "else"  // the user, on another device
	ReadOther Reader = "other" // the other side, the user's messages
)

// MarkRead notes that the user has read a chat, on this device: up to the message of that
// id, or all that is there with "". It is told by ReadChanged, unless it was known.
func (c *Client) MarkRead(ctx context.Context, chat jid.JID, id string) error {
	return c.ask(ctx, func(k *core, done func(error)) { k.markRead(chat.Bare(), id, ReadHere, done) })
}

// markRead notes that a chat was read up to the message of that id, or all of it with "".
// done is called once, on the owner goroutine: with cache.ErrNotFound when there is no such
// message (yet).
func (k *core) markRead(chat jid.JID, id string, by Reader, done func(error)) {
	k.disk.do(func() {
		m, err := lastRead(context.Background(), k.cfg.Cache, k.self, chat, id, by)
		k.box.put(func() {
			if err != nil {
				done(err)
				return
			}
			k.markPlace(&m, by, done)
		})
	})
}

// lastRead finds the message up to which was read. The other side can only have read the
// user's.
func lastRead(ctx context.Context, store cache.Cache, self, chat jid.JID, id string, by Reader) (cache.Message, error) {
	if id == "" {
		c, err := store.Chat(ctx, chat)
		return c.Last, err
	}
	m, err := store.Find(ctx, chat, self, id)
	if errors.Is(err, cache.ErrNotFound) && by != ReadOther {
		m, err = store.Find(ctx, chat, chat, id)
	}
	return m, err
}

// markPlace is markRead for a message that is known: m needs Chat, its place and its ids.
func (k *core) markPlace(m *cache.Message, by Reader, done func(error)) {
	reading := cache.Reading{Chat: m.Chat, Upto: m.Place(), Peer: by == ReadOther}
	chat, id := m.Chat, PublicID(m)
	k.commit(cache.Batch{Read: []cache.Reading{reading}}, func(r cache.Result, err error) {
		if err == nil && !r.Read[0].IsZero() {
			k.emit(ReadChanged{Chat: chat, ID: id, By: by, Time: time.Now()})
			k.chatChanged(chat)
			if by == ReadHere {
				k.readHere(chat, reading.Upto)
			}
		}
		done(err)
	})
}
