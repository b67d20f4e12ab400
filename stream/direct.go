package stream

import (
	"context"
	"errors"
	"fmt"
	"io"

	"godwit/jid"
	"godwit/link"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// DirectConfig says who is at the two ends of a direct link.
type DirectConfig struct {
	// Local and Remote are full JIDs, as agreed in the introduction.
	Local, Remote jid.JID
	// Initiator opens the stream; the other end answers.
	Initiator       bool
	Lang            string
	Limits          *xmlstream.Limits
	MaxUnacked      int // bytes; DefaultMaxUnacked
	RequestAckEvery int // stanzas; 16
}

// Direct opens the stream between two clients on a link whose layer below has
// authenticated both (the peer's key was pinned by the introduction). There is
// no TLS, SASL or binding here: headers are exchanged and must name exactly
// these two, and acknowledgements (XEP-0198) are always enabled, without
// resumption. The context bounds the exchange. On failure the link is closed.
//
// On the wire: the initiator sends its header and <enable/> at once; the other
// end answers with its header, <stream:features/> listing <sm/>, and <enabled/>.
func Direct(ctx context.Context, l link.Link, cfg DirectConfig) (*Stream, error) {
	if !cfg.Local.IsFull() || !cfg.Remote.IsFull() {
		l.Abort()
		return nil, errors.New("stream: a direct stream joins two full addresses")
	}
	s := newStream(l, cfg.RequestAckEvery)
	s.peer = Peer{Kind: l.Kind(), Remote: l.RemoteAddr(), JID: cfg.Remote, Account: cfg.Remote.Bare()}
	s.peer.TLS, _ = link.Secure(l)
	l.SetLimits(limitsOr(cfg.Limits, xmlstream.DefaultLimits()))
	stop := context.AfterFunc(ctx, l.Abort)
	d := &direct{s: s, l: l, cfg: cfg}
	var err error
	if cfg.Initiator {
		err = d.initiate()
	} else {
		err = d.respond()
	}
	if !stop() && err != nil {
		err = fmt.Errorf("stream: the direct stream was not opened: %w", context.Cause(ctx))
	}
	if err != nil {
		s.Close(err)
		return nil, err
	}
	return s, nil
}

// direct is one end of the negotiation. It belongs to the goroutine that runs
// Direct.
type direct struct {
	s   *Stream
	l   link.Link
	cfg DirectConfig
}

// open sends this end's header, with what follows it at once.
func (d *direct) open(id string, then []byte) error {
	h := link.Header{ID: id, From: d.cfg.Local.String(), To: d.cfg.Remote.String(), Version: version, Lang: d.cfg.Lang}
	if err := d.s.open(h); err != nil {
		return linkError(err)
	}
	if len(then) == 0 {
		return nil
	}
	return linkErrorOrNil(d.l.Send(then))
}

// header reads the peer's header, which must name these two.
func (d *direct) header() error {
	f, err := d.l.Read()
	if err != nil {
		return linkError(err)
	}
	if f.Kind != link.Open {
		return fmt.Errorf("%w: the peer closed the stream", ErrLost)
	}
	if !supportedVersion(f.Header.Version) {
		return &Error{Condition: UnsupportedVersion, Text: "version 1.0 or later is needed"}
	}
	if from, err := jid.Parse(f.Header.From); err != nil || from != d.cfg.Remote {
		return &Error{Condition: InvalidFrom, Text: "the header is not from who was introduced"}
	}
	if to, err := jid.Parse(f.Header.To); err != nil || to != d.cfg.Local {
		return &Error{Condition: HostUnknown, Text: "the header is for somebody else"}
	}
	d.s.peer.Lang = cut(f.Header.Lang, 64)
	return nil
}

// expect reads the one element that must come now.
func (d *direct) expect(space, local string) error {
	el, err := nextElement(d.l)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: the peer closed the stream", ErrLost)
		}
		return err
	}
	if el.Name != (xmlstream.Name{Space: space, Local: local}) {
		return &Error{Condition: PolicyViolation, Text: "expected <" + local + "/>", Cause: fmt.Errorf("element %s", el.Name)}
	}
	return nil
}

func (d *direct) initiate() error {
	if err := d.open("", d.s.render(sm.Enable{})); err != nil {
		return err
	}
	if err := d.header(); err != nil {
		return err
	}
	if err := d.expect(NSStreams, "features"); err != nil {
		return err
	}
	if err := d.expect(sm.NS, "enabled"); err != nil {
		return err
	}
	d.s.adopt(NewManagement(d.cfg.MaxUnacked))
	d.s.begin(nil)
	return nil
}

func (d *direct) respond() error {
	if err := d.header(); err != nil {
		if !errors.Is(err, ErrLost) { // an error needs a header before it
			_ = d.open(newStreamID(), nil)
		}
		return err
	}
	features := appendStreams(nil, "features", d.l.InheritedNS(), sm.Feature{}.Encode)
	if err := d.open(newStreamID(), features); err != nil {
		return err
	}
	if err := d.expect(sm.NS, "enable"); err != nil {
		return err
	}
	d.s.adopt(NewManagement(d.cfg.MaxUnacked))
	d.s.begin(nil, d.s.render(sm.Enabled{}))
	return nil
}
