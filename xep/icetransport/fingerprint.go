package icetransport

import (
	"encoding/hex"
	"strings"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// FingerprintNS is the namespace of <fingerprint/> (XEP-0320 §3).
const FingerprintNS = "urn:xmpp:jingle:apps:dtls:0"

// SHA256 is the hash function that every implementation here uses.
const SHA256 = "sha-256"

// Setup says who opens the secured connection (RFC 8842 §5.2).
type Setup string

// The roles. An offer is normally ActPass, the answer Active or Passive.
const (
	Active  Setup = "active"
	Passive Setup = "passive"
	ActPass Setup = "actpass"
)

// Fingerprint names the certificate the sender will present (XEP-0320 §3).
type Fingerprint struct {
	Hash  string // as in the IANA registry, lower case: "sha-256"
	Setup Setup
	Value []byte
}

// hashSizes are the hash functions of RFC 8122 §5 that are still good enough.
var hashSizes = map[string]int{SHA256: 32, "sha-384": 48, "sha-512": 64}

// strength orders fingerprints: SHA-256 first because both sides know it, then
// other sound hashes, then those unknown here.
func (f Fingerprint) strength() int {
	switch {
	case f.Hash == SHA256:
		return 2
	case hashSizes[f.Hash] > 0:
		return 1
	}
	return 0
}

// ParseFingerprint reads <fingerprint/>.
func ParseFingerprint(n xmlstream.Node) (Fingerprint, error) {
	if err := wire.Expect(n, FingerprintNS, "fingerprint"); err != nil {
		return Fingerprint{}, err
	}
	hash, err := wire.Bounded(n, "hash", 32)
	if err != nil {
		return Fingerprint{}, err
	}
	f := Fingerprint{Hash: strings.ToLower(hash), Setup: Setup(n.Attr("setup"))}
	switch f.Setup {
	case Active, Passive, ActPass:
	default:
		return Fingerprint{}, wire.Bad("unknown setup %s", wire.Quote(string(f.Setup)))
	}
	text := strings.Trim(n.InnerText(), " \t\r\n")
	if len(text) > 3*64 {
		return Fingerprint{}, wire.NotAcceptable("the fingerprint is longer than any hash")
	}
	for i, part := range strings.Split(text, ":") {
		octet, err := hex.DecodeString(part)
		if err != nil || len(octet) != 1 {
			return Fingerprint{}, wire.Bad("octet %d of the fingerprint is not two hexadecimal digits", i+1)
		}
		f.Value = append(f.Value, octet[0])
	}
	if size := hashSizes[f.Hash]; size > 0 && len(f.Value) != size {
		return Fingerprint{}, wire.Bad("a %s fingerprint has %d octets, not %d", f.Hash, size, len(f.Value))
	}
	return f, nil
}

// Encode writes <fingerprint/>.
func (f Fingerprint) Encode(e *xmlstream.Encoder) { f.Node().Encode(e) }

// Node is <fingerprint/> as a tree.
func (f Fingerprint) Node() xmlstream.Node {
	return xmlstream.NewNode(FingerprintNS, "fingerprint",
		xmlstream.A("hash", f.Hash), xmlstream.A("setup", string(f.Setup))).WithText(f.text())
}

// text writes the octets as RFC 8122 §5 does: upper case, separated by colons.
func (f Fingerprint) text() string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i, octet := range f.Value {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteByte(digits[octet>>4])
		b.WriteByte(digits[octet&15])
	}
	return b.String()
}
