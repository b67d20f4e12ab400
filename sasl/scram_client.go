package sasl

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

// clientState is where a client's end stands.
type clientState uint8

const (
	clientNew      clientState = iota
	clientSentName             // SCRAM: the client-first-message is out
	clientSentProof
	clientProven // the mechanism is satisfied with the server
	clientDead
)

// scramClient is the client's end of SCRAM (RFC 5802).
type scramClient struct {
	cfg       *ClientConfig
	mechanism Mechanism
	hash      Hash
	gs2       gs2
	nonce     func() string

	state     clientState
	header    string // gs2-header
	own       string // our nonce
	bare      string // client-first-message-bare
	signature []byte // what the server has to sign with
}

func (c *scramClient) Mechanism() Mechanism { return c.mechanism }

func (c *scramClient) Start() ([]byte, error) {
	if c.state != clientNew {
		return nil, ErrFinished
	}
	c.state = clientSentName
	c.header = string(c.gs2.flag)
	if c.gs2.flag == 'p' {
		c.header += "=" + string(c.gs2.kind)
	}
	c.header += ","
	if c.cfg.AuthzID != "" {
		c.header += "a=" + encodeName(c.cfg.AuthzID)
	}
	c.header += ","
	c.own = c.nonce()
	c.bare = "n=" + encodeName(c.cfg.Username) + ",r=" + c.own
	return []byte(c.header + c.bare), nil
}

func (c *scramClient) Next(challenge []byte) ([]byte, bool, error) {
	state := c.state
	c.state = clientDead
	switch state {
	case clientSentName:
		resp, err := c.prove(string(challenge))
		if err != nil {
			return nil, false, err
		}
		c.state = clientSentProof
		return resp, false, nil
	case clientSentProof:
		if err := c.verify(string(challenge)); err != nil {
			return nil, false, err
		}
		c.state = clientProven
		return []byte{}, true, nil
	}
	return nil, false, ErrFinished
}

func (c *scramClient) Finish(additional []byte) error {
	state := c.state
	c.state = clientDead
	switch {
	case state == clientSentProof && len(additional) > 0:
		return c.verify(string(additional))
	case state == clientProven && len(additional) == 0:
		return nil
	case state == clientProven:
		return ErrChallenge
	case state == clientDead:
		return ErrFinished
	}
	return ErrServerProof
}

// prove answers the server-first-message with the proof.
func (c *scramClient) prove(text string) ([]byte, error) {
	first, err := parseServerFirst(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	if len(first.nonce) <= len(c.own) || !strings.HasPrefix(first.nonce, c.own) {
		return nil, fmt.Errorf("%w: the server's nonce does not continue ours", ErrChallenge)
	}
	if first.iterations < MinIterations || first.iterations > MaxIterations {
		return nil, fmt.Errorf("%w: %d is not within %d and %d", ErrIterations, first.iterations, MinIterations, MaxIterations)
	}
	if err := c.checkOffer(first.hash); err != nil {
		return nil, err
	}
	password, err := preparePassword(c.cfg.Password)
	if err != nil {
		return nil, err
	}
	k, err := deriveKeys(c.hash, password, first.salt, first.iterations)
	if err != nil {
		return nil, err
	}
	binding := append([]byte(c.header), c.gs2.data...)
	final := "c=" + base64.StdEncoding.EncodeToString(binding) + ",r=" + first.nonce
	message := c.bare + "," + text + "," + final
	c.signature = mac(c.hash, k.server, message)
	proof := mac(c.hash, k.stored, message)
	subtle.XORBytes(proof, proof, k.client)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// checkOffer holds what the server announced as we saw it against the server's own word (XEP-0474 §5.2). A man in
// the middle who changes that word, or takes it out, breaks the signatures.
func (c *scramClient) checkOffer(hash string) error {
	if hash == "" {
		if c.gs2.hashDue {
			return fmt.Errorf("%w: no common channel-binding type, and the server does not confirm its list", ErrDowngrade)
		}
		return nil
	}
	if !hmac.Equal([]byte(hash), []byte(c.cfg.Offer.downgradeHash(c.hash))) {
		return fmt.Errorf("%w: the server announced something else than what arrived", ErrDowngrade)
	}
	return nil
}

// verify checks the server-final-message.
func (c *scramClient) verify(text string) error {
	signature, refusal, err := parseServerFinal(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	if refusal != "" {
		return fail(NotAuthorized, "the server says "+refusal)
	}
	if !hmac.Equal(signature, c.signature) {
		return ErrServerProof
	}
	return nil
}
