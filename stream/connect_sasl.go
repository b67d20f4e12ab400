package stream

import (
	"errors"

	"godwit/link"
	"godwit/sasl"
	"godwit/xep/bind2"
	"godwit/xep/carbons"
	"godwit/xep/clientstate"
	"godwit/xep/sasl1"
	"godwit/xep/sasl2"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// authenticate signs in, in the better profile the server offers. inline is
// true when the stream is bound or resumed as well.
func (c *connector) authenticate() (inline bool, err error) {
	offer1, offer2, err := c.offers()
	if err != nil {
		return false, err
	}
	if offer2 != nil {
		done, inline, err := c.authenticateToken(offer2)
		if done || err != nil {
			return inline, err
		}
	}
	if c.cfg.Token != nil && c.cfg.Password == "" {
		return false, ErrTokenUseless
	}
	if offer2 != nil && len(offer2.Mechanisms) > 0 {
		return c.authenticate2(offer2, offer1.Bindings)
	}
	return false, c.authenticate1(offer1)
}

// client chooses a mechanism; it fails when the choice would be unsafe.
func (c *connector) client(o sasl.Offer, two bool) (sasl.Client, []byte, error) {
	mech, err := sasl.NewClient(sasl.ClientConfig{
		Username: c.cfg.JID.Local(), Domain: c.cfg.JID.Domain(), Password: c.cfg.Password,
		Offer: o, SASL2: two, ChannelBinding: c.channelBinding(),
		AllowPlain: c.cfg.AllowPlain && c.secure, AtLeast: c.cfg.Pin.Mechanism,
	})
	if err != nil {
		return nil, nil, err
	}
	initial, err := mech.Start()
	if err == nil && initial == nil {
		initial = []byte{}
	}
	return mech, initial, err
}

// authenticated remembers what was used, for the next time.
func (c *connector) authenticated(m sasl.Mechanism, two bool) {
	p := &c.s.peer
	p.Mechanism, p.SASL2 = m, two
	p.TLS, _ = link.Secure(c.l)
	if m.Plus() {
		p.ChannelBinding = c.binding
	}
	c.session.Pin = Pin{TLS: c.secure || c.cfg.Pin.TLS, Mechanism: m}
	if m.ForTokens() { // says nothing about how the server takes passwords
		p.ChannelBinding, c.session.Pin.Mechanism = string(m.TokenBinding()), c.cfg.Pin.Mechanism
	}
}

// authenticate1 follows RFC 6120 §6.
func (c *connector) authenticate1(o sasl.Offer) error {
	mech, initial, err := c.client(o, false)
	if err != nil {
		return err
	}
	if err := c.send(sasl1.Auth{Mechanism: string(mech.Mechanism()), Initial: initial}); err != nil {
		return err
	}
	for {
		n, err := c.nextNode()
		if err != nil {
			return err
		}
		if n.Name.Space != sasl1.NS {
			return unexpected(n)
		}
		v, err := sasl1.Parse(n)
		if err != nil {
			return protocolError(err)
		}
		switch v := v.(type) {
		case sasl1.Challenge:
			data, _, err := mech.Next(v.Data)
			if err != nil {
				return c.abort(sasl1.Abort{}, err)
			}
			if err := c.send(sasl1.Response{Data: data}); err != nil {
				return err
			}
		case sasl1.Success:
			if err := mech.Finish(v.Data); err != nil {
				return err
			}
			c.authenticated(mech.Mechanism(), false)
			if err := c.l.Restart(); err != nil {
				return linkError(err)
			}
			return c.open()
		case sasl1.Failure:
			return refused(mech.Mechanism(), v.Condition, v.Text, nil)
		default:
			return unexpected(n)
		}
	}
}

// abort tells the server that this end gives up, and why to the caller.
func (c *connector) abort(v encodable, why error) error {
	_ = c.send(v)
	return why
}

func refused(m sasl.Mechanism, cond sasl1.Condition, text string, app []xmlstream.Node) error {
	e := &AuthError{Condition: sasl.Condition(cond), Text: cut(text, maxErrorText), Mechanism: m}
	if len(app) > 0 {
		e.App = app[0]
	}
	return e
}

// authenticate2 follows XEP-0388, asking inline for all that can be had.
func (c *connector) authenticate2(f *sasl2.Authentication, bindings []sasl.BindingType) (inline bool, err error) {
	mech, initial, err := c.client(sasl.Offer{Mechanisms: toMechanisms(f.Mechanisms), Bindings: bindings}, true)
	if err != nil {
		return false, err
	}
	return c.exchange2(f, mech, &sasl2.Authenticate{Initial: initial, Token: c.tokenRequest(f)})
}

// exchange2 asks for all that can be had beside what req says, and runs the mechanism.
func (c *connector) exchange2(f *sasl2.Authentication, mech sasl.Client, req *sasl2.Authenticate) (inline bool, err error) {
	req.Mechanism, req.Agent = string(mech.Mechanism()), c.cfg.UserAgent
	if r := c.cfg.Resume; r != nil && f.SM && !c.cfg.NoSM {
		req.Resume = &sm.Resume{PrevID: r.ID, H: r.Management.H()}
	}
	if f.Bind != nil {
		req.Bind = c.bindRequest(f.Bind)
	}
	if err := c.send(req); err != nil {
		return false, err
	}
	for {
		n, err := c.nextNode()
		if err != nil {
			return false, err
		}
		if n.Name.Space != sasl2.NS {
			return false, unexpected(n)
		}
		v, err := sasl2.Parse(n)
		if err != nil {
			return false, protocolError(err)
		}
		switch v := v.(type) {
		case sasl2.Challenge:
			data, _, err := mech.Next(v.Data)
			if err != nil {
				return false, c.abort(sasl2.Abort{}, err)
			}
			if err := c.send(sasl2.Response{Data: data}); err != nil {
				return false, err
			}
		case sasl2.Success:
			if err := mech.Finish(v.Data); err != nil {
				return false, err
			}
			c.authenticated(mech.Mechanism(), true)
			c.keepToken(req, v.Token)
			return c.succeeded2(req, &v)
		case sasl2.Failure:
			return false, refused(mech.Mechanism(), v.Condition, v.Text, v.App)
		case sasl2.Continue:
			// XEP-0388 §2.6.3: tasks such as a second factor.
			return false, c.abort(sasl2.Abort{}, ErrTasks)
		default:
			return false, unexpected(n)
		}
	}
}

// ErrTasks: the server asks for more than a password.
var ErrTasks = errors.New("stream: the server asks for a further step of authentication, which is not supported")

func (c *connector) bindRequest(f *bind2.Feature) *bind2.Bind {
	b := &bind2.Bind{Tag: c.cfg.Tag, Carbons: c.cfg.Carbons && f.Has(carbons.NS)}
	if b.Tag == "" {
		b.Tag = c.cfg.JID.Resource()
	}
	if !c.cfg.NoSM && f.Has(sm.NS) {
		b.SM = &sm.Enable{Resume: true}
	}
	if c.cfg.Inactive && f.Has(clientstate.NS) {
		b.State = clientstate.Inactive
	}
	return b
}
