package sasl

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"
	"strings"
)

// Mechanism is the registered name of a SASL mechanism.
type Mechanism string

// The mechanisms of this package. Those ending in -PLUS bind the exchange to the TLS channel (RFC 5802 §6).
const (
	ScramSHA512Plus Mechanism = "SCRAM-SHA-512-PLUS"
	ScramSHA256Plus Mechanism = "SCRAM-SHA-256-PLUS"
	ScramSHA1Plus   Mechanism = "SCRAM-SHA-1-PLUS"
	ScramSHA512     Mechanism = "SCRAM-SHA-512"
	ScramSHA256     Mechanism = "SCRAM-SHA-256"
	ScramSHA1       Mechanism = "SCRAM-SHA-1"
	Plain           Mechanism = "PLAIN"
)

// known lists every mechanism, strongest first. Binding to the channel counts for more than the hash: it defeats a
// man in the middle, which no hash does.
var known = []Mechanism{ScramSHA512Plus, ScramSHA256Plus, ScramSHA1Plus, ScramSHA512, ScramSHA256, ScramSHA1, Plain}

// Known reports whether this package implements the mechanism.
func (m Mechanism) Known() bool { return slices.Contains(known, m) }

// Strength orders mechanisms: the stronger one has the greater number. Unknown mechanisms have 0. The numbers have
// no meaning but their order and may change between versions; store the name.
func (m Mechanism) Strength() int {
	i := slices.Index(known, m)
	if i < 0 {
		return 0
	}
	return len(known) - i
}

// Plus reports whether the mechanism requires channel binding, known to this package or not.
func (m Mechanism) Plus() bool { return strings.HasSuffix(string(m), "-PLUS") }

// Hash returns the hash of a SCRAM mechanism of this package, and "" for all others.
func (m Mechanism) Hash() Hash {
	if !m.Known() || m == Plain {
		return ""
	}
	return Hash(strings.TrimSuffix(strings.TrimPrefix(string(m), "SCRAM-"), "-PLUS"))
}

// Hash names a hash function as SCRAM mechanisms do. It is also the key under which an account's credentials for
// that hash are stored.
type Hash string

// The hash functions of this package.
const (
	SHA512 Hash = "SHA-512"
	SHA256 Hash = "SHA-256"
	SHA1   Hash = "SHA-1"
)

// Hashes returns every hash, strongest first.
func Hashes() []Hash { return []Hash{SHA512, SHA256, SHA1} }

// maker returns the constructor of the hash, nil for a name that is not one of ours.
func (h Hash) maker() func() hash.Hash {
	switch h {
	case SHA512:
		return sha512.New
	case SHA256:
		return sha256.New
	case SHA1:
		return sha1.New
	}
	return nil
}

// size returns the length of the hash in bytes.
func (h Hash) size() int { return h.maker()().Size() }
