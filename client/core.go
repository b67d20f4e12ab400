package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"godwit/client/outbox"
	"godwit/client/path"
	"godwit/jid"
	"godwit/peer"
)

// core is the state of a running client. All of it belongs to the goroutine in
// Run, except where a field says otherwise; other goroutines reach it by box.
type core struct {
	cfg  Config
	self jid.JID // bare
	log  *slog.Logger

	box    *mailbox    // any goroutine
	events *eventQueue // any goroutine
	gate   *gate       // any goroutine
	disk   *worker     // any goroutine
	work   sync.WaitGroup

	ctx     context.Context // ends when Run does
	timers  alarms
	err     error // why the loop ends
	leaving bool

	conn      connection
	access    access
	requests  requests
	features  features
	roster    contactList
	people    presences
	blocks    blocks
	readings  readings
	caps      capabilities
	catch     catchUp
	inbox     inbox
	outbox    *outbox.Outbox
	outgoing  outgoing
	recent    recentReceipts // that went through the server
	paths     *path.Set
	links     links
	deposits  depositor
	choices   choices
	presence  Presence
	reach     ownReach
	relays    bool      // the server offers a TURN server
	activity  time.Time // when the user last did something
	introduce *peer.Introducer
	chatList  chatList
	typing    typing
	older     older
	services  alarm         // when credentials of relays are asked for again
	refusal   string        // condition of the error being dealt with
	session   uint64        // counts sessions that were not resumed
	lastFull  jid.JID       // of the session there is, or was last
	onAddress func(jid.JID) // told when it changes

	permissions permissions // the introducer's goroutine reads it
}

func newCore(cfg Config, box *mailbox, events *eventQueue) *core {
	k := &core{cfg: cfg, self: cfg.JID.Bare(), log: cfg.Logger, box: box, events: events, presence: cfg.Presence}
	k.gate = newGate(events)
	k.disk = newWorker()
	k.requests.init()
	k.roster.init()
	k.people.init()
	k.caps.init(cfg.Limits.Caps)
	k.outgoing.init()
	k.links.init()
	k.readings.init()
	k.choices.init(cfg)
	k.permissions.init()
	k.typing.init()
	k.paths = path.NewSet(cfg.Paths, k.initial)
	return k
}

// run is Client.Run once everything is made.
func (k *core) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.ctx = ctx
	defer k.end(cancel)
	k.activity = time.Now()
	if err := k.load(ctx); err != nil {
		return err
	}
	if len(k.cfg.Transports) > 0 {
		k.introduce = k.newIntroducer()
	}
	if k.access.usable() {
		k.connect()
	} else {
		k.quit(ErrSignInAgain)
	}
	k.loop(ctx)
	k.leave()
	return k.err
}

// load reads what an earlier run left.
func (k *core) load(ctx context.Context) error {
	if err := k.choices.load(ctx, k.cfg.Cache); err != nil {
		return err
	}
	if err := k.loadRoster(ctx); err != nil {
		return err
	}
	if err := k.loadPin(ctx); err != nil {
		return err
	}
	if err := k.loadOwed(ctx); err != nil {
		return err
	}
	if err := k.loadAccess(ctx); err != nil {
		return err
	}
	box, queued, err := outbox.Open(ctx, k.cfg.Cache, k.self, k.cfg.Outbox)
	if err != nil {
		return err
	}
	k.outbox = box
	k.restore(queued)
	return k.deposits.load(ctx, k)
}

// loop runs until the client leaves.
func (k *core) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for _, f := range k.box.take() {
			f()
		}
		now := time.Now()
		k.timers.ring(now)
		k.paths.Wake(now, k.apply)
		k.askForAck()
		k.reviewAround()
		if k.leaving {
			return
		}
		wait := time.Hour
		for _, at := range []time.Time{k.timers.next(), k.paths.Next()} {
			if !at.IsZero() {
				wait = min(wait, max(0, time.Until(at)))
			}
		}
		timer.Reset(wait)
		select {
		case <-k.box.wake:
		case <-timer.C:
		case <-ctx.Done():
			k.quit(ctx.Err())
		}
	}
}

// quit ends the loop. The first reason counts.
func (k *core) quit(err error) {
	if k.leaving {
		return
	}
	k.leaving, k.err = true, err
}

// flushTime is how long leaving may take for what is queued to go out.
const flushTime = 3 * time.Second

// leave says goodbye on every stream, in bounded time.
func (k *core) leave() {
	k.sayGoodbye()
	if k.introduce != nil {
		k.introduce.Close()
		for _, f := range k.box.take() {
			f()
		}
	}
	for _, l := range k.links.open {
		l.stream.Close(nil)
	}
	k.disconnect()
	k.events.push(Offline{Err: k.reason(), Final: true})
}

// reason is what Offline tells: nothing when the application asked for the end.
func (k *core) reason() error {
	if errors.Is(k.err, context.Canceled) {
		return nil
	}
	return k.err
}

// end waits until nothing of this run is left.
func (k *core) end(cancel context.CancelFunc) {
	cancel()
	k.leaving = true
	if k.introduce != nil {
		k.introduce.Close()
	}
	for _, f := range k.box.close() {
		f() // calls that wait get their answer
	}
	k.gate.close()
	k.work.Wait()
	k.disk.close()
	k.events.end()
}

// async runs f on a goroutine that Run waits for.
func (k *core) async(f func()) {
	k.work.Add(1)
	go func() {
		defer k.work.Done()
		f()
	}()
}

// after sets an alarm some time from now.
func (k *core) after(a *alarm, d time.Duration, ring func()) {
	k.timers.set(a, time.Now().Add(d), ring)
}

func (k *core) emit(e Event) { k.events.push(e) }
