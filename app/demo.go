package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"godwit/client"
	"godwit/jid"
	"godwit/link/tcp"
	"godwit/store"
)

type demoCommand struct {
	Verbose bool `help:"Also show the log of the server and the clients, on standard error."`
	Keep    bool `help:"Keep the temporary data and say where it is."`
}

// Help is shown below the usage.
func (demoCommand) Help() string {
	return `Starts a server and two clients on this machine, on real sockets and temporary data, and tells each step as it happens. Exits 0 only if
every step really did.

  godwit demo`
}

// demoLimit bounds the whole story.
const demoLimit = 55 * time.Second

// Run implements the command.
func (c *demoCommand) Run(ctx context.Context, s streams) error {
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	dir, err := os.MkdirTemp("", "godwit-demo-")
	if err != nil {
		return err
	}
	if c.Keep {
		fmt.Fprintln(s.out, "data:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	d := &demo{t: newTeller(s.out), dir: dir, log: log}
	err = d.play(ctx)
	if stopErr := d.close(); err == nil {
		err = stopErr
	}
	d.t.end(err)
	if err != nil {
		return errReported
	}
	return nil
}

// demo is the cast of one performance. Only the goroutine that plays it touches its fields.
type demo struct {
	t     *teller
	dir   string
	log   *slog.Logger
	node  *node
	serve serveCommand
	addr  string // of the server's listener for clients
	alice *actor
	bob   *actor
	hello time.Time // when the first message was written
	flown int       // messages each way that had a direct path
	// cut is set while the direct path between the two is to be dead.
	cut atomic.Bool
	// tune changes the clients' configuration, in tests; nil else.
	tune func(*client.Config)
}

// play is the story, scene by scene. The first scene that does not come true ends it.
func (d *demo) play(ctx context.Context) error {
	scenes := []struct {
		title string
		play  func(context.Context) error
	}{
		{"A server comes up", d.startServer},
		{"Two people get accounts and sign in", d.signIn},
		{"They add each other", d.befriend},
		{"The buddy notice", d.notice},
		{"First words go through the server, at once", d.firstWords},
		{"The introduction: a direct path comes up", d.introduction},
		{"Now messages fly direct, and the server carries none", d.flyDirect},
		{"Direct is not forgotten: the archive has them too", d.deposited},
		{"The direct path is cut in mid-chat", d.cutPath},
		{"The path heals", d.heal},
		{"Somebody is absent", d.absence},
	}
	for i, scene := range scenes {
		d.t.scene(i+1, scene.title)
		if err := scene.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", scene.title, err)
		}
	}
	return nil
}

func (d *demo) close() error {
	var errs []error
	for _, a := range []*actor{d.alice, d.bob} {
		if a != nil {
			errs = append(errs, a.leave())
		}
	}
	if d.node != nil {
		errs = append(errs, d.node.stop(5*time.Second))
	}
	return errors.Join(errs...)
}

func (d *demo) startServer(ctx context.Context) error {
	d.serve = serveCommand{
		Data: filepath.Join(d.dir, "server"), Domain: "localhost",
		ListenC2S: "127.0.0.1:0", ListenC2STLS: "off", ListenShared: "off", ListenSTUN: "127.0.0.1:0", ListenSTUN2: "off", ListenTURN: "off", ListenAdmin: "off",
		STUNAddresses: "off", TURNPorts: "49152-65535",
		Introduce: "contacts", ArchiveDefault: "always",
		MaxConnections: 100, MaxPerAddress: 100, MaxSessions: 20, MaxContacts: 100, MaxInbox: 100,
		ResumeTimeout: time.Minute, HandshakeLimit: 10 * time.Second,
	}
	begun := time.Now()
	lines := &lineCatcher{}
	n, err := d.serve.start(ctx, lines, d.log)
	if err != nil {
		return err
	}
	d.node = n
	d.addr = lines.listening("c2s")
	d.t.say("godwit serve is ready after %s: clients on %s (TCP, TLS required), STUN on %s (UDP and TCP).",
		since(begun), d.addr, lines.listening("stun"))
	d.t.say("It made its own certificate and a database; nothing was configured.")
	return nil
}

func (d *demo) signIn(ctx context.Context) error {
	st := storeFor(d.node.db)
	for _, name := range []string{"alice", "bob"} {
		password := randomPassword()
		who := jid.MustParse(name + "@localhost")
		if err := st.CreateAccount(ctx, store.Account{JID: who, Created: time.Now()}, password); err != nil {
			return err
		}
		a, err := d.join(ctx, who, password)
		if err != nil {
			return err
		}
		if name == "alice" {
			d.alice = a
		} else {
			d.bob = a
		}
		begun := time.Now()
		on, err := await(ctx, a, "sign-in", func(e client.Online) bool { return true })
		if err != nil {
			return err
		}
		d.t.say("%s signs in as %s from %s in %s (%s, %s; the password never left the client).",
			a.name, on.JID, on.Local, since(begun), on.TLS.Version, on.Mechanism)
	}
	d.t.say("What the server registered:")
	for _, i := range d.node.server.Accounts.Sessions() {
		d.t.row("%s  address %s  transport %s  %s  client %s  since %s", i.JID, i.Address, i.Transport, i.TLS, i.Client, i.Since.Format("15:04:05"))
	}
	if n := len(d.node.server.Accounts.Sessions()); n != 2 {
		return fmt.Errorf("%d sessions are registered, not 2", n)
	}
	return nil
}

func (d *demo) join(ctx context.Context, who jid.JID, password string) (*actor, error) {
	name := who.Local()
	rc, err := newClient(ctx, clientOptions{
		account: who, password: password, server: d.addr, mode: tcp.StartTLS, ca: d.node.cert.cert,
		data: filepath.Join(d.dir, name), device: name + "'s laptop", log: d.log.With("client", name), tune: d.tune,
		firewall: func(from netip.AddrPort) bool { return !d.cut.Load() || from.Port() == d.node.places.stun },
	})
	if err != nil {
		return nil, err
	}
	return newActor(ctx, name, who, password, rc), nil
}

func (d *demo) befriend(ctx context.Context) error {
	if err := d.alice.Subscribe(ctx, d.bob.jid, "Bob"); err != nil {
		return err
	}
	if _, err := await(ctx, d.bob, "the request", func(e client.SubscriptionAsked) bool { return e.From == d.alice.jid }); err != nil {
		return err
	}
	d.t.say("alice asks to see bob's presence; the server tells bob, and bob accepts and asks back.")
	if err := d.bob.Accept(ctx, d.alice.jid); err != nil {
		return err
	}
	for _, pair := range [][2]*actor{{d.alice, d.bob}, {d.bob, d.alice}} {
		me, other := pair[0], pair[1]
		mutual := func(e client.ContactChanged) bool { return e.Contact.JID == other.jid && e.Contact.Mutual() }
		if _, err := await(ctx, me, "the roster", mutual); err != nil {
			return err
		}
		if err := me.sees(ctx, other, true); err != nil {
			return err
		}
	}
	for _, me := range []*actor{d.alice, d.bob} {
		contacts, err := me.Roster(ctx)
		if err != nil {
			return err
		}
		for _, c := range contacts {
			d.t.row("%s's roster: %s, subscription %s", me.name, c.JID, c.Subscription)
		}
	}
	return nil
}

func (d *demo) notice(ctx context.Context) error {
	if err := d.alice.leave(); err != nil {
		return err
	}
	if err := d.bob.sees(ctx, d.alice, false); err != nil {
		return err
	}
	begun := time.Now()
	again, err := d.join(ctx, d.alice.jid, d.alice.password)
	if err != nil {
		return err
	}
	d.alice = again
	e, err := await(ctx, d.bob, "the notice", func(e client.PresenceChanged) bool { return e.From.Bare() == d.alice.jid && e.Available && e.Direct })
	if err != nil {
		return err
	}
	if err := d.alice.sees(ctx, d.bob, true); err != nil {
		return err
	}
	d.t.say("alice signs out and in again. On bob's screen, %s later:", since(begun))
	d.t.quote("alice is online (%s, can talk directly)", e.Client)
	return nil
}

// since is a duration for people.
func since(t time.Time) string { return short(time.Since(t)) }

func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

var _ io.Writer = (*lineCatcher)(nil)
