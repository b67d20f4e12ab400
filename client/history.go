package client

import (
	"context"
	"errors"
	"fmt"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/archive"
	"godwit/xep/rsm"
)

// PageQuery asks for a page of the history.
type PageQuery struct {
	Chat jid.JID // bare; zero means all chats
	Max  int     // at most; 0 means 50
	// Before and After are places: only messages beyond.
	Before, After cache.Cursor
	// Around is the id of a message of the chat: it, and as much before as after.
	Around string
	// Cached: the server is not asked.
	Cached bool
}

// Page is a part of the history, oldest first.
type Page struct {
	Messages []cache.Message
	Before   bool // there is more before
	After    bool // there is more after
	// Gap: before the first of them, or where they would be, messages may be missing that
	// the server's archive has and that could not be read now.
	Gap bool
	// Older: the question was for what is cached, and asking the server may bring more.
	Older bool
}

const defaultPage = 50

// Page returns a page of the history, the newest one unless the question says otherwise.
// Where a chat's own history begins, what came before is read from the server's archive
// (XEP-0313); that takes as long as the server takes.
func (c *Client) Page(ctx context.Context, q PageQuery) (Page, error) {
	if q.Max <= 0 {
		q.Max = defaultPage
	}
	if q.Around != "" {
		return c.pageAround(ctx, q)
	}
	if !q.After.IsZero() {
		page, more, err := c.History(ctx, cache.HistoryQuery{Chat: q.Chat, After: q.After, Before: q.Before, Max: q.Max, Forward: true})
		return Page{Messages: page, Before: true, After: more}, err
	}
	p := Page{After: !q.Before.IsZero()}
	for tries := 0; ; tries++ {
		page, more, err := c.History(ctx, cache.HistoryQuery{Chat: q.Chat, Before: q.Before, Max: q.Max})
		p.Messages, p.Before = page, more
		if err != nil || more || q.Chat.IsZero() {
			return p, err
		}
		begun, err := c.begun(ctx, q.Chat)
		if err != nil || begun {
			return p, err
		}
		if len(page) == q.Max || tries == maxOlderPages {
			p.Before = true // as far as is known
			return p, nil
		}
		if q.Cached {
			p.Before, p.Gap = true, true
			err := c.call(ctx, func(k *core) error {
				p.Older = k.online() && k.features.known
				return nil
			})
			return p, err
		}
		if err := c.readOlder(ctx, q.Chat); err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrClosed) {
				return p, err
			}
			p.Before, p.Gap = true, true
			return p, nil
		}
	}
}

// maxOlderPages bounds the pages of the archive that are read for one page of the history.
const maxOlderPages = 10

// pageAround gives a message in its surroundings.
func (c *Client) pageAround(ctx context.Context, q PageQuery) (Page, error) {
	if q.Chat.IsZero() {
		return Page{}, fmt.Errorf("%w: around a message means in its chat", ErrInvalid)
	}
	m, err := findAnswered(ctx, c.core.cfg.Cache, c.core.self, q.Chat, jid.JID{}, q.Around)
	if err != nil {
		return Page{}, err
	}
	behind := m.Place()
	behind.ID++
	before, err := c.Page(ctx, PageQuery{Chat: q.Chat, Before: behind, Max: q.Max/2 + 1, Cached: q.Cached})
	if err != nil {
		return Page{}, err
	}
	rest := q.Max - q.Max/2 - 1
	after, more, err := c.History(ctx, cache.HistoryQuery{Chat: q.Chat, After: m.Place(), Max: max(1, rest), Forward: true})
	if rest < 1 {
		after, more = nil, more || len(after) > 0
	}
	return Page{Messages: append(before.Messages, after...), Before: before.Before, After: more, Gap: before.Gap, Older: before.Older}, err
}

// settingBegun notes that nothing of a chat is in the archive before what the cache has.
const settingBegun = hiddenPrefix + "begun"

// begun reports whether the cache has a chat from its beginning.
func (c *Client) begun(ctx context.Context, chat jid.JID) (bool, error) {
	v, err := c.core.cfg.Cache.Setting(ctx, chat, settingBegun)
	return v != "", err
}

// readOlder reads one page of the archive before what is known of a chat.
func (c *Client) readOlder(ctx context.Context, chat jid.JID) error {
	return c.ask(ctx, func(k *core, done func(error)) { k.readOlder(chat, done) })
}

// olderPage is a page of the archive that is being read backwards.
type olderPage struct {
	chat    jid.JID
	query   string
	byTime  bool
	before  string // entry of the archive to go on before; "" for the oldest message that is known
	pages   int
	batch   cache.Batch
	waiting []func(error)
}

// older is what is being read backwards of the archive, or is to be. It belongs to the owner
// goroutine.
type older struct {
	reading map[jid.JID]*olderPage // by chat
	waiting []*olderWaiter         // for the end of the catching up
}

// olderWaiter waits until what was missed is read: it is news, and must not be taken for
// what was there before.
type olderWaiter struct {
	chat    jid.JID
	done    func(error) // nil once it was called
	expires alarm
}

func (k *core) waitCaughtUp(chat jid.JID, done func(error)) {
	if len(k.older.waiting) >= maxOlderWait {
		done(fmt.Errorf("%w: too much of the archive is to be read", cache.ErrBusy))
		return
	}
	w := &olderWaiter{chat: chat, done: done}
	k.older.waiting = append(k.older.waiting, w)
	k.after(&w.expires, k.cfg.Times.Request, func() { w.done, done = nil, w.done; done(ErrTimeout) })
}

// readWaiting goes on with what waited.
func (k *core) readWaiting() {
	waiting := k.older.waiting
	k.older.waiting = nil
	for _, w := range waiting {
		if w.done != nil {
			k.timers.stop(&w.expires)
			k.readOlder(w.chat, w.done)
		}
	}
}

// Bounds.
const (
	olderSize    = 100
	maxOlderNow  = 8   // pages at a time
	maxOlderWait = 256 // questions while what was missed is read
)

func (k *core) readOlder(chat jid.JID, done func(error)) {
	if p := k.older.reading[chat]; p != nil {
		p.waiting = append(p.waiting, done)
		return
	}
	switch {
	case k.online() && k.features.known && k.catch.phase < catchSettle:
		k.waitCaughtUp(chat, done)
		return
	case !k.online() || !k.features.known:
		done(ErrOffline)
		return
	case !k.features.archive:
		k.keepSetting(chat, settingBegun, "yes", done)
		return
	case len(k.older.reading) >= maxOlderNow:
		done(fmt.Errorf("%w: too much of the archive is being read", cache.ErrBusy))
		return
	}
	p := &olderPage{chat: chat, waiting: []func(error){done}, batch: cache.Batch{Backfill: true}}
	if k.older.reading == nil {
		k.older.reading = map[jid.JID]*olderPage{}
	}
	k.older.reading[chat] = p
	k.askOlder(p)
}

// askOlder asks for the page before the oldest message that is known.
func (k *core) askOlder(p *olderPage) {
	p.query, p.batch.Add = newID(), nil
	p.pages++
	q := archive.Query{QueryID: p.query, With: p.chat, Paged: true, Page: rsm.Request{Max: rsm.Some(olderSize), Backward: true}}
	first, _, err := k.cfg.Cache.Messages(k.ctx, cache.HistoryQuery{Chat: p.chat, Max: 1, Forward: true})
	switch {
	case err != nil:
		k.olderRead(p, err)
		return
	case p.before != "":
		q.Page.Before = p.before
	case len(first) == 0 && k.catch.position != "" && !p.byTime: // what is behind is news, and comes by itself
		q.BeforeID = k.catch.position
	case len(first) == 0:
	case first[0].StanzaID != "" && first[0].Archive == k.self && !p.byTime:
		q.Page.Before = first[0].StanzaID
	default:
		q.End = first[0].Time
	}
	k.request(k.self, stanza.Set, q.Encode, func(s *stanza.Stanza, err error) {
		var fin archive.Fin
		if err == nil {
			n, _ := s.Child(archive.NS, "fin")
			fin, err = archive.ParseFin(n)
		}
		var no *stanza.Error
		if (q.Page.Before != "" || q.BeforeID != "") && !p.byTime && errors.As(err, &no) { // the archive has let it go, or does not know such questions
			p.byTime, p.before = true, ""
			k.askOlder(p)
			return
		}
		if err != nil {
			k.olderRead(p, err)
			return
		}
		k.commit(p.batch, func(r cache.Result, err error) {
			fresh := 0
			for _, a := range r.Added {
				if a.New {
					fresh++
				}
			}
			stuck := fin.Page.First == "" || fin.Page.First == p.before // there is no more, or it goes round in circles
			if err == nil && fresh == 0 && !fin.Complete && !stuck && p.pages < maxOlderPages {
				p.before = fin.Page.First // a page of what is no part of a conversation
				k.askOlder(p)
				return
			}
			if err == nil && (fin.Complete || fresh == 0 && stuck) {
				k.keepSetting(p.chat, settingBegun, "yes", func(err error) { k.olderRead(p, err) })
				return
			}
			k.olderRead(p, err)
		})
	})
}

// olderRead ends the reading of a page.
func (k *core) olderRead(p *olderPage, err error) {
	delete(k.older.reading, p.chat)
	for _, done := range p.waiting {
		done(err)
	}
}

// olderResult takes one message of a page that is read backwards, if it is one. It was
// checked that the own archive sends it.
func (k *core) olderResult(res *archive.Result) bool {
	for _, p := range k.older.reading {
		if p.query != res.QueryID {
			continue
		}
		r := unwrap(res.Forwarded, k.trust(), archived)
		r.entry, r.backlog = res.ID, true
		if (r.own || r.to.Bare() == k.self) && r.chat == p.chat && r.showable() && len(p.batch.Add) < olderSize {
			p.batch.Add = append(p.batch.Add, r.record(k.self))
		}
		return true
	}
	return false
}

// Search looks for words in one chat, or with the zero address in all, the newest first;
// more tells whether there is more before the last of them.
func (c *Client) Search(ctx context.Context, q cache.SearchQuery) (found []cache.Message, more bool, err error) {
	return c.core.cfg.Cache.Search(ctx, q)
}
