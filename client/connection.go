package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"godwit/client/cache"
	"godwit/link"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/stream"
)

// connection is the stream to the server, or the wait for the next one.
type connection struct {
	epoch    uint64 // numbers attempts; what comes from an older one is ignored
	cancel   context.CancelFunc
	dialing  bool
	began    time.Time      // when the attempt under way did
	beside   *beside        // a second connection that is tried because the stream is silent
	stream   *stream.Stream // nil while offline
	upAt     time.Time
	tries    int // since the last stable connection
	resume   *stream.Resumption
	pin      stream.Pin
	retry    alarm
	check    alarm
	asked    time.Time     // when the server was asked for a sign of life; zero: it owes none
	silence  time.Duration // how long that may take before a second connection is tried
	besideAt time.Time     // no second connection before
	rtt      time.Duration // of signs of life, smoothed
	moved    int           // how often a silent server made the session move to another connection,
	movedAt  time.Time     // and when it did last; see moves
	wantAck  bool          // ask for an acknowledgement at the end of this turn
}

// online reports whether stanzas can be sent to the server.
func (k *core) online() bool { return k.conn.stream != nil }

// connect tries to sign in now.
func (k *core) connect() {
	if k.conn.beside == nil {
		k.signIn(nil)
	}
}

// signIn tries to sign in, over a link on which nothing has been said yet or a new
// one.
func (k *core) signIn(over link.Link) {
	c := &k.conn
	if c.stream != nil || c.dialing || k.leaving {
		if over != nil {
			over.Abort()
		}
		return
	}
	k.timers.stop(&c.retry)
	c.epoch++
	c.dialing, c.began = true, time.Now()
	epoch, cfg := c.epoch, k.streamConfig()
	ctx, cancel := context.WithTimeout(k.ctx, dialTime(c.tries, k.cfg.Times.Dial))
	c.cancel = cancel
	domain := k.self.Domain()
	k.async(func() {
		defer cancel()
		var s *stream.Stream
		var session *stream.ClientSession
		l, err := over, error(nil)
		if l == nil {
			l, err = k.cfg.Dialer.Dial(ctx, domain)
		}
		if err == nil {
			s, session, err = stream.Connect(ctx, l, cfg)
		}
		if !k.box.put(func() { k.connected(epoch, s, session, err) }) && s != nil {
			s.Abort()
		}
	})
}

func (k *core) streamConfig() *stream.ClientConfig {
	sw := &k.cfg.Software
	password, token := k.credentials()
	return &stream.ClientConfig{
		JID: k.cfg.JID, Password: password, Token: token, WantToken: !k.cfg.NoToken,
		AllowUnencrypted: k.cfg.AllowUnencrypted, AllowPlain: k.cfg.AllowPlain, Pin: k.conn.pin,
		UserAgent: stream.UserAgent{ID: k.choices.device, Software: sw.Name + " " + sw.Version, Device: sw.Device},
		Tag:       cmp.Or(k.cfg.JID.Resource(), sw.Name), Carbons: true, Resume: k.conn.resume,
	}
}

// connected takes the outcome of an attempt.
func (k *core) connected(epoch uint64, s *stream.Stream, session *stream.ClientSession, err error) {
	c := &k.conn
	if epoch != c.epoch || k.leaving {
		if s != nil {
			s.Abort()
		}
		return
	}
	c.dialing = false
	if err != nil {
		k.log.Info("sign-in failed", "account", k.self.String(), "error", err)
		if fatal(err) {
			k.quit(k.withoutAccess(err))
			return
		}
		k.retryLater(err)
		return
	}
	c.stream, c.upAt, c.asked = s, time.Now(), time.Time{}
	k.keepAccess(session)
	if session.Pin != c.pin {
		c.pin = session.Pin
		k.savePin()
	}
	c.resume = nil
	if session.SMID != "" {
		c.resume = &stream.Resumption{ID: session.SMID, JID: session.JID, Max: session.Max, Location: session.Location}
	}
	k.async(func() { k.read(epoch, s) })
	k.after(&c.check, k.cfg.Times.KeepAlive, k.checkServer)
	k.signedIn(session)
}

// fatal reports whether trying again with the same configuration would not help,
// or would help an attacker.
func fatal(err error) bool {
	var auth *stream.AuthError
	if errors.As(err, &auth) {
		return !auth.Temporary()
	}
	var remote *stream.Error
	if errors.As(err, &remote) && remote.Remote {
		return remote.Condition == stream.HostUnknown || remote.Condition == stream.HostGone
	}
	return errors.Is(err, stream.ErrTLSRequired) || errors.Is(err, stream.ErrTokenUseless) || errors.Is(err, sasl.ErrDowngrade) ||
		errors.Is(err, sasl.ErrNoMechanism) || errors.Is(err, sasl.ErrServerProof)
}

// retryLater sets the alarm for the next attempt.
func (k *core) retryLater(err error) {
	c := &k.conn
	d := reconnectPause(c.tries, k.cfg.Times.Backoff, k.cfg.Times.BackoffMax, jitter())
	c.tries++
	k.after(&c.retry, d, k.connect)
	k.emit(Offline{Err: err, Retry: c.retry.at})
}

// read hands what arrives to the owner until the stream ends.
func (k *core) read(epoch uint64, s *stream.Stream) {
	for {
		e, err := s.Read()
		if err != nil {
			k.box.put(func() { k.disconnected(epoch, err) })
			return
		}
		switch e.Kind {
		case stream.AckedEvent:
			acked := slices.Clone(e.Acked)
			k.box.put(func() { k.acked(epoch, acked) })
		case stream.StanzaEvent:
			if !k.gate.enter() {
				return
			}
			if !k.box.put(func() { k.arrived(epoch, e) }) {
				k.gate.leave()
			}
		}
	}
}

// arrived takes a stanza from the server.
func (k *core) arrived(epoch uint64, e stream.Event) {
	if epoch != k.conn.epoch || k.conn.stream == nil {
		k.gate.leave() // it was not acknowledged and will come again
		return
	}
	s := k.conn.stream
	t := &ticket{gate: k.gate, ack: func() { s.Handled(e.Seq) }}
	if e.Err != nil {
		if reply := e.Stanza.ErrorReply(e.Err); reply != nil {
			k.send(reply)
		}
		t.done()
		return
	}
	switch e.Stanza.Kind {
	case stanza.IQ:
		k.handleIQ(e.Stanza)
		t.done()
	case stanza.Presence:
		k.handlePresence(e.Stanza)
		t.done()
	case stanza.Message:
		k.handleMessage(e.Stanza, t)
	}
}

// disconnected takes the end of the stream.
func (k *core) disconnected(epoch uint64, err error) {
	c := &k.conn
	if epoch != c.epoch || c.stream == nil {
		return
	}
	k.lose(err)
	if k.access.signingOut {
		k.access = access{}
		k.saveToken()
		k.quit(ErrSignedOut)
		return
	}
	if k.leaving || c.beside != nil {
		return // what is tried beside goes on
	}
	if replaced(err) {
		k.quit(err)
		return
	}
	k.retryLater(err)
}

// lose lets go of the stream there is.
func (k *core) lose(err error) {
	c := &k.conn
	m := c.stream.Detach()
	c.stream.Abort()
	c.stream, c.asked, c.wantAck = nil, time.Time{}, false
	k.timers.stop(&c.check)
	k.inbox = inbox{} // not acknowledged, so they come again
	if m == nil || !resumable(err) {
		c.resume = nil
	}
	if c.resume != nil {
		c.resume.Management = m
	}
	c.tries = triesAfter(c.tries, time.Since(c.upAt) >= k.cfg.Times.Stable)
	k.log.Info("disconnected", "account", k.self.String(), "error", err)
	k.paths.ServerDown(time.Now(), k.apply)
}

// resumable reports whether a session may go on after this end of its stream:
// whenever neither side ended it on purpose (XEP-0198 §5).
func resumable(err error) bool {
	var e *stream.Error
	if errors.As(err, &e) {
		return e.Remote // the server knows, and says so when asked
	}
	return !errors.Is(err, io.EOF)
}

// replaced reports whether another client took this one's place: signing in again
// would begin a tug of war.
func replaced(err error) bool {
	var e *stream.Error
	return errors.As(err, &e) && e.Remote && e.Condition == stream.Conflict
}

// drop cuts the stream, to be resumed.
func (k *core) drop(err error) {
	if k.conn.stream != nil {
		s, epoch := k.conn.stream, k.conn.epoch
		s.Abort()
		k.disconnected(epoch, fmt.Errorf("%w: %w", stream.ErrLost, err))
	}
}

// disconnect ends the stream regularly and waits a moment for it.
func (k *core) disconnect() {
	c := &k.conn
	if c.cancel != nil {
		c.cancel()
	}
	k.giveUpBeside()
	if c.stream == nil {
		return
	}
	s := c.stream
	c.stream = nil
	s.Close(nil)
	t := time.NewTimer(flushTime)
	defer t.Stop()
	select {
	case <-s.Link().Done():
	case <-t.C:
		s.Abort()
	}
}

// askForAck asks the server to acknowledge what was sent in this turn.
func (k *core) askForAck() {
	c := &k.conn
	if !c.wantAck || c.stream == nil {
		return
	}
	c.wantAck = false
	if c.stream.RequestAck() && c.asked.IsZero() {
		k.asked(prompt(c.rtt, k.cfg.Times.Silent, c.moves(time.Now())))
	}
}

// send hands a stanza to the server, in order; without a connection it is dropped.
func (k *core) send(s *stanza.Stanza) bool {
	return k.sendTagged(s, 0) == nil
}

func (k *core) sendTagged(s *stanza.Stanza, tag uint64) error {
	if k.conn.stream == nil {
		return ErrOffline
	}
	err := k.conn.stream.SendTagged(s, tag)
	if err != nil {
		k.log.Warn("a stanza could not be queued for the server", "error", err)
		k.conn.resume = nil // it is not kept, so that session cannot go on
	}
	return err
}

// recordPin is where the strength of earlier sign-ins is kept.
const recordPin = "pin"

type pinRecord struct {
	TLS       bool   `json:"tls"`
	Mechanism string `json:"mechanism"`
}

func (k *core) savePin() {
	value, err := json.Marshal(pinRecord{k.conn.pin.TLS, string(k.conn.pin.Mechanism)})
	if err == nil {
		k.commit(cache.Batch{Records: []cache.Record{{Name: recordPin, Value: value}}}, nil)
	}
}

func (k *core) loadPin(ctx context.Context) error {
	value, err := k.cfg.Cache.Record(ctx, recordPin)
	if errors.Is(err, cache.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var p pinRecord
	if err := json.Unmarshal(value, &p); err != nil {
		return fmt.Errorf("%w: the record %q: %w", cache.ErrCorrupt, recordPin, err)
	}
	k.conn.pin = stream.Pin{TLS: p.TLS, Mechanism: sasl.Mechanism(p.Mechanism)}
	return nil
}
