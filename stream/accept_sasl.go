package stream

import (
	"context"
	"errors"
	"fmt"

	"godwit/jid"
	"godwit/sasl"
	"godwit/xep/sasl1"
	"godwit/xep/sasl2"
	"godwit/xmlstream"
)

// profile is what differs between the two ways SASL travels: RFC 6120 §6 and
// XEP-0388.
type profile struct {
	ns        string
	challenge func(data []byte) encodable
	failure   func(c sasl.Condition, text string) encodable
	// response reads <response/>; abort is true for <abort/>.
	response func(n xmlstream.Node) (data []byte, abort bool, err error)
}

var (
	profile1 = &profile{
		ns:        sasl1.NS,
		challenge: func(data []byte) encodable { return sasl1.Challenge{Data: data} },
		failure: func(c sasl.Condition, text string) encodable {
			return sasl1.Failure{Condition: sasl1.Condition(c), Text: text}
		},
		response: func(n xmlstream.Node) ([]byte, bool, error) {
			v, err := sasl1.Parse(n)
			switch v := v.(type) {
			case sasl1.Response:
				return v.Data, false, nil
			case sasl1.Abort:
				return nil, true, nil
			}
			return nil, false, err
		},
	}
	profile2 = &profile{
		ns:        sasl2.NS,
		challenge: func(data []byte) encodable { return sasl2.Challenge{Data: data} },
		failure: func(c sasl.Condition, text string) encodable {
			return sasl2.Failure{Condition: sasl1.Condition(c), Text: text}
		},
		response: func(n xmlstream.Node) ([]byte, bool, error) {
			v, err := sasl2.Parse(n)
			switch v := v.(type) {
			case sasl2.Response:
				return v.Data, false, nil
			case sasl2.Abort:
				return nil, true, nil
			}
			return nil, false, err
		},
	}
)

func (a *acceptor) maxAttempts() int {
	if a.cfg.MaxAuthAttempts > 0 {
		return a.cfg.MaxAuthAttempts
	}
	return defaultAuthAttempts
}

// refuse answers a failed attempt. Too many end the stream (RFC 6120 §6.4.5).
func (a *acceptor) refuse(p *profile, m sasl.Mechanism, why *sasl.Error) error {
	if a.cfg.Guard != nil {
		a.cfg.Guard.Report(a.l.RemoteAddr().Addr(), a.s.peer.Account, m, why)
	}
	a.s.peer.Account = jid.JID{}
	if err := a.send(p.failure(why.Condition, "")); err != nil {
		return err
	}
	if a.failed++; a.failed >= a.maxAttempts() {
		return &Error{Condition: PolicyViolation, Text: "too many failed attempts to authenticate", Cause: why}
	}
	return nil
}

// parseFailure turns an error of a codec into the SASL condition for it.
func parseFailure(err error) *sasl.Error {
	c := sasl.MalformedRequest
	if errors.Is(err, sasl1.ErrEncoding) {
		c = sasl.IncorrectEncoding
	}
	return &sasl.Error{Condition: c, Cause: err}
}

// auth1 runs one attempt in the profile of RFC 6120 §6. After success the
// stream has been restarted and features may be sent.
func (a *acceptor) auth1(el *xmlstream.Element) (done bool, err error) {
	if len(a.offer.Mechanisms) == 0 {
		return false, a.refuse(profile1, "", fail(sasl.EncryptionRequired, "no encryption"))
	}
	n, err := el.Tree()
	if err != nil {
		return false, &Error{Condition: NotWellFormed, Cause: err}
	}
	req, err := sasl1.ParseAuth(n)
	if err != nil {
		return false, a.refuse(profile1, "", parseFailure(err))
	}
	m := sasl.Mechanism(req.Mechanism)
	data, err := a.attempt(profile1, m, req.Initial)
	if err != nil {
		return false, a.attemptFailed(profile1, m, err)
	}
	if err := a.send(sasl1.Success{Data: data}); err != nil {
		return false, err
	}
	a.l.SetLimits(limitsOr(a.cfg.Limits, xmlstream.DefaultLimits()))
	return true, a.restart()
}

// auth2 runs one attempt in the profile of XEP-0388. inline is true when the
// client has also been bound or resumed.
func (a *acceptor) auth2(el *xmlstream.Element) (done, inline bool, err error) {
	if !a.secure {
		return false, false, a.refuse(profile2, "", fail(sasl.EncryptionRequired, "SASL2 without encryption"))
	}
	n, err := el.Tree()
	if err != nil {
		return false, false, &Error{Condition: NotWellFormed, Cause: err}
	}
	req, err := sasl2.ParseAuthenticate(n)
	if err != nil {
		return false, false, a.refuse(profile2, "", parseFailure(err))
	}
	m := sasl.Mechanism(req.Mechanism)
	attempt := a.attempt
	var renew bool
	if req.Fast != nil || m.ForTokens() {
		attempt = func(_ *profile, m sasl.Mechanism, _ []byte) (data []byte, err error) {
			data, renew, err = a.attemptToken(m, &req)
			return data, err
		}
	}
	data, err := attempt(profile2, m, req.Initial)
	if err != nil {
		return false, false, a.attemptFailed(profile2, m, err)
	}
	a.s.peer.SASL2, a.s.peer.UserAgent = true, req.Agent
	a.l.SetLimits(limitsOr(a.cfg.Limits, xmlstream.DefaultLimits()))
	inline, err = a.succeed2(&req, data, a.wantedToken(&req, renew))
	return true, inline, err
}

// attemptFailed answers a refusal and passes on what ends the stream.
func (a *acceptor) attemptFailed(p *profile, m sasl.Mechanism, err error) error {
	var refused *sasl.Error
	if errors.As(err, &refused) {
		if errors.Is(refused, sasl.ErrBindingType) && !a.sawPlus {
			a.sawPlus = true
			a.failed -= bindingTries // it will work its way down the list; nothing was guessed
		}
		return a.refuse(p, m, refused)
	}
	return err
}

// bindingTries is how many -PLUS mechanisms a client may try in vain before attempts count.
const bindingTries = 3

// attempt runs a mechanism. The result is the additional data for success; a
// *sasl.Error is a refusal, every other error ends the stream.
func (a *acceptor) attempt(p *profile, m sasl.Mechanism, initial []byte) ([]byte, error) {
	srv, err := sasl.NewServer(m, &sasl.ServerConfig{
		Domain: a.now.to.Domain(), Offer: a.offer, ChannelBinding: a.channelBinding(),
		SawPlus: a.sawPlus, Lookup: a.lookup, DecoySecret: a.cfg.DecoySecret,
	})
	if err != nil {
		return nil, err
	}
	a.binding = ""
	return a.exchange(p, srv, initial, nil)
}

// exchange runs the server's end of a mechanism. accept, if not nil, has the last word once the client has proven what it knows.
func (a *acceptor) exchange(p *profile, srv sasl.Server, initial []byte, accept func() error) ([]byte, error) {
	response := initial
	for {
		data, done, err := srv.Next(response)
		if err != nil {
			return nil, err
		}
		if done && accept != nil {
			if err := accept(); err != nil {
				return nil, err
			}
		}
		if done {
			return data, a.authenticated(srv)
		}
		if err := a.send(p.challenge(data)); err != nil {
			return nil, err
		}
		if response, err = a.response(p); err != nil {
			return nil, err
		}
	}
}

// lookup finds credentials, unless the guard refuses the attempt.
func (a *acceptor) lookup(user string) (map[sasl.Hash]sasl.Credentials, error) {
	a.s.peer.Account = a.account(user)
	if g := a.cfg.Guard; g != nil && !g.Allow(a.l.RemoteAddr().Addr(), a.s.peer.Account) {
		return nil, ErrTooOften
	}
	// The database may be slow; the handshake's deadline is not its business.
	return a.cfg.Authenticator.Lookup(context.WithoutCancel(a.ctx), a.now.to.Domain(), user)
}

// response waits for the answer to a challenge. Whatever else comes ends the
// stream (XEP-0388 §2.4).
func (a *acceptor) response(p *profile) ([]byte, error) {
	el, err := a.next()
	if err != nil {
		return nil, err
	}
	if el.Name.Space != p.ns || (el.Name.Local != "response" && el.Name.Local != "abort") {
		return nil, &Error{Condition: PolicyViolation, Text: "only a response may follow a challenge",
			Cause: fmt.Errorf("element %s", el.Name)}
	}
	n, err := el.Tree()
	if err != nil {
		return nil, &Error{Condition: NotWellFormed, Cause: err}
	}
	data, abort, err := p.response(n)
	switch {
	case err != nil:
		return nil, parseFailure(err)
	case abort:
		return nil, fail(sasl.Aborted, "the client gave up")
	}
	return data, nil
}

// authenticated takes over what the mechanism proved.
func (a *acceptor) authenticated(srv sasl.Server) error {
	account := a.account(srv.Username())
	if account.IsZero() {
		return &sasl.Error{Condition: sasl.TemporaryAuthFailure, Detail: "the account has no valid address"}
	}
	if !a.now.from.IsZero() && a.now.from.Bare() != account {
		// XEP-0388 §2.3: the header already named somebody.
		return fail(sasl.InvalidAuthzid, "the stream header is from "+a.now.from.Bare().String())
	}
	a.bound = who{to: a.now.to, from: account}
	p := &a.s.peer
	p.Account, p.JID, p.Mechanism = account, account, srv.Mechanism()
	if p.Mechanism.Plus() {
		p.ChannelBinding = a.binding
	} else {
		p.ChannelBinding = string(p.Mechanism.TokenBinding())
	}
	if a.cfg.Guard != nil {
		a.cfg.Guard.Report(a.l.RemoteAddr().Addr(), account, p.Mechanism, nil)
	}
	return nil
}
