package client

import (
	"errors"
	"time"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/archive"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

// catchUp reads from the account's archive what was missed (XEP-0313), after every
// sign-in that begins a new session:
//
//  1. pages from the last known entry on, while new messages are held back: they
//     are in the archive too and come in their turn;
//  2. available presence: from now on the server delivers messages here;
//  3. pages again, for what came since the last page;
//  4. what was held during the very last page;
//  5. a few seconds later, pages once more, without holding anything: what the server
//     was still storing during the question before must not be missed.
//
// From then on every message that arrives moves the position forward, so the next
// sign-in begins there. A page and its messages are durable before the position is.
type catchUp struct {
	phase    catchPhase
	begun    bool // presence may be told
	present  bool // presence was told
	released bool // new messages are not held
	position string
	since    time.Time // instead of a position that the archive does not know any more
	first    bool      // the archive was never read: the newest messages are enough
	again    bool      // messages were returned that the page being read may lack
	query    string    // id of the page being read; "" when none is
	patience alarm
	retry    alarm
	tries    int
}

type catchPhase uint8

const (
	catchIdle   catchPhase = iota // not begun
	catchMissed                   // step 1
	catchTail                     // step 3
	catchSettle                   // steps 4 and 5
	catchDone
)

const (
	catchPage     = 100
	catchPatience = 3 * time.Second // step 2 comes at the latest after
	catchSettling = 5 * time.Second // step 5 comes after
	maxBacklog    = 250
)

// recordRead says that the archive was read once: whatever is in one that was empty
// then is new.
const recordRead = "archive-read"

// holding reports whether new messages wait.
func (c *catchUp) holding() bool {
	return !c.released && (c.phase == catchMissed || c.phase == catchTail)
}

func (c *catchUp) release() { c.released = true }

// reset forgets the session before.
func (c *catchUp) reset(k *core) {
	k.timers.stop(&c.patience)
	k.timers.stop(&c.retry)
	*c = catchUp{phase: catchMissed}
	k.inbox = inbox{}
}

// startCatchUp begins once it is known what the account can do.
func (k *core) startCatchUp() {
	c := &k.catch
	if !k.features.archive {
		k.caughtUp()
		return
	}
	p, err := k.cfg.Cache.Position(k.ctx, k.self)
	if err != nil {
		k.emit(Problem{Err: err})
		k.caughtUp()
		return
	}
	c.position = p.Last
	if c.position == "" {
		_, err := k.cfg.Cache.Record(k.ctx, recordRead)
		c.first = errors.Is(err, cache.ErrNotFound)
	}
	k.after(&c.patience, catchPatience, k.beginPresence)
	k.returnHeld()
	k.readArchive()
}

// beginPresence tells contacts that the user is there.
func (k *core) beginPresence() {
	k.timers.stop(&k.catch.patience)
	if !k.catch.begun {
		k.catch.begun = true
		k.sendOwnPresence()
	}
}

// readArchive asks for the next page.
func (k *core) readArchive() {
	c := &k.catch
	c.query = newID()
	q := archive.Query{QueryID: c.query, Paged: true}
	if c.first {
		q.Page = rsm.Request{Max: rsm.Some(min(k.cfg.Limits.Backlog, maxBacklog)), Backward: true}
	} else {
		q.Page = rsm.Request{Max: rsm.Some(catchPage), After: c.position}
		if c.position == "" {
			q.Start = c.since
		}
	}
	id := c.query
	k.request(k.self, stanza.Set, q.Encode, k.inSession(func(s *stanza.Stanza, err error) {
		if c.query == id {
			c.query = ""
			k.pageRead(s, err)
		}
	}))
}

// archiveResult takes one message of a page. It counts only when the own archive
// sends it, in answer to the page being read (XEP-0313 §8.2), and when it is the
// account's own or to it.
func (k *core) archiveResult(from jid.JID, n xmlstream.Node, t *ticket) {
	if !from.IsZero() && from != k.self {
		k.log.Warn("archived messages from somebody else were dropped", "from", from.String())
		t.done()
		return
	}
	res, err := archive.ParseResult(n)
	if err == nil && res.Forwarded.Stanza.Kind == stanza.Message && k.olderResult(&res) {
		t.done()
		return
	}
	if err != nil || k.catch.query == "" || res.QueryID != k.catch.query || res.Forwarded.Stanza.Kind != stanza.Message {
		k.log.Debug("an archived message that was not asked for was dropped", "error", err)
		t.done()
		return
	}
	known := k.trust()
	r := unwrap(res.Forwarded, known, archived)
	if !r.own && r.to.Bare() != k.self {
		t.done()
		return
	}
	r.entry = res.ID
	r.backlog = k.catch.first
	k.take(r, t)
}

// pageRead takes the end of a page.
func (k *core) pageRead(s *stanza.Stanza, err error) {
	c := &k.catch
	var fin archive.Fin
	if err == nil {
		n, _ := s.Child(archive.NS, "fin")
		fin, err = archive.ParseFin(n)
	}
	switch {
	case refused(err, "item-not-found") && c.position != "":
		k.log.Info("the archive does not know the last message any more; reading by time")
		c.position, c.since = "", k.newestKnown()
		k.readArchive()
		return
	case err != nil:
		k.log.Warn("the archive could not be read", "error", err)
		k.retryCatchUp()
		return
	}
	more := !fin.Complete && !c.first && fin.Page.Last != "" && fin.Page.Last != c.position || c.again
	c.again = false
	var b cache.Batch
	if fin.Page.Last != "" {
		c.position = fin.Page.Last
		b.Positions = []cache.Position{{Archive: k.self, Last: c.position}}
	}
	if c.first {
		c.first = false
		b.Records = []cache.Record{{Name: recordRead, Value: []byte("yes")}}
	}
	if len(b.Positions)+len(b.Records) > 0 {
		k.commit(b, nil)
	}
	if more {
		k.returnHeld()
		k.readArchive()
		return
	}
	c.tries = 0
	switch c.phase {
	case catchMissed:
		k.returnHeld()
		k.beginPresence()
		c.phase = catchTail
		k.readArchive()
	case catchTail:
		k.caughtUp()
	case catchSettle:
		c.phase = catchDone
	}
}

// newestKnown is the time of the newest message in the cache, or zero.
func (k *core) newestKnown() time.Time {
	page, _, err := k.cfg.Cache.Messages(k.ctx, cache.HistoryQuery{Max: 1})
	if err != nil || len(page) == 0 {
		return time.Time{}
	}
	return page[0].Time
}

// retryCatchUp lets new messages through and tries to read the archive later.
func (k *core) retryCatchUp() {
	c := &k.catch
	k.beginPresence()
	k.releaseHeld()
	c.phase = catchSettle
	k.readWaiting()
	d := pause(c.tries, 10*time.Second, 10*time.Minute, jitter())
	c.tries++
	k.after(&c.retry, d, k.readArchive)
}

// caughtUp lets new messages through.
func (k *core) caughtUp() {
	c := &k.catch
	c.phase = catchSettle
	k.beginPresence()
	k.releaseHeld()
	k.readWaiting()
	k.askReadings("", maxReadPages)
	if k.features.archive {
		k.after(&c.retry, catchSettling, k.readArchive)
	}
}

// advance gives the position that a message moves to, if nothing older can be
// missing.
func (c *catchUp) advance(r *received, k *core) (cache.Position, bool) {
	if c.phase != catchDone || !k.features.carbons || r.entry == "" || r.source != live && r.source != copied {
		return cache.Position{}, false
	}
	c.position = r.entry
	return cache.Position{Archive: k.self, Last: r.entry}, true
}
