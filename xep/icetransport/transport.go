package icetransport

import (
	"net/netip"
	"strconv"
	"strings"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the transport and the feature that announces it.
const NS = "urn:xmpp:jingle:transports:ice-udp:1"

// Bounds on what is read. ICE credentials have at most 256 characters and
// foundations at most 32 (RFC 8839 §5.1, §5.4).
const (
	MaxCandidates  = 32 // in one element; more are ignored
	minUfrag       = 4
	minPwd         = 22
	maxCredential  = 256
	maxFoundation  = 32
	maxID          = 64
	maxGeneration  = 1 << 16
	maxNetwork     = 1 << 16
	maxComponentID = 256
)

// Transport is <transport/> (XEP-0176 §5.3). Credentials go with candidates;
// an element without either is allowed.
type Transport struct {
	Ufrag, Pwd  string
	Fingerprint *Fingerprint
	Candidates  []Candidate
}

// Kind is how a candidate was found (RFC 8445 §5.1.1).
type Kind string

// The kinds of candidate.
const (
	Host            Kind = "host"
	ServerReflexive Kind = "srflx"
	PeerReflexive   Kind = "prflx"
	Relayed         Kind = "relay"
)

// Candidate is <candidate/> (XEP-0176 §5.3): an address that may reach the peer.
type Candidate struct {
	Component  uint16 // 1 to 256
	Foundation string
	Generation uint32
	ID         string
	Network    uint32
	Address    netip.AddrPort // no zone
	Priority   uint32
	Protocol   string         // "udp"
	Related    netip.AddrPort // for diagnosis; zero when not told
	Kind       Kind
}

// Parse reads <transport/> in the namespace of XEP-0176.
func Parse(n xmlstream.Node) (Transport, error) { return ParseIn(n, NS) }

// ParseIn reads <transport/> in the namespace of a transport that shares this
// syntax. Candidates this version cannot use (other protocols, host names
// instead of addresses, kinds that came later) are left out, because a peer may
// offer them beside others; broken ones are errors.
func ParseIn(n xmlstream.Node, space string) (Transport, error) {
	if err := wire.Expect(n, space, "transport"); err != nil {
		return Transport{}, err
	}
	var t Transport
	var err error
	if t.Ufrag, err = credential(n, "ufrag", minUfrag); err != nil {
		return Transport{}, err
	}
	if t.Pwd, err = credential(n, "pwd", minPwd); err != nil {
		return Transport{}, err
	}
	if (t.Ufrag == "") != (t.Pwd == "") {
		return Transport{}, wire.Bad("'ufrag' and 'pwd' go together")
	}
	for c := range n.Elements() {
		switch {
		case c.Name.Space == space && c.Name.Local == "candidate":
			if len(t.Candidates) == MaxCandidates {
				continue
			}
			candidate, usable, err := parseCandidate(c)
			if err != nil {
				return Transport{}, err
			}
			if usable {
				t.Candidates = append(t.Candidates, candidate)
			}
		case c.Name.Space == FingerprintNS && c.Name.Local == "fingerprint":
			f, err := ParseFingerprint(c)
			if err != nil {
				return Transport{}, err
			}
			// Of several hashes the strongest known counts (RFC 8122 §5).
			if t.Fingerprint == nil || f.strength() > t.Fingerprint.strength() {
				t.Fingerprint = &f
			}
		}
	}
	if len(t.Candidates) > 0 && t.Ufrag == "" {
		return Transport{}, wire.Bad("candidates need 'ufrag' and 'pwd'")
	}
	return t, nil
}

// credential reads 'ufrag' or 'pwd': ice-char only (RFC 8839 §5.4).
func credential(n xmlstream.Node, local string, least int) (string, error) {
	v := n.Attr(local)
	if v == "" {
		return "", nil
	}
	if len(v) < least || len(v) > maxCredential || !iceChars(v) {
		return "", wire.Bad("'%s' is not an ICE credential of %d to %d characters", local, least, maxCredential)
	}
	return v, nil
}

func iceChars(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}

func parseCandidate(n xmlstream.Node) (c Candidate, usable bool, err error) {
	component, err := number(n, "component", maxComponentID)
	if err != nil {
		return c, false, err
	}
	port, err := number(n, "port", 65535)
	if err != nil {
		return c, false, err
	}
	priority, err := number(n, "priority", 1<<31-1)
	if err != nil {
		return c, false, err
	}
	generation, err := optionalNumber(n, "generation", maxGeneration)
	if err != nil {
		return c, false, err
	}
	network, err := optionalNumber(n, "network", maxNetwork)
	if err != nil {
		return c, false, err
	}
	c = Candidate{
		Component: uint16(component), Priority: uint32(priority),
		Generation: uint32(generation), Network: uint32(network),
		Protocol: strings.ToLower(n.Attr("protocol")), Kind: Kind(n.Attr("type")), ID: n.Attr("id"),
	}
	if c.Foundation, err = wire.Bounded(n, "foundation", maxFoundation); err != nil {
		return c, false, err
	}
	if len(c.ID) > maxID {
		return c, false, wire.NotAcceptable("'id' is longer than %d bytes", maxID)
	}
	if component == 0 || port == 0 || priority == 0 {
		return c, false, wire.Bad("a candidate needs a component, a port and a priority above 0")
	}
	if c.Protocol != "udp" || !c.Kind.known() {
		return c, false, nil
	}
	address, err := netip.ParseAddr(n.Attr("ip"))
	if err != nil || address.Zone() != "" {
		return c, false, nil // a host name, such as those of multicast DNS
	}
	c.Address = netip.AddrPortFrom(address.Unmap(), uint16(port))
	c.Related = related(n)
	return c, true, nil
}

func (k Kind) known() bool {
	return k == Host || k == ServerReflexive || k == PeerReflexive || k == Relayed
}

// related reads rel-addr and rel-port, which are for diagnosis only: what does
// not parse is as good as absent.
func related(n xmlstream.Node) netip.AddrPort {
	address, err := netip.ParseAddr(n.Attr("rel-addr"))
	port, ok := wire.Uint(n.Attr("rel-port"), 65535)
	if err != nil || !ok || address.Zone() != "" {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(port))
}

func number(n xmlstream.Node, local string, most uint64) (uint64, error) {
	text, err := wire.Required(n, local)
	if err != nil {
		return 0, err
	}
	v, ok := wire.Uint(text, most)
	if !ok {
		return 0, wire.Bad("attribute '%s' is not a number of at most %d: %s", local, most, wire.Quote(text))
	}
	return v, nil
}

func optionalNumber(n xmlstream.Node, local string, most uint64) (uint64, error) {
	if _, present := n.LookupAttr("", local); !present {
		return 0, nil
	}
	return number(n, local, most)
}

// Encode writes <transport/> in the namespace of XEP-0176.
func (t Transport) Encode(e *xmlstream.Encoder) { t.Node(NS).Encode(e) }

// Node is <transport/> as a tree, in the given namespace.
func (t Transport) Node(space string) xmlstream.Node {
	n := xmlstream.NewNode(space, "transport")
	if t.Ufrag != "" {
		n = n.WithAttr(xmlstream.A("pwd", t.Pwd), xmlstream.A("ufrag", t.Ufrag))
	}
	if t.Fingerprint != nil {
		n = n.With(t.Fingerprint.Node())
	}
	for _, c := range t.Candidates {
		n = n.With(c.node(space))
	}
	return n
}

func (c Candidate) node(space string) xmlstream.Node {
	decimal := func(v uint64) string { return strconv.FormatUint(v, 10) }
	n := xmlstream.NewNode(space, "candidate",
		xmlstream.A("component", decimal(uint64(c.Component))),
		xmlstream.A("foundation", c.Foundation),
		xmlstream.A("generation", decimal(uint64(c.Generation))),
		xmlstream.A("id", c.ID),
		xmlstream.A("ip", c.Address.Addr().String()),
		xmlstream.A("network", decimal(uint64(c.Network))),
		xmlstream.A("port", decimal(uint64(c.Address.Port()))),
		xmlstream.A("priority", decimal(uint64(c.Priority))),
		xmlstream.A("protocol", c.Protocol),
	)
	if c.Related.IsValid() {
		n = n.WithAttr(xmlstream.A("rel-addr", c.Related.Addr().String()), xmlstream.A("rel-port", decimal(uint64(c.Related.Port()))))
	}
	return n.WithAttr(xmlstream.A("type", string(c.Kind)))
}
