package headless

import (
	"net/netip"
	"time"

	"godwit/client"
	"godwit/client/cache"
	"godwit/jid"
)

// Online: the client is signed in.
//
//	{"event":"online","jid":"alice@localhost/r","address":"127.0.0.1:40212","transport":"tcp","tls":"TLS 1.3","mechanism":"SCRAM-SHA-256-PLUS"}
type Online struct {
	Event   string `json:"event"` // "online"
	JID     string `json:"jid"`   // full
	Address string `json:"address,omitempty"`
	// Server is the other end of the connection.
	Server    string `json:"server,omitempty"`
	Transport string `json:"transport"`
	TLS       string `json:"tls,omitempty"`
	Mechanism string `json:"mechanism,omitempty"`
	// Resumed: the session from before an interruption goes on.
	Resumed bool `json:"resumed,omitempty"`
}

// Offline: there is no connection to the server. Direct links may go on.
type Offline struct {
	Event   string `json:"event"` // "offline"
	Message string `json:"message,omitempty"`
	// Retry is in how many milliseconds it is tried again; absent when it is not.
	Retry int64 `json:"retry_ms,omitempty"`
}

// Roster: the contacts, after each sign-in, and as answer to "roster".
type Roster struct {
	Event string `json:"event"` // "roster"
	Items []Item `json:"items"`
}

// Item is one contact.
type Item struct {
	JID          string   `json:"jid"` // bare
	Name         string   `json:"name"`
	Subscription string   `json:"subscription"` // none, to, from, both; remove in "contact" when it is gone
	Ask          bool     `json:"ask,omitempty"`
	Groups       []string `json:"groups,omitempty"`
}

// Contact: one contact changed.
type Contact struct {
	Event string `json:"event"` // "contact"
	Item
}

// Presence: a device of a contact came, went or changed.
type Presence struct {
	Event     string `json:"event"` // "presence"
	From      string `json:"from"`  // full
	Available bool   `json:"available"`
	Show      string `json:"show"` // away, xa, dnd, chat or empty
	Status    string `json:"status"`
	Client    string `json:"client"` // the name of the software
	Direct    bool   `json:"direct"` // it can build direct links
	// Reach is what the device says about its network; absent when nothing.
	Reach *Reach `json:"reach,omitempty"`
}

// Reach is what a device knows of the network it is on, in the words of RFC 4787
// and RFC 3489. A field is absent where it does not know or does not say.
type Reach struct {
	Class     string `json:"class,omitempty"`     // open, firewall, full-cone, restricted-cone, port-restricted-cone, symmetric, udp-blocked
	Mapping   string `json:"mapping,omitempty"`   // none, endpoint-independent, address-dependent, …
	Filtering string `json:"filtering,omitempty"` // the same words
	// Each yes or no.
	PortPreserved string   `json:"port_preserved,omitempty"`
	Carrier       string   `json:"carrier,omitempty"` // a second NAT, the provider's
	IPv4          string   `json:"ipv4,omitempty"`
	IPv6          string   `json:"ipv6,omitempty"`
	Mapped        string   `json:"mapped,omitempty"` // the router maps a port, by pcp, nat-pmp or upnp
	Client        string   `json:"client,omitempty"`
	Addresses     []string `json:"addresses,omitempty"` // only where its owner shares them
}

// Subscription: somebody asks to be a contact. Answer with "accept".
type Subscription struct {
	Event  string `json:"event"` // "subscription"
	From   string `json:"from"`  // bare
	Status string `json:"status,omitempty"`
}

// Progress: "sent" says that a path has taken responsibility for a message,
// "delivered" that the peer's client has it.
type Progress struct {
	Event string `json:"event"` // "sent", "delivered"
	ID    string `json:"id"`
	To    string `json:"to"`   // bare
	Path  string `json:"path"` // direct, relay, server
}

// Message: one that arrived, or that another device of the user sent; and the
// answer to "history".
type Message struct {
	Event string `json:"event"` // "message"
	From  string `json:"from"`
	To    string `json:"to"`
	ID    string `json:"id"`
	Body  string `json:"body"`
	Path  string `json:"path"` // direct, relay, server; empty in the history while nothing has carried it
	Time  string `json:"time"` // RFC 3339, UTC
	// Late: it was delivered with delay or comes from the archive.
	Late bool `json:"late,omitempty"`
	// History: it is the answer to that command. State is then queued, sent,
	// delivered, failed or received.
	History bool   `json:"history,omitempty"`
	State   string `json:"state,omitempty"`
}

// Link: a direct link begins, is up or is gone, and the answer to "links".
type Link struct {
	Event   string  `json:"event"` // "link"
	Peer    string  `json:"peer"`  // full
	State   string  `json:"state"` // connecting, up, down; none in answers about a chat without a link
	Path    string  `json:"path,omitempty"`
	Local   string  `json:"local,omitempty"`
	Remote  string  `json:"remote,omitempty"`
	RTT     float64 `json:"rtt_ms,omitempty"`
	Trusted bool    `json:"trusted,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	// Relay is the TURN server this side uses, RelayProtocol udp, tcp or tls.
	Relay         string `json:"relay,omitempty"`
	RelayProtocol string `json:"relay_protocol,omitempty"`
	// Nat is what is known of the two networks.
	Nat *Nat `json:"nat,omitempty"`
	// Why the chat goes this way, as a code and in words, and what would help.
	Why   string `json:"why,omitempty"`
	Words string `json:"words,omitempty"`
	Help  []Help `json:"help,omitempty"`
	// Failure is why the last attempt failed, Next in how many milliseconds another
	// one is due.
	Failure string `json:"failure,omitempty"`
	Next    int64  `json:"next_ms,omitempty"`
}

// Nat is what is known of the networks of a chat.
type Nat struct {
	Self *Reach `json:"self,omitempty"`
	Peer *Reach `json:"peer,omitempty"`
}

// Help is something that would make a chat go a better way.
type Help struct {
	Who   string `json:"who"`  // self, peer, both
	What  string `json:"what"` // a code
	Words string `json:"words"`
}

// Links is the answer of a running client to "links" from another process: the
// same as the "link" events, in one line.
type Links struct {
	Event string `json:"event"` // "links"
	Items []Link `json:"items"`
}

// Error: a command that could not be done, a message that was refused, or a problem
// of the client's own.
type Error struct {
	Event   string `json:"event"` // "error"
	Cmd     string `json:"cmd,omitempty"`
	ID      string `json:"id,omitempty"`
	Message string `json:"message"`
}

// translate gives the line for an event, with words of a language, or nil where the
// contract has none.
func translate(e client.Event, lang client.Lang) any {
	switch e := e.(type) {
	case client.Online:
		return Online{Event: "online", JID: e.JID.String(), Address: endpoint(e.Local), Server: endpoint(e.Remote), Transport: string(e.Kind),
			TLS: e.TLS.Version, Mechanism: string(e.Mechanism), Resumed: e.Resumed}
	case client.Offline:
		o := Offline{Event: "offline"}
		if e.Err != nil {
			o.Message = e.Err.Error()
		}
		if !e.Retry.IsZero() {
			o.Retry = max(1, time.Until(e.Retry).Milliseconds())
		}
		return o
	case client.RosterLoaded:
		return rosterEvent(e.Contacts)
	case client.ContactChanged:
		c := Contact{Event: "contact", Item: item(&e.Contact)}
		if e.Removed {
			c.Subscription = "remove"
		}
		return c
	case client.PresenceChanged:
		return Presence{Event: "presence", From: e.From.String(), Available: e.Available, Show: string(e.Show), Status: e.Status,
			Client: e.Client, Direct: e.Direct, Reach: reachOf(e.Reach)}
	case client.SubscriptionAsked:
		return Subscription{Event: "subscription", From: e.From.String(), Status: e.Status}
	case client.Sent:
		return Progress{Event: "sent", ID: e.ID, To: e.To.String(), Path: string(e.Path)}
	case client.Delivered:
		return Progress{Event: "delivered", ID: e.ID, To: e.To.String(), Path: string(e.Path)}
	case client.Failed:
		return Error{Event: "error", Cmd: "send", ID: e.ID, Message: e.Reason}
	case client.Message:
		return Message{Event: "message", From: e.From.String(), To: e.To.String(), ID: e.ID, Body: e.Body, Path: string(e.Path),
			Time: stamp(e.Time), Late: e.Late}
	case client.LinkChanged:
		return linkEvent(e, lang)
	case client.Problem:
		return Error{Event: "error", Message: e.Err.Error()}
	}
	return nil
}

func rosterEvent(contacts []client.Contact) Roster {
	r := Roster{Event: "roster", Items: make([]Item, 0, len(contacts))}
	for i := range contacts {
		r.Items = append(r.Items, item(&contacts[i]))
	}
	return r
}

func item(c *client.Contact) Item {
	return Item{JID: c.JID.String(), Name: c.Name, Subscription: string(c.Subscription), Ask: c.Asked, Groups: c.Groups}
}

func linkEvent(e client.LinkChanged, lang client.Lang) Link {
	l := Link{Event: "link", Peer: e.Peer.String(), State: string(e.State), Path: string(e.Path), Local: endpoint(e.Local),
		Remote: endpoint(e.Remote), RTT: float64(e.RTT.Microseconds()) / 1000, Trusted: e.Trusted, Reason: e.Reason,
		Relay: endpoint(e.Relay), RelayProtocol: e.RelayProtocol, Why: string(e.Why), Words: e.Text(lang), Failure: e.Failure}
	if n := (Nat{reachOf(e.Own), reachOf(e.Other)}); n.Self != nil || n.Peer != nil {
		l.Nat = &n
	}
	for _, h := range e.Help {
		l.Help = append(l.Help, Help{string(h.Who), string(h.What), h.Text(lang)})
	}
	if !e.NextTry.IsZero() {
		l.Next = max(1, time.Until(e.NextTry).Milliseconds())
	}
	return l
}

// historyEvent gives the line for a message of the history.
func historyEvent(m *cache.Message, self jid.JID) Message {
	to := self
	if m.Direction == cache.Out {
		to = m.Chat
	}
	return Message{Event: "message", From: m.From.String(), To: to.String(), ID: m.OriginID, Body: m.Body, Path: m.Route,
		Time: stamp(m.Time), History: true, State: states[m.State]}
}

var states = map[cache.State]string{
	cache.StateQueued: "queued", cache.StateSent: "sent", cache.StateFailed: "failed", cache.StateDelivered: "delivered",
	cache.StateReceived: "received",
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func endpoint(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
