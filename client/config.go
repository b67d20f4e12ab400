package client

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"godwit/client/cache"
	"godwit/client/outbox"
	"godwit/client/path"
	"godwit/jid"
	"godwit/link"
	"godwit/peer"
	"godwit/xep/extdisco"
)

// Share says who may learn this device's network addresses, which building a
// direct link tells the other side.
type Share string

// The choices of address sharing. Whatever is chosen, only contacts whose
// subscription the user accepted are told, and only when they talk to the user.
const (
	ShareContacts Share = "contacts" // any mutual contact who asks
	ShareChats    Share = "chats"    // mutual contacts there is a conversation with; the default
	ShareNever    Share = "never"    // nobody: only links through a relay
)

// Valid reports whether s is one of the three.
func (s Share) Valid() bool { return s == ShareContacts || s == ShareChats || s == ShareNever }

// Software is what this program tells about itself (XEP-0092, XEP-0115, XEP-0388).
type Software struct {
	Name    string // "Godwit"
	Version string // "0.1"
	OS      string // may be empty
	Node    string // URI of the software for XEP-0115
	// Kind is the type of the client's identity (XEP-0030): "pc", "console",
	// "web", "phone", "bot".
	Kind string
	// Device is what the user calls this device; told to the own server only.
	Device string
}

// Config says who signs in, over what, and what is remembered where.
type Config struct {
	// JID is the account. A resource part is the one wished for.
	JID jid.JID
	// Password may be empty where the cache has a token from an earlier run (XEP-0484);
	// without one Run ends with ErrSignInAgain.
	Password string
	// NoToken: do not ask the server for a token to sign in with the next time.
	NoToken bool

	// Dialer opens links to the account's server. Certificates are its
	// business, and it must check them unless the user said otherwise.
	Dialer link.Dialer
	// Cache keeps the account's messages. The caller opens and closes it; it
	// must be this account's and used by one Client at a time.
	Cache cache.Cache
	// Transports build direct links, in the order of preference. None: every
	// chat stays on the server.
	Transports []peer.Transport
	// HasAddress reports whether the device still has an address; after a change of
	// network a connection from one that is gone is replaced without waiting. It must
	// not block. May be nil.
	HasAddress func(netip.Addr) bool
	// Services is called after each sign-in with the STUN and TURN servers that
	// the account's server offers (XEP-0215), for the transports to use. It must
	// not block. May be nil.
	Services func([]extdisco.Service)

	// Route is how messages go unless a chat or a message says otherwise.
	// Default path.Auto. A choice made with SetRoute and kept in the cache wins.
	Route path.Route
	// Share is who may learn this device's addresses. Default ShareChats. A
	// choice made with SetShare and kept in the cache wins.
	Share Share
	// NoDeposit keeps messages that go directly out of the server's archive,
	// so that other devices do not see them. A choice made with SetDeposit wins.
	NoDeposit bool
	// NoReceipts: do not tell contacts that their messages arrived.
	NoReceipts bool
	// NoLastActivity: do not tell contacts for how long the user has been idle
	// (XEP-0012).
	NoLastActivity bool

	// AllowUnencrypted permits a server without TLS, AllowPlain the mechanism
	// PLAIN (never without TLS).
	AllowUnencrypted bool
	AllowPlain       bool

	Software Software
	// Presence to begin with.
	Presence Presence
	Logger   *slog.Logger // default: discarded
	Limits   Limits
	Times    Times
	// Paths holds the times that govern the choice of paths; zero fields take
	// package path's defaults.
	Paths path.Config
	// Outbox bounds what waits to be sent; zero fields take package outbox's
	// defaults.
	Outbox outbox.Config
}

// Limits bound what others can make a client hold. Zero fields take the default.
type Limits struct {
	Contacts   int // roster items; 20,000
	Resources  int // online devices remembered of one contact; 32
	Caps       int // descriptions of other software remembered; 1,000
	Events     int // events the application has not read before the client stops reading from the network; 4,096
	Backlog    int // messages read from the archive at the very first sign-in; 200
	Introduced int // direct links at a time, being built or up; 64
}

// Times govern the client. Zero fields take the default.
type Times struct {
	Dial         time.Duration // to reach the server and sign in, at most; the first attempts have 10, 15 and 22 s; 30 s
	Request      time.Duration // to wait for an answer; 30 s
	Backoff      time.Duration // before the second attempt to reconnect, half more each time; the first is made at once; 500 ms
	BackoffMax   time.Duration // longest pause; 2 min
	Stable       time.Duration // a connection that lasted so long resets the pause; 15 s
	KeepAlive    time.Duration // quiet on the server's stream before it is asked for a sign of life; 60 s
	Silent       time.Duration // to wait for that sign before another connection is tried beside; for what was sent, four round trips if they are less, at least 1 s; 3 s
	DeadServer   time.Duration // to wait for it in all; 15 s
	IdleLink     time.Duration // a direct link without chat is closed after; 5 min
	Introduction time.Duration // to build a direct link; 30 s
	Deposit      time.Duration // a message that went direct waits at most so long for its deposit; 2 s, at most 3 s
}

// Errors of New.
var errConfig = errors.New("client: configuration")

func (c *Config) withDefaults() (Config, error) {
	d := *c
	switch {
	case d.JID.Local() == "":
		return d, fmt.Errorf("%w: %q is not the address of an account", errConfig, d.JID)
	case d.Dialer == nil:
		return d, fmt.Errorf("%w: no dialer", errConfig)
	case d.Cache == nil:
		return d, fmt.Errorf("%w: no cache", errConfig)
	case d.Route != "" && !d.Route.Valid():
		return d, fmt.Errorf("%w: no route %q; there are auto, direct and server", errConfig, d.Route)
	case d.Share != "" && !d.Share.Valid():
		return d, fmt.Errorf("%w: no address sharing %q; there are contacts, chats and never", errConfig, d.Share)
	}
	if err := d.Presence.check(); err != nil {
		return d, fmt.Errorf("%w: %w", errConfig, err)
	}
	text(&d.Software.Name, "Godwit")
	text(&d.Software.Version, "0.1")
	text(&d.Software.OS, runtime.GOOS)
	text(&d.Software.Node, "https://godwit.invalid/client")
	text(&d.Software.Kind, "pc")
	if d.Route == "" {
		d.Route = path.Auto
	}
	if d.Share == "" {
		d.Share = ShareChats
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	d.Limits.setDefaults()
	d.Times.setDefaults()
	return d, nil
}

func (l *Limits) setDefaults() {
	number(&l.Contacts, cache.MaxRosterItems)
	number(&l.Resources, 32)
	number(&l.Caps, 1000)
	number(&l.Events, 4096)
	number(&l.Backlog, 200)
	number(&l.Introduced, 64)
}

func (t *Times) setDefaults() {
	number(&t.Dial, 30*time.Second)
	number(&t.Request, 30*time.Second)
	number(&t.Backoff, 500*time.Millisecond)
	number(&t.BackoffMax, 2*time.Minute)
	number(&t.Stable, 15*time.Second)
	number(&t.KeepAlive, time.Minute)
	number(&t.Silent, 3*time.Second)
	number(&t.DeadServer, 15*time.Second)
	number(&t.IdleLink, 5*time.Minute)
	number(&t.Introduction, 30*time.Second)
	number(&t.Deposit, 2*time.Second)
	t.Deposit = min(t.Deposit, cache.DepositDelay)
}

func number[T int | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

func text(v *string, value string) {
	if *v == "" {
		*v = value
	}
}
