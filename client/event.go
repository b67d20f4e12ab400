package client

import (
	"net/netip"
	"time"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
	"godwit/xep/chatstates"
	"godwit/xep/reach"
)

// Event is something the application may want to show. The types are Online,
// Offline, RosterLoaded, ContactChanged, PresenceChanged, SubscriptionAsked,
// BlocksChanged, Queued, Sent, Delivered, Failed, Message, Changed, Removed,
// ChatChanged, ReadChanged, SettingChanged, ChatState, LinkChanged, RouteChanged and
// Problem. Later versions may add more.
type Event interface{ event() }

// Online tells that the client is signed in.
type Online struct {
	JID jid.JID // full
	// Local and Remote are the addresses of the connection, zero where the
	// transport has none.
	Local, Remote netip.AddrPort
	Kind          link.Kind
	TLS           link.TLSInfo
	Mechanism     sasl.Mechanism
	// Resumed: the session from before the interruption goes on (XEP-0198 §5).
	Resumed bool
}

// Offline tells that there is no connection to the server. Direct links may go on.
type Offline struct {
	Err error // nil when the application asked for it
	// Final: the client does not try again; Run returns Err.
	Final bool
	// Retry is when it tries again.
	Retry time.Time
}

// RosterLoaded tells the contacts after each sign-in.
type RosterLoaded struct{ Contacts []Contact }

// ContactChanged tells a change of one contact (RFC 6121 §2.1.6).
type ContactChanged struct {
	Contact Contact
	Removed bool
}

// PresenceChanged tells that a device of a contact came, went, or changed.
type PresenceChanged struct {
	From      jid.JID // full
	Available bool
	Show      Show
	Status    string
	Priority  int8
	// Client is the name of the contact's software, "" when it does not tell.
	Client string
	// Direct: the device can build direct links of a kind this client has.
	Direct bool
	// Reach is what the device says about the network it is on (package reach); the
	// zero value when it says nothing.
	Reach reach.Reach
	// Since is when it came, if the server said so.
	Since time.Time
}

// SubscriptionAsked tells that somebody asks to see the user's presence. Answer
// with Accept or Decline. Unanswered requests are told again after a sign-in.
type SubscriptionAsked struct {
	From   jid.JID // bare
	Status string  // their words
}

// BlocksChanged tells whom the user has blocked, after each sign-in and when it changes.
type BlocksChanged struct {
	Blocked []jid.JID // in the order of their addresses
}

// Queued tells that a message of the user, sent on this device, is durable in the
// outbox and in the history.
type Queued struct{ Message }

// Sent tells that a path has taken responsibility for a message: the server, or
// the peer's client itself.
type Sent struct {
	ID   string
	To   jid.JID // bare
	Path path.Kind
}

// Delivered tells that the peer's client has a message.
type Delivered struct {
	ID   string
	To   jid.JID // bare
	Path path.Kind
}

// Failed tells that a message was refused and is not tried again.
type Failed struct {
	ID     string
	To     jid.JID // bare
	Reason string
	// Code is the condition of the stanza error (RFC 6120 §8.3.3), if there was one.
	Code string
}

// Message is a message that arrived, or that another device of the user sent. It
// is told once, after it has become durable, in its sender's order.
type Message struct {
	From, To jid.JID // as they stood in the message
	Chat     jid.JID // the bare address of the other side
	// Own: the user wrote it, on another device.
	Own bool
	// ID is the origin-id (XEP-0359), or where there is none the id attribute.
	ID   string
	Body string
	// Path it took to this device.
	Path path.Kind
	// Time is when it was written as far as is known.
	Time time.Time
	// Late: it comes from the archive or was delivered with delay.
	Late bool
	// State is how far it has come.
	State cache.State
	// Place is where it stands in the history.
	Place cache.Cursor

	// ReplyTo is the id of the message that it answers (XEP-0461), or "", and ReplyFrom the
	// author of that by its own account. Client.Answered finds that message. Quote is the
	// quotation that Body came with.
	ReplyTo   string
	ReplyFrom jid.JID
	Quote     string
	// Edited is when it was edited last, zero for never.
	Edited time.Time
	// Retracted: its author took it back. It has no text any more.
	Retracted bool
	// Error is why it failed.
	Error string
}

// Changed tells that a message which was told before, or is in the history, looks
// different: it was edited or taken back.
type Changed struct {
	Message
	By string // id of the message that changed it
}

// Removed tells that a message is in the history no more.
type Removed struct {
	Chat jid.JID // bare
	ID   string
	// Instead is the id of the message that takes its place; "" when there is none.
	Instead string
}

// ChatChanged tells that a line of the list of chats changed. Many changes within a moment
// are told as one.
type ChatChanged struct{ ChatInfo }

// ReadChanged tells that messages of a chat were read up to one.
type ReadChanged struct {
	Chat jid.JID // bare
	ID   string  // of the last of them
	By   Reader
	Time time.Time // when that was learned
}

// SettingChanged tells that a setting was chosen.
type SettingChanged struct{ cache.SettingRecord }

// ChatState tells what the other side does in a chat (XEP-0085).
type ChatState struct {
	From  jid.JID // full
	State chatstates.State
}

// LinkState is a stage in the life of a direct link.
type LinkState string

// The stages.
const (
	LinkConnecting LinkState = "connecting"
	LinkUp         LinkState = "up"
	LinkDown       LinkState = "down"
	// LinkNone is the state of a chat without a link, in what Explain tells.
	LinkNone LinkState = "none"
)

// LinkInfo describes a direct link.
type LinkInfo struct {
	Peer  jid.JID // full
	State LinkState
	Path  path.Kind // Direct or Relay; "" while connecting; without a link Server, or "" where messages wait
	Kind  link.Kind // "" while connecting
	// Local and Remote are the addresses in use.
	Local, Remote netip.AddrPort
	RTT           time.Duration
	// Trusted: the link is proven and answers in time.
	Trusted bool
	Since   time.Time
	// BytesIn and BytesOut count what the link carried above encryption.
	BytesIn, BytesOut uint64

	// Own and Other are what is known of the two networks; zero values where
	// nothing is.
	Own, Other reach.Reach
	// Relay is the TURN server this side uses, and RelayProtocol how it is reached:
	// "udp", "tcp", "tls". Zero and empty when it uses none; a relay of the other
	// side shows in Path alone.
	Relay         netip.AddrPort
	RelayProtocol string
	// Explanation is why the chat goes this way; zero for a link that is gone.
	Explanation
	// Failure is why the last attempt failed, and FailedAt when; NextTry is when
	// another one is due, zero when none is. A change of network or a message may
	// bring it forward.
	Failure  string
	FailedAt time.Time
	NextTry  time.Time
}

// LinkChanged tells that a direct link begins, is up, or is gone (or did not come
// about: then Reason says why).
type LinkChanged struct {
	LinkInfo
	Reason string
}

// RouteChanged tells what carries new messages of a chat from now on.
type RouteChanged struct {
	Chat   jid.JID // bare
	Mode   path.Mode
	Path   path.Kind // "" when nothing carries them and they wait
	Device jid.JID   // at the other end of the link, if one is involved
	Reason string
}

// Problem tells of something the user should know and can do something about,
// such as a full disk or a server that refuses the client.
type Problem struct{ Err error }

func (Online) event()            {}
func (Offline) event()           {}
func (RosterLoaded) event()      {}
func (ContactChanged) event()    {}
func (PresenceChanged) event()   {}
func (SubscriptionAsked) event() {}
func (BlocksChanged) event()     {}
func (Queued) event()            {}
func (Changed) event()           {}
func (Removed) event()           {}
func (ChatChanged) event()       {}
func (ReadChanged) event()       {}
func (SettingChanged) event()    {}
func (Sent) event()              {}
func (Delivered) event()         {}
func (Failed) event()            {}
func (Message) event()           {}
func (ChatState) event()         {}
func (LinkChanged) event()       {}
func (RouteChanged) event()      {}
func (Problem) event()           {}
