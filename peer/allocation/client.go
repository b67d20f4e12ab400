package allocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

// Errors of an allocation.
var (
	// ErrLost: the server no longer knows the allocation, or does not answer.
	ErrLost = errors.New("allocation: the allocation is gone")
	// ErrNoAnswer: the server does not answer.
	ErrNoAnswer = errors.New("allocation: the TURN server does not answer")
	// ErrForbidden: the server relays nothing to that address.
	ErrForbidden = errors.New("allocation: the TURN server refuses that address")
	errIntegrity = errors.New("allocation: the TURN server's answer is not authentic")
)

// Timings. The first retransmission is as early as RFC 8445 §14.3 allows when
// gathering; the rest follows RFC 8489 §6.2.1, cut off sooner.
const (
	initialRTO        = 250 * time.Millisecond
	maxRTO            = 2 * time.Second
	maxSends          = 6 // within 7.75 s
	streamTimeout     = 8 * time.Second
	maxRestarts       = 3 // new nonces, realms or families within one request
	refreshMargin     = time.Minute
	permissionRefresh = 4 * time.Minute // they last five (RFC 8656 §9)
	channelRefresh    = 8 * time.Minute // ten (§12)
	unusedAfter       = 5 * time.Minute // what is not used is not refreshed
	refusalMemory     = time.Minute
	maxTransactions   = 512
)

// wire carries messages to one TURN server; what comes back goes to
// client.receive.
type wire interface {
	// send does not block: what does not fit is dropped.
	send(packet []byte) error
	// stream says that messages are neither lost nor without order.
	stream() bool
	close()
}

// client speaks with one TURN server about one allocation. Its state is under
// mu; run is the only goroutine, for what is done in time.
type client struct {
	wire   wire
	server netip.AddrPort
	log    *slog.Logger

	username, password string

	mu           sync.Mutex
	realm, nonce string
	key          stun.MessageIntegrity // nil until the server has said its realm
	transactions map[transactionID]*transaction
	peers        peers
	relayed      netip.AddrPort
	lifetime     time.Duration
	refreshAt    time.Time
	refreshing   bool
	failure      error

	heard atomic.Int64 // Unix nanoseconds of the last word of the server
	kick  chan struct{}
	done  chan struct{} // closed with the failure or the end
	ended sync.Once
	gone  chan struct{} // run has returned

	inbound  chan datagram
	reading  deadline
	overflow atomic.Uint64
}

type transactionID [stun.TransactionIDSize]byte

// transaction is one request until its answer.
type transaction struct {
	method   stun.Method
	content  []stun.Setter
	raw      []byte
	sends    int
	wait     time.Duration
	next     time.Time
	restarts int
	// done is called once, without mu, and does not block.
	done func(*stun.Message, error)
}

func newClient(w wire, server Server, address netip.AddrPort, logger *slog.Logger) *client {
	c := &client{
		wire: w, server: address, log: logger,
		username: server.Username, password: server.Password,
		transactions: make(map[transactionID]*transaction), peers: newPeers(),
		kick: make(chan struct{}, 1), done: make(chan struct{}), gone: make(chan struct{}),
		inbound: make(chan datagram, maxInbound), reading: newDeadline(),
	}
	go c.run()
	return c
}

// run retransmits and refreshes.
func (c *client) run() {
	defer close(c.gone)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, calls := c.tick(time.Now())
		for _, call := range calls {
			call()
		}
		timer.Reset(next)
		select {
		case <-c.done:
			return
		case <-c.kick:
		case <-timer.C:
		}
	}
}

// tick does what is due, and says in how long to come back.
func (c *client) tick(now time.Time) (wait time.Duration, calls []func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := now.Add(time.Minute)
	for id, t := range c.transactions {
		if !now.Before(t.next) {
			if t.sends >= maxSends || c.wire.stream() {
				delete(c.transactions, id)
				calls = append(calls, func() { t.done(nil, ErrNoAnswer) })
				continue
			}
			c.transmit(t, now)
		}
		next = earlier(next, t.next)
	}
	if c.relayed.IsValid() {
		if !c.refreshing && !now.Before(c.refreshAt) {
			c.refresh(nil)
		}
		if !c.refreshing {
			next = earlier(next, c.refreshAt)
		}
		next = earlier(next, c.refreshPeers(now))
	}
	return max(next.Sub(now), time.Millisecond), calls
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (c *client) wakeUp() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// request begins a request. Called with mu held.
func (c *client) request(method stun.Method, content []stun.Setter, done func(*stun.Message, error)) {
	t := &transaction{method: method, content: content, done: done}
	if c.failure != nil || len(c.transactions) >= maxTransactions {
		failure := c.failure
		if failure == nil {
			failure = ErrNoAnswer
		}
		go done(nil, failure)
		return
	}
	c.begin(t)
}

// begin builds and sends the message, anew when the nonce has changed.
func (c *client) begin(t *transaction) {
	setters := append([]stun.Setter{stun.TransactionID, stun.NewType(t.method, stun.ClassRequest)}, t.content...)
	if c.key != nil {
		setters = append(setters, stun.NewUsername(c.username), stun.NewRealm(c.realm), stun.NewNonce(c.nonce), c.key)
	}
	m, err := stun.Build(append(setters, stun.Fingerprint)...)
	if err != nil {
		go t.done(nil, fmt.Errorf("allocation: %w", err))
		return
	}
	t.raw, t.sends, t.wait = m.Raw, 0, initialRTO
	if c.wire.stream() {
		t.wait = streamTimeout
	}
	c.transactions[m.TransactionID] = t
	c.transmit(t, time.Now())
	c.wakeUp()
}

func (c *client) transmit(t *transaction, now time.Time) {
	_ = c.wire.send(t.raw) // an error is like a loss: the next sending may succeed
	t.sends++
	t.next = now.Add(t.wait)
	t.wait = min(2*t.wait, maxRTO)
}

// receive takes a packet from the server. It does not block, and keeps nothing
// of the packet.
func (c *client) receive(packet []byte) {
	if len(packet) == 0 {
		return
	}
	c.heard.Store(time.Now().UnixNano())
	if packet[0] >= 64 {
		channel, data, ok := parseChannelData(packet)
		if !ok {
			return
		}
		c.mu.Lock()
		from, known := c.peers.byChannel(channel)
		c.mu.Unlock()
		if known {
			c.deliver(data, from)
		}
		return
	}
	m := &stun.Message{Raw: append([]byte(nil), packet...)}
	if err := m.Decode(); err != nil {
		return
	}
	switch m.Type.Class {
	case stun.ClassIndication:
		if m.Type.Method != stun.MethodData {
			return
		}
		from, ok := addressIn(m, stun.AttrXORPeerAddress)
		if data, err := m.Get(stun.AttrData); err == nil && ok {
			c.deliver(data, from)
		}
	case stun.ClassSuccessResponse, stun.ClassErrorResponse:
		c.answer(m)
	}
}

// answer ends a transaction, or begins it again as the server wants it.
func (c *client) answer(m *stun.Message) {
	c.mu.Lock()
	t := c.transactions[m.TransactionID]
	if t == nil || t.method != m.Type.Method {
		c.mu.Unlock()
		return
	}
	var err error
	if m.Type.Class == stun.ClassSuccessResponse {
		// RFC 8489 §9.2.5: what is not authentic is as if it had not come.
		if c.key == nil || c.key.Check(m) != nil {
			c.mu.Unlock()
			c.log.Debug("allocation: dropped an answer", "error", errIntegrity)
			return
		}
		delete(c.transactions, m.TransactionID)
	} else {
		delete(c.transactions, m.TransactionID)
		refused := refusal(m)
		if c.adopt(m, stun.ErrorCode(refused.Code)) && t.restarts < maxRestarts {
			t.restarts++
			c.begin(t)
			c.mu.Unlock()
			return
		}
		err = refused
	}
	c.mu.Unlock()
	t.done(m, err)
}

// adopt takes over the realm and the nonce of a 401 or 438, and reports whether
// asking again makes sense. Called with mu held.
func (c *client) adopt(m *stun.Message, code stun.ErrorCode) bool {
	if code != stun.CodeUnauthorized && code != stun.CodeStaleNonce {
		return false
	}
	var realm stun.Realm
	var nonce stun.Nonce
	if nonce.GetFrom(m) != nil {
		return false
	}
	if realm.GetFrom(m) != nil {
		realm = stun.Realm(c.realm)
	}
	if code == stun.CodeUnauthorized && c.key != nil && realm.String() == c.realm && nonce.String() == c.nonce {
		return false // the credentials are wrong
	}
	c.remember(realm.String(), nonce.String())
	return true
}

// remember makes the key of a realm. Called with mu held, or before the first
// request, with what an earlier allocation learned.
func (c *client) remember(realm, nonce string) {
	c.realm, c.nonce = realm, nonce
	c.key = stun.NewLongTermIntegrity(c.username, realm, c.password)
}

// allocate asks for an address: an IPv4 one, because every peer can reach that
// directly or through its own relay, else an IPv6 one.
func (c *client) allocate(ctx context.Context) error {
	err := c.allocateFamily(ctx, familyIPv4)
	if refusedWith(err, stun.CodeAddrFamilyNotSupported) {
		err = c.allocateFamily(ctx, familyIPv6)
	}
	if refusedWith(err, stun.CodeAllocMismatch) {
		// An allocation of an earlier time lives at our address (RFC 8656 §7.4).
		if _, gone := c.ask(ctx, stun.MethodRefresh, lifetimeOf(0)); gone == nil {
			err = c.allocateFamily(ctx, familyIPv4)
		}
	}
	return err
}

func (c *client) allocateFamily(ctx context.Context, family byte) error {
	m, err := c.ask(ctx, stun.MethodAllocate, requestedTransport(), requestedFamily(family))
	if err != nil {
		return err
	}
	relayed, ok := addressIn(m, stun.AttrXORRelayedAddress)
	if !ok {
		return fmt.Errorf("allocation: the TURN server %v gave no usable address", c.server)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.relayed = relayed
	c.setLifetime(lifetimeIn(m))
	c.wakeUp()
	return nil
}

// ask sends a request and waits for its answer.
func (c *client) ask(ctx context.Context, method stun.Method, content ...stun.Setter) (*stun.Message, error) {
	type result struct {
		m   *stun.Message
		err error
	}
	results := make(chan result, 1)
	c.mu.Lock()
	c.request(method, content, func(m *stun.Message, err error) { results <- result{m, err} })
	c.mu.Unlock()
	select {
	case r := <-results:
		return r.m, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, c.err()
	}
}

// setLifetime is called with mu held.
func (c *client) setLifetime(d time.Duration) {
	c.lifetime = d
	margin := refreshMargin
	if d <= 2*refreshMargin {
		margin = d / 2
	}
	c.refreshAt = time.Now().Add(d - margin)
}

// refresh keeps the allocation (RFC 8656 §8), and finds out whether it is
// still there. Called with mu held.
func (c *client) refresh(then func()) {
	c.refreshing = true
	c.request(stun.MethodRefresh, []stun.Setter{lifetimeOf(c.lifetime)}, func(m *stun.Message, err error) {
		if err != nil {
			c.end(fmt.Errorf("%w: %w", ErrLost, err))
			return
		}
		c.mu.Lock()
		c.refreshing = false
		c.setLifetime(lifetimeIn(m))
		c.mu.Unlock()
		c.wakeUp()
		if then != nil {
			then()
		}
	})
}

// verify finds out within a time whether the allocation is still there; if not,
// it ends.
func (c *client) verify(within time.Duration) {
	answered := make(chan struct{})
	c.mu.Lock()
	if c.failure != nil || !c.relayed.IsValid() {
		c.mu.Unlock()
		return
	}
	c.refresh(func() { close(answered) })
	c.mu.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-answered:
	case <-c.done:
	case <-timer.C:
		c.end(ErrLost)
	}
}

// quiet tells how long the server has said nothing.
func (c *client) quiet() time.Duration { return time.Since(time.Unix(0, c.heard.Load())) }

func (c *client) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

// end gives the allocation up. Idempotent.
func (c *client) end(reason error) {
	var pending map[transactionID]*transaction
	c.ended.Do(func() {
		c.mu.Lock()
		c.failure = reason
		if c.key != nil {
			// Best effort, also for one that is being made: without it the server
			// forgets by itself, only later.
			if m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassRequest), lifetimeOf(0),
				stun.NewUsername(c.username), stun.NewRealm(c.realm), stun.NewNonce(c.nonce), c.key, stun.Fingerprint); err == nil {
				_ = c.wire.send(m.Raw)
			}
		}
		pending, c.transactions = c.transactions, make(map[transactionID]*transaction)
		c.mu.Unlock()
		c.wire.close() // first: whoever sees the end may begin anew at the same server
		close(c.done)
	})
	for _, t := range pending {
		t.done(nil, reason)
	}
}

// wait returns when the goroutines of an ended client are gone.
func (c *client) wait() {
	<-c.gone
	if w, ok := c.wire.(*streamWire); ok {
		w.gone.Wait()
	}
}
