package outbox

import (
	"context"
	"fmt"
	"sync"

	"godwit/client/cache"
	"godwit/jid"
)

// notes gathers progress while an earlier write is under way, so that a burst costs few writes. It is under the mutex of its outbox.
type notes struct {
	pending map[string]*cache.Progress // by origin-id
	order   []string
	writing bool
	changed *sync.Cond // a write ended
	err     error      // of the last write
}

// Sent notes that a path took responsibility for the message. route is the path's kind.
func (o *Outbox) Sent(originID, route string) {
	o.note(originID, func(p *cache.Progress) { p.State, p.Route = max(p.State, cache.StateSent), route })
}

// Delivered notes that the peer's client has the message. It works for messages that have left the outbox too (a late receipt).
func (o *Outbox) Delivered(originID, route string) {
	o.note(originID, func(p *cache.Progress) { p.State, p.Route = max(p.State, cache.StateDelivered), route })
}

// Failed notes that the message was refused.
func (o *Outbox) Failed(originID, reason string) {
	o.note(originID, func(p *cache.Progress) { p.State, p.Error = max(p.State, cache.StateFailed), reason })
}

// Archived notes the id under which an archive holds the message.
func (o *Outbox) Archived(originID string, archive jid.JID, stanzaID string) {
	o.note(originID, func(p *cache.Progress) { p.Archive, p.StanzaID = archive, stanzaID })
}

// Settled lets the record go.
func (o *Outbox) Settled(originID string) {
	o.note(originID, func(p *cache.Progress) { p.Remove = true })
}

// Flush waits until everything noted is durable, or returns why it is not.
func (o *Outbox) Flush(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.notes.changed.Broadcast()
	})
	defer stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notes.err = nil
	o.write()
	for o.notes.writing || len(o.notes.order) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.notes.err != nil {
			return fmt.Errorf("write what was sent: %w", o.notes.err)
		}
		o.notes.changed.Wait()
	}
	return nil
}

func (o *Outbox) note(originID string, change func(*cache.Progress)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := &o.notes
	p := n.pending[originID]
	if p == nil {
		p = &cache.Progress{Sender: o.self, OriginID: originID, State: cache.StateQueued}
		if n.pending == nil {
			n.pending = map[string]*cache.Progress{}
		}
		n.pending[originID] = p
		n.order = append(n.order, originID)
	}
	change(p)
	if it := o.items[originID]; it != nil {
		o.keepUp(originID, it, p)
	}
	o.write()
}

// keepUp follows progress in memory.
func (o *Outbox) keepUp(id string, it *item, p *cache.Progress) {
	if p.Remove {
		o.release(id, it)
		return
	}
	if p.State < cache.StateSent || it.sent {
		return
	}
	it.sent = true
	o.waiting--
	o.bytes -= int64(it.size)
	o.sent = append(o.sent, id)
	for len(o.items)-o.waiting > o.cfg.Unconfirmed && len(o.sent) > 0 {
		o.forgetOldest()
	}
	if len(o.sent) > 2*(len(o.items)-o.waiting)+64 { // mostly ids that were settled since
		kept := o.sent[:0]
		for _, id := range o.sent {
			if it := o.items[id]; it != nil && it.sent {
				kept = append(kept, id)
			}
		}
		o.sent = kept
	}
}

// forgetOldest takes the oldest message that the server has out of the outbox; it stays in the history.
func (o *Outbox) forgetOldest() {
	id := o.sent[0]
	o.sent = o.sent[1:]
	it := o.items[id]
	if it == nil || !it.sent {
		return
	}
	o.release(id, it)
	n := &o.notes
	p := n.pending[id]
	if p == nil {
		p = &cache.Progress{Sender: o.self, OriginID: id, State: cache.StateSent}
		n.pending[id] = p
		n.order = append(n.order, id)
	}
	p.Remove = true
}

// write hands what was noted to the cache, unless an earlier write is still under way.
func (o *Outbox) write() {
	n := &o.notes
	if n.writing || len(n.order) == 0 {
		return
	}
	take := min(len(n.order), cache.MaxBatchEntries)
	ids := n.order[:take:take]
	b := cache.Batch{Progress: make([]cache.Progress, 0, take)}
	for _, id := range ids {
		b.Progress = append(b.Progress, *n.pending[id])
		delete(n.pending, id)
	}
	n.order = n.order[take:]
	err := o.store.Commit(b, func(_ cache.Result, err error) {
		o.mu.Lock()
		n.writing, n.err = false, err
		if err != nil {
			o.again(b.Progress)
		} else {
			o.write()
		}
		n.changed.Broadcast()
		o.mu.Unlock()
		if err != nil {
			o.cfg.OnError(err)
		}
	})
	if err != nil {
		n.err = err
		o.again(b.Progress)
		n.changed.Broadcast()
		return
	}
	n.writing = true
}

// again puts progress that was not written back, before what came later, to be tried with the next.
func (o *Outbox) again(failed []cache.Progress) {
	n := &o.notes
	var back []string
	for i := range failed {
		p := &failed[i]
		newer := n.pending[p.OriginID]
		if newer == nil {
			n.pending[p.OriginID] = p
			back = append(back, p.OriginID)
			continue
		}
		newer.State, newer.Remove = max(newer.State, p.State), newer.Remove || p.Remove
		if newer.Route == "" {
			newer.Route = p.Route
		}
		if newer.StanzaID == "" {
			newer.Archive, newer.StanzaID = p.Archive, p.StanzaID
		}
	}
	n.order = append(back, n.order...)
}
