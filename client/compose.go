package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"godwit/client/cache"
	"godwit/client/outbox"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/chatstates"
	"godwit/xep/markers"
	"godwit/xep/receipts"
	"godwit/xep/stanzaid"
	"godwit/xmlstream"
)

// Outgoing is a message to send.
type Outgoing struct {
	To   jid.JID // whom; a resource part is ignored
	Body string
	// ID becomes its origin-id (XEP-0359). It must never have been used before;
	// "" makes one.
	ID string
	// Route for this message alone; "" means the chat's.
	Route path.Route
	// ReplyTo is the id of the message in that chat that it answers (XEP-0461).
	ReplyTo string
	// Replace is the id of the user's message in that chat that this is the new text
	// of (XEP-0308), Retract of one to take back (XEP-0424); that has no Body. At most one of
	// the three is set.
	Replace string
	Retract string

	forget []cache.Key // messages of the history whose place it takes
}

// check tells whether a message can be sent.
func (m *Outgoing) check() error {
	set := 0
	for _, id := range []string{m.ReplyTo, m.Replace, m.Retract} {
		if id != "" {
			set++
		}
	}
	switch {
	case m.To.IsZero():
		return fmt.Errorf("%w: a message needs an address", ErrInvalid)
	case m.Body == "" && m.Retract == "":
		return fmt.Errorf("%w: a message needs a body", ErrInvalid)
	case m.Body != "" && m.Retract != "":
		return fmt.Errorf("%w: a retraction has no body", ErrInvalid)
	case set > 1:
		return fmt.Errorf("%w: a message answers, replaces or takes back one other message", ErrInvalid)
	case len(m.Body) > maxBody:
		return fmt.Errorf("%w: the message is longer than %d bytes", ErrInvalid, maxBody)
	case !xmlstream.ValidText(m.Body):
		return fmt.Errorf("%w: the message holds characters that cannot be sent", ErrInvalid)
	case len(m.ID) > outbox.MaxIDBytes || !xmlstream.ValidText(m.ID):
		return fmt.Errorf("%w: the id is longer than %d bytes or holds characters that cannot be sent", ErrInvalid, outbox.MaxIDBytes)
	case m.Route != "" && !m.Route.Valid():
		return fmt.Errorf("%w: no route %q; there are auto, direct and server", ErrInvalid, m.Route)
	}
	return nil
}

// render makes a message as it is kept and sent. The server stamps the sender.
func render(to jid.JID, id string, c *content) []byte {
	st := stanza.Build(stanza.Message, stanza.Chat, to, jid.JID{}, id, func(e *xmlstream.Encoder) {
		c.encode(e)
		chatstates.Active.Encode(e)
		receipts.Request{}.Encode(e)
		if c.kind == cache.KindText {
			markers.Markable{}.Encode(e)
		}
		stanzaid.Origin{ID: id}.Encode(e)
	})
	return st.Append(nil, "")
}

// ErrNoMessage: there is no such message in the chat, or it is not the user's, or it was
// taken back.
var ErrNoMessage = WithCode("not-found", errors.New("there is no such message"))

// contentOut is what a message of the user is to say.
func (k *core) contentOut(m *Outgoing) (content, error) {
	chat := m.To.Bare()
	switch {
	case m.ReplyTo != "":
		old, err := k.findReplied(chat, jid.JID{}, m.ReplyTo)
		if err != nil {
			return content{}, err
		}
		if !old.Retracted.IsZero() {
			return content{}, fmt.Errorf("%w that could be answered: it was taken back", ErrNoMessage)
		}
		return content{body: m.Body, quote: quoteOf(old.Body), replyTo: PublicID(&old), replyFrom: old.Sender}, nil
	case m.Replace != "":
		old, err := k.ownText(chat, m.Replace)
		if err != nil {
			return content{}, err
		}
		return content{kind: cache.KindEdit, target: old.Ref(), body: m.Body, quote: old.Quote, replyTo: old.ReplyTo, replyFrom: old.ReplyFrom}, nil
	case m.Retract != "":
		old, err := k.ownText(chat, m.Retract)
		return content{kind: cache.KindRetraction, target: old.Ref()}, err
	}
	return content{body: m.Body}, nil
}

// ownText finds a message of the user that can be changed.
func (k *core) ownText(chat jid.JID, id string) (cache.Message, error) {
	m, err := k.cfg.Cache.Find(k.ctx, chat, k.self, id)
	switch {
	case errors.Is(err, cache.ErrNotFound), err == nil && (m.Kind != cache.KindText || !m.Retracted.IsZero() || m.Ref() == ""):
		return m, fmt.Errorf("%w of yours with the id %q", ErrNoMessage, id)
	case err == nil && m.State == cache.StateFailed:
		return m, fmt.Errorf("%w: the message was refused, nobody has it", ErrInvalid)
	}
	return m, err
}

// findReplied finds the message that a reply means. The author it names is only a hint.
func (k *core) findReplied(chat, author jid.JID, id string) (cache.Message, error) {
	return findAnswered(k.ctx, k.cfg.Cache, k.self, chat, author, id)
}

func findAnswered(ctx context.Context, store cache.History, self, chat, author jid.JID, id string) (cache.Message, error) {
	authors := []jid.JID{chat, self}
	if author == self {
		authors = []jid.JID{self, chat}
	}
	for _, a := range authors {
		m, err := store.Find(ctx, chat, a, id)
		if err == nil && m.Kind == cache.KindText {
			return m, nil
		}
		if err != nil && !errors.Is(err, cache.ErrNotFound) {
			return m, err
		}
	}
	return cache.Message{}, fmt.Errorf("%w with the id %q in this chat", ErrNoMessage, id)
}

// put makes a message durable. done is called once, on the owner goroutine or, when
// there is none any more, not at all.
func (k *core) put(m Outgoing, done func(string, error)) {
	err := m.check()
	var c content
	if err == nil {
		c, err = k.contentOut(&m)
	}
	if err != nil {
		done("", err)
		return
	}
	chat := m.To.Bare()
	err = k.outbox.Put(outbox.Message{
		Chat: chat, From: k.address(), OriginID: m.ID, Route: string(m.Route), Time: time.Now(), Body: c.body,
		Kind: c.kind, Target: c.target, ReplyTo: c.replyTo, ReplyFrom: c.replyFrom, Quote: c.quote, Forget: m.forget,
		Stanza: func(id string) ([]byte, error) { return render(chat, id, &c), nil },
	}, func(q outbox.Queued, err error) {
		k.box.put(func() {
			if err == nil {
				k.queued(q)
			}
			done(q.OriginID, err)
		})
	})
	if err != nil {
		done("", err)
	}
}

// queued takes a message that is durable.
func (k *core) queued(q outbox.Queued) {
	now := time.Now()
	k.activity = now
	k.outgoing.progress[q.OriginID] = notHanded
	k.noteChat(q.Chat, true)
	k.typing.told(q.Chat, chatstates.Active) // it says so itself
	if q.Record.Kind == cache.KindText {
		k.emit(Queued{MessageFrom(&q.Record, k.self)})
	} else if q.Changed != nil {
		k.emit(Changed{MessageFrom(q.Changed, k.self), q.OriginID})
	}
	k.chatChanged(q.Chat)
	k.paths.Do(now, q.Chat, func(c *path.Chat) []path.Effect { return c.Add(now, q.OriginID, path.Route(q.Route)) }, k.apply)
	k.considerIntroduction(q.Chat)
}

// Retry sends a message that failed once more, as a new one with a new id, which it
// returns: an id that somebody may have seen is never used for another try. The one that
// failed leaves the history in the same moment.
func (c *Client) Retry(ctx context.Context, id string) (made string, err error) {
	err = c.ask(ctx, func(k *core, done func(error)) {
		old, err := k.cfg.Cache.Message(k.ctx, k.self, id)
		if errors.Is(err, cache.ErrNotFound) || err == nil && (old.Kind != cache.KindText || old.State != cache.StateFailed || !old.Retracted.IsZero()) {
			err = fmt.Errorf("%w with the id %q that has failed", ErrNoMessage, id)
		}
		if err != nil {
			done(err)
			return
		}
		m := Outgoing{To: old.Chat, Body: old.Body, forget: []cache.Key{{Sender: k.self, OriginID: id}}}
		if _, err := k.findReplied(old.Chat, old.ReplyFrom, old.ReplyTo); old.ReplyTo != "" && err == nil {
			m.ReplyTo = old.ReplyTo
		}
		k.put(m, func(fresh string, err error) {
			if err == nil {
				made = fresh
				k.emit(Removed{Chat: old.Chat, ID: id, Instead: fresh})
			}
			done(err)
		})
	})
	return made, err
}

// Answered finds the message that a reply answers, in the same chat: nothing else can be
// made to look like what was said. ErrNoMessage when this client does not know it.
func (c *Client) Answered(ctx context.Context, m *Message) (cache.Message, error) {
	return findAnswered(ctx, c.core.cfg.Cache, c.core.self, m.Chat, m.ReplyFrom, m.ReplyTo)
}

// Versions gives what is known of the texts a message had before, oldest first, and the one
// it has: nothing for one that was never edited.
func (c *Client) Versions(ctx context.Context, chat, author jid.JID, id string) ([]cache.Message, error) {
	store := c.core.cfg.Cache
	m, err := store.Find(ctx, chat.Bare(), author.Bare(), id)
	if err != nil || m.Edited.IsZero() {
		return nil, err
	}
	edits, err := store.Changes(ctx, chat.Bare(), author.Bare(), id)
	first := m
	first.Body, first.Original, first.Edited = m.Original, "", time.Time{}
	return append([]cache.Message{first}, edits...), err
}
