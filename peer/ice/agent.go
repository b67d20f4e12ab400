package ice

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"godwit/xep/icetransport"

	"github.com/pion/stun/v4"
)

// Bounds on what a peer can cause.
const (
	maxHosts     = 8 // remote candidates of a kind at one time
	maxReflexive = 6
	maxRelayed   = 4
	maxLearned   = 8   // peer-reflexive ones
	maxEver      = 128 // remote candidates in the life of a session, of all kinds
	maxPending   = 1024
	maxBases     = 8
)

// Timings.
const (
	// DefaultRelayWait is how long a pair through a relay waits for one without,
	// from the start of the checks.
	DefaultRelayWait = 150 * time.Millisecond
	// keepAlive is between checks of the pair taken.
	keepAlive = 5 * time.Second
	// nominationInterval is between repetitions of an unanswered nomination.
	nominationInterval = 100 * time.Millisecond
	maxNominations     = 30
	// triggerPause is the shortest time between two checks of one pair.
	triggerPause = 20 * time.Millisecond
	// pendingLife is how long an answer is waited for.
	pendingLife = 4 * time.Second
	// rejectedFor is how long a pair is left alone on which something went wrong
	// after the checks.
	rejectedFor = 20 * time.Second
	// wakePause is between two bursts of checks after changes.
	wakePause = 2 * time.Second
)

// Credentials are those of one side (RFC 8445 §5.3).
type Credentials struct{ Ufrag, Pwd string }

// BaseID names a base of an Agent.
type BaseID int

// Base is a socket that checks are sent from, in one IP family: one of this
// machine's, or one on a relay (RFC 8445 §5.1.1).
type Base struct {
	Address netip.AddrPort
	Relayed bool
}

// Packet is a message to be sent from a base.
type Packet struct {
	Base BaseID
	To   netip.AddrPort
	Data []byte
}

// Selected says that a pair has been taken.
type Selected struct {
	Base                  BaseID
	Remote                netip.AddrPort
	LocalKind, RemoteKind icetransport.Kind
	// Mapped is our side of the pair in the eyes of the peer.
	Mapped netip.AddrPort
	RTT    time.Duration
}

// Relayed reports whether a relay is in the pair, on either side.
func (s Selected) Relayed() bool {
	return s.LocalKind == icetransport.Relayed || s.RemoteKind == icetransport.Relayed
}

// Agent is one side's checks of one session. It is not safe for concurrent use:
// whoever made it guards it.
type Agent struct {
	local, remote Credentials
	acceptable    func(netip.Addr) bool
	controlling   bool
	started       time.Time // zero before Start
	relayWait     time.Duration
	eager         bool // checks with a relay nominate at once
	tieBreaker    uint64
	settled       bool // a pair without relay is in use: no more looking

	bases   map[BaseID]Base
	next    BaseID
	remotes []*remote
	ever    int
	pairs   []*pair
	pending map[id]pending
	order   []id // of pending, for its bound

	selected   *pair
	nominating *pair
	woken      time.Time
	out        []Packet
	events     []Selected
}

type id = [stun.TransactionIDSize]byte

// remote is a candidate of the peer.
type remote struct {
	address  netip.AddrPort
	kind     icetransport.Kind
	priority uint32
}

// pair is one base and one remote candidate.
type pair struct {
	base      BaseID
	remote    *remote
	working   bool
	nominated bool // by the peer (we are controlled)
	mapped    netip.AddrPort
	rtt       time.Duration
	sent      int // checks in the current run
	total     int
	due       time.Time
	last      time.Time // last check sent
	heard     time.Time // last answer
	tries     int       // nominations sent
	rejected  time.Time // left alone until then
}

type pending struct {
	pair       *pair
	at         time.Time
	nomination bool
}

// New makes an Agent. acceptable tells which addresses may be checked at all.
func New(local Credentials, acceptable func(netip.Addr) bool) *Agent {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return &Agent{
		local: local, acceptable: acceptable, relayWait: DefaultRelayWait, tieBreaker: binary.BigEndian.Uint64(b[:]),
		bases: make(map[BaseID]Base), pending: make(map[id]pending),
	}
}

// Start begins the checks: now both sides' credentials are known.
func (a *Agent) Start(controlling bool, remote Credentials, now time.Time) {
	a.controlling, a.remote, a.started = controlling, remote, now
	for _, p := range a.pairs {
		p.due = now
	}
}

// ExpectRelay says that no direct pair is expected, so none is waited for before
// one with a relay is taken: its checks nominate, which saves a round trip. Checks
// go on all the same.
func (a *Agent) ExpectRelay() { a.relayWait, a.eager = 0, true }

// AddBase adds a socket; its pairs are checked from now on. It fails when there
// are too many.
func (a *Agent) AddBase(b Base, now time.Time) (BaseID, bool) {
	if len(a.bases) >= maxBases {
		return 0, false
	}
	a.next++
	a.bases[a.next] = b
	for _, r := range a.remotes {
		a.addPair(a.next, r, now)
	}
	return a.next, true
}

// RemoveBase takes a socket away with all its pairs.
func (a *Agent) RemoveBase(base BaseID) {
	delete(a.bases, base)
	a.dropPairs(func(p *pair) bool { return p.base == base })
}

func (a *Agent) dropPairs(which func(*pair) bool) {
	a.pairs = slices.DeleteFunc(a.pairs, which)
	for i, p := range a.pending {
		if which(p.pair) {
			delete(a.pending, i)
		}
	}
	if a.selected != nil && which(a.selected) {
		a.selected = nil
	}
	if a.nominating != nil && which(a.nominating) {
		a.nominating = nil
	}
}

// AddRemote adds candidates that the peer told.
func (a *Agent) AddRemote(list []icetransport.Candidate, now time.Time) {
	for _, c := range list {
		if c.Component == 1 && a.acceptable(c.Address.Addr()) {
			a.addRemote(c.Address, c.Kind, c.Priority, now)
		}
	}
}

// Remotes lists the addresses that are checked.
func (a *Agent) Remotes() []netip.AddrPort {
	list := make([]netip.AddrPort, 0, len(a.remotes))
	for _, r := range a.remotes {
		list = append(list, r.address)
	}
	return list
}

// Public finds the peer's public IPv4 address among what it told: as a STUN server
// sees it, else as its own.
func (a *Agent) Public() (netip.AddrPort, bool) {
	for _, kind := range []icetransport.Kind{icetransport.ServerReflexive, icetransport.Host} {
		for _, r := range a.remotes {
			if r.kind == kind && r.address.Addr().Is4() && !Private(r.address.Addr()) {
				return r.address, true
			}
		}
	}
	return netip.AddrPort{}, false
}

// Knows reports whether an address is a candidate of the peer, and which kind.
func (a *Agent) Knows(address netip.AddrPort) (icetransport.Kind, bool) {
	if r := a.find(address); r != nil {
		return r.kind, true
	}
	return "", false
}

func (a *Agent) find(address netip.AddrPort) *remote {
	for _, r := range a.remotes {
		if r.address == address {
			return r
		}
	}
	return nil
}

func (a *Agent) addRemote(address netip.AddrPort, kind icetransport.Kind, priority uint32, now time.Time) *remote {
	if r := a.find(address); r != nil {
		if r.kind == icetransport.PeerReflexive && kind != icetransport.PeerReflexive {
			r.kind, r.priority = kind, priority // it was seen before it was told (RFC 8838 §11.4)
		}
		return r
	}
	if a.ever >= maxEver || !a.makeRoom(kind) {
		return nil
	}
	a.ever++
	r := &remote{address: address, kind: kind, priority: priority}
	a.remotes = append(a.remotes, r)
	for _, base := range a.baseIDs() {
		a.addPair(base, r, now)
	}
	return r
}

func (a *Agent) baseIDs() []BaseID {
	list := make([]BaseID, 0, len(a.bases))
	for b := range a.bases {
		list = append(list, b)
	}
	slices.Sort(list)
	return list
}

// makeRoom lets a new candidate take the place of the oldest of its kind that
// never worked: after a change of networks, that is one of the old network.
func (a *Agent) makeRoom(kind icetransport.Kind) bool {
	limit := map[icetransport.Kind]int{
		icetransport.Host: maxHosts, icetransport.ServerReflexive: maxReflexive,
		icetransport.Relayed: maxRelayed, icetransport.PeerReflexive: maxLearned,
	}[kind]
	count := 0
	var oldest *remote
	for _, r := range a.remotes {
		if r.kind != kind {
			continue
		}
		count++
		if oldest == nil && !slices.ContainsFunc(a.pairs, func(p *pair) bool { return p.remote == r && p.working }) {
			oldest = r
		}
	}
	if count < limit {
		return true
	}
	if oldest == nil {
		return false
	}
	a.remotes = slices.DeleteFunc(a.remotes, func(r *remote) bool { return r == oldest })
	a.dropPairs(func(p *pair) bool { return p.remote == oldest })
	return true
}

// addPair pairs a base with a candidate of its family. A relay in the public
// network does not lead into private ones, and must not be made to try.
func (a *Agent) addPair(base BaseID, r *remote, now time.Time) *pair {
	b := a.bases[base]
	if b.Address.Addr().Is4() != r.address.Addr().Is4() || b.Relayed && !Private(b.Address.Addr()) && Private(r.address.Addr()) {
		return nil
	}
	p := &pair{base: base, remote: r, due: now}
	a.pairs = append(a.pairs, p)
	return p
}

var shared = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// Private reports whether an address means something in one network only, or on
// one side of a provider's NAT.
func Private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

func (a *Agent) pairOf(base BaseID, r *remote) *pair {
	for _, p := range a.pairs {
		if p.base == base && p.remote == r {
			return p
		}
	}
	return nil
}

// relayed reports whether a relay is in the pair.
func (a *Agent) relayed(p *pair) bool {
	return p.remote.kind == icetransport.Relayed || a.bases[p.base].Relayed
}

// rank orders pairs: without a relay, with one, with two; then the priority of
// RFC 8445 §6.1.2.3 as far as it depends on the peer.
func (a *Agent) compare(p, q *pair) int {
	relays := func(p *pair) int {
		n := 0
		if p.remote.kind == icetransport.Relayed {
			n++
		}
		if a.bases[p.base].Relayed {
			n++
		}
		return n
	}
	return cmp.Or(cmp.Compare(relays(q), relays(p)), cmp.Compare(p.remote.priority, q.remote.priority), cmp.Compare(q.rtt, p.rtt))
}

// Settle says that the pair taken is in use and has no relay in it: nothing
// better is looked for any more.
func (a *Agent) Settle() { a.settled = true }

// Reject says that the pair taken did not carry what runs on it. It is left
// alone for a while.
func (a *Agent) Reject(base BaseID, address netip.AddrPort, now time.Time) {
	for _, p := range a.pairs {
		if p.base == base && p.remote.address == address {
			p.rejected = now.Add(rejectedFor)
			p.working, p.nominated = false, false
			if a.selected == p {
				a.selected = nil
			}
			if a.nominating == p {
				a.nominating = nil
			}
		}
	}
}

// Wake checks anew and quickly: something has changed on our side or the peer's.
// It happens at most every two seconds.
func (a *Agent) Wake(now time.Time) {
	if now.Sub(a.woken) < wakePause || a.started.IsZero() {
		return
	}
	a.woken = now
	for _, p := range a.pairs {
		if !p.working {
			p.sent, p.due = 0, now
		}
	}
}

// Drain returns what is to be sent and what was decided since the last call.
func (a *Agent) Drain() (packets []Packet, decided []Selected) {
	packets, decided = a.out, a.events
	a.out, a.events = nil, nil
	return packets, decided
}

// after is when a pair without an answer is checked again: quickly at first, for
// two routers that each wait for the other, then ever slower. As long as the
// session goes by a relay, a path that opens is found within two seconds; after
// eight minutes of nothing, within ten.
func after(sent, total int) time.Duration {
	switch {
	case sent < 8:
		return 50 * time.Millisecond
	case sent < 16:
		return 100 * time.Millisecond
	case sent < 40:
		return 250 * time.Millisecond
	case total < 400:
		return 1500 * time.Millisecond
	}
	return 10 * time.Second
}

// Tick sends the checks that are due and decides what only time decides. It
// returns when to call again.
func (a *Agent) Tick(now time.Time) time.Time {
	if a.started.IsZero() {
		return now.Add(time.Hour)
	}
	a.expire(now)
	a.choose(now)
	next := now.Add(keepAlive)
	for _, p := range a.pairs {
		due, wanted := a.dueAt(p)
		if !wanted {
			continue
		}
		if !now.Before(due) {
			a.check(p, now)
			due, _ = a.dueAt(p)
		}
		next = earlier(next, due)
	}
	if a.nominating == nil && a.selected == nil && a.controlling {
		if until := a.started.Add(a.relayWait); now.Before(until) {
			next = earlier(next, until)
		}
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// dueAt says when a pair is checked next, if at all.
func (a *Agent) dueAt(p *pair) (time.Time, bool) {
	switch {
	case p == a.nominating:
		return p.due, true
	case p == a.selected:
		return p.last.Add(keepAlive), true
	case a.settled:
		return time.Time{}, false
	case a.selected != nil && a.relayed(p) && (p.working || !p.nominated):
		return time.Time{}, false // no better than what there is
	case p.working:
		return p.last.Add(keepAlive), true // kept open until it is decided
	case p.due.Before(p.rejected):
		return p.rejected, true
	}
	return p.due, true
}

// check sends one check of a pair.
func (a *Agent) check(p *pair, now time.Time) {
	nominate := p == a.nominating
	p.sent++
	p.total++
	p.last = now
	p.due = now.Add(after(p.sent, p.total))
	if nominate {
		p.due = now.Add(nominationInterval)
		if p.tries++; p.tries > maxNominations {
			p.working, a.nominating = false, nil
			return
		}
	}
	nominate = nominate || a.eager && a.controlling && a.selected == nil && a.relayed(p)
	transaction, data := a.request(p, nominate)
	if data == nil {
		return
	}
	if len(a.order) >= maxPending {
		delete(a.pending, a.order[0])
		a.order = a.order[1:]
	}
	a.pending[transaction] = pending{p, now, nominate}
	a.order = append(a.order, transaction)
	a.out = append(a.out, Packet{Base: p.base, To: p.remote.address, Data: data})
}

// expire forgets checks that nobody will answer any more.
func (a *Agent) expire(now time.Time) {
	for len(a.order) > 0 {
		first := a.order[0]
		if p, ok := a.pending[first]; ok && now.Sub(p.at) < pendingLife {
			return
		}
		delete(a.pending, first)
		a.order = a.order[1:]
	}
}

// choose nominates the best pair that works (RFC 8445 §8.1.1), where that is
// ours to do: the first without a relay at once, one with a relay after a moment,
// and one without a relay in place of one with.
func (a *Agent) choose(now time.Time) {
	if !a.controlling || a.settled {
		return
	}
	var best *pair
	for _, p := range a.pairs {
		if p.working && now.After(p.rejected) && (best == nil || a.compare(p, best) > 0) {
			best = p
		}
	}
	if best == nil {
		return
	}
	relayed := a.relayed(best)
	if relayed && now.Sub(a.started) < a.relayWait {
		return
	}
	for _, other := range []*pair{a.selected, a.nominating} {
		if other != nil && (relayed || !a.relayed(other)) {
			return // no better than what there is or is being agreed on
		}
	}
	a.nominating = best
	best.tries = 0
	best.due = now
}

// take makes a pair the one that is used.
func (a *Agent) take(p *pair) {
	if a.selected == p || a.selected != nil && a.relayed(p) {
		return // never from a direct pair to a relay, nor from one relay to another
	}
	a.selected = p
	a.events = append(a.events, a.describe(p))
}

func (a *Agent) describe(p *pair) Selected {
	s := Selected{
		Base: p.base, Remote: p.remote.address, LocalKind: icetransport.Host, RemoteKind: p.remote.kind,
		Mapped: p.mapped, RTT: p.rtt,
	}
	if a.bases[p.base].Relayed {
		s.LocalKind = icetransport.Relayed
	}
	return s
}

// Describe says what is known of the pair of a base and an address.
func (a *Agent) Describe(base BaseID, address netip.AddrPort) (Selected, bool) {
	for _, p := range a.pairs {
		if p.base == base && p.remote.address == address {
			return a.describe(p), true
		}
	}
	return Selected{}, false
}
