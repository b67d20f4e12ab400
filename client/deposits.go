package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/deposit"
	"godwit/xep/forward"
	"godwit/xep/receipts"
	"godwit/xmlstream"
)

// depositor hands messages that went directly to the account's own server, in
// batches, off the way of anything else. The queue is in the cache; a message
// leaves it when the server has answered for it, so it survives anything and the
// server, who knows messages by sender and origin-id, keeps it once.
//
// A server without deposits gets copies of the sent messages instead; what was
// received is then the sender's to copy.
type depositor struct {
	waiting bool // something is, or may be, in the queue
	asked   bool // a batch is under way
	copies  map[string]cache.Key
	tries   int
	due     alarm
}

// load looks whether an earlier run left something.
func (d *depositor) load(ctx context.Context, k *core) error {
	left, err := k.cfg.Cache.Deposits(ctx, 1)
	d.waiting = len(left) > 0
	return err
}

// forget forgets what was under way in a session that is over.
func (d *depositor) forget() { d.asked, d.copies = false, nil }

// queued notes a new deposit, which is durable. It may wait for others a moment.
func (d *depositor) queued(k *core) {
	d.waiting = true
	if !d.due.isSet() && !d.asked && len(d.copies) == 0 {
		k.after(&d.due, k.cfg.Times.Deposit, func() { d.flush(k) })
	}
}

// wake looks at the queue now, after a sign-in.
func (d *depositor) wake(k *core) {
	d.tries = 0
	if d.waiting && len(d.copies) == 0 {
		k.after(&d.due, 0, func() { d.flush(k) })
	}
}

// flush hands over a batch.
func (d *depositor) flush(k *core) {
	if !d.waiting || d.asked || len(d.copies) > 0 || !k.online() || !k.features.known {
		return // wake comes
	}
	batch, err := k.cfg.Cache.Deposits(k.ctx, deposit.MaxItems)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			k.emit(Problem{Err: err})
		}
		return
	}
	d.waiting = len(batch) > 0
	switch {
	case len(batch) == 0:
	case !k.choices.deposit:
		d.done(k, keysOf(batch))
	case k.features.deposit:
		d.hand(k, batch)
	default:
		d.copy(k, batch)
	}
}

func keysOf(batch []cache.Deposit) []cache.Key {
	keys := make([]cache.Key, len(batch))
	for i, b := range batch {
		keys[i] = cache.Key{Sender: b.Sender, OriginID: b.OriginID}
	}
	return keys
}

// depositedAs is what a message is known by in the archive, to be added to what the history has of it.
func (k *core) depositedAs(c *cache.Deposit, id string) (cache.Message, bool) {
	st, err := parseStanza(c.Stanza)
	if err != nil || id == "" || len(id) > maxEntry {
		return cache.Message{}, false
	}
	r := describeMessage(st, k.trust(), archived)
	r.origin, r.entry, r.time = c.OriginID, id, c.Time
	return r.record(k.self), true
}

// maxEntry bounds ids of archives, in bytes.
const maxEntry = 256

// done takes messages out of the queue, notes by what ids the archive has them, and goes on with the rest.
func (d *depositor) done(k *core, keys []cache.Key, known ...cache.Message) {
	d.asked = true // until they are out, they would be read again
	k.commit(cache.Batch{Deposited: keys, Add: known, Backfill: true}, func(_ cache.Result, err error) {
		d.asked = false
		if err != nil {
			k.emit(Problem{Err: err})
			d.later(k)
			return
		}
		for i := range known {
			k.readLate(known[i].Chat)
		}
		k.after(&d.due, 0, func() { d.flush(k) })
	})
}

// hand gives a batch to the server (package xep/deposit).
func (d *depositor) hand(k *core, batch []cache.Deposit) {
	var b deposit.Batch
	var broken []cache.Key
	for i := range batch {
		item, err := itemOf(&batch[i])
		if err != nil {
			k.log.Error("a deposit is unreadable", "id", batch[i].OriginID, "error", err)
			broken = append(broken, cache.Key{Sender: batch[i].Sender, OriginID: batch[i].OriginID})
			continue
		}
		b.Items = append(b.Items, item)
	}
	if len(broken) > 0 {
		d.done(k, broken)
		return
	}
	d.asked = true
	k.request(k.self, stanza.Set, b.Encode, k.inSession(func(s *stanza.Stanza, err error) {
		d.asked = false
		if err == nil {
			d.answered(k, batch, s)
			return
		}
		k.log.Info("a deposit was not taken", "error", err)
		if unsupported(err) {
			k.features.deposit = false
		}
		d.later(k)
	}))
}

// answered takes the server's word for each message.
func (d *depositor) answered(k *core, batch []cache.Deposit, s *stanza.Stanza) {
	n, _ := s.Child(deposit.NS, "deposited")
	res, err := deposit.ParseResult(n)
	if err != nil {
		k.log.Warn("the answer to a deposit is unreadable", "error", err)
		d.later(k)
		return
	}
	var keys []cache.Key
	var known []cache.Message
	for _, r := range res.Receipts {
		if r.Error != nil && r.Error.Type == stanza.Wait {
			continue
		}
		if r.Error != nil {
			k.log.Info("the server keeps no copy of a direct message", "id", r.OriginID, "error", r.Error)
		}
		key := cache.Key{Sender: r.Sender, OriginID: r.OriginID}
		keys = append(keys, key)
		if i := slices.IndexFunc(batch, func(c cache.Deposit) bool { return c.Sender == key.Sender && c.OriginID == key.OriginID }); i >= 0 && r.Error == nil {
			if m, ok := k.depositedAs(&batch[i], r.ID); ok {
				known = append(known, m)
			}
		}
	}
	if len(keys) == 0 {
		d.later(k)
		return
	}
	d.tries = 0
	d.done(k, keys, known...)
}

// later tries again after a pause.
func (d *depositor) later(k *core) {
	d.waiting = true
	k.after(&d.due, pause(d.tries, 5*time.Second, 5*time.Minute, jitter()), func() { d.flush(k) })
	d.tries++
}

func itemOf(c *cache.Deposit) (deposit.Item, error) {
	st, err := parseStanza(c.Stanza)
	if err != nil {
		return deposit.Item{}, err
	}
	direction := deposit.Received
	if c.Direction == cache.Out {
		direction = deposit.Sent
	}
	return deposit.Item{Direction: direction, Forwarded: forward.New(st, c.Time), OriginID: c.OriginID}, nil
}

func parseStanza(b []byte) (*stanza.Stanza, error) {
	el, err := xmlstream.ParseElement(b, xmlstream.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return stanza.FromElement(&el)
}

// copy sends copies through a server that knows no deposits. The recipient drops
// the second copy by its origin-id; no receipt is asked for, since the first was
// acknowledged.
func (d *depositor) copy(k *core, batch []cache.Deposit) {
	d.copies = map[string]cache.Key{}
	var needless []cache.Key
	for i := range batch {
		b := &batch[i]
		key := cache.Key{Sender: b.Sender, OriginID: b.OriginID}
		st, err := parseStanza(b.Stanza)
		if b.Direction != cache.Out || err != nil {
			needless = append(needless, key)
			continue
		}
		st = st.WithFrom(jid.JID{}).WithTo(st.To.Bare()).Without(func(n xmlstream.Name, _ func() xmlstream.Node) bool {
			return n == receipts.RequestName
		})
		d.copies[b.OriginID] = key
		if k.sendTagged(st, k.outgoing.tag(tagged{chat: st.To, id: b.OriginID, copy: true})) != nil {
			return // the session is over; forget and wake come
		}
	}
	k.conn.wantAck = true
	if !k.conn.stream.Managed() {
		for _, key := range d.copies {
			needless = append(needless, key)
		}
		d.copies = nil
	}
	if len(needless) > 0 {
		d.done(k, needless)
	}
}

// copied notes that the server has taken a copy.
func (d *depositor) copied(k *core, id string) {
	key, ok := d.copies[id]
	if !ok {
		return
	}
	delete(d.copies, id)
	k.commit(cache.Batch{Deposited: []cache.Key{key}}, func(_ cache.Result, err error) {
		if err != nil {
			k.emit(Problem{Err: err})
		}
		if len(d.copies) == 0 {
			k.after(&d.due, 0, func() { d.flush(k) })
		}
	})
}

// depositOf makes the deposit of a message that arrived directly; ok is false when
// it needs none.
func (k *core) depositOf(r *received) (cache.Deposit, bool) {
	if !k.choices.deposit || r.origin == "" || r.link.kind == path.Server {
		return cache.Deposit{}, false
	}
	return cache.Deposit{Sender: r.from.Bare(), OriginID: r.origin, Direction: cache.In, Time: r.time.UTC(), Stanza: r.stanza.Append(nil, "")}, true
}

// depositSent queues a message that the peer has over a link. Its own progress is
// written after this, so that a crash between the two only repeats it.
func (k *core) depositSent(e path.Effect) {
	p := k.outgoing.progress[e.ID]
	if !k.choices.deposit || p == atServer || p == handed && !k.features.deposit {
		return // the server has it, or is about to
	}
	st, err := k.stored(e.ID)
	if err != nil {
		k.log.Error("a message could not be queued for deposit", "id", e.ID, "error", err)
		return
	}
	from := k.address()
	b := cache.Batch{Deposit: []cache.Deposit{{Sender: k.self, OriginID: e.ID, Direction: cache.Out, Time: time.Now().UTC(),
		Stanza: st.WithFrom(from).Append(nil, "")}}}
	k.commit(b, func(_ cache.Result, err error) {
		if err != nil {
			k.emit(Problem{Err: err})
			return
		}
		k.deposits.queued(k)
	})
}

// address is the full address of the session, or of the last one, or the account.
func (k *core) address() jid.JID {
	if !k.lastFull.IsZero() {
		return k.lastFull
	}
	return k.self
}
