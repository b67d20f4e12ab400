package sasl

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"slices"
)

// serverState is where a server's end of SCRAM stands.
type serverState uint8

const (
	serverNew serverState = iota
	serverPrompted
	serverSentSalt
	serverOver
)

// scramServer is the server's end of SCRAM (RFC 5802).
type scramServer struct {
	cfg       *ServerConfig
	mechanism Mechanism
	hash      Hash
	nonce     func() string

	state    serverState
	claimed  string // normalised, not yet proven
	username string // proven
	account  found
	binding  []byte // what the client's "c" must decode to
	whole    string // the nonce of both
	said     string // client-first-message-bare "," server-first-message
}

func (s *scramServer) Mechanism() Mechanism { return s.mechanism }

func (s *scramServer) Username() string { return s.username }

func (s *scramServer) Next(response []byte) ([]byte, bool, error) {
	state := s.state
	s.state = serverOver
	switch {
	case state == serverOver:
		return nil, false, fail(Aborted, "the exchange is over")
	case len(response) > maxMessage:
		return nil, false, fail(MalformedRequest, "the message is too long")
	case state == serverNew && response == nil:
		s.state = serverPrompted
		return []byte{}, false, nil
	case state == serverSentSalt:
		challenge, err := s.finish(string(response))
		return challenge, err == nil, err
	}
	challenge, err := s.first(string(response))
	if err == nil {
		s.state = serverSentSalt
	}
	return challenge, false, err
}

// first answers the client-first-message with salt and nonce.
func (s *scramServer) first(text string) ([]byte, error) {
	m, err := parseClientFirst(text)
	if err != nil {
		return nil, fail(MalformedRequest, "the client's first message does not parse")
	}
	data, err := s.bind(m)
	if err != nil {
		return nil, err
	}
	if s.claimed, err = s.cfg.account(m.username, m.authzid); err != nil {
		return nil, err
	}
	if s.account, err = s.cfg.lookup(s.claimed, s.hash); err != nil {
		return nil, err
	}
	s.binding = append([]byte(m.header), data...)
	s.whole = m.nonce + s.nonce()
	reply := serverFirst{
		nonce: s.whole, salt: s.account.credentials.Salt, iterations: s.account.credentials.Iterations,
		hash: s.cfg.Offer.downgradeHash(s.hash),
	}.String()
	s.said = m.bare + "," + reply
	return []byte(reply), nil
}

// bind judges the client's statement about channel binding (RFC 5802 §6) and returns the data to bind with.
func (s *scramServer) bind(m clientFirst) ([]byte, error) {
	if (m.flag == 'p') != s.mechanism.Plus() {
		return nil, fail(MalformedRequest, "mechanism and channel-binding flag contradict each other")
	}
	switch m.flag {
	case 'y':
		if s.cfg.Offer.plus() && !s.cfg.SawPlus {
			return nil, fail(NotAuthorized, "downgrade: the client did not see the -PLUS mechanisms that were announced")
		}
	case 'p':
		if data, ok := s.cfg.ChannelBinding.data(m.kind); ok && slices.Contains(s.cfg.Offer.Bindings, m.kind) {
			return data, nil
		}
		return nil, &Error{Condition: NotAuthorized, Cause: ErrBindingType}
	}
	return nil, nil
}

// finish checks the proof in the client-final-message and answers with the server's signature.
func (s *scramServer) finish(text string) ([]byte, error) {
	m, err := parseClientFinal(text)
	if err != nil {
		return nil, fail(MalformedRequest, "the client's final message does not parse")
	}
	if !hmac.Equal([]byte(m.nonce), []byte(s.whole)) {
		return nil, fail(NotAuthorized, "the nonce is not that of this exchange")
	}
	if !hmac.Equal(m.binding, s.binding) {
		return nil, fail(NotAuthorized, "the channel binding differs: somebody sits between the client and this server")
	}
	if len(m.proof) != s.hash.size() {
		return nil, fail(MalformedRequest, "the proof has the wrong length")
	}
	message := s.said + "," + m.withoutProof
	c := s.account.credentials
	// RFC 5802 §3: the proof hides the client's key, whose hash is what we stored.
	key := mac(s.hash, c.StoredKey, message)
	subtle.XORBytes(key, key, m.proof)
	signature := mac(s.hash, c.ServerKey, message)
	if !hmac.Equal(digest(s.hash, key), c.StoredKey) || !s.account.real {
		return nil, notProven(s.account.real)
	}
	if s.account.refusal != nil {
		return nil, s.account.refusal
	}
	s.username = s.claimed
	return []byte("v=" + base64.StdEncoding.EncodeToString(signature)), nil
}
