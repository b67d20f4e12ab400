package sasl

import (
	"errors"
	"fmt"

	"godwit/jid"
)

// Lookup fetches an account's credentials by its normalised local part. No account is an empty map and no error.
//
// An error ends the exchange with temporary-auth-failure, so that a database out of reach never looks like a wrong
// password. An *Error returned together with credentials (account-disabled, credentials-expired) is reported with
// its own condition, but only to a client that has proven the password: others learn nothing of the account.
type Lookup func(username string) (map[Hash]Credentials, error)

// ServerConfig is what the server's end of an exchange needs to know. It may be shared by exchanges of one stream.
type ServerConfig struct {
	// Domain is the domain the client is signing in to.
	Domain string
	// Offer is exactly what was announced on this stream in the profile the client uses.
	Offer Offer
	// ChannelBinding is the connection's; nil without TLS.
	ChannelBinding ChannelBinding
	// SawPlus: the client has tried a -PLUS mechanism on this very stream, with a binding type that is not to be had. So it did see them, and
	// when it next says "y" (RFC 5802 §6) that is no sign of somebody who hid them.
	SawPlus bool
	// Lookup fetches credentials.
	Lookup Lookup
	// DecoySecret, at least 16 bytes, keeps the salts of accounts that do not exist stable. It has to outlive
	// restarts, or those salts change when those of real accounts do not.
	DecoySecret []byte
	// DecoyIterations is the count shown for accounts that do not exist: the one most accounts have. 0 means
	// DefaultIterations.
	DecoyIterations int
}

// NewServer begins the server's end of an exchange. A mechanism that was not announced is an *Error with
// invalid-mechanism; any other error is a mistake in cfg.
func NewServer(m Mechanism, cfg *ServerConfig) (Server, error) {
	if !m.Known() || !cfg.Offer.Has(m) {
		return nil, fail(InvalidMechanism, "the mechanism was not announced")
	}
	if cfg.Lookup == nil || len(cfg.DecoySecret) < 16 {
		return nil, errors.New("sasl: a server needs Lookup and a DecoySecret of at least 16 bytes")
	}
	if cfg.DecoyIterations != 0 && (cfg.DecoyIterations < MinIterations || cfg.DecoyIterations > MaxIterations) {
		return nil, fmt.Errorf("%w: DecoyIterations is %d", ErrIterations, cfg.DecoyIterations)
	}
	if m == Plain {
		return &plainServer{cfg: cfg}, nil
	}
	return &scramServer{cfg: cfg, mechanism: m, hash: m.Hash(), nonce: newNonce}, nil
}

// account normalises the name a client gave and holds the identity it asks for against it: an authorization
// identity is empty or the bare address of the very account (RFC 6120 §6.3.8), in every mechanism.
func (cfg *ServerConfig) account(username, authzid string) (string, error) {
	if username == "" {
		return "", fail(MalformedRequest, "the user name is empty")
	}
	self, err := jid.New(username, cfg.Domain, "")
	if err != nil {
		return "", fail(NotAuthorized, "the user name cannot be part of an address")
	}
	if authzid == "" {
		return self.Local(), nil
	}
	asked, err := jid.Parse(authzid)
	if err != nil || asked != self {
		return "", fail(InvalidAuthzid, "the authorization identity is not the account's own address")
	}
	return self.Local(), nil
}

// found is an account as an exchange sees it. Decoys are filled in the same way and at the same cost.
type found struct {
	credentials Credentials
	hash        Hash
	real        bool
	refusal     *Error // to be reported once the password is proven
}

// lookup fetches the credentials for the first hash of preference that the account has, or decoys.
func (cfg *ServerConfig) lookup(username string, preference ...Hash) (found, error) {
	all, err := cfg.Lookup(username)
	iterations := cfg.DecoyIterations
	if iterations == 0 {
		iterations = DefaultIterations
	}
	// Made in every case, so that the answer takes equally long whether the account exists or not.
	f := found{hash: preference[0], credentials: decoy(cfg.DecoySecret, preference[0], username, iterations)}
	if err != nil {
		if !errors.As(err, &f.refusal) || len(all) == 0 {
			return found{}, &Error{Condition: TemporaryAuthFailure, Detail: "looking up the account", Cause: err}
		}
	}
	for _, h := range preference {
		if c, ok := all[h]; ok && c.Valid(h) {
			f.credentials, f.hash, f.real = c, h, true
			break
		}
	}
	return f, nil
}
