package stream

import (
	"bytes"
	"errors"
	"fmt"

	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/xep/bind"
	"godwit/xep/bind2"
	"godwit/xep/clientstate"
	"godwit/xep/sasl2"
	"godwit/xep/session"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// succeed2 answers a successful SASL2 exchange with all that was asked inline
// (XEP-0388 §2.6.1): resumption first, and only if that fails a new resource
// (XEP-0386 §3.2). token, if not empty, is what a token is to be issued for.
func (a *acceptor) succeed2(req *sasl2.Authenticate, data []byte, token sasl.Mechanism) (inline bool, err error) {
	ok := sasl2.Success{Data: data, Authorization: a.s.peer.Account}
	var resumed *sm.Resume
	if req.Resume != nil {
		if m := a.resume(*req.Resume, &ok.ResumeFailed); m != nil {
			resumed = req.Resume
			ok.Resumed = &sm.Resumed{PrevID: req.Resume.PrevID, H: m.H()}
		}
	}
	if resumed == nil && req.Bind != nil {
		if ok.Bound, err = a.bind2(req.Bind); err != nil {
			return false, err
		}
		ok.Authorization = a.s.peer.JID
	}
	if token != "" {
		ok.Token = a.issue(token, req.Agent)
	}
	answer := a.s.render(ok)
	inline = resumed != nil || ok.Bound != nil
	features := appendStreams(nil, "features", a.l.InheritedNS(), a.sessionFeatures(inline))
	if !inline {
		return false, linkErrorOrNil(sendAll(a.l, answer, features))
	}
	a.s.begin(resumed, answer, features)
	return true, nil
}

func linkErrorOrNil(err error) error {
	if err != nil {
		return linkError(err)
	}
	return nil
}

// sendAll sends elements, in one piece where the link takes that.
func sendAll(l link.Link, elements ...[]byte) error {
	if len(elements) == 0 {
		return nil
	}
	if l.InheritedNS() != "" {
		return l.Send(bytes.Join(elements, nil))
	}
	for _, element := range elements {
		if err := l.Send(element); err != nil {
			return err
		}
	}
	return nil
}

// begin ends the negotiation in one step: the elements of the answer,
// acknowledgements, what a resumed session still owes, and what was sent
// meanwhile, in this order. It can not fail; what goes wrong shows in Read.
func (s *Stream) begin(resumed *sm.Resume, answer ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = sendAll(s.link, answer...) // an error means that the link is ending, which the reader notices
	if resumed != nil && s.m != nil {
		s.resend(resumed.H)
	}
	s.release()
}

// resend applies the peer's count and sends again what is beyond it (XEP-0198
// §5); with mu held.
func (s *Stream) resend(h uint32) {
	released, err := s.m.Ack(h, nil)
	if err != nil {
		s.readErr = err
		s.closeLocked(err)
		return
	}
	if len(released) > 0 {
		s.pending = append(s.pending, Event{Kind: AckedEvent, Acked: released})
	}
	buf := getBuffer()
	defer putBuffer(buf)
	rest := s.m.Unacked(nil)
	for _, u := range rest {
		*buf = u.Stanza.Append((*buf)[:0], s.link.InheritedNS())
		s.write(*buf)
	}
	if len(rest) > 0 {
		s.request()
	}
}

// resume asks the caller for a session. nil means refused, and why is in
// failed.
func (a *acceptor) resume(req sm.Resume, failed **sm.Failed) *Management {
	refuse := func(err error) *Management {
		f := &sm.Failed{Condition: stanza.ErrItemNotFound().Condition}
		var re *ResumeError
		if errors.As(err, &re) {
			f.HasH, f.H = re.HasH, re.H
			if re.Err != nil {
				f.Condition, f.Text = re.Err.Condition, re.Err.Text
			}
		}
		*failed = f
		return nil
	}
	if a.cfg.NoSM {
		return refuse(&ResumeError{Err: stanza.ErrFeatureNotImplemented()})
	}
	r, err := a.cfg.Binder.Resume(a.ctx, a.s, req.PrevID)
	if err != nil {
		return refuse(err)
	}
	if r.Management == nil || r.JID.Bare() != a.s.peer.Account || !r.JID.IsFull() {
		return refuse(nil) // never somebody else's session, whatever the caller found
	}
	a.s.peer.JID = r.JID
	if !a.s.adopt(r.Management) {
		return refuse(nil)
	}
	return r.Management
}

// adopt attaches acknowledgement state before the negotiation ends, so that
// Detach finds it even if the session moves on this early.
func (s *Stream) adopt(m *Management) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detached {
		return false
	}
	s.m = m
	if m != nil {
		s.attach(m)
	}
	return true
}

// bind2 binds a resource and enables what was asked for inline.
func (a *acceptor) bind2(req *bind2.Bind) (*bind2.Bound, error) {
	b, err := a.bindResource(BindRequest{
		Stream: a.s, Bind2: true, Tag: req.Tag, Carbons: req.Carbons,
		Inactive: req.State == clientstate.Inactive, Other: req.Other,
	})
	if err != nil {
		// There is no answer for this in Bind 2: the stream ends.
		e := asStanzaError(err)
		return nil, &Error{Condition: bindCondition(e), Text: e.Text, Cause: err,
			App: xmlstream.NewNode(stanza.NSStanzas, e.Condition)}
	}
	bound := &bind2.Bound{Metadata: b.Metadata}
	if req.SM == nil || a.cfg.NoSM {
		return bound, nil
	}
	m := NewManagement(a.cfg.MaxUnacked)
	a.s.adopt(m)
	grant, err := a.cfg.Binder.EnableSM(a.ctx, a.s, SMRequest{Resume: req.SM.Resume, Max: req.SM.Max})
	if err != nil {
		a.s.adopt(nil)
		e := asStanzaError(err)
		bound.SMFailed = &sm.Failed{Condition: e.Condition, Text: e.Text}
		return bound, nil
	}
	on := grant.enabled()
	bound.SM = &on
	return bound, nil
}

func bindCondition(e *stanza.Error) Condition {
	switch e.Condition {
	case stanza.ErrConflict().Condition:
		return Conflict
	case stanza.ErrResourceConstraint().Condition:
		return ResourceConstraint
	case stanza.ErrInternalServerError().Condition:
		return InternalServerError
	}
	return PolicyViolation
}

// bindResource asks the caller and checks what it answers.
func (a *acceptor) bindResource(r BindRequest) (Bound, error) {
	b, err := a.cfg.Binder.Bind(a.ctx, r)
	if err != nil {
		return Bound{}, err
	}
	if !b.JID.IsFull() || b.JID.Bare() != a.s.peer.Account {
		return Bound{}, fmt.Errorf("stream: the binder gave %q to %q", b.JID, a.s.peer.Account)
	}
	a.s.peer.JID = b.JID
	return b, nil
}

// bindLegacy waits for a resource to be bound (RFC 6120 §7) or a session to be
// resumed (XEP-0198 §5) on a stream that is authenticated.
func (a *acceptor) bindLegacy() error {
	if !a.s.peer.SASL2 { // there the features went out with the success
		if err := a.sendFeatures(a.sessionFeatures(false)); err != nil {
			return err
		}
	}
	for range maxBindAttempts {
		el, err := a.next()
		if err != nil {
			return err
		}
		done := false
		switch {
		case el.Name == xmlstream.Name{Space: sm.NS, Local: "resume"}:
			done, err = a.resumeLegacy(el)
		case el.Name.Space == sm.NS:
			err = a.send(sm.Failed{Condition: stanza.ErrUnexpectedRequest().Condition})
		case el.Name.Space == NSClient && el.Name.Local == "iq":
			done, err = a.bindIQ(el)
		case el.Name.Space == clientstate.NS:
			// Harmless, and some clients are quick.
		default:
			err = &Error{Condition: NotAuthorized, Text: "bind a resource first", Cause: fmt.Errorf("element %s", el.Name)}
		}
		if done || err != nil {
			return err
		}
	}
	return &Error{Condition: PolicyViolation, Text: "no resource was bound"}
}

func (a *acceptor) resumeLegacy(el *xmlstream.Element) (done bool, err error) {
	n, err := el.Tree()
	if err != nil {
		return false, &Error{Condition: NotWellFormed, Cause: err}
	}
	req, err := sm.ParseResume(n)
	if err != nil {
		e := asStanzaError(err)
		return false, a.send(sm.Failed{Condition: e.Condition, Text: e.Text})
	}
	var failed *sm.Failed
	m := a.resume(req, &failed)
	if m == nil {
		return false, a.send(*failed)
	}
	a.s.begin(&req, a.s.render(sm.Resumed{PrevID: req.PrevID, H: m.H()}))
	return true, nil
}

// bindIQ answers an IQ that comes before a resource is bound. Only the request
// to bind one is served.
func (a *acceptor) bindIQ(el *xmlstream.Element) (done bool, err error) {
	st, err := stanza.FromElement(el)
	if err != nil {
		return false, a.answerIQ(st, asStanzaError(err))
	}
	name, _ := st.Payload()
	own := st.To.IsZero() || st.To == a.bound.to || st.To == a.s.peer.Account
	switch {
	case !own:
		// RFC 6120 §7.1.
		return false, &Error{Condition: NotAuthorized, Text: "bind a resource first"}
	case st.Type != stanza.Get && st.Type != stanza.Set:
		return false, nil
	case name.Space == session.NS && st.Type == stanza.Set:
		return false, a.sendStanza(st.Result(nil))
	case name != (xmlstream.Name{Space: bind.NS, Local: "bind"}) || st.Type != stanza.Set:
		return false, a.answerIQ(st, stanza.ErrNotAuthorized().WithText("bind a resource first"))
	}
	payload, _ := st.Child(bind.NS, "bind")
	req, err := bind.Parse(payload)
	if err != nil {
		return false, a.answerIQ(st, asStanzaError(err))
	}
	b, err := a.bindResource(BindRequest{Stream: a.s, Resource: req.Resource})
	if err != nil {
		return false, a.answerIQ(st, asStanzaError(err))
	}
	result := bindResult(st, b.JID)
	a.s.begin(nil, result.Append(nil, a.l.InheritedNS()))
	return true, nil
}

func bindResult(request *stanza.Stanza, j jid.JID) *stanza.Stanza {
	return request.Result(func(e *xmlstream.Encoder) { bind.Bind{JID: j}.Encode(e) })
}

func (a *acceptor) answerIQ(st *stanza.Stanza, e *stanza.Error) error {
	reply := st.ErrorReply(e)
	if reply == nil { // an error is never answered by one
		return nil
	}
	return a.sendStanza(reply)
}

func (a *acceptor) sendStanza(st *stanza.Stanza) error {
	return linkErrorOrNil(a.l.Send(st.Append(nil, a.l.InheritedNS())))
}
