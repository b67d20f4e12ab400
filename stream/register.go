package stream

import (
	"context"
	"errors"
	"fmt"

	"godwit/jid"
	"godwit/link"
	"godwit/stanza"
	"godwit/xep/pars"
	"godwit/xep/register"
	"godwit/xmlstream"
)

// Registration is an account to make (XEP-0077), by invitation if there is a token (XEP-0445).
type Registration struct {
	Account  jid.JID // bare
	Password string
	Token    string
	// AllowUnencrypted permits a server without TLS.
	AllowUnencrypted bool
}

// Errors of Register.
var (
	// ErrNoRegistration: the server does not offer to make accounts, or not by invitation where there is one.
	ErrNoRegistration = errors.New("stream: the server does not make accounts")
	// ErrBadToken: the server does not take the invitation. It wraps the stanza error.
	ErrBadToken = errors.New("stream: the server does not take the invitation")
)

// Register makes an account over a link on which nothing has been said, and closes it. A refusal is a *stanza.Error, in ErrBadToken if it concerns
// the invitation. The context bounds all of it.
func Register(ctx context.Context, l link.Link, r *Registration) error {
	s := newStream(l, 0)
	s.peer = Peer{Kind: l.Kind(), Remote: l.RemoteAddr()}
	stop := context.AfterFunc(ctx, l.Abort)
	// Nobody has authenticated: the account is for whom the domain is, and is named in the request only.
	c := &connector{ctx: ctx, s: s, l: l, cfg: &ClientConfig{JID: r.Account.DomainJID(), AllowUnencrypted: r.AllowUnencrypted}}
	err := c.register(r)
	if !stop() && err != nil {
		err = fmt.Errorf("stream: registration was not finished: %w", context.Cause(ctx))
	}
	if err != nil {
		c.giveUp(err)
		return err
	}
	s.Close(nil)
	return nil
}

func (c *connector) register(r *Registration) error {
	c.l.SetLimits(xmlstream.ServerLimits())
	if err := c.open(); err != nil {
		return err
	}
	if err := c.encrypt(); err != nil {
		return err
	}
	_, open := c.features.Child(register.FeatureNS, "register")
	_, invited := c.features.Child(pars.RegisterNS, "register")
	switch {
	case r.Token != "" && invited:
		var refused *stanza.Error
		if err := c.ask("preauth", pars.Preauth{Token: r.Token}); errors.As(err, &refused) {
			return fmt.Errorf("%w: %w", ErrBadToken, err)
		} else if err != nil {
			return err
		}
	case !open:
		return ErrNoRegistration
	}
	return c.ask("register", register.Query{Username: register.Give(r.Account.Local()), Password: register.Give(r.Password)})
}

// ask sends a request to the domain before anybody has authenticated, and waits for its answer.
func (c *connector) ask(id string, payload encodable) error {
	iq := stanza.Build(stanza.IQ, stanza.Set, c.cfg.JID, jid.JID{}, id, payload.Encode)
	if err := linkErrorOrNil(c.l.Send(iq.Append(nil, c.l.InheritedNS()))); err != nil {
		return err
	}
	el, err := c.next()
	if err != nil {
		return err
	}
	st, _ := stanza.FromElement(el)
	if st == nil || st.Kind != stanza.IQ || st.ID != id {
		return unexpected(xmlstream.Node{Name: el.Name})
	}
	switch st.Type {
	case stanza.Result:
		return nil
	case stanza.ErrorType:
		if e := st.Err(); e != nil {
			return e
		}
	}
	return unexpected(xmlstream.Node{Name: el.Name})
}
