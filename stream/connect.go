package stream

import (
	"context"
	"errors"
	"fmt"
	"io"

	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
	"godwit/xep/channelbinding"
	"godwit/xep/sasl1"
	"godwit/xep/sasl2"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// connector is the client's side of one negotiation. It belongs to the
// goroutine that runs Connect.
type connector struct {
	ctx context.Context
	s   *Stream
	l   link.Link
	cfg *ClientConfig

	secure   bool
	features xmlstream.Node
	binding  string // kind of channel binding data asked for last
	tried    bool   // resumption was asked for, in vain
	session  ClientSession
}

// Connect signs in over a link on which nothing has been said. It prefers
// SASL2 with Bind 2, resumes cfg.Resume if it can and else binds a resource.
// The context bounds all of it. On failure the link is closed and the error is
// one of
//   - *AuthError: the credentials were refused, or will be later (Temporary),
//   - ErrTLSRequired, sasl.ErrDowngrade, sasl.ErrNoMechanism, sasl.ErrServerProof:
//     signing in would be unsafe,
//   - *Error with Remote set: a stream error; Host is set for see-other-host,
//   - *BindError: signed in, but no resource was granted,
//   - anything else: the link failed, or the server broke the protocol (an
//     *Error of this end).
func Connect(ctx context.Context, l link.Link, cfg *ClientConfig) (*Stream, *ClientSession, error) {
	s := newStream(l, cfg.RequestAckEvery)
	s.peer = Peer{Kind: l.Kind(), Remote: l.RemoteAddr(), JID: cfg.JID.Bare(), Account: cfg.JID.Bare()}
	stop := context.AfterFunc(ctx, l.Abort)
	c := &connector{ctx: ctx, s: s, l: l, cfg: cfg}
	err := c.run()
	if !stop() && err != nil {
		err = fmt.Errorf("stream: sign-in was not finished: %w", context.Cause(ctx))
	}
	if err != nil {
		c.giveUp(err)
		return nil, nil, err
	}
	return s, &c.session, nil
}

// giveUp leaves, telling the server what it did wrong if it did.
func (c *connector) giveUp(err error) {
	var e *Error
	switch {
	case errors.As(err, &e) && !e.Remote:
		c.s.Close(e)
	case errors.Is(err, ErrLost), errors.Is(err, link.ErrClosed), errors.Is(err, link.ErrInjected):
		c.l.Abort()
	default:
		c.s.Close(nil)
	}
}

func (c *connector) run() error {
	if c.cfg.JID.Local() == "" {
		return errors.New("stream: the account's address has no local part")
	}
	c.l.SetLimits(limitsOr(c.cfg.Limits, xmlstream.ServerLimits()))
	if err := c.open(); err != nil {
		return err
	}
	if err := c.encrypt(); err != nil {
		return err
	}
	inline, err := c.authenticate()
	if err != nil || inline {
		return err
	}
	return c.bindLegacy()
}

// open begins a stream and reads the server's header and features.
func (c *connector) open() error {
	_, c.secure = link.Secure(c.l)
	c.s.reopen()
	h := link.Header{To: c.cfg.JID.Domain(), Version: version, Lang: c.cfg.Lang}
	if c.secure && c.cfg.JID.Local() != "" { // RFC 6120 §4.7.1: not before the stream is confidential
		h.From = c.cfg.JID.Bare().String()
	}
	if err := c.s.open(h); err != nil {
		return linkError(err)
	}
	f, err := c.l.Read()
	if err != nil {
		return linkError(err)
	}
	if f.Kind != link.Open {
		return closedEarly()
	}
	if err := c.checkHeader(f.Header); err != nil {
		return err
	}
	c.s.peer.Lang = cut(f.Header.Lang, 64)
	return c.readFeatures()
}

// checkHeader decides about the server's header. An error element may follow a
// header that is not quite right, and says more than we could.
func (c *connector) checkHeader(h link.Header) error {
	if !supportedVersion(h.Version) {
		return &Error{Condition: UnsupportedVersion, Text: "version 1.0 or later is needed"}
	}
	if h.From == "" {
		return nil
	}
	from, err := jid.Parse(h.From)
	if err == nil && from == c.cfg.JID.DomainJID() {
		return nil
	}
	var told *Error
	if _, err := nextElement(c.l); errors.As(err, &told) && told.Remote {
		return told
	}
	return &Error{Condition: InvalidFrom, Text: "the header is of another domain"}
}

func closedEarly() error {
	return fmt.Errorf("%w: the server closed the stream during sign-in", ErrLost)
}

// next reads one element.
func (c *connector) next() (*xmlstream.Element, error) {
	el, err := nextElement(c.l)
	if errors.Is(err, io.EOF) {
		return nil, closedEarly()
	}
	return el, err
}

// nextNode reads one element as a tree.
func (c *connector) nextNode() (xmlstream.Node, error) {
	el, err := c.next()
	if err != nil {
		return xmlstream.Node{}, err
	}
	n, err := el.Tree()
	if err != nil {
		return n, &Error{Condition: NotWellFormed, Cause: err}
	}
	return n, nil
}

func (c *connector) readFeatures() error {
	n, err := c.nextNode()
	if err != nil {
		return err
	}
	if n.Name != (xmlstream.Name{Space: NSStreams, Local: "features"}) {
		return unexpected(n)
	}
	c.features = n
	return nil
}

// unexpected is the error for a server that breaks the protocol.
func unexpected(n xmlstream.Node) error {
	return &Error{Condition: BadFormat, Text: "this was not expected here",
		Cause: fmt.Errorf("unexpected element %s", n.Name)}
}

func (c *connector) send(v encodable) error {
	return linkErrorOrNil(c.l.Send(c.s.render(v)))
}

// encrypt upgrades the link if it can and must, or fails when signing in would
// be unsafe (RFC 6120 §5.3.1, RFC 7590 §3.1).
func (c *connector) encrypt() error {
	if c.secure {
		return nil
	}
	offer, offered := c.features.Child(NSTLS, "starttls")
	_, required := offer.Child(NSTLS, "required")
	u, able := canStartTLS(c.l)
	switch {
	case able && offered:
		return c.startTLS(u)
	case !c.cfg.AllowUnencrypted || c.cfg.Pin.TLS || required:
		return ErrTLSRequired
	}
	return nil
}

func (c *connector) startTLS(u link.Upgrader) error {
	if err := c.send(starttls{}); err != nil {
		return err
	}
	n, err := c.nextNode()
	if err != nil {
		return err
	}
	if n.Name != (xmlstream.Name{Space: NSTLS, Local: "proceed"}) {
		if n.Name.Space == NSTLS {
			return fmt.Errorf("%w: it refused to begin TLS", ErrTLSRequired)
		}
		return unexpected(n)
	}
	if err := u.StartTLS(c.ctx, nil); err != nil {
		c.l.Abort()
		return fmt.Errorf("stream: starting TLS: %w", err)
	}
	if _, ok := link.Secure(c.l); !ok {
		return ErrTLSRequired
	}
	return c.open()
}

// channelBinding is the link's, noting which kind is used.
func (c *connector) channelBinding() sasl.ChannelBinding {
	if !c.secure {
		return nil
	}
	sec := c.l.(link.Secured)
	return func(kind string) ([]byte, bool) {
		c.binding = kind
		return sec.ChannelBinding(kind)
	}
}

// offers reads what the server announced in either profile.
func (c *connector) offers() (one sasl.Offer, two *sasl2.Authentication, err error) {
	if n, ok := c.features.Child(sasl1.NS, "mechanisms"); ok {
		m, err := sasl1.ParseMechanisms(n)
		if err != nil {
			return one, nil, protocolError(err)
		}
		one.Mechanisms = toMechanisms(m.Names)
	}
	if n, ok := c.features.Child(channelbinding.NS, "sasl-channel-binding"); ok {
		b, err := channelbinding.Parse(n)
		if err != nil {
			return one, nil, protocolError(err)
		}
		for _, t := range b.Types {
			one.Bindings = append(one.Bindings, sasl.BindingType(t))
		}
	}
	if n, ok := c.features.Child(sasl2.NS, "authentication"); ok && c.secure {
		v, err := sasl2.ParseAuthentication(n)
		if err != nil {
			return one, nil, protocolError(err)
		}
		two = &v
	}
	return one, two, nil
}

func toMechanisms(list []string) []sasl.Mechanism {
	out := make([]sasl.Mechanism, len(list))
	for i, n := range list {
		out[i] = sasl.Mechanism(n)
	}
	return out
}

// protocolError is for what a server sent and a codec refused.
func protocolError(err error) error {
	return &Error{Condition: BadFormat, Text: "this element is malformed", Cause: err}
}

// smOffered reports whether XEP-0198 is a feature now.
func (c *connector) smOffered() bool {
	_, ok := c.features.Child(sm.NS, "sm")
	return ok
}
