package sasl

import (
	"crypto/hmac"
	"strings"
	"unicode/utf8"
)

// plainServer is the server's end of PLAIN (RFC 4616).
type plainServer struct {
	cfg      *ServerConfig
	prompted bool
	over     bool
	username string
}

func (s *plainServer) Mechanism() Mechanism { return Plain }

func (s *plainServer) Username() string { return s.username }

func (s *plainServer) Next(response []byte) ([]byte, bool, error) {
	if s.over {
		return nil, false, fail(Aborted, "the exchange is over")
	}
	if response == nil && !s.prompted {
		s.prompted = true
		return []byte{}, false, nil
	}
	s.over = true
	if len(response) > maxMessage || !utf8.Valid(response) {
		return nil, false, fail(MalformedRequest, "the message is too long or not UTF-8")
	}
	parts := strings.Split(string(response), "\x00")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return nil, false, fail(MalformedRequest, "the message is not authzid NUL authcid NUL password")
	}
	username, err := s.cfg.account(parts[1], parts[0])
	if err != nil {
		return nil, false, err
	}
	f, err := s.cfg.lookup(username, SHA256, SHA512, SHA1)
	if err != nil {
		return nil, false, err
	}
	password, err := preparePassword(parts[2])
	if err != nil {
		return nil, false, &Error{Condition: NotAuthorized, Detail: "the password", Cause: err}
	}
	k, err := deriveKeys(f.hash, password, f.credentials.Salt, f.credentials.Iterations)
	if err != nil {
		return nil, false, &Error{Condition: TemporaryAuthFailure, Detail: "deriving keys", Cause: err}
	}
	if !hmac.Equal(k.stored, f.credentials.StoredKey) || !f.real {
		return nil, false, notProven(f.real)
	}
	if f.refusal != nil {
		return nil, false, f.refusal
	}
	s.username = username
	return nil, true, nil
}

func notProven(real bool) *Error {
	if real {
		return fail(NotAuthorized, "the password is wrong")
	}
	return fail(NotAuthorized, "there is no such account, or it has no credentials for this mechanism")
}

// plainClient is the client's end of PLAIN (RFC 4616).
type plainClient struct {
	cfg   *ClientConfig
	state clientState
}

func (c *plainClient) Mechanism() Mechanism { return Plain }

func (c *plainClient) Start() ([]byte, error) {
	if c.state != clientNew {
		return nil, ErrFinished
	}
	c.state = clientDead
	// The password goes as it is: the server prepares it, as for every client.
	if _, err := preparePassword(c.cfg.Password); err != nil {
		return nil, err
	}
	c.state = clientProven
	return []byte(c.cfg.AuthzID + "\x00" + c.cfg.Username + "\x00" + c.cfg.Password), nil
}

func (c *plainClient) Next([]byte) ([]byte, bool, error) {
	if c.state != clientProven {
		return nil, false, ErrFinished
	}
	c.state = clientDead
	return nil, false, ErrChallenge
}

// Finish accepts: PLAIN leaves it to TLS to authenticate the server.
func (c *plainClient) Finish(additional []byte) error {
	if c.state != clientProven {
		return ErrFinished
	}
	c.state = clientDead
	if len(additional) > 0 {
		return ErrChallenge
	}
	return nil
}
