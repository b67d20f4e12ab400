package stream

import (
	"context"
	"errors"
	"fmt"
	"io"

	"godwit/link"
	"godwit/stanza"
	"godwit/xep/clientstate"
	"godwit/xep/sasl1"
	"godwit/xep/sasl2"
	"godwit/xep/session"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// Read waits for the next event. Elements of stream management, keep-alives
// and the legacy session request (RFC 3921 §3) are dealt with inside. It ends
// with
//   - io.EOF: the peer closed its stream; the session is over,
//   - *Error: a stream error, Remote if the peer sent it,
//   - an error matching ErrLost: the link broke; the session may be resumed,
//   - link.ErrClosed after Close or Abort on this end.
//
// The link is closed, or closing, when Read has failed.
func (s *Stream) Read() (Event, error) {
	if len(s.pending) > 0 {
		e := s.pending[0]
		s.pending = s.pending[1:]
		if len(s.pending) == 0 {
			s.pending = nil
		}
		return e, nil
	}
	if s.readErr != nil {
		return Event{}, s.readErr
	}
	for {
		f, err := s.link.Read()
		if err != nil {
			return Event{}, s.ended(linkError(err))
		}
		switch f.Kind {
		case link.Close:
			return Event{}, s.ended(io.EOF)
		case link.Open:
			return Event{}, s.ended(&Error{Condition: InvalidXML, Text: "a second stream header"})
		}
		e, ok, err := s.element(&f.Element)
		if err != nil {
			return Event{}, s.ended(err)
		}
		if ok {
			return e, nil
		}
	}
}

// ended remembers why reading ended and ends this end of the stream as well.
func (s *Stream) ended(err error) error {
	s.readErr = err
	var own *Error
	switch {
	case errors.As(err, &own) && !own.Remote:
		s.Close(own)
	default:
		s.Close(nil)
	}
	return err
}

// linkError turns an error of the link into one of the stream.
func linkError(err error) error {
	var bad *xmlstream.Error
	switch {
	case errors.As(err, &bad):
		return &Error{Condition: Condition(bad.Condition), Text: bad.Detail, Cause: err}
	case errors.Is(err, link.ErrClosed):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
}

// element deals with one child of the stream root. ok is false when there is
// nothing to tell the caller.
func (s *Stream) element(el *xmlstream.Element) (Event, bool, error) {
	switch el.Name.Space {
	case NSClient:
		st, err := stanza.FromElement(el)
		if st == nil {
			return Event{}, false, unsupported(el)
		}
		return s.stanza(st, err)
	case sm.NS:
		return s.management(el)
	case clientstate.NS:
		state, ok := clientstate.FromName(el.Name)
		if !ok || s.server == nil {
			return Event{}, false, unsupported(el)
		}
		return Event{Kind: StateEvent, Active: state == clientstate.Active}, true, nil
	case NSStreams:
		if el.Name.Local == "error" {
			return Event{}, false, parseError(el)
		}
	case sasl1.NS, sasl2.NS, NSTLS:
		// XEP-0388 §6.6: a second authentication is refused.
		return Event{}, false, &Error{Condition: PolicyViolation, Text: "this stream is already negotiated"}
	}
	return Event{}, false, unsupported(el)
}

func unsupported(el *xmlstream.Element) *Error {
	return &Error{Condition: UnsupportedStanzaType, Text: "unknown element on the stream",
		Cause: fmt.Errorf("element %s", el.Name)}
}

// stanza counts a stanza and passes it on, except the legacy session request,
// which a server confirms at once.
func (s *Stream) stanza(st *stanza.Stanza, bad error) (Event, bool, error) {
	e := Event{Kind: StanzaEvent, Stanza: st, Seq: s.count()}
	if bad != nil && !errors.As(bad, &e.Err) {
		return Event{}, false, &Error{Condition: InternalServerError, Cause: bad}
	}
	if s.server == nil || e.Err != nil || st.Kind != stanza.IQ || st.Type != stanza.Set || !s.isOwnSession(st) {
		return e, true, nil
	}
	if err := s.Send(st.Result(nil)); err != nil && !errors.Is(err, ErrDetached) {
		return Event{}, false, linkError(err)
	}
	s.Handled(e.Seq)
	return Event{}, false, nil
}

// isOwnSession: a session request addressed to the server or to nobody.
func (s *Stream) isOwnSession(st *stanza.Stanza) bool {
	name, ok := st.Payload()
	return ok && name == (xmlstream.Name{Space: session.NS, Local: "session"}) &&
		(st.To.IsZero() || st.To == s.peer.Account.DomainJID() || st.To == s.peer.Account)
}

func (s *Stream) count() uint64 {
	s.seq++
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m != nil {
		s.m.Receive()
	}
	return s.seq
}

// management deals with an element of XEP-0198.
func (s *Stream) management(el *xmlstream.Element) (Event, bool, error) {
	switch el.Name.Local {
	case "r":
		s.onRequest()
		return Event{}, false, nil
	case "a":
		return s.onAnswer(el)
	case "enable":
		if s.server != nil && !s.server.NoSM {
			return Event{}, false, s.onEnable(el)
		}
	case "resume":
		if s.server != nil { // too late: a resource is bound (XEP-0198 §5)
			s.refuseSM(stanza.ErrUnexpectedRequest())
			return Event{}, false, nil
		}
	}
	return Event{}, false, unsupported(el)
}

// onRequest answers <r/>: at once when everything received before it is
// handled, else as soon as it is. A second request meanwhile is answered with
// what is true now, so that a slow disk does not look like a dead link.
func (s *Stream) onRequest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || s.closed {
		return
	}
	if s.m.InFlight() == 0 || s.owed {
		s.answer()
	}
	if s.m.InFlight() > 0 {
		s.owed, s.owedAt = true, s.m.received
	}
}

func (s *Stream) onAnswer(el *xmlstream.Element) (Event, bool, error) {
	h, err := sm.ParseHandled(el.Attr("h"))
	if err != nil {
		return Event{}, false, &Error{Condition: PolicyViolation, Text: "<a/> without a valid 'h'", Cause: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		return Event{}, false, nil // before <enabled/>, or the session has moved on
	}
	if len(s.acked) > 64 {
		s.acked = nil // one large answer must not stay in memory
	}
	clear(s.acked)
	if s.acked, err = s.m.Ack(h, s.acked[:0]); err != nil {
		return Event{}, false, err
	}
	return Event{Kind: AckedEvent, Acked: s.acked}, true, nil
}

// onEnable puts acknowledgements in force after a legacy bind (XEP-0198 §3).
func (s *Stream) onEnable(el *xmlstream.Element) error {
	if s.Managed() {
		return &Error{Condition: PolicyViolation, Text: "stream management is already enabled"}
	}
	node, err := el.Tree()
	if err != nil {
		return &Error{Condition: NotWellFormed, Cause: err}
	}
	req, err := sm.ParseEnable(node)
	if err != nil {
		s.refuseSM(asStanzaError(err))
		return nil
	}
	grant, err := s.server.Binder.EnableSM(context.Background(), s, SMRequest{Resume: req.Resume, Max: req.Max})
	if err != nil {
		s.refuseSM(asStanzaError(err))
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detached {
		return nil
	}
	s.attach(NewManagement(s.server.MaxUnacked))
	s.write(s.render(grant.enabled()))
	return nil
}

func (g SMGrant) enabled() sm.Enabled {
	return sm.Enabled{ID: g.ID, Resume: g.ID != "", Max: g.Max}
}

func (s *Stream) refuseSM(e *stanza.Error) {
	_ = s.SendRaw(s.render(sm.Failed{Condition: e.Condition, Text: e.Text}))
}

// asStanzaError makes an error fit to be shown to the peer.
func asStanzaError(err error) *stanza.Error {
	var e *stanza.Error
	if errors.As(err, &e) {
		return e
	}
	return stanza.ErrInternalServerError()
}
