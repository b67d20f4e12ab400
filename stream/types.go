package stream

import (
	"net/netip"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/xep/sasl2"
)

// UserAgent is how a client introduced itself (XEP-0388 §2.3): a claim.
type UserAgent = sasl2.UserAgent

// Peer is what the negotiation established about the other end.
type Peer struct {
	JID     jid.JID // full once bound or resumed; before that the bare account
	Account jid.JID // bare, authenticated

	Mechanism      sasl.Mechanism
	ChannelBinding string // type used, "" when none
	SASL2          bool
	// TokenGone: the client proved a token and had it invalidated in the same breath (XEP-0484 §3.6).
	TokenGone bool
	UserAgent UserAgent
	Lang      string // xml:lang of the peer's header

	Kind   link.Kind
	Remote netip.AddrPort
	TLS    link.TLSInfo
}

// EventKind tells what Read returned.
type EventKind uint8

// The kinds of event.
const (
	// StanzaEvent: Stanza is set; Err too when its head is bad, and the
	// caller must answer it with an error (RFC 6120 §8.3.3). Either way the
	// caller calls Handled(Seq) once what the stanza promises is durable.
	StanzaEvent EventKind = iota + 1
	// AckedEvent: the peer has taken responsibility for Acked, in the order
	// they were sent (XEP-0198 §4). Acked is empty when the peer answered a
	// request and nothing new is acknowledged.
	AckedEvent
	// StateEvent: the client reported itself active or inactive (XEP-0352).
	StateEvent
)

// Event is one thing read from a stream.
type Event struct {
	Kind EventKind

	Stanza *stanza.Stanza
	Err    *stanza.Error
	// Seq numbers the stanzas of this stream, for Handled.
	Seq uint64

	// Acked is valid until the next Read.
	Acked []Sent

	Active bool // for StateEvent
}

// Sent is a stanza handed to Send, the tag its sender gave it and when that
// was.
type Sent struct {
	Stanza *stanza.Stanza
	Tag    uint64
	At     time.Time // zero without acknowledgements
}
