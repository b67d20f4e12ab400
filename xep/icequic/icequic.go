package icequic

import (
	"strconv"
	"time"

	"godwit/xep/icetransport"
	"godwit/xep/internal/wire"
	"godwit/xep/reach"
	"godwit/xmlstream"
)

// maxRTT bounds what is believed of a round trip.
const maxRTT = 10 * time.Second

// NS is the namespace of the transport and the feature that announces it.
const NS = "urn:godwit:transports:ice-quic:0"

// Transport is <transport/>.
type Transport struct {
	icetransport.Transport
	// Reach is what the sender knows of its network; the zero value says nothing.
	Reach reach.Reach
	// RTT is the sender's round trip to its server, in whole milliseconds; 0 when
	// not told. From both the sides know how long an answer travels, and begin
	// their checks at the same time.
	RTT time.Duration
}

// Parse reads <transport/> of any action. A <reach/> or round trip that can not
// be read is as if it were not there: neither is needed for a path.
func Parse(n xmlstream.Node) (Transport, error) {
	inner, err := icetransport.ParseIn(n, NS)
	if err != nil {
		return Transport{}, err
	}
	t := Transport{Transport: inner}
	if r, ok := n.Child(reach.NS, "reach"); ok {
		t.Reach, _ = reach.Parse(r)
	}
	if ms, ok := wire.Uint(n.Attr("rtt"), uint64(maxRTT/time.Millisecond)); ok {
		t.RTT = time.Duration(ms) * time.Millisecond
	}
	return t, nil
}

// ParseFull reads <transport/> of an offer or answer, which must have
// credentials and a SHA-256 fingerprint.
func ParseFull(n xmlstream.Node) (Transport, error) {
	t, err := Parse(n)
	switch {
	case err != nil:
		return Transport{}, err
	case t.Ufrag == "":
		return Transport{}, wire.Bad("the transport has no ICE credentials")
	case t.Fingerprint == nil || t.Fingerprint.Hash != icetransport.SHA256:
		return Transport{}, wire.Bad("the transport has no %s fingerprint", icetransport.SHA256)
	}
	return t, nil
}

// Encode writes <transport/>.
func (t Transport) Encode(e *xmlstream.Encoder) { t.Node().Encode(e) }

// Node is <transport/> as a tree.
func (t Transport) Node() xmlstream.Node {
	n := t.Transport.Node(NS)
	if ms := min(t.RTT, maxRTT).Milliseconds(); ms > 0 {
		n = n.WithAttr(xmlstream.A("rtt", strconv.FormatInt(ms, 10)))
	}
	if !t.Reach.IsZero() {
		n = n.With(t.Reach.Node())
	}
	return n
}
