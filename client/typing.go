package client

import (
	"context"
	"fmt"
	"time"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/chatstates"
	"godwit/xep/hints"
	"godwit/xmlstream"
)

// typing is who does what in chats (XEP-0085). It belongs to the owner goroutine.
type typing struct {
	others map[jid.JID]*typist // by full address; only those that compose
	sent   map[jid.JID]sentState
	answer map[jid.JID]bool // who has sent such states in this run, by bare address
}

// sentState is what somebody was told last.
type sentState struct {
	state chatstates.State
	at    time.Time
}

// due reports whether a state is worth telling: another one than before, or that the user
// composes still.
func (t sentState) due(s chatstates.State, now time.Time) bool {
	if t.state == s || t.state == "" && s == chatstates.Active {
		return s == chatstates.Composing && now.Sub(t.at) >= typingAgain
	}
	return true
}

type typist struct {
	bare    jid.JID
	forgets alarm
}

// ChatStateName gives the state of a name, for SetChatState to check.
func ChatStateName(name string) chatstates.State { return chatstates.State(name) }

// Bounds.
const (
	typingLapse = 30 * time.Second // who composes without sending or saying so again has paused
	typingAgain = 10 * time.Second // composing is told again, at most so often
	maxTypists  = 1000
)

func (t *typing) init() {
	t.others, t.sent, t.answer = map[jid.JID]*typist{}, map[jid.JID]sentState{}, map[jid.JID]bool{}
}

// SetChatState tells the other side of a chat what the user does (XEP-0085), if the user
// wants that told (the setting "typing") and the other side is there and understands it;
// else nothing happens. It is never queued: without a path it is dropped.
func (c *Client) SetChatState(ctx context.Context, to jid.JID, s chatstates.State) error {
	return c.call(ctx, func(k *core) error {
		if _, ok := chatstates.FromName(xmlstream.Name{Space: chatstates.NS, Local: string(s)}); to.IsZero() || !ok {
			return fmt.Errorf("%w: a chat state needs an address, and is active, composing, paused, inactive or gone", ErrInvalid)
		}
		now, chat := time.Now(), to.Bare()
		k.activity = now
		if k.choices.tells(chat, cache.SettingTyping) && k.wantsChatStates(chat) && k.typing.sent[chat].due(s, now) {
			k.sendChatState(chat, s)
		}
		return nil
	})
}

// wantsChatStates reports whether somebody there understands chat states: by what its
// client announces, or because it sent some (XEP-0085 §5.1).
func (k *core) wantsChatStates(chat jid.JID) bool {
	if chat == k.self {
		return false
	}
	for _, d := range k.people.devices(chat) {
		if k.typing.answer[chat] || d.software != nil && d.software.has(nsChatStates) {
			return true
		}
	}
	return false
}

// sendChatState takes the way a message would; it is never queued and never kept.
func (k *core) sendChatState(peer jid.JID, s chatstates.State) {
	k.typing.told(peer, s)
	st := stanza.Build(stanza.Message, stanza.Chat, peer, jid.JID{}, "", func(e *xmlstream.Encoder) {
		s.Encode(e)
		hints.NoStore.Encode(e)
	})
	ways := []path.LinkID{0}
	if c, ok := k.paths.Chat(peer); ok {
		ways = c.Quick(nil)
	} else if k.choices.routeOf(peer) == path.OnlyDirect {
		ways = nil
	}
	for _, w := range ways {
		if w == 0 {
			k.send(st)
		} else if l := k.links.open[w]; l != nil {
			k.sendDirect(l, st, 0)
		}
	}
}

// told notes what somebody was told.
func (t *typing) told(peer jid.JID, s chatstates.State) {
	if _, known := t.sent[peer]; known || len(t.sent) < maxTypists {
		t.sent[peer] = sentState{s, time.Now()}
	}
}

// stopTyping takes back what others were told before the user chose to tell nothing.
func (k *core) stopTyping(chat jid.JID) {
	for peer, s := range k.typing.sent {
		if s.state == chatstates.Composing && (chat.IsZero() || peer == chat) && !k.choices.tells(peer, cache.SettingTyping) {
			k.sendChatState(peer, chatstates.Active)
		}
	}
}

// takeChatState tells what the other side does.
func (k *core) takeChatState(r *received) {
	if r.own || r.source == archived || r.source == copied || r.late || r.stanza.Type == stanza.ErrorType || !k.roster.seen(r.chat) {
		return
	}
	for name := range r.stanza.ChildNames() {
		state, ok := chatstates.FromName(name)
		if !ok {
			continue
		}
		if len(k.typing.answer) < maxTypists {
			k.typing.answer[r.chat] = true
		}
		k.typingStops(r.from, "")
		if state == chatstates.Composing && len(k.typing.others) < maxTypists {
			t := &typist{bare: r.chat}
			k.typing.others[r.from] = t
			k.after(&t.forgets, typingLapse, func() { k.typingStops(r.from, chatstates.Paused) })
		}
		k.emit(ChatState{From: r.from, State: state})
		return
	}
}

// typingStops forgets that somebody composes, and tells the state unless that is "".
func (k *core) typingStops(from jid.JID, s chatstates.State) {
	t := k.typing.others[from]
	if t == nil {
		return
	}
	k.timers.stop(&t.forgets)
	delete(k.typing.others, from)
	if s != "" {
		k.emit(ChatState{From: from, State: s})
	}
}
