package bytestream

import (
	"errors"
	"io"
	"time"

	"godwit/link"
	"godwit/xmlstream"
)

const (
	nsClient  = "jabber:client"
	nsStreams = "http://etherx.jabber.org/streams"
)

// readState is where the peer's stream is.
type readState uint8

const (
	wantHeader readState = iota
	inStream
	afterEnd
	failed
)

// source is what the tokenizer reads from: the current transport, observed.
type source struct{ l *Link }

func (s source) Read(p []byte) (int, error) {
	t, err := s.l.beginRead()
	if err != nil {
		return 0, err
	}
	n, err := t.Read(p)
	if err != nil {
		s.l.heardEnd.Store(true)
	}
	if n > 0 {
		s.l.lastHeard.Store(time.Now().UnixNano())
		s.l.in.Add(uint64(n))
	}
	if ended := s.l.endRead(); ended != nil {
		return 0, ended
	}
	return n, err
}

func (l *Link) beginRead() (io.Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = l.alive() == nil
	return l.rwc, l.alive()
}

func (l *Link) endRead() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	if l.readEnd != nil {
		close(l.readEnd)
		l.readEnd = nil
	}
	return l.alive()
}

// Read implements link.Link.
func (l *Link) Read() (link.Frame, error) {
	if err := l.ended(); err != nil {
		return link.Frame{}, err
	}
	switch l.state {
	case afterEnd:
		return link.Frame{}, io.EOF
	case failed:
		return link.Frame{}, io.ErrUnexpectedEOF
	}
	tok, err := l.reader.Next()
	if err != nil {
		return link.Frame{}, l.readFailed(err)
	}
	switch tok.Kind {
	case xmlstream.StreamStart:
		h, err := header(&tok.Start)
		if err != nil {
			l.state = failed
			return link.Frame{}, err
		}
		l.state = inStream
		return link.Frame{Kind: link.Open, Header: h}, nil
	case xmlstream.StreamEnd:
		l.state = afterEnd
		l.heardEnd.Store(true)
		return link.Frame{Kind: link.Close}, nil
	default:
		return link.Frame{Kind: link.Element, Element: tok.Element}, nil
	}
}

// readFailed says why reading ended. Refused bytes leave the link able to
// send; the end of the transport ends the link.
func (l *Link) readFailed(err error) error {
	l.state = failed
	var bad *xmlstream.Error
	if errors.As(err, &bad) {
		return bad
	}
	if reason := l.ended(); reason != nil {
		return reason // this end closed first, and may still be flushing
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	l.end(err)
	return err
}

// header checks the root element (RFC 6120 §4.8) and takes its attributes.
func header(s *xmlstream.StreamHeader) (link.Header, error) {
	if s.Name.Space != nsStreams {
		return link.Header{}, &xmlstream.Error{Condition: "invalid-namespace",
			Detail: "the root element must be in namespace " + nsStreams}
	}
	if s.Name.Local != "stream" {
		return link.Header{}, &xmlstream.Error{Condition: "bad-format",
			Detail: "the root element must be <stream:stream>"}
	}
	if s.DefaultNS != nsClient {
		return link.Header{}, &xmlstream.Error{Condition: "invalid-namespace",
			Detail: "the default namespace must be " + nsClient}
	}
	var h link.Header
	for _, a := range s.Attrs {
		switch a.Name {
		case xmlstream.Name{Local: "to"}:
			h.To = a.Value
		case xmlstream.Name{Local: "from"}:
			h.From = a.Value
		case xmlstream.Name{Local: "id"}:
			h.ID = a.Value
		case xmlstream.Name{Local: "version"}:
			h.Version = a.Value
		case xmlstream.Name{Space: nsXML, Local: "lang"}:
			h.Lang = a.Value
		}
	}
	return h, nil
}

const nsXML = "http://www.w3.org/XML/1998/namespace"

// SetLimits implements link.Link.
func (l *Link) SetLimits(lim xmlstream.Limits) { l.reader.SetLimits(lim) }

// Restart implements link.Link.
func (l *Link) Restart() error {
	if l.reader.DropSpace() > 0 {
		l.end(link.ErrInjected)
		return link.ErrInjected
	}
	l.reader.Reset(source{l})
	l.state = wantHeader
	return nil
}
