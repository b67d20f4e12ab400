package udpmux

// Kind is what a datagram is, told by its first byte.
type Kind uint8

// The kinds of RFC 9443 §3, Figure 2. RTP, ZRTP and unassigned values are
// Unknown: nothing here speaks them.
const (
	Unknown     Kind = iota
	STUN             // RFC 8489
	DTLS             // RFC 9147
	TURNChannel      // RFC 8656 ChannelData; only where a TURN server was registered
	QUIC             // RFC 9000
)

func (k Kind) String() string {
	switch k {
	case STUN:
		return "stun"
	case DTLS:
		return "dtls"
	case TURNChannel:
		return "turn-channel"
	case QUIC:
		return "quic"
	}
	return "unknown"
}

// Classify tells the kind of a datagram by its first byte. Values 64 to 79 mean
// a TURN channel only when the packet comes from a TURN server, and QUIC
// otherwise (RFC 9443 §3).
func Classify(first byte, fromTURN bool) Kind {
	switch {
	case first <= 3:
		return STUN
	case first >= 20 && first <= 63:
		return DTLS
	case first >= 64 && first <= 79 && fromTURN:
		return TURNChannel
	case first >= 64 && first <= 127, first >= 192:
		return QUIC
	}
	return Unknown
}
