package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/xep/bind"
	"godwit/xep/bind2"
	"godwit/xep/carbons"
	"godwit/xep/channelbinding"
	"godwit/xep/clientstate"
	"godwit/xep/fast"
	"godwit/xep/sasl1"
	"godwit/xep/sasl2"
	"godwit/xep/session"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// Defaults of ServerConfig.
const (
	defaultHandshake    = 30 * time.Second
	defaultAuthAttempts = 5
	maxBindAttempts     = 5
)

// acceptor is the server's side of one negotiation. It belongs to the goroutine
// that runs Accept.
type acceptor struct {
	ctx context.Context
	s   *Stream
	l   link.Link
	cfg *ServerConfig

	secure    bool
	now       who // of the current header
	bound     who // what may not change after authentication
	offer     sasl.Offer
	tokens    []sasl.Mechanism // for tokens (XEP-0484)
	binding   string           // kind of channel binding data asked for last
	failed    int              // attempts to authenticate
	applicant *Applicant       // once it has asked to register
	sawPlus   bool             // the client tried a -PLUS mechanism with a binding type we do not have
}

// Accept receives a client on a link on which nothing has been said: headers,
// TLS, authentication, and a resource bound or a session resumed. It returns
// when stanzas may flow. On failure the peer has been told (stream error), the
// link is closed, and the error says for the log why. Once Binder.Bind or
// Binder.Resume has succeeded Accept succeeds too: from then on failures show in
// Read. The context ends the attempt early.
func Accept(ctx context.Context, l link.Link, cfg *ServerConfig) (*Stream, error) {
	s := newStream(l, cfg.RequestAckEvery)
	s.server = cfg
	s.peer = Peer{Kind: l.Kind(), Remote: l.RemoteAddr()}
	timeout := cfg.HandshakeTimeout
	if timeout <= 0 {
		timeout = defaultHandshake
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stop := context.AfterFunc(bounded, func() {
		if ctx.Err() != nil {
			s.Close(&Error{Condition: SystemShutdown, Cause: context.Cause(ctx)})
		} else {
			s.Close(&Error{Condition: ConnectionTimeout, Text: "signing in took too long"})
		}
	})
	a := &acceptor{ctx: bounded, s: s, l: l, cfg: cfg}
	err := a.run()
	if !stop() && err != nil {
		err = fmt.Errorf("stream: sign-in was not finished: %w", bounded.Err())
	}
	if err != nil {
		a.giveUp(err)
		return nil, err
	}
	return s, nil
}

// giveUp ends the stream, telling the peer what it may know.
func (a *acceptor) giveUp(err error) {
	var e *Error
	switch {
	case errors.As(err, &e) && !e.Remote:
		a.s.Close(e)
	case errors.As(err, &e), errors.Is(err, io.EOF):
		a.s.Close(nil)
	case errors.Is(err, ErrLost), errors.Is(err, link.ErrClosed), errors.Is(err, link.ErrInjected):
		a.l.Abort()
	default:
		a.s.Close(err)
	}
}

func (a *acceptor) run() error {
	a.l.SetLimits(limitsOr(a.cfg.PreAuthLimits, xmlstream.PreAuthLimits()))
	if err := a.header(); err != nil {
		return err
	}
	inline, err := a.authenticate()
	if err != nil || inline {
		return err
	}
	return a.bindLegacy()
}

func limitsOr(l *xmlstream.Limits, def xmlstream.Limits) xmlstream.Limits {
	if l != nil {
		return *l
	}
	return def
}

// header reads the client's header and answers it.
func (a *acceptor) header() error {
	f, err := a.l.Read()
	if err != nil {
		return linkError(err)
	}
	if f.Kind != link.Open {
		return io.EOF
	}
	w, bad := a.cfg.checkHeader(f.Header, a.bound)
	if err := a.s.open(a.cfg.answerHeader(f.Header, w)); err != nil {
		return linkError(err)
	}
	if bad != nil {
		return bad
	}
	a.now = w
	a.s.peer.Lang = cut(f.Header.Lang, 64)
	return nil
}

// restart begins a new stream on the same link (RFC 6120 §6.3.2).
func (a *acceptor) restart() error {
	a.s.reopen()
	if err := a.l.Restart(); err != nil {
		return linkError(err)
	}
	return a.header()
}

// next reads one element.
func (a *acceptor) next() (*xmlstream.Element, error) { return nextElement(a.l) }

func nextElement(l link.Link) (*xmlstream.Element, error) {
	f, err := l.Read()
	switch {
	case err != nil:
		return nil, linkError(err)
	case f.Kind == link.Close:
		return nil, io.EOF
	case f.Kind == link.Open:
		return nil, &Error{Condition: InvalidXML, Text: "a second stream header"}
	case f.Element.Name == xmlstream.Name{Space: NSStreams, Local: "error"}:
		return nil, parseError(&f.Element)
	}
	return &f.Element, nil
}

func (a *acceptor) send(v encodable) error {
	if err := a.l.Send(a.s.render(v)); err != nil {
		return linkError(err)
	}
	return nil
}

// channelBinding is the link's, noting which kind is used.
func (a *acceptor) channelBinding() sasl.ChannelBinding {
	if !a.secure {
		return nil
	}
	sec := a.l.(link.Secured)
	return func(kind string) ([]byte, bool) {
		a.binding = kind
		return sec.ChannelBinding(kind)
	}
}

// starttls is the stream feature of RFC 6120 §5.4.1.
type starttls struct{ required bool }

func (f starttls) Encode(e *xmlstream.Encoder) {
	e.Start(NSTLS, "starttls")
	if f.required {
		e.Leaf(NSTLS, "required", "")
	}
	e.End()
}

// tlsElement is <proceed/> or <failure/>.
type tlsElement string

func (n tlsElement) Encode(e *xmlstream.Encoder) { e.Leaf(NSTLS, string(n), "") }

// canStartTLS reports whether the link could be encrypted in place.
func canStartTLS(l link.Link) (link.Upgrader, bool) {
	u, ok := l.(link.Upgrader)
	return u, ok && u.CanStartTLS()
}

// features sends what may be negotiated before authentication.
func (a *acceptor) features() error {
	a.s.peer.TLS, a.secure = link.Secure(a.l)
	_, upgradable := canStartTLS(a.l)
	sign := a.secure || a.cfg.AllowUnencrypted
	if !sign && !upgradable {
		return &Error{Condition: PolicyViolation, Text: "signing in needs encryption, which this address does not offer"}
	}
	a.offer, a.tokens = sasl.Offer{}, nil
	if sign {
		a.offer = a.cfg.narrow(sasl.NewOffer(a.channelBinding(), a.secure && a.cfg.AllowPlain))
		if a.cfg.Tokens != nil && a.secure {
			a.tokens = sasl.TokenMechanisms(a.channelBinding())
		}
	}
	return a.sendFeatures(func(e *xmlstream.Encoder) {
		if upgradable {
			starttls{required: !sign}.Encode(e)
		}
		if !sign {
			return
		}
		if len(a.offer.Bindings) > 0 {
			channelbinding.Announcement{Types: names(a.offer.Bindings)}.Encode(e)
		}
		sasl1.Mechanisms{Names: names(a.offer.Mechanisms)}.Encode(e)
		if a.secure { // XEP-0388 §5: only inside TLS
			a.sasl2Feature().Encode(e)
		}
		if a.cfg.Register != nil {
			a.cfg.Register.Features(e)
		}
	})
}

// narrow takes out of an offer what is not configured. Types of channel binding
// without a mechanism for them would look like an attack (XEP-0440 §3).
func (cfg *ServerConfig) narrow(o sasl.Offer) sasl.Offer {
	if cfg.Mechanisms == nil {
		return o
	}
	o.Mechanisms = slices.DeleteFunc(o.Mechanisms, func(m sasl.Mechanism) bool { return !slices.Contains(cfg.Mechanisms, m) })
	if !slices.ContainsFunc(o.Mechanisms, sasl.Mechanism.Plus) {
		o.Bindings = nil
	}
	return o
}

func names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func (a *acceptor) sasl2Feature() sasl2.Authentication {
	inline := []string{carbons.NS, clientstate.NS}
	if !a.cfg.NoSM {
		inline = append(inline, sm.NS)
	}
	f := sasl2.Authentication{
		Mechanisms: names(a.offer.Mechanisms),
		SM:         !a.cfg.NoSM,
		Bind:       &bind2.Feature{Inline: append(inline, a.cfg.InlineFeatures...)},
	}
	if len(a.tokens) > 0 { // never with tls-0rtt: no link here takes early data
		f.Fast = &fast.Feature{Mechanisms: names(a.tokens)}
	}
	return f
}

func (a *acceptor) sendFeatures(content func(*xmlstream.Encoder)) error {
	b := appendStreams(nil, "features", a.l.InheritedNS(), content)
	if err := a.l.Send(b); err != nil {
		return linkError(err)
	}
	return nil
}

// sessionFeatures are the features after authentication.
func (a *acceptor) sessionFeatures(bound bool) func(*xmlstream.Encoder) {
	return func(e *xmlstream.Encoder) {
		if !bound {
			bind.Bind{}.Encode(e)
			session.Session{Optional: true}.Encode(e)
		}
		if !a.cfg.NoSM {
			sm.Feature{}.Encode(e)
		}
		clientstate.Feature{}.Encode(e)
		if a.cfg.Features != nil {
			a.cfg.Features(&a.s.peer, e)
		}
	}
}

// authenticate goes on until the client is authenticated. inline is true when
// it is bound or resumed as well.
func (a *acceptor) authenticate() (inline bool, err error) {
	if err := a.features(); err != nil {
		return false, err
	}
	for {
		el, err := a.next()
		if err != nil {
			return false, err
		}
		switch el.Name {
		case xmlstream.Name{Space: NSTLS, Local: "starttls"}:
			if err := a.startTLS(); err != nil {
				return false, err
			}
			continue
		case xmlstream.Name{Space: sasl1.NS, Local: "auth"}:
			done, err := a.auth1(el)
			if err != nil || done {
				return false, err
			}
			continue
		case xmlstream.Name{Space: sasl2.NS, Local: "authenticate"}:
			done, inline, err := a.auth2(el)
			if err != nil || done {
				return inline, err
			}
			continue
		case xmlstream.Name{Space: NSClient, Local: "iq"}:
			if answered, err := a.register(el); err != nil {
				return false, err
			} else if answered {
				continue
			}
		}
		if err := a.premature(el); err != nil {
			return false, err
		}
	}
}

// premature answers what may not be said before authentication.
func (a *acceptor) premature(el *xmlstream.Element) error {
	switch el.Name.Space {
	case sasl1.NS:
		return a.refuse(profile1, "", fail(sasl.MalformedRequest, "no exchange is under way"))
	case sasl2.NS:
		return a.refuse(profile2, "", fail(sasl.MalformedRequest, "no exchange is under way"))
	case sm.NS:
		if a.failed++; a.failed < a.maxAttempts() {
			return a.send(sm.Failed{Condition: stanza.ErrUnexpectedRequest().Condition})
		}
	}
	return &Error{Condition: NotAuthorized, Text: "authenticate first", Cause: fmt.Errorf("element %s", el.Name)}
}

// startTLS upgrades the link and begins a new stream (RFC 6120 §5.4).
func (a *acceptor) startTLS() error {
	u, ok := canStartTLS(a.l)
	if !ok {
		// RFC 6120 §5.4.2.2: failure ends the stream.
		if err := a.send(tlsElement("failure")); err != nil {
			return err
		}
		return fmt.Errorf("stream: <starttls/> where it was not offered: %w", io.EOF)
	}
	if err := u.StartTLS(a.ctx, a.s.render(tlsElement("proceed"))); err != nil {
		a.l.Abort()
		return fmt.Errorf("stream: starting TLS: %w: %w", ErrLost, err)
	}
	a.s.reopen()
	if err := a.header(); err != nil {
		return err
	}
	return a.features()
}

// account returns the address of a user of the current domain.
func (a *acceptor) account(user string) jid.JID {
	j, err := jid.New(user, a.now.to.Domain(), "")
	if err != nil {
		return jid.JID{}
	}
	return j
}

func fail(c sasl.Condition, detail string) *sasl.Error {
	return &sasl.Error{Condition: c, Detail: detail}
}
