package stream

import (
	"context"
	"slices"

	"godwit/sasl"
	"godwit/xep/fast"
	"godwit/xep/sasl2"
)

// attemptToken runs a mechanism for tokens (XEP-0484 §3.4). The result is as attempt's; renew says that the client should get a new token.
func (a *acceptor) attemptToken(m sasl.Mechanism, req *sasl2.Authenticate) (data []byte, renew bool, err error) {
	switch {
	case len(a.tokens) == 0 || !m.ForTokens():
		return nil, false, fail(sasl.InvalidMechanism, "not a mechanism for tokens here")
	case req.Fast == nil:
		return nil, false, fail(sasl.MalformedRequest, "a token without <fast/>")
	case req.Agent.ID == "": // tokens are issued to a client, and that is its name
		return nil, false, fail(sasl.MalformedRequest, "a token without the id of the user agent")
	}
	var held []HeldToken
	srv, err := sasl.NewTokenServer(m, &sasl.TokenServerConfig{
		Domain: a.now.to.Domain(), Offered: a.tokens, ChannelBinding: a.channelBinding(),
		Lookup: func(user string) (tokens []sasl.Token, err error) {
			held, err = a.lookupTokens(user, req.Agent.ID, m)
			for _, h := range held {
				tokens = append(tokens, h.Token)
			}
			return tokens, err
		},
	})
	if err != nil {
		return nil, false, err
	}
	data, err = a.exchange(profile2, srv, req.Initial, func() error {
		renew, err = a.cfg.Tokens.Use(context.WithoutCancel(a.ctx), TokenUse{
			Account: a.account(srv.Username()), Agent: req.Agent.ID, Remote: a.l.RemoteAddr().Addr(),
			Key: held[srv.Which()].Key, Count: req.Fast.Count, Invalidate: req.Fast.Invalidate,
		})
		return refusal(err)
	})
	a.s.peer.TokenGone = err == nil && req.Fast.Invalidate
	return data, renew && !req.Fast.Invalidate, err
}

// refusal makes any error one that is told to the client.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := err.(*sasl.Error); ok {
		return refused
	}
	return &sasl.Error{Condition: sasl.TemporaryAuthFailure, Detail: "using a token", Cause: err}
}

// lookupTokens finds tokens, unless the guard refuses the attempt.
func (a *acceptor) lookupTokens(user, agent string, m sasl.Mechanism) ([]HeldToken, error) {
	a.s.peer.Account = a.account(user)
	if g := a.cfg.Guard; g != nil && !g.Allow(a.l.RemoteAddr().Addr(), a.s.peer.Account) {
		return nil, ErrTooOften
	}
	return a.cfg.Tokens.Lookup(context.WithoutCancel(a.ctx), a.s.peer.Account, agent, m)
}

// wantedToken is the mechanism to issue a token for, or "": the one that was asked for (XEP-0484 §3.2), else that of the token which is due for
// rotation (§3.5). What cannot be used on this connection is not issued.
func (a *acceptor) wantedToken(req *sasl2.Authenticate, renew bool) sasl.Mechanism {
	m := sasl.Mechanism("")
	switch {
	case req.Token != nil:
		m = sasl.Mechanism(req.Token.Mechanism)
	case renew:
		m = sasl.Mechanism(req.Mechanism)
	}
	if req.Agent.ID == "" || !slices.Contains(a.tokens, m) {
		return ""
	}
	return m
}

// issue makes a token, or none if that fails: the client has signed in all the same.
func (a *acceptor) issue(m sasl.Mechanism, agent UserAgent) *fast.Token {
	t, err := a.cfg.Tokens.Issue(context.WithoutCancel(a.ctx), TokenRequest{
		Account: a.s.peer.Account, Agent: agent, Remote: a.l.RemoteAddr().Addr(), Mechanism: m,
		Password: !a.s.peer.Mechanism.ForTokens(),
	})
	if err != nil {
		return nil
	}
	return &t
}
