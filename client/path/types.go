package path

import (
	"time"

	"godwit/jid"
)

// Route is what the user asked for, per chat or per message.
type Route string

// The routes a user can choose.
const (
	// Auto: direct when the link is proven and trusted, else the server.
	Auto Route = "auto"
	// OnlyDirect: waits rather than touch the server, or a relay that belongs to it.
	OnlyDirect Route = "direct"
	// OnlyServer: never direct.
	OnlyServer Route = "server"
)

// Valid reports whether r is one of the three routes.
func (r Route) Valid() bool { return r == Auto || r == OnlyDirect || r == OnlyServer }

// Kind is the kind of path a message took, in the words of the user interface.
type Kind string

// The kinds of path.
const (
	Direct Kind = "direct" // peer to peer
	Relay  Kind = "relay"  // peer to peer through TURN
	Server Kind = "server" // through XMPP
)

// LinkID names one link between two devices for its whole life. The caller numbers them; 0 stands for the server path.
type LinkID uint64

// Link describes a link that has just come up. It carries nothing until it is proven by an answered probe.
type Link struct {
	ID     LinkID  // not 0, never used again
	Device jid.JID // full address of the device at the other end
	Kind   Kind    // Direct or Relay
}

// Mode says what carries new messages of a chat.
type Mode uint8

// The modes.
const (
	None      Mode = iota // nothing; messages wait
	ViaServer             // the server alone
	ViaLink               // the link alone
	DoubledUp             // server and link at once
)

// String returns a word for logs.
func (m Mode) String() string {
	return [...]string{"none", "server", "link", "both"}[m]
}

// Action tells what an effect asks for or reports.
type Action uint8

// The actions. The first five ask the caller to do something; the others report.
const (
	// Hand: give the message ID to the path Link (0: the server), now and in the order of the effects. The same message may
	// be handed to several paths, and again to the same kind of path after the earlier one broke. On a link, Tag comes back
	// with the acknowledgement.
	Hand Action = iota + 1
	// Probe: ask the other end of Link to acknowledge what it has (XEP-0198 §4 <r/>). The answer comes back as LinkAcked.
	Probe
	// Doubt: Link owes an answer for half the time after which trust lapses. Whatever would have to carry then, which is the
	// server, should be asked for a sign of life now: what silenced the link may have silenced it too.
	Doubt
	// Repair: trust in Link has lapsed. Start another introduction with Device beside it; keep Link.
	Repair
	// Drop: Link is of no more use (Reason says why). Close it. It is forgotten already; LinkDown need not be told.
	Drop
	// Sent: the message ID is acknowledged by the path Via. Told once, always before Delivered.
	Sent
	// Delivered: the peer's client has the message ID. Told once.
	Delivered
	// Failed: the message ID was refused. Told once; Delivered is not told then, nor Failed after Delivered.
	Failed
	// Settled: nobody will ask for the message ID again; its outbox record can go. Told once for every message, after the
	// other reports about it.
	Settled
	// Changed: new messages go by Mode from now on, over Link if one is involved. Reason says why in a few words.
	Changed
)

// String returns a word for logs.
func (a Action) String() string {
	return [...]string{"", "hand", "probe", "doubt", "repair", "drop", "sent", "delivered", "failed", "settled", "changed"}[a]
}

// Effect is one thing to do, or to tell.
type Effect struct {
	Action Action
	ID     string  // origin-id of the message: Hand, Sent, Delivered, Failed, Settled
	Link   LinkID  // Hand (0: server), Probe, Doubt, Repair, Drop, Changed
	Tag    uint64  // Hand: for LinkAcked; rises on every link
	Device jid.JID // Doubt, Repair, Drop, Changed: the device at the end of Link
	Via    Kind    // Hand, Sent, Delivered, Changed: the kind of path
	Mode   Mode    // Changed
	Reason string  // Drop, Changed, Failed
}

// Config holds the times that govern a chat. The zero value of a field means its default.
type Config struct {
	// Lapse is how long data or a probe may stay unanswered before a link is no longer trusted. Default 1 s; stretched to
	// three round trips (at most 3 s) on slow links.
	Lapse time.Duration
	// KeepAlive is how long an idle link may go without proof before it is probed. Default 4 s, so that with Lapse a dead idle
	// link is noticed within 5 s.
	KeepAlive time.Duration
	// Dead is how long a lapsed link may stay without proof before it is given up. Default 10 s.
	Dead time.Duration
	// Hold is the longest new messages wait at a change from one working path to another. Default 300 ms.
	Hold time.Duration
	// Steady is the shortest time between two returns to a link that keeps losing trust, and the time within which three
	// carrying links lost young are too many. Default 30 s.
	Steady time.Duration
	// Young is the age up to which a link, or its trust, counts as short-lived when it is lost. What lasted longer was good: it
	// was broken, and what comes after it has a clean record. Default 3 s.
	Young time.Duration
	// ServerStall is how long a message may stay unacknowledged by the server, while a trusted link is at hand, before the
	// server path counts as dead for the chat. Default 2 s.
	ServerStall time.Duration
	// ReceiptStall is how long the peer's receipt for a message on the server path is waited for while a trusted link is at
	// hand, before the message is sent again on the link. Default 10 s.
	ReceiptStall time.Duration
	// Linger is how long a confirmed message is remembered for the sake of the peer's other devices. Default 5 s.
	Linger time.Duration
	// Window is the most messages without the peer's confirmation that are tracked once the server has them. Default 2048.
	Window int
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.Lapse, time.Second)
	set(&c.KeepAlive, 4*time.Second)
	set(&c.Dead, 10*time.Second)
	set(&c.Hold, 300*time.Millisecond)
	set(&c.Steady, 30*time.Second)
	set(&c.Young, 3*time.Second)
	set(&c.ServerStall, 2*time.Second)
	set(&c.ReceiptStall, 10*time.Second)
	set(&c.Linger, 5*time.Second)
	if c.Window <= 0 {
		c.Window = 2048
	}
	return c
}
