package nat

import (
	"net/netip"
	"time"
)

// The course of a discovery in time. A path with 5 % loss each way and a round
// trip of 200 ms is done within 1.5 s.
const (
	// interval is between two tries of a question.
	interval = 50 * time.Millisecond
	// silence is after how long without any answer UDP is called silent; by then
	// each server was asked many times.
	silence = 1300 * time.Millisecond
	// choosing is how long a better server than the first that answered is waited
	// for, at most; twice the round trip if that is less.
	choosing = 300 * time.Millisecond
	// grace is how long after the last try an answer is waited for, besides one
	// and a half of the longest round trip, within bounds.
	grace    = 150 * time.Millisecond
	minGrace = 200 * time.Millisecond
	maxGrace = time.Second
	// limit ends a discovery whatever happens.
	limit = 4 * time.Second
)

// The sockets of a family, by what they are for. All but the first speak to the
// primary server's one address only.
const (
	mapper     = iota // asks everybody
	bothFilter        // asks for answers from the other address
	portFilter        // asks for answers from the other port
	spare1            // these only show how ports are given out
	spare2
	spare3
	socketCount
)

// packet is something to send from one of the sockets.
type packet struct {
	socket int
	to     netip.AddrPort
	data   []byte
}

// question is one thing to find out by asking, again and again until it is
// answered or was asked often enough.
type question struct {
	socket int
	to     netip.AddrPort
	change change
	expect netip.AddrPort // where an answer has to come from
	often  int            // how often to ask, at most
	enough int            // how many answers end it
	skip   int            // asked in every skip-th round only, to spare the server
	// optional questions are not waited for.
	optional bool

	sent, answered   int
	ignored, refused bool
	mapped           netip.AddrPort // as the first answer says
	unstable         bool
	seenAt, lastAt   time.Time // when the first and the latest try that was answered were sent
	first            time.Time // when it was first asked
	next             time.Time
}

func (q *question) open() bool {
	return q.answered < q.enough && !q.ignored && !q.refused && q.sent < q.often
}

// try is a request that is under way.
type try struct {
	of       *question
	at       time.Time
	answered bool
}

// prober runs the discovery of one family without a clock and without sockets:
// time and packets come in, packets and the time of the next step go out. It
// belongs to one goroutine.
type prober struct {
	servers []netip.AddrPort
	locals  [socketCount]netip.AddrPort
	newID   func() transaction

	questions []*question
	tries     map[transaction]*try
	began     time.Time
	firstSeen time.Time                 // when the first server answered
	others    map[netip.AddrPort]answer // what each server said first
	primary   netip.AddrPort
	other     netip.AddrPort
	again     *question // the mapping socket's to the primary server, all along
	lastSent  time.Time // of the second part
	shortest  time.Duration
	longest   time.Duration
	heard     bool // something was answered, be it by an error
	stray     int  // packets that answer nothing
	finished  bool
}

func newProber(servers []netip.AddrPort, locals [socketCount]netip.AddrPort, newID func() transaction, now time.Time) *prober {
	p := &prober{servers: servers, locals: locals, newID: newID, began: now,
		tries: map[transaction]*try{}, others: map[netip.AddrPort]answer{}}
	for _, s := range servers {
		p.ask(now, question{socket: mapper, to: s, expect: s, often: firstRounds, enough: 1})
	}
	return p
}

// controls is how often the sockets of the filter questions are seen to be
// answered otherwise, all along.
const controls = (rounds + 1) / 2

// firstRounds is how often each server is asked before it is called silent.
const firstRounds = 24

func (p *prober) ask(now time.Time, q question) *question {
	q.next, q.first = now, now
	p.questions = append(p.questions, &q)
	return &q
}

// step says what to send now, and when to call again at the latest. It is called
// after each packet that came, too.
func (p *prober) step(now time.Time) (out []packet, wake time.Time) {
	if !p.primary.IsValid() {
		p.choose(now)
	}
	if p.primary.IsValid() {
		p.extend(now)
	}
	p.finished = p.finished || p.over(now)
	if p.finished {
		return nil, now
	}
	wake = p.began.Add(limit)
	for _, q := range p.questions {
		if !q.open() {
			continue
		}
		if !q.next.After(now) {
			out = append(out, p.send(now, q))
		}
		if q.open() && q.next.Before(wake) {
			wake = q.next
		}
	}
	for _, t := range p.deadlines() {
		if t.After(now) && t.Before(wake) {
			wake = t
		}
	}
	return out, wake
}

func (p *prober) send(now time.Time, q *question) packet {
	id := p.newID()
	p.tries[id] = &try{of: q, at: now}
	q.sent++
	q.next = now.Add(interval * time.Duration(max(1, q.skip)))
	if p.primary.IsValid() {
		p.lastSent = now
	}
	return packet{q.socket, q.to, request(id, q.change)}
}

// receive takes a packet that came to a socket.
func (p *prober) receive(now time.Time, socket int, from netip.AddrPort, data []byte) {
	a, ok := parseAnswer(data)
	if !ok {
		p.stray++
		return
	}
	t := p.tries[a.id]
	if t == nil || t.answered || t.of.socket != socket {
		p.stray++
		return
	}
	q := t.of
	switch {
	case from != q.expect && q.change == asIs:
		p.stray++ // somebody else's answer, or a server that answers from the wrong address
		return
	case a.code != 0:
		t.answered, q.refused, p.heard = true, true, true
		return
	case from != q.expect:
		t.answered, q.ignored = true, true
		return
	}
	t.answered, p.heard = true, true
	if q.change == asIs {
		p.measure(now.Sub(t.at))
	}
	if t.at.After(q.lastAt) {
		q.lastAt = t.at
	}
	if q.answered++; q.answered == 1 {
		q.mapped, q.seenAt = a.mapped, t.at
	} else if q.mapped != a.mapped {
		q.unstable = true
	}
	if q.socket == mapper && q.change == asIs && !p.primary.IsValid() {
		if p.firstSeen.IsZero() {
			p.firstSeen = now
		}
		if _, known := p.others[from]; !known {
			p.others[from] = a
		}
	}
}

func (p *prober) measure(d time.Duration) {
	p.longest = max(p.longest, d)
	if p.shortest == 0 || d < p.shortest {
		p.shortest = d
	}
}

// choose picks the server that is asked in depth: the first that serves all of
// RFC 5780, or the best that has answered when it is time.
func (p *prober) choose(now time.Time) {
	best, bestRank := netip.AddrPort{}, -1
	waiting := false
	for _, s := range p.servers {
		a, ok := p.others[s]
		if !ok {
			waiting = waiting || p.mayAnswer(s)
			continue
		}
		rank := 0
		switch {
		case otherAddress(s, a.other).IsValid():
			rank = 2
		case otherPort(s, a.other).IsValid():
			rank = 1
		}
		if rank > bestRank {
			best, bestRank = s, rank
		}
	}
	if bestRank < 0 || bestRank < 2 && waiting && now.Before(p.chooseBy()) {
		return
	}
	p.primary, p.other = best, p.others[best].other
	p.questionPrimary(now)
}

func (p *prober) mayAnswer(server netip.AddrPort) bool {
	for _, q := range p.questions {
		if q.to == server {
			return q.open()
		}
	}
	return false
}

func (p *prober) chooseBy() time.Time {
	return p.firstSeen.Add(min(choosing, 2*p.longest+interval))
}

// questionPrimary begins the second part. The order of the first packets is the
// order in which the NAT gives out ports. In every round the questions that a
// filter may keep the answers of come before the plain ones, so that a server
// that answers only so many a second starves these first, which shows, and is not
// taken for a filter.
func (p *prober) questionPrimary(now time.Time) {
	plain := func(socket, enough, skip int) *question {
		return p.ask(now, question{socket: socket, to: p.primary, expect: p.primary, often: rounds, enough: enough, skip: skip})
	}
	if address := otherAddress(p.primary, p.other); address.IsValid() {
		c := changeBoth
		if address.Port() == p.primary.Port() {
			c = changeIP
		}
		for _, q := range p.questions { // this server shows all there is to see
			q.optional = q.to != p.primary
		}
		p.ask(now, question{socket: bothFilter, to: p.primary, expect: address, change: c, often: rounds, enough: 1})
	}
	if port := otherPort(p.primary, p.other); port.IsValid() {
		p.ask(now, question{socket: portFilter, to: p.primary, expect: port, change: changePort, often: rounds, enough: 1})
	}
	plain(bothFilter, controls, 2)
	plain(portFilter, controls, 2)
	plain(spare1, 1, 1)
	plain(spare2, 1, 1)
	plain(spare3, 1, 1)
	// The mapping socket goes on asking the primary server, which shows whether
	// the mapping stays what it is while the others are asked.
	p.again = p.ask(now, question{socket: mapper, to: p.primary, expect: p.primary, often: controls, enough: maxRounds, skip: 2, optional: true})
	for _, to := range p.destinations() {
		p.ask(now, question{socket: mapper, to: to, expect: to, often: rounds, enough: 1})
	}
}

// destinations are the addresses of the primary server that were not asked yet.
func (p *prober) destinations() []netip.AddrPort {
	var list []netip.AddrPort
	add := func(a netip.AddrPort) {
		for _, q := range p.questions {
			if q.socket == mapper && q.to == a {
				return
			}
		}
		if a.IsValid() {
			list = append(list, a)
		}
	}
	add(otherPort(p.primary, p.other))
	if a := otherAddress(p.primary, p.other); a.IsValid() {
		if a.Port() != p.primary.Port() {
			add(netip.AddrPortFrom(a.Addr(), p.primary.Port()))
		}
		add(a)
	}
	return list
}

// extend asks more often where much is lost, once what was asked can be judged.
func (p *prober) extend(now time.Time) {
	if p.again.sent >= p.again.often && p.again.often < maxRounds && !p.confirmed() {
		p.again.often++
		p.again.next = later(now, p.again.next)
	}
	judged, lost := p.loss(now)
	needed := min(neededRounds(judged, lost), maxRounds)
	for _, q := range p.questions {
		if !q.optional && q.answered < q.enough && q.sent >= q.often && q.often < needed {
			q.often = needed
			q.next = later(now, q.next)
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wait is how long after a try its answer may still come.
func (p *prober) wait() time.Duration {
	return min(max(3*p.longest/2+grace, minGrace), maxGrace)
}

// loss counts the plain tries to addresses that do answer which are old enough
// to be judged.
func (p *prober) loss(now time.Time) (judged, lost int) {
	for _, t := range p.tries {
		if t.of.change != asIs || t.of.answered == 0 {
			continue
		}
		switch {
		case t.answered:
			judged++
		case now.Sub(t.at) >= p.longest+interval:
			judged++
			lost++
		}
	}
	return judged, lost
}

// deadlines are when something may be decided without a packet.
func (p *prober) deadlines() []time.Time {
	switch {
	case p.primary.IsValid():
		return []time.Time{p.lastSent.Add(p.longest + interval), p.lastSent.Add(p.wait())}
	case !p.firstSeen.IsZero():
		return []time.Time{p.chooseBy()}
	}
	return []time.Time{p.began.Add(silence)}
}

// over reports whether nothing more can be learned.
func (p *prober) over(now time.Time) bool {
	if now.Sub(p.began) >= limit {
		return true
	}
	if !p.primary.IsValid() {
		return p.firstSeen.IsZero() && (now.Sub(p.began) >= silence || p.allRefused())
	}
	if p.asking() {
		return false
	}
	return p.decided() || now.Sub(p.lastSent) >= p.wait()
}

// allRefused reports whether every server has answered with an error.
func (p *prober) allRefused() bool {
	for _, q := range p.questions {
		if !q.refused {
			return false
		}
	}
	return true
}

// confirmed reports whether it is certain that what different addresses saw is
// different because of them, and not because the NAT has meanwhile given out
// another mapping: then the primary server must have seen the same as at first
// after all the others were asked.
func (p *prober) confirmed() bool {
	var latest time.Time
	differ := false
	for _, q := range p.questions {
		if q.socket != mapper || q.answered == 0 {
			continue
		}
		differ = differ || q.mapped != p.others[p.primary].mapped
		if q.to != p.primary {
			latest = later(latest, q.seenAt)
		}
	}
	return !differ || p.again.lastAt.After(latest)
}

// asking reports whether something is still to be sent that counts.
func (p *prober) asking() bool {
	if p.again.open() && !p.confirmed() {
		return true
	}
	anyone := p.anyoneGetsIn()
	for _, q := range p.questions {
		switch {
		case !q.open(), q.optional, anyone && q.change != asIs:
		case q.answered == 0:
			return true
		}
	}
	return false
}

// decided reports whether every question that counts has its answer.
func (p *prober) decided() bool {
	if !p.confirmed() {
		return false
	}
	anyone := p.anyoneGetsIn()
	for _, q := range p.questions {
		if !q.optional && q.answered == 0 && !q.ignored && !q.refused && (q.change == asIs || !anyone) {
			return false
		}
	}
	return true
}

// anyoneGetsIn: where an answer from the other address comes in, so does one from
// the other port.
func (p *prober) anyoneGetsIn() bool {
	for _, q := range p.questions {
		if q.socket == bothFilter && q.change != asIs && q.answered > 0 {
			return true
		}
	}
	return false
}

// evidence is what was seen, at the end.
func (p *prober) evidence(now time.Time) evidence {
	e := evidence{primary: p.primary, other: p.other, local: p.locals[mapper]}
	e.judged, e.lost = p.loss(now)
	e.confirmed = p.again != nil && p.confirmed()
	sockets := [socketCount]netip.AddrPort{}
	for _, q := range p.questions {
		switch {
		case q.change == asIs && q.socket == mapper:
			e.saw(q)
		case q.change == asIs:
			sockets[q.socket] = q.mapped
		case q.socket == bothFilter:
			e.both = trial{q.sent, q.answered > 0, q.ignored, q.refused}
		default:
			e.port = trial{q.sent, q.answered > 0, q.ignored, q.refused}
		}
	}
	for socket := bothFilter; socket < socketCount; socket++ {
		if sockets[socket].IsValid() {
			e.sockets = append(e.sockets, pair{p.locals[socket], sockets[socket]})
		}
	}
	return e
}

// saw adds what an address saw of the mapping socket.
func (e *evidence) saw(q *question) {
	for i := range e.seen {
		s := &e.seen[i]
		if s.by != q.to {
			continue
		}
		switch {
		case !s.mapped.IsValid():
			s.mapped = q.mapped
		case q.mapped.IsValid() && q.mapped != s.mapped:
			s.unstable = true
		}
		s.unstable = s.unstable || q.unstable
		return
	}
	e.seen = append(e.seen, sighting{q.to, q.mapped, q.unstable})
}
