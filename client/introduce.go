package client

import (
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"godwit/client/path"
	"godwit/jid"
	"godwit/peer"
	"godwit/stanza"
)

// attempt is the history of introductions to one device.
type attempt struct {
	fails     int
	notBefore time.Time
	upAt      time.Time // when the last link came up
	retry     alarm
	policy    bool      // it was the server's rule that refused the last one
	forgiven  time.Time // when failures were last forgotten
}

// forgiveness is the shortest time between two times that failures with a device are
// forgotten because its network changed, which it can claim as often as it likes.
const forgiveness = 10 * time.Second

// forgive forgets failures, because a network changed: what failed before may work
// now. The server's refusal stays.
func (a *attempt) forgive(now time.Time) {
	if !a.policy {
		a.fails, a.notBefore, a.forgiven = 0, time.Time{}, now
	}
}

// Pauses between introductions.
const (
	introFirst   = 3 * time.Second
	introMost    = 10 * time.Minute
	introRefused = 30 * time.Minute // after the server's policy said no
	introStable  = 2 * time.Minute  // a link that lasted so long makes up for failures before it
	maxAttempts  = 1024
)

// nsIntroduce marks an error as the server's policy about introductions.
const nsIntroduce = "urn:godwit:introduce:0"

// situation is all that the decision to introduce depends on.
type situation struct {
	able      bool       // this client can build links, and may tell its addresses
	online    bool       // the server can pass the offer on
	route     path.Route // of the chat
	mutual    bool       // both see each other's presence
	wrote     time.Time  // when the user last wrote; zero: never in this run
	linked    bool       // to the device, or an introduction is under way
	room      bool       // for one more link
	notBefore time.Time  // because of earlier failures
}

// introduction decides whether to begin one now. If it is only too early, wait says
// when to look again.
func introduction(s situation, now time.Time, window time.Duration) (begin bool, wait time.Time) {
	switch {
	case !s.able, !s.online, s.route == path.OnlyServer, !s.mutual, s.linked, !s.room:
		return false, time.Time{}
	case s.wrote.IsZero(), now.Sub(s.wrote) >= window:
		return false, time.Time{} // whoever writes introduces; nobody keeps links to people they do not talk to
	case now.Before(s.notBefore):
		return false, s.notBefore
	}
	return true, time.Time{}
}

// considerIntroduction begins one with the preferred device of a contact, if it is
// time for it.
func (k *core) considerIntroduction(bare jid.JID) {
	c := k.links.chats[bare]
	if k.introduce == nil || c == nil || k.leaving {
		return
	}
	d := k.bestDevice(bare)
	if d == nil {
		return
	}
	a := k.links.tries[d.jid]
	s := situation{able: k.announces(), online: k.online(), route: k.choices.routeOf(bare),
		mutual: k.roster.mutual(bare), wrote: c.sent, linked: k.links.busy(d.jid),
		room: len(k.links.open)+len(k.links.pending) < k.cfg.Limits.Introduced}
	if a != nil {
		s.notBefore = a.notBefore
	}
	begin, wait := introduction(s, time.Now(), k.cfg.Times.IdleLink)
	switch {
	case begin:
		k.begin(d, k.introduce.Connect)
	case !wait.IsZero():
		k.timers.set(&a.retry, wait, func() { k.considerIntroduction(bare) })
	}
}

func (k *core) begin(d *device, connect func(jid.JID, []string) error) {
	features := make([]string, 0, len(d.software.features))
	for f := range d.software.features {
		features = append(features, f)
	}
	if err := connect(d.jid, features); err != nil {
		k.log.Info("no introduction", "peer", d.jid.String(), "error", err)
	}
}

// bestDevice is the one to link with: of those that can, the one that wrote last,
// else the one the contact prefers.
func (k *core) bestDevice(bare jid.JID) *device {
	devices := slices.DeleteFunc(k.people.devices(bare), func(d *device) bool { return !k.canLink(d) })
	if len(devices) == 0 {
		return nil
	}
	for _, d := range devices {
		if c := k.links.chats[bare]; c != nil && d.jid == c.device {
			return d
		}
	}
	return devices[0]
}

// introduceAll looks at every chat again, when the server is back.
func (k *core) introduceAll() {
	for bare := range k.links.chats {
		k.considerIntroduction(bare)
	}
}

// repair begins an introduction beside a link that is no longer trusted.
func (k *core) repair(full jid.JID) {
	k.later(func() {
		d := k.people.find(full)
		if k.introduce == nil || d == nil || d.doubtful || !k.online() || !k.canLink(d) || !k.links.due(full) || k.links.building(full) {
			return
		}
		k.begin(d, k.introduce.Replace)
	})
}

// busy reports whether there is a link to a device or one is being built.
func (l *links) busy(full jid.JID) bool {
	for _, o := range l.open {
		if o.device == full {
			return true
		}
	}
	return l.building(full)
}

func (l *links) building(full jid.JID) bool {
	for key := range l.pending {
		if key.Peer == full {
			return true
		}
	}
	return false
}

// due reports whether earlier failures allow an attempt now.
func (l *links) due(full jid.JID) bool {
	a := l.tries[full]
	return a == nil || !time.Now().Before(a.notBefore)
}

// introductionEnded takes the end of an introduction or of its link.
func (k *core) introductionEnded(r peer.Report) {
	b := k.links.pending[r.Key]
	if b == nil {
		return // its link was up; the stream's end tells
	}
	delete(k.links.pending, r.Key)
	device := r.Key.Peer
	k.log.Info("no direct link", "peer", device.String(), "reason", r.Reason.String())
	k.emit(LinkChanged{LinkInfo: LinkInfo{Peer: device, State: LinkDown, Since: b.since}, Reason: r.Reason.String()})
	if r.Reason.Condition == peer.TieBreak {
		return // the other one's offer goes on
	}
	k.links.failed(device, time.Now(), policyRefused(r.Reason.Err))
	k.considerIntroduction(device.Bare())
}

// policyRefused reports whether the server, not the device, refused an introduction.
func policyRefused(err error) bool {
	var e *stanza.Error
	return errors.As(err, &e) && e.App.Name.Space == nsIntroduce
}

// failed notes that an introduction, or the link it led to, failed.
func (l *links) failed(full jid.JID, now time.Time, policy bool) {
	a := l.tries[full]
	if a == nil {
		l.prune(now)
		a = &attempt{}
		l.tries[full] = a
	}
	if !a.upAt.IsZero() && now.Sub(a.upAt) >= introStable {
		a.fails = 0
	}
	a.upAt = time.Time{}
	d := pause(a.fails, introFirst, introMost, jitter())
	if policy {
		d = introRefused
	}
	a.policy = policy
	a.fails++
	a.notBefore = now.Add(d)
}

// succeeded notes a link that came up.
func (l *links) succeeded(full jid.JID) {
	a := l.tries[full]
	if a == nil {
		a = &attempt{}
		l.tries[full] = a
	}
	a.upAt, a.notBefore, a.policy = time.Now(), time.Time{}, false
}

// prune bounds what is remembered.
func (l *links) prune(now time.Time) {
	if len(l.tries) < maxAttempts {
		return
	}
	for j, a := range l.tries {
		if !a.retry.isSet() && (now.After(a.notBefore) || len(l.tries) >= 2*maxAttempts) {
			delete(l.tries, j)
		}
	}
}

// forgetDevice forgets the failures of a device that is gone: when it comes back it
// may be on another network.
func (k *core) forgetDevice(full jid.JID) {
	if a := k.links.tries[full]; a != nil && !k.links.busy(full) {
		k.timers.stop(&a.retry)
		if time.Until(a.notBefore) < introMost {
			delete(k.links.tries, full)
		}
	}
}

// endReason says in words how a link's stream ended.
func endReason(err error) string {
	if errors.Is(err, io.EOF) {
		return "closed by the other side"
	}
	return err.Error()
}

// permissions are the contacts who may learn this device's addresses, for the
// introducer's goroutine to ask. The owner goroutine writes them.
type permissions struct {
	mu     sync.RWMutex
	people map[jid.JID]bool
}

func (p *permissions) set(bare jid.JID, may bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if may {
		p.people[bare] = true
	} else {
		delete(p.people, bare)
	}
}

func (p *permissions) may(bare jid.JID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.people[bare]
}

// permission decides who may learn this device's addresses: never somebody whose
// subscription the user did not accept.
func permission(share Share, route path.Route, mutual, talking bool) bool {
	if !mutual || route == path.OnlyServer {
		return false
	}
	switch share {
	case ShareContacts:
		return true
	case ShareChats:
		return talking
	}
	return false
}

// permit brings a contact's permission up to date.
func (k *core) permit(bare jid.JID) {
	_, talking := k.links.chats[bare]
	k.permissions.set(bare, permission(k.choices.share, k.choices.routeOf(bare), k.roster.mutual(bare), talking))
}

// permitAll brings all up to date, and closes links that are no longer permitted.
func (k *core) permitAll() {
	k.permissions.mu.Lock()
	clear(k.permissions.people)
	k.permissions.mu.Unlock()
	for bare := range k.roster.contacts {
		k.permit(bare)
	}
	for _, l := range k.links.open {
		if !k.permissions.may(l.device.Bare()) {
			k.closeLink(l, "no longer wanted")
		}
	}
	for key := range k.links.pending {
		if !k.permissions.may(key.Peer.Bare()) {
			_ = k.introduce.Disconnect(key.Peer)
		}
	}
}

func (k *core) newIntroducer() *peer.Introducer {
	return peer.New(peer.Config{
		Transports: k.cfg.Transports,
		Logger:     k.log,
		Timeouts:   peer.Timeouts{Offer: k.cfg.Times.Introduction, Connect: k.cfg.Times.Introduction},
		Policy: func(full jid.JID) peer.Decision {
			if !k.permissions.may(full.Bare()) {
				return peer.Decision{}
			}
			return peer.Decision{Talk: true, Addresses: peer.AllAddresses}
		},
		Send: func(s *stanza.Stanza) error {
			if !k.box.put(func() { k.send(s) }) {
				return ErrClosed
			}
			return nil
		},
		Report: func(r peer.Report) {
			if !k.box.put(func() { k.introduced(r) }) && r.Link != nil {
				r.Link.Abort()
			}
		},
	})
}
