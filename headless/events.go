package headless

// What is here is everything a client tells, and events_chat.go what it tells about
// messages, files and devices. Absent fields are empty, zero or false. Each event has a
// name, and the tag of the command it answers, if it does and that had one. Times are RFC
// 3339 in UTC.

// Online: the client is signed in.
//
//	{"event":"online","jid":"alice@localhost/r","address":"127.0.0.1:40212","transport":"tcp","tls":"TLS 1.3","mechanism":"SCRAM-SHA-256-PLUS"}
type Online struct {
	Event   string `json:"event"` // "online"
	Tag     string `json:"tag,omitempty"`
	JID     string `json:"jid"` // full
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
	Tag     string `json:"tag,omitempty"`
	Message string `json:"message,omitempty"`
	// Code is a stable word for the reason, such as "auth" for a password or token that
	// was refused.
	Code string `json:"code,omitempty"`
	// Retry is in how many milliseconds it is tried again; absent when it is not.
	Retry int64 `json:"retry_ms,omitempty"`
	// Final: it is not tried again, and the client ends.
	Final bool `json:"final,omitempty"`
}

// Roster: the contacts, after each sign-in, and as answer to "roster".
type Roster struct {
	Event string `json:"event"` // "roster"
	Tag   string `json:"tag,omitempty"`
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
	Tag   string `json:"tag,omitempty"`
	Item
}

// Presence: a device of a contact came, went or changed.
type Presence struct {
	Event     string `json:"event"` // "presence"
	Tag       string `json:"tag,omitempty"`
	From      string `json:"from"` // full
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
	Tag    string `json:"tag,omitempty"`
	From   string `json:"from"` // bare
	Status string `json:"status,omitempty"`
}

// Progress: "sent" says that a path has taken responsibility for a message,
// "delivered" that the peer's client has it.
type Progress struct {
	Event string `json:"event"` // "sent", "delivered"
	Tag   string `json:"tag,omitempty"`
	ID    string `json:"id"`
	To    string `json:"to"`   // bare
	Path  string `json:"path"` // direct, relay, server
}

// Link: a direct link begins, is up or is gone, and the answer to "links".
type Link struct {
	Event   string  `json:"event"` // "link"
	Tag     string  `json:"tag,omitempty"`
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
	Tag   string `json:"tag,omitempty"`
	Items []Link `json:"items"`
}

// Error: a command that could not be done, a message that was refused, or a problem
// of the client's own.
type Error struct {
	Event   string `json:"event"` // "error"
	Tag     string `json:"tag,omitempty"`
	Cmd     string `json:"cmd,omitempty"`
	ID      string `json:"id,omitempty"`
	Message string `json:"message"`
	// Code is a stable word: the condition of a stanza error (RFC 6120 §8.3.3), or one of
	// the client's own.
	Code string `json:"code,omitempty"`
}

// Done: a command with a tag went well, and this is its last answer.
type Done struct {
	Event string `json:"event"` // "done"
	Tag   string `json:"tag,omitempty"`
	Cmd   string `json:"cmd"`
	ID    string `json:"id,omitempty"` // that of the command, or the one that was made up for it
	// MoreBefore and MoreAfter: the history has more on that side.
	MoreBefore bool `json:"more_before,omitempty"`
	MoreAfter  bool `json:"more_after,omitempty"`
	More       bool `json:"more,omitempty"` // there are more results
}
