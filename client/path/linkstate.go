package path

import "time"

// trust is what a chat thinks of a link.
type trust uint8

const (
	unproven trust = iota // no probe was answered yet
	trusted               // answers in time
	lapsed                // owes an answer for too long
)

// lnk is one link and what is under way on it.
type lnk struct {
	Link
	trust    trust
	upAt     time.Time
	proofAt  time.Time // when the other end last answered
	since    time.Time // when it became trusted
	probeAt  time.Time // when the outstanding probe was asked for; zero: none
	rtt      time.Duration
	unacked  []flight
	cursor   uint64    // everything up to here is at the device, or went before on this very link
	wantAck  bool      // ask for an acknowledgement at the end of this step
	spareAt  time.Time // since when a newer link to the same device does its work; zero: not so
	repaired bool      // Repair was asked for this lapse
	doubted  bool      // Doubt was told since the last answer
	lapses   int       // how often trust was lost since it was last good
	silent   time.Time // when the other end had last answered before trust was lost
}

// flight is one message under way on a link.
type flight struct {
	m   *msg
	seq uint64
	at  time.Time
}

// patience is how long an answer may take.
func (l *lnk) patience(cfg *Config) time.Duration {
	return min(max(cfg.Lapse, 3*l.rtt), 3*cfg.Lapse)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lapseAt returns when a trusted link stops being trusted if nothing more is heard; zero when it owes no answer.
//
// Whatever proves that the other end hears us counts, so a single late probe among acknowledged data changes nothing. Data that
// stays unacknowledged although probes are answered gets three times as long.
func (l *lnk) lapseAt(cfg *Config) time.Time {
	var at time.Time
	p := l.patience(cfg)
	if len(l.unacked) > 0 {
		oldest := l.unacked[0].at
		at = later(oldest, l.proofAt).Add(p)
		at = earlier(at, oldest.Add(3*p))
	}
	if !l.probeAt.IsZero() {
		at = earlier(at, l.probeAt.Add(p))
	}
	return at
}

// doubtAt returns when half the time is over after which trust lapses; zero when no answer is owed, or it was told.
func (l *lnk) doubtAt(cfg *Config) time.Time {
	if l.trust != trusted || l.doubted {
		return time.Time{}
	}
	at := l.lapseAt(cfg)
	if !at.IsZero() {
		at = at.Add(-l.patience(cfg) / 2)
	}
	return at
}

// deadAt returns when a link that is not trusted is given up.
func (l *lnk) deadAt(cfg *Config) time.Time {
	return later(l.upAt, l.proofAt).Add(cfg.Dead)
}

// probeDue returns when the next probe is due.
func (l *lnk) probeDue(cfg *Config) time.Time {
	switch {
	case !l.probeAt.IsZero(): // again, in case the request itself was lost
		return l.probeAt.Add(l.patience(cfg))
	case l.trust == trusted:
		return l.proofAt.Add(cfg.KeepAlive)
	}
	return later(l.upAt, l.proofAt)
}

// earlier returns the earlier of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// answer notes that the other end acknowledged everything up to tag (0: nothing new) and returns the messages that were under way and
// no longer are. ok is false when it proves nothing: no probe was out and nothing new was acknowledged.
func (l *lnk) answer(now time.Time, tag uint64) (acked []flight, ok bool) {
	n := 0
	for n < len(l.unacked) && l.unacked[n].seq <= tag {
		n++
	}
	acked, l.unacked = l.unacked[:n], l.unacked[n:]
	if n == 0 && l.probeAt.IsZero() {
		return nil, false
	}
	if !l.probeAt.IsZero() {
		sample := max(0, now.Sub(l.probeAt))
		if l.rtt == 0 {
			l.rtt = sample
		} else {
			l.rtt += (sample - l.rtt) / 8
		}
	}
	l.proofAt, l.probeAt, l.doubted = now, time.Time{}, false
	l.wantAck = len(l.unacked) > 0
	return acked, true
}

// lapse lets trust go.
func (l *lnk) lapse() {
	l.trust, l.silent = lapsed, l.proofAt
	l.lapses++
}

// trusts lets trust come, or come back. A link that had been good and then said nothing at all for longer than loss explains was
// broken and mended, which is not its fault.
func (l *lnk) trusts(now time.Time, cfg *Config) {
	if l.trust == lapsed && l.silent.Sub(l.since) >= cfg.Young && now.Sub(l.silent) >= brokenAfter*l.patience(cfg) {
		l.lapses = 0
	}
	l.trust, l.since, l.repaired = trusted, now, false
}

// brokenAfter is after how many times its patience a silent link is taken for broken.
const brokenAfter = 3

// proven reports whether nothing under way is overdue, so that a fresh answer restores trust.
func (l *lnk) proven(now time.Time, cfg *Config) bool {
	return len(l.unacked) == 0 || now.Sub(l.unacked[0].at) < l.patience(cfg)
}
