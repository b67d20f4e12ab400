package sasl

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"godwit/jid"
)

// The mechanisms that prove a token instead of a password (draft-schmaus-kitten-sasl-ht, used by XEP-0484). The last part says what the proof is
// bound to. They are no part of an [Offer]: a token is good for one of them only, so nothing is chosen among them at sign-in.
const (
	HTSHA256Exporter Mechanism = "HT-SHA-256-EXPR" // tls-exporter
	HTSHA256EndPoint Mechanism = "HT-SHA-256-ENDP" // tls-server-end-point
	HTSHA256Unique   Mechanism = "HT-SHA-256-UNIQ" // tls-unique
	HTSHA256None     Mechanism = "HT-SHA-256-NONE"
)

// TLSUnique binds to a connection before TLS 1.3 (RFC 5929 §3). Passwords are never bound with it here; tokens may be.
const TLSUnique BindingType = "tls-unique"

// tokenMechanisms lists the mechanisms for tokens, strongest first, with the data each is bound to.
var tokenMechanisms = []struct {
	name    Mechanism
	binding BindingType // "" for none
}{
	{HTSHA256Exporter, TLSExporter}, {HTSHA256Unique, TLSUnique}, {HTSHA256EndPoint, TLSServerEndPoint}, {HTSHA256None, ""},
}

// TokenMechanisms returns the mechanisms for tokens that a connection can be used with, strongest first. The last is without channel binding, for
// clients that cannot see the connection they are on, as browsers.
func TokenMechanisms(cb ChannelBinding) []Mechanism {
	var out []Mechanism
	for _, m := range tokenMechanisms {
		if m.binding == "" {
			out = append(out, m.name)
		} else if _, ok := cb.data(m.binding); ok {
			out = append(out, m.name)
		}
	}
	return out
}

// ForTokens reports whether the mechanism proves a token, and is known here.
func (m Mechanism) ForTokens() bool {
	_, ok := m.tokenBinding()
	return ok
}

// TokenBinding returns the channel-binding type a token mechanism uses, "" for none.
func (m Mechanism) TokenBinding() BindingType {
	b, _ := m.tokenBinding()
	return b
}

func (m Mechanism) tokenBinding() (BindingType, bool) {
	for _, t := range tokenMechanisms {
		if t.name == m {
			return t.binding, true
		}
	}
	return "", false
}

// ChooseTokenMechanism picks the mechanism to ask a token for: the strongest that is offered and that this connection has data for. ok is false when
// there is none.
func ChooseTokenMechanism(offered []Mechanism, cb ChannelBinding) (m Mechanism, ok bool) {
	for _, m := range TokenMechanisms(cb) {
		if slices.Contains(offered, m) {
			return m, true
		}
	}
	return "", false
}

// maxToken bounds a token in bytes.
const maxToken = 1 << 10

// hashed is the proof of one side: "Initiator" is the client's word, "Responder" the server's.
func hashed(token, who string, binding []byte) []byte {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte(who))
	m.Write(binding)
	return m.Sum(nil)
}

// tokenData is what a mechanism is bound to on a connection.
func tokenData(m Mechanism, cb ChannelBinding) ([]byte, bool) {
	b, known := m.tokenBinding()
	if !known || b == "" {
		return nil, known
	}
	return cb.data(b)
}

// TokenClientConfig is what the client's end needs to prove a token.
type TokenClientConfig struct {
	// Username is the local part of the account's address; Domain its domain.
	Username, Domain string
	// Token as the server gave it, and the mechanism it was asked for.
	Token     string
	Mechanism Mechanism
	// ChannelBinding is the connection's; nil where the connection cannot be bound.
	ChannelBinding ChannelBinding
}

type tokenClient struct {
	cfg   TokenClientConfig
	data  []byte
	state clientState
}

// NewTokenClient begins the client's end of an exchange with a token. ErrNoMechanism says that the mechanism is unknown, or that this connection has
// not what it is bound to.
func NewTokenClient(cfg TokenClientConfig) (Client, error) {
	self, err := jid.New(cfg.Username, cfg.Domain, "")
	if err != nil || self.Local() == "" {
		return nil, errors.New("sasl: the account's address cannot be used")
	}
	if cfg.Token == "" || len(cfg.Token) > maxToken {
		return nil, errors.New("sasl: the token is empty or too long")
	}
	cfg.Username = self.Local()
	data, ok := tokenData(cfg.Mechanism, cfg.ChannelBinding)
	if !ok {
		return nil, fmt.Errorf("%w: %s cannot be used on this connection", ErrNoMechanism, cfg.Mechanism)
	}
	return &tokenClient{cfg: cfg, data: data}, nil
}

func (c *tokenClient) Mechanism() Mechanism { return c.cfg.Mechanism }

func (c *tokenClient) Start() ([]byte, error) {
	if c.state != clientNew {
		return nil, ErrFinished
	}
	c.state = clientSentProof
	return append([]byte(c.cfg.Username+"\x00"), hashed(c.cfg.Token, "Initiator", c.data)...), nil
}

func (c *tokenClient) Next([]byte) ([]byte, bool, error) {
	if c.state != clientSentProof {
		return nil, false, ErrFinished
	}
	c.state = clientDead
	return nil, false, ErrChallenge // one message each way
}

func (c *tokenClient) Finish(additional []byte) error {
	if c.state != clientSentProof {
		return ErrFinished
	}
	c.state = clientDead
	if !hmac.Equal(additional, hashed(c.cfg.Token, "Responder", c.data)) {
		return ErrServerProof
	}
	return nil
}

// Token is one token a client may present, as the server's end knows it.
type Token struct {
	Secret string
	// Refusal, if not nil, is told to whoever proves the token, and to nobody else: credentials-expired for one that is too old.
	Refusal *Error
}

// TokenServerConfig is what the server's end needs to check a token.
type TokenServerConfig struct {
	// Domain is the domain the client is signing in to.
	Domain string
	// Offered are the mechanisms for tokens that were announced on this stream.
	Offered []Mechanism
	// ChannelBinding is the connection's; nil without TLS.
	ChannelBinding ChannelBinding
	// Lookup returns the tokens that the client at hand may present for the account, and that were issued for this very mechanism. It returns none for
	// an account that does not exist. An error is temporary-auth-failure.
	Lookup func(username string) ([]Token, error)
}

// TokenServer is the server's end of an exchange with a token.
type TokenServer struct {
	cfg       *TokenServerConfig
	mechanism Mechanism
	data      []byte
	prompted  bool
	over      bool
	username  string
	which     int
}

// NewTokenServer begins the server's end. A mechanism that was not announced, or that the connection cannot do, is an *Error with invalid-mechanism.
func NewTokenServer(m Mechanism, cfg *TokenServerConfig) (*TokenServer, error) {
	data, ok := tokenData(m, cfg.ChannelBinding)
	if !ok || !slices.Contains(cfg.Offered, m) {
		return nil, fail(InvalidMechanism, "the mechanism was not announced for tokens")
	}
	if cfg.Lookup == nil {
		return nil, errors.New("sasl: a server needs Lookup")
	}
	return &TokenServer{cfg: cfg, mechanism: m, data: data, which: -1}, nil
}

// Mechanism implements [Server].
func (s *TokenServer) Mechanism() Mechanism { return s.mechanism }

// Username implements [Server].
func (s *TokenServer) Username() string { return s.username }

// Which is the place, in what Lookup returned, of the token that was proven; -1 before.
func (s *TokenServer) Which() int { return s.which }

// Next implements [Server].
func (s *TokenServer) Next(response []byte) ([]byte, bool, error) {
	if s.over {
		return nil, false, fail(Aborted, "the exchange is over")
	}
	if response == nil && !s.prompted {
		s.prompted = true
		return []byte{}, false, nil
	}
	s.over = true
	if len(response) > maxMessage {
		return nil, false, fail(MalformedRequest, "the message is too long")
	}
	name, proof, ok := strings.Cut(string(response), "\x00")
	if !ok || len(proof) != sha256.Size {
		return nil, false, fail(MalformedRequest, "the message is not authcid NUL hash")
	}
	username, err := (&ServerConfig{Domain: s.cfg.Domain}).account(name, "")
	if err != nil {
		return nil, false, err
	}
	tokens, err := s.cfg.Lookup(username)
	if err != nil {
		return nil, false, &Error{Condition: TemporaryAuthFailure, Detail: "looking up tokens", Cause: err}
	}
	for i := range tokens { // all of them, so that the time taken does not tell which
		if hmac.Equal([]byte(proof), hashed(tokens[i].Secret, "Initiator", s.data)) && s.which < 0 {
			s.which = i
		}
	}
	if s.which < 0 {
		return nil, false, fail(NotAuthorized, "no such token")
	}
	if refusal := tokens[s.which].Refusal; refusal != nil {
		return nil, false, refusal
	}
	s.username = username
	return hashed(tokens[s.which].Secret, "Responder", s.data), true, nil
}
