package stream

import (
	"errors"
	"fmt"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/bind"
	"godwit/xep/bind2"
	"godwit/xep/sasl2"
	"godwit/xep/session"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// succeeded2 takes over what a SASL2 success brought inline. The features of
// the new state follow it (XEP-0388 §2.6.1).
func (c *connector) succeeded2(req *sasl2.Authenticate, ok *sasl2.Success) (inline bool, err error) {
	if ok.Authorization.Bare() != c.cfg.JID.Bare() {
		return false, protocolError(fmt.Errorf("signed in as %s instead of %s", ok.Authorization.Bare(), c.cfg.JID.Bare()))
	}
	if err := c.readFeatures(); err != nil {
		return false, err
	}
	c.session.Features = c.features
	switch {
	case ok.Resumed != nil:
		return true, c.resumed(ok.Resumed)
	case req.Resume != nil:
		if err := c.notResumed(ok.ResumeFailed); err != nil {
			return false, err
		}
	}
	if ok.Bound == nil || req.Bind == nil {
		return false, nil
	}
	if !ok.Authorization.IsFull() {
		return false, protocolError(errors.New("bound, but to no resource"))
	}
	c.bound(ok.Authorization)
	c.session.Carbons = req.Bind.Carbons
	c.session.Metadata = ok.Bound.Metadata
	return true, c.finish(ok.Bound)
}

// finish begins the exchange of stanzas on a stream bound inline.
func (c *connector) finish(b *bind2.Bound) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if b.SM != nil {
		c.enabled(b.SM)
	}
	c.s.release()
	return nil
}

func (c *connector) bound(j jid.JID) {
	c.s.peer.JID, c.session.JID = j, j
}

// enabled puts acknowledgements in force; with the stream's mu held.
func (c *connector) enabled(v *sm.Enabled) {
	c.s.attach(NewManagement(c.cfg.MaxUnacked))
	if v.Resume && v.ID != "" {
		c.session.SMID, c.session.Max, c.session.Location = v.ID, v.Max, v.Location
	}
}

// resumed goes on with the former session (XEP-0198 §5).
func (c *connector) resumed(v *sm.Resumed) error {
	r := c.cfg.Resume
	if r == nil || v.PrevID != r.ID {
		return protocolError(errors.New("a session was resumed that was not asked for"))
	}
	if c.session.Features.IsZero() {
		c.session.Features = c.features
	}
	c.bound(r.JID)
	c.session.Resumed = true
	c.session.SMID, c.session.Max, c.session.Location = r.ID, r.Max, r.Location
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.attach(r.Management)
	c.s.resend(v.H)
	if c.s.readErr != nil {
		return c.s.readErr
	}
	c.s.release()
	return nil
}

// notResumed hands what the former session still owed to the caller. The
// server may have told how much of it had arrived.
func (c *connector) notResumed(f *sm.Failed) error {
	c.tried = true
	m := c.cfg.Resume.Management
	if f != nil && f.HasH {
		released, err := m.Ack(f.H, nil)
		if err != nil {
			return err
		}
		if len(released) > 0 {
			c.s.pending = append(c.s.pending, Event{Kind: AckedEvent, Acked: released})
		}
	}
	c.session.Unresumed = m.Unacked(nil)
	return nil
}

// bindLegacy resumes or binds on an authenticated stream (XEP-0198 §5, RFC 6120
// §7).
func (c *connector) bindLegacy() error {
	c.session.Features = c.features
	if r := c.cfg.Resume; r != nil && !c.tried && !c.cfg.NoSM {
		if !c.smOffered() {
			if err := c.notResumed(nil); err != nil {
				return err
			}
		} else if done, err := c.resumeLegacy(r); done || err != nil {
			return err
		}
	}
	if err := c.bindIQ(); err != nil {
		return err
	}
	if c.cfg.NoSM || !c.smOffered() {
		c.begin()
		return nil
	}
	return c.enableLegacy()
}

func (c *connector) begin() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.release()
}

func (c *connector) resumeLegacy(r *Resumption) (done bool, err error) {
	if err := c.send(sm.Resume{PrevID: r.ID, H: r.Management.H()}); err != nil {
		return false, err
	}
	n, err := c.nextNode()
	if err != nil {
		return false, err
	}
	if n.Name.Space != sm.NS {
		return false, unexpected(n)
	}
	v, err := sm.Parse(n)
	if err != nil {
		return false, protocolError(err)
	}
	switch v := v.(type) {
	case sm.Resumed:
		return true, c.resumed(&v)
	case sm.Failed:
		return false, c.notResumed(&v)
	}
	return false, unexpected(n)
}

// bindIQ asks for a resource (RFC 6120 §7).
func (c *connector) bindIQ() error {
	j, err := c.request("bind", bind.Bind{Resource: c.cfg.JID.Resource()})
	if err != nil {
		return err
	}
	payload, _ := j.Child(bind.NS, "bind")
	b, err := bind.Parse(payload)
	if err != nil {
		return protocolError(err)
	}
	if !b.JID.IsFull() || b.JID.Bare() != c.cfg.JID.Bare() {
		return protocolError(fmt.Errorf("the server bound %q", b.JID))
	}
	c.bound(b.JID)
	// RFC 3921 §3: old servers insist on a session.
	if n, ok := c.features.Child(session.NS, "session"); ok {
		if _, optional := n.Child(session.NS, "optional"); !optional {
			_, err = c.request("session", session.Session{})
		}
	}
	return err
}

// request sends an IQ to the server and waits for its answer, before anything
// else may come.
func (c *connector) request(id string, payload encodable) (*stanza.Stanza, error) {
	iq := stanza.Build(stanza.IQ, stanza.Set, jid.JID{}, jid.JID{}, id, payload.Encode)
	if err := linkErrorOrNil(c.l.Send(iq.Append(nil, c.l.InheritedNS()))); err != nil {
		return nil, err
	}
	for {
		el, err := c.next()
		if err != nil {
			return nil, err
		}
		st, _ := stanza.FromElement(el)
		if st == nil || st.Kind != stanza.IQ || st.ID != id || !fromServer(st, c.cfg.JID) {
			if err := c.postpone(el); err != nil {
				return nil, err
			}
			continue
		}
		switch st.Type {
		case stanza.Result:
			return st, nil
		case stanza.ErrorType:
			return nil, &BindError{Err: st.Err()}
		}
		return nil, unexpected(xmlstream.Node{Name: el.Name})
	}
}

// fromServer: an answer to a request without 'to' comes from the account, the
// server or nobody (RFC 6120 §8.1.2.1).
func fromServer(st *stanza.Stanza, account jid.JID) bool {
	return st.From.IsZero() || st.From.Bare() == account.Bare() || st.From == account.DomainJID()
}

// postpone keeps a stanza that came during the negotiation for Read.
func (c *connector) postpone(el *xmlstream.Element) error {
	if el.Name.Space != NSClient || len(c.s.pending) >= maxHeld {
		return unexpected(xmlstream.Node{Name: el.Name})
	}
	e, ok, err := c.s.element(el)
	if ok {
		c.s.pending = append(c.s.pending, e)
	}
	return err
}

// enableLegacy asks for acknowledgements. Stanzas may come before the answer;
// they do not count (XEP-0198 §4) and wait for Read.
func (c *connector) enableLegacy() error {
	if err := c.send(sm.Enable{Resume: true}); err != nil {
		return err
	}
	for {
		el, err := c.next()
		if err != nil {
			return err
		}
		if el.Name.Space != sm.NS {
			if err := c.postpone(el); err != nil {
				return err
			}
			continue
		}
		n, err := el.Tree()
		if err != nil {
			return protocolError(err)
		}
		v, err := sm.Parse(n)
		if err != nil {
			return protocolError(err)
		}
		switch v := v.(type) {
		case sm.Enabled:
			c.s.mu.Lock()
			defer c.s.mu.Unlock()
			c.enabled(&v)
			c.s.release()
			return nil
		case sm.Failed:
			c.begin()
			return nil
		case sm.Request:
			continue // nothing counts yet
		default:
			return unexpected(n)
		}
	}
}
