package client

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/hints"
	"godwit/xep/markers"
	"godwit/xmlstream"
)

// readings tell how far chats have been read: the other side by displayed markers (XEP-0333), the user's other devices by an item of a private
// node (XEP-0490; synced.go).
type readings struct {
	owed  map[jid.JID]owedReading // chats whose reading is to be told
	due   alarm
	busy  bool                 // one is being told
	said  map[jid.JID]string   // the last marker sent in a chat, by message
	heard map[markerKey]string // the newest marker that came, per chat, while one is dealt with
	early map[jid.JID]string   // how far another device has read, as stanza-ids of messages that are not known yet
	kept  bool                 // what is owed is in the cache as well
	conf  bool                 // the node was configured in this session, or an attempt made
}

// owedReading is how far the user has read on this device.
type owedReading struct {
	upto   cache.Cursor
	marker bool // the other side may be told
	tries  int  // for the message to get its id in the archive
}

type markerKey struct {
	chat jid.JID
	by   Reader
}

// Bounds and pauses of telling.
const (
	readPause  = 300 * time.Millisecond // reading on within it is told once
	readAgain  = 3 * time.Second        // for what is not in the archive yet
	readTries  = 4
	readWindow = 50 // messages looked through for one that can be named
	maxReading = 4096
)

func (r *readings) init() {
	r.owed, r.said = map[jid.JID]owedReading{}, map[jid.JID]string{}
	r.heard, r.early = map[markerKey]string{}, map[jid.JID]string{}
}

// readHere notes that the user has read a chat further, on this device.
func (k *core) readHere(chat jid.JID, upto cache.Cursor) {
	k.oweReading(chat, owedReading{upto: upto, marker: true}, readPause)
}

func (k *core) oweReading(chat jid.JID, o owedReading, pause time.Duration) {
	r := &k.readings
	if _, known := r.owed[chat]; !known && len(r.owed) >= maxReading {
		k.log.Warn("too many chats were read to tell of all", "chat", chat.String())
		return
	}
	if old, known := r.owed[chat]; known && o.upto.Before(old.upto) {
		o.upto, o.tries = old.upto, old.tries
	}
	r.owed[chat] = o
	if !r.due.isSet() {
		k.after(&r.due, pause, k.tellReadings)
	}
}

// tellReadings tells of one chat after another.
func (k *core) tellReadings() {
	r := &k.readings
	if !k.online() {
		k.keepOwed()
	}
	if r.busy || !k.online() || !k.features.known {
		return // goes on when that ends
	}
	for chat, o := range r.owed {
		delete(r.owed, chat)
		r.busy = true
		k.disk.do(func() {
			f, err := readingFacts(context.Background(), k.cfg.Cache, k.self, chat, o.upto)
			k.box.put(func() { k.tellReading(chat, o, f, err) })
		})
		return
	}
}

// readFacts is what can be told of a reading.
type readFacts struct {
	marker string // id attribute of the newest message of the other side, if it asks for a marker
	entry  string // id in the own archive of the newest message of the other side that has one
	newest bool   // that is the newest message of the other side there is
}

// readingFacts looks through the newest messages up to a place.
func readingFacts(ctx context.Context, store cache.History, self, chat jid.JID, upto cache.Cursor) (f readFacts, err error) {
	page, _, err := store.Messages(ctx, cache.HistoryQuery{Chat: chat, Before: cache.Cursor{Time: upto.Time, ID: upto.ID + 1}, Max: readWindow})
	if err != nil {
		return f, err
	}
	first := true
	for i := len(page) - 1; i >= 0; i-- {
		m := &page[i]
		if m.Direction != cache.In {
			continue
		}
		if first {
			f.marker, f.newest = markable(m), true
			first = false
		}
		if m.StanzaID != "" && m.Archive == self {
			f.entry = m.StanzaID
			return f, nil
		}
		f.newest = false
	}
	f.newest = first // nothing to name is not waited for
	return f, nil
}

// markable gives the id by which a message is confirmed as displayed, or "" when it does not ask for that (XEP-0333 §4.1).
func markable(m *cache.Message) string {
	el, err := xmlstream.ParseElement(m.Stanza, xmlstream.ServerLimits())
	if err != nil {
		return ""
	}
	st, err := stanza.FromElement(&el)
	if err != nil || !st.Has(markers.NS, "markable") {
		return ""
	}
	return st.ID
}

func (k *core) tellReading(chat jid.JID, o owedReading, f readFacts, err error) {
	if err != nil {
		k.log.Error("what was read could not be looked up", "chat", chat.String(), "error", err)
		k.readingTold()
		return
	}
	if o.marker {
		k.sendMarker(chat, f.marker)
	}
	if !f.newest && o.tries < readTries { // it is being deposited
		if _, newer := k.readings.owed[chat]; !newer {
			k.oweReading(chat, owedReading{upto: o.upto, tries: o.tries + 1}, readAgain)
		}
	}
	k.publishReading(chat, f.entry)
}

// readingTold goes on with the next.
func (k *core) readingTold() {
	k.readings.busy = false
	if k.readings.kept && len(k.readings.owed) == 0 {
		k.keepOwed()
	}
	if len(k.readings.owed) > 0 && !k.readings.due.isSet() {
		k.later(k.tellReadings)
	}
}

// sendMarker tells the other side that a message was displayed: contacts only, and if the user lets others know what was read. It goes by the way
// the chat goes now, and is sent again like a receipt if that breaks.
func (k *core) sendMarker(chat jid.JID, id string) {
	if id == "" || k.readings.said[chat] == id || !k.roster.sees(chat) || k.blocks.matches(chat) || !k.choices.tells(chat, cache.SettingReceipts) {
		return
	}
	if len(k.readings.said) >= maxReading {
		clear(k.readings.said)
	}
	k.readings.said[chat] = id
	st := stanza.Build(stanza.Message, stanza.Chat, chat, jid.JID{}, newID(), func(e *xmlstream.Encoder) {
		markers.Displayed{ID: id}.Encode(e)
		hints.Store.Encode(e)
	})
	ways := []path.LinkID{0}
	if c, ok := k.paths.Chat(chat); ok {
		ways = c.Quick(nil)
	} else if k.choices.routeOf(chat) == path.OnlyDirect {
		ways = nil
	}
	for _, w := range ways {
		if w == 0 {
			k.recent.add(st)
			k.send(st)
		} else if l := k.links.open[w]; l != nil {
			l.recent.add(st)
			k.sendDirect(l, st, 0)
		}
	}
}

// takeMarker takes a displayed marker: the other side's of the user's messages, or that of another device of the user.
func (k *core) takeMarker(r *received) {
	if r.stanza.Type == stanza.ErrorType || r.stanza.Type == stanza.Groupchat {
		return
	}
	n, ok := r.stanza.Child(markers.NS, "displayed")
	if !ok {
		return
	}
	d, err := markers.ParseDisplayed(n)
	if err != nil {
		return
	}
	key := markerKey{r.chat, ReadOther}
	if r.own {
		key.by = ReadElse
	}
	_, under := k.readings.heard[key]
	if !under && len(k.readings.heard) >= maxReading {
		return
	}
	k.readings.heard[key] = d.ID
	if !under {
		k.learnReading(key)
	}
}

// learnReading deals with the newest marker of a chat, and with those that come meanwhile. The messages that were taken before it are kept first.
func (k *core) learnReading(key markerKey) {
	id := k.readings.heard[key]
	k.commit(cache.Batch{}, func(cache.Result, error) {
		k.markRead(key.chat, id, key.by, func(err error) {
			if err != nil && !errors.Is(err, cache.ErrNotFound) {
				k.log.Error("what was read could not be noted", "chat", key.chat.String(), "error", err)
			}
			if k.readings.heard[key] != id {
				k.learnReading(key)
				return
			}
			delete(k.readings.heard, key)
		})
	})
}

// recordOwed keeps what was read without a connection, in case the program ends before there is one.
const recordOwed = "readings-owed"

// keepOwed writes what is owed into the cache: JSON, chats and places.
func (k *core) keepOwed() {
	places := make(map[string]string, len(k.readings.owed))
	for chat, o := range k.readings.owed {
		if o.marker {
			places[chat.String()] = o.upto.String()
		}
	}
	record := cache.Record{Name: recordOwed}
	if len(places) > 0 {
		record.Value, _ = json.Marshal(places) // texts never fail
	}
	k.readings.kept = len(places) > 0
	k.commit(cache.Batch{Records: []cache.Record{record}}, nil)
}

// loadOwed reads what an earlier run left. What cannot be understood is as if it had been told.
func (k *core) loadOwed(ctx context.Context) error {
	value, err := k.cfg.Cache.Record(ctx, recordOwed)
	if errors.Is(err, cache.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var places map[string]string
	if json.Unmarshal(value, &places) != nil {
		return nil
	}
	for text, place := range places {
		chat, err := jid.Parse(text)
		upto, bad := cache.ParseCursor(place)
		if err == nil && bad == nil && chat.IsBare() && len(k.readings.owed) < maxReading {
			k.readings.owed[chat], k.readings.kept = owedReading{upto: upto, marker: true}, true
		}
	}
	return nil
}
