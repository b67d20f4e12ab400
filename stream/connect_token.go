package stream

import (
	"errors"
	"slices"

	"godwit/sasl"
	"godwit/xep/fast"
	"godwit/xep/sasl2"
)

// ErrTokenUseless: there is a token but no password, and the server does not take such a token on this connection.
var ErrTokenUseless = errors.New("stream: the server does not take the token on this connection, and there is no password")

// authenticateToken signs in with a token if there is one and the server takes it here (XEP-0484 §3.4). Otherwise, and when the token is refused but
// there is a password, done is false and the stream is as before.
func (c *connector) authenticateToken(f *sasl2.Authentication) (done, inline bool, err error) {
	t := c.cfg.Token
	if t == nil || f.Fast == nil || !slices.Contains(toMechanisms(f.Fast.Mechanisms), t.Mechanism) {
		return false, false, nil
	}
	mech, err := sasl.NewTokenClient(sasl.TokenClientConfig{
		Username: c.cfg.JID.Local(), Domain: c.cfg.JID.Domain(), Token: t.Secret, Mechanism: t.Mechanism, ChannelBinding: c.channelBinding(),
	})
	if errors.Is(err, sasl.ErrNoMechanism) {
		return false, false, nil // this connection cannot be bound as the token asks
	}
	if err != nil {
		return false, false, err
	}
	initial, err := mech.Start()
	if err != nil {
		return false, false, err
	}
	inline, err = c.exchange2(f, mech, &sasl2.Authenticate{Initial: initial, Fast: &fast.Use{Count: t.Count}})
	var refused *AuthError
	if errors.As(err, &refused) && !refused.Temporary() {
		refused.Token = true
		c.session.TokenRefused = true
		if c.cfg.Password != "" { // XEP-0484 §4.1: fall back
			return false, false, nil
		}
	}
	return err == nil, inline, err
}

// tokenRequest asks for a token for the strongest mechanism that this connection has (XEP-0484 §3.2).
func (c *connector) tokenRequest(f *sasl2.Authentication) *fast.Request {
	if !c.cfg.WantToken || f.Fast == nil || c.cfg.UserAgent.ID == "" {
		return nil
	}
	m, ok := sasl.ChooseTokenMechanism(toMechanisms(f.Fast.Mechanisms), c.channelBinding())
	if !ok {
		return nil
	}
	return &fast.Request{Mechanism: string(m)}
}

// keepToken takes over a token that came with success: what was asked for, or the next one in place of the one that was used.
func (c *connector) keepToken(req *sasl2.Authenticate, t *fast.Token) {
	c.session.TokenUsed = req.Fast != nil
	if t == nil {
		return
	}
	m := sasl.Mechanism(req.Mechanism)
	if req.Token != nil {
		m = sasl.Mechanism(req.Token.Mechanism)
	}
	if m.ForTokens() { // a token nobody asked for after a password is for no mechanism
		c.session.Token = &Token{Secret: t.Token, Mechanism: m, Expires: t.Expiry}
	}
}
