package tcpmux

import "encoding/binary"

// Kind is a protocol that can have a share of the port.
type Kind uint8

// The protocols.
const (
	XMPP Kind = iota // client to server, encrypted or to be encrypted by STARTTLS
	TURN             // STUN and TURN, over TCP or TLS
	HTTP             // inside TLS only
	kinds
)

func (k Kind) String() string { return [...]string{"xmpp", "turn", "http"}[k] }

// beginning is what the first bytes of a connection, or of what is inside TLS, turn out to be.
type beginning uint8

const (
	undecided beginning = iota // more bytes are needed; never after maxHead bytes
	beginsXMPP
	beginsSTUN
	beginsHTTP
	beginsTLS
	beginsUnknown
)

// maxHead is how many bytes decide at the latest: the fixed part of a STUN header up to the magic cookie, the longest method of HTTP with the
// space after it.
const maxHead = 8

// magicCookie makes a message of RFC 8489 (§5) different from everything else that begins with the same byte.
const magicCookie = 0x2112A442

// recordHandshake is the type of the TLS record that holds a ClientHello (RFC 8446 §5.1).
const recordHandshake = 0x16

var methods = []string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE "}

// classify tells what begins with these bytes. What it says of some bytes it says of everything that begins with them.
func classify(head []byte) beginning {
	if len(head) == 0 {
		return undecided
	}
	switch first := head[0]; {
	case first == '<':
		return beginsXMPP
	case first == recordHandshake:
		return beginsTLS
	case first <= 3: // the two zero bits of a STUN header and a method below 0x080
		return classifySTUN(head)
	default:
		return classifyHTTP(head)
	}
}

// classifySTUN compares the cookie byte by byte, so that whoever sends something else is not waited for.
func classifySTUN(head []byte) beginning {
	cookie := binary.BigEndian.AppendUint32(nil, magicCookie)
	for i, b := range cookie {
		if 4+i >= len(head) {
			return undecided
		}
		if head[4+i] != b {
			return beginsUnknown
		}
	}
	return beginsSTUN
}

func classifyHTTP(head []byte) beginning {
	for _, m := range methods {
		n := min(len(m), len(head))
		switch {
		case string(head[:n]) != m[:n]:
		case n == len(m):
			return beginsHTTP
		default:
			return undecided
		}
	}
	return beginsUnknown
}

// Names of the protocols in ALPN.
const (
	alpnXMPP      = "xmpp-client"
	alpnTURN      = "stun.turn"
	alpnDiscovery = "stun.nat-discovery"
	alpnHTTP2     = "h2"
	alpnHTTP1     = "http/1.1"
)

// protocols are offered in this order; the first that the client knows too is agreed on (RFC 7301 §3.2).
var protocols = []string{alpnXMPP, alpnTURN, alpnDiscovery, alpnHTTP2, alpnHTTP1}

// byALPN is the protocol that a name stands for; none was agreed on when ok is false.
func byALPN(name string) (k Kind, ok bool) {
	switch name {
	case alpnXMPP:
		return XMPP, true
	case alpnTURN, alpnDiscovery:
		return TURN, true
	case alpnHTTP2, alpnHTTP1:
		return HTTP, true
	}
	return 0, false
}

// byBytes is the protocol that begins so inside TLS.
func byBytes(b beginning) (k Kind, ok bool) {
	switch b {
	case beginsXMPP:
		return XMPP, true
	case beginsSTUN:
		return TURN, true
	case beginsHTTP:
		return HTTP, true
	}
	return 0, false
}
