package relay

import (
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// EventKind says what an Event tells.
type EventKind uint8

const (
	// Allocated: a client got a relayed address.
	Allocated EventKind = iota + 1
	// Deallocated: it gave it back, or it expired, or its connection ended.
	Deallocated
	// Refused: an authenticated request was answered with an error.
	Refused
)

// String returns the kind as one word.
func (k EventKind) String() string {
	switch k {
	case Allocated:
		return "allocated"
	case Deallocated:
		return "deallocated"
	case Refused:
		return "refused"
	}
	return "unknown"
}

// Event is something that happened to a user of the relay. There are none for
// datagrams and none for what strangers do: those are counted (Stats).
type Event struct {
	Kind      EventKind
	Account   string         // as given to Credentials
	Transport string         // between client and server: "udp", "tcp" or "tls"
	Client    netip.AddrPort // where the client's packets come from
	Server    netip.AddrPort // where they arrive; the address may be unknown
	Relayed   netip.AddrPort // of an allocation

	// Of Deallocated: payload bytes from peers and to peers, and how long it lived.
	BytesIn, BytesOut uint64
	Lived             time.Duration

	// Of Refused: the method as STUN names it, the error code, and why.
	Method string
	Code   int
	Reason Reason
}

// Reason is why something was refused or dropped.
type Reason uint8

const (
	reasonNone             Reason = iota
	ReasonRate                    // the source sends more than its share
	ReasonCredentials             // 401: made elsewhere, wrong, or withdrawn
	ReasonExpired                 // 401: out of date
	ReasonStaleNonce              // 438
	ReasonBadRequest              // 400
	ReasonUnknownAttribute        // 420
	ReasonTransport               // 442: another transport than UDP
	ReasonFamily                  // 440 and 443
	ReasonMismatch                // 437 and 441: no such allocation, or somebody else's
	ReasonQuota                   // 486: the user has as many allocations as he may
	ReasonCapacity                // 508: the server, or an allocation, has as much as it may
	ReasonAddress                 // 403, and datagrams: a peer nobody may reach through here
	ReasonBandwidth               // datagrams: the user's bytes of this moment are spent
	ReasonOversize                // datagrams longer than any path takes
	reasons
)

var reasonWords = [reasons]string{
	"", "rate", "credentials", "expired", "stale-nonce", "bad-request", "unknown-attribute", "transport", "family",
	"mismatch", "quota", "capacity", "address", "bandwidth", "oversize",
}

// String returns the reason as one word, fit for a label of a metric.
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return reasonWords[r]
}

// reasonOf is the reason for an error the library answers with.
func reasonOf(code stun.ErrorCode) Reason {
	switch code {
	case codeMismatch, codeWrongCredentials:
		return ReasonMismatch
	case stun.CodeForbidden:
		return ReasonAddress
	case stun.CodeAddrFamilyNotSupported, stun.CodePeerAddrFamilyMismatch:
		return ReasonFamily
	case stun.CodeAllocQuotaReached:
		return ReasonQuota
	case stun.CodeInsufficientCapacity:
		return ReasonCapacity
	case stun.CodeUnknownAttribute:
		return ReasonUnknownAttribute
	case stun.CodeUnsupportedTransProto:
		return ReasonTransport
	}
	return ReasonBadRequest
}

// refuse counts a refusal.
func (s *Server) refuse(reason Reason) {
	if reason != reasonNone {
		s.count.refusals[reason].Add(1)
	}
}

// trace tells an event to whoever wants to know.
func (s *Server) trace(event Event) {
	switch event.Kind {
	case Allocated, Deallocated:
		s.log.Debug("turn: "+event.Kind.String(), "account", event.Account, "client", event.Client, "relayed", event.Relayed,
			"transport", event.Transport, "bytes_in", event.BytesIn, "bytes_out", event.BytesOut, "lived", event.Lived)
	case Refused:
		s.log.Debug("turn: refused", "account", event.Account, "client", event.Client, "method", event.Method,
			"code", event.Code, "reason", event.Reason)
	}
	if s.config.Trace != nil {
		s.config.Trace(event)
	}
}
