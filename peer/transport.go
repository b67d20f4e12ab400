package peer

import (
	"net/netip"

	"godwit/jid"
	"godwit/link"
	"godwit/xep/reach"
	"godwit/xmlstream"
)

// Transport is one way of connecting two clients. Its methods do not wait for
// the network: what takes time reports through Events. Safe for concurrent use.
type Transport interface {
	// Namespace is that of the Jingle <transport/> element.
	Namespace() string
	// Offer makes the initiator's half of a session.
	Offer(Params) (Session, error)
	// Answer makes the responder's half from the initiator's <transport/>. An
	// element it cannot use is a *stanza.Error.
	Answer(p Params, remote xmlstream.Node) (Session, error)
}

// Session is one half of one attempt to connect. Safe for concurrent use.
type Session interface {
	// Local is the <transport/> for session-initiate or session-accept.
	Local() xmlstream.Node
	// Remote hands the initiator the responder's <transport/>. Called once.
	Remote(xmlstream.Node) error
	// Info hands over the <transport/> of a transport-info. It may come before
	// Remote.
	Info(xmlstream.Node) error
	// Close gives up what has not ended in a link, and aborts a link that was
	// handed out and still lives. No event is reported after it returned,
	// except by a call that is under way. Idempotent.
	Close()
}

// Params say whom a session is for and what it may tell.
type Params struct {
	SID  string
	Peer jid.JID
	// Addresses the session may reveal to the peer, in elements and in packets.
	Addresses Addresses
	// Events receives what happens. Its functions do not block, and may be
	// called from any goroutine, also before Offer or Answer returned.
	Events Events
}

// Events are what a Session reports.
type Events struct {
	// Candidates hands over a <transport/> with candidates found meanwhile, to
	// be sent as transport-info.
	Candidates func(xmlstream.Node)
	// Connected hands over a link. The receiver owns it: it must end it. Nothing
	// has been said on it. It may come again with a link on a better path (direct
	// after relayed, never the other way round); the session lives until all its
	// links have ended, and the receiver ends the older one when it has moved.
	Connected func(link.Link, Path)
	// Moved reports that a link handed out travels another way from now on,
	// without a break; for transports that move by themselves.
	Moved func(link.Link, Path)
	// Failed reports that there will be no link, once, and not after Connected.
	Failed func(error)
}

// Path describes how a link travels, for people and for choosing.
type Path struct {
	Transport             string // namespace of the transport
	Local, Remote         netip.AddrPort
	LocalKind, RemoteKind string // "host", "srflx", "prflx", "relay"
	Relayed               bool   // through a TURN server on either side
	// Relay is the TURN server that our side uses for this link, and how it is
	// reached: "udp", "tcp" or "tls". Zero and empty when we use none.
	Relay         netip.AddrPort
	RelayProtocol string
	// Peer is what the other side said about its network in the introduction;
	// the zero value when it said nothing.
	Peer reach.Reach
}

// Addresses tells which kinds of candidate may be shown to a peer (RFC 8445
// §5.1.1). The zero value shows none: no link can be made.
type Addresses struct {
	Host      bool // addresses of this machine's interfaces
	Reflexive bool // the public address of the router in front of it
	Relay     bool // an address of a TURN server, which tells nothing
}

// The usual choices.
var (
	// AllAddresses is for peers that the user trusts with their addresses.
	AllAddresses = Addresses{Host: true, Reflexive: true, Relay: true}
	// RelayOnly hides the user's addresses.
	RelayOnly = Addresses{Relay: true}
)

// Allows reports whether a candidate of the given kind may be shown. Peer
// reflexive ones are learned by the peer and never sent.
func (a Addresses) Allows(kind string) bool {
	switch kind {
	case "host":
		return a.Host
	case "srflx":
		return a.Reflexive
	case "relay":
		return a.Relay
	}
	return false
}

// strip removes what may not be shown from a <transport/>: candidates, the
// addresses that candidates tell for diagnosis, and those of <reach/>. It is the
// second fence: transports do not put them there in the first place.
func (a Addresses) strip(transport xmlstream.Node) (clean xmlstream.Node, candidates int) {
	clean = transport
	clean.Children = nil
	for _, c := range transport.Children {
		switch {
		case c.Name.Local == "candidate":
			if !a.Allows(c.Attr("type")) {
				continue
			}
			c = a.unrelated(c)
			candidates++
		case c.Name == (xmlstream.Name{Space: reach.NS, Local: "reach"}):
			c = a.unaddressed(c)
		default:
			// Data channels wrap one transport in another.
			inner, n := a.strip(c)
			c, candidates = inner, candidates+n
		}
		clean.Children = append(clean.Children, c)
	}
	return clean, candidates
}

// unrelated takes the related address off a candidate (RFC 8839 §5.1): that of a
// reflexive one is of this machine, that of a relayed one of its router.
func (a Addresses) unrelated(candidate xmlstream.Node) xmlstream.Node {
	if a.Host && a.Reflexive {
		return candidate
	}
	attributes := candidate.Attrs
	candidate.Attrs = nil
	for _, attribute := range attributes {
		if local := attribute.Name.Local; local != "rel-addr" && local != "rel-port" {
			candidate.Attrs = append(candidate.Attrs, attribute)
		}
	}
	return candidate
}

// unaddressed takes the addresses out of <reach/>.
func (a Addresses) unaddressed(n xmlstream.Node) xmlstream.Node {
	r, err := reach.Parse(n)
	if err != nil || a.Host && a.Reflexive {
		return n
	}
	return r.WithoutAddresses().Node()
}

// Decision is what the user's settings say about one peer.
type Decision struct {
	// Talk is false for peers with whom no direct link is made in either
	// direction; to them this client looks as if it knew no Jingle.
	Talk bool
	// Addresses that may be shown to the peer.
	Addresses Addresses
}

// Policy decides about a full JID. It is called on the Introducer's goroutine
// and must not block.
type Policy func(peer jid.JID) Decision
