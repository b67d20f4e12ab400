package stream

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"

	"godwit/link"
	"godwit/xmlstream"
)

// encodable is what every codec of package xep gives.
type encodable interface{ Encode(*xmlstream.Encoder) }

// render writes one element for the stream's link.
func (s *Stream) render(v encodable) []byte { return render(s.link, v) }

func render(l link.Link, v encodable) []byte {
	e := xmlstream.NewEncoder(nil, l.InheritedNS())
	v.Encode(e)
	return e.Bytes()
}

// appendStreams writes an element of the streams namespace with its customary
// prefix, on which old clients insist, and declares that prefix where no stream
// header did (RFC 6120 §4.8.5, RFC 7395 §3.4).
func appendStreams(dst []byte, local, inheritedNS string, content func(*xmlstream.Encoder)) []byte {
	dst = append(dst, "<stream:"...)
	dst = append(dst, local...)
	if inheritedNS == "" {
		dst = append(dst, " xmlns:stream='"+NSStreams+"'"...)
	}
	dst = append(dst, '>')
	e := xmlstream.NewEncoder(dst, inheritedNS)
	content(e)
	dst = append(e.Bytes(), "</stream:"...)
	dst = append(dst, local...)
	return append(dst, '>')
}

// asError makes an error fit to end a stream with.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) && !e.Remote {
		return e
	}
	return &Error{Condition: InternalServerError, Cause: err}
}

// append renders the error for the peer: never the cause.
func (e *Error) append(dst []byte, inheritedNS string) []byte {
	return appendStreams(dst, "error", inheritedNS, func(enc *xmlstream.Encoder) {
		enc.Leaf(NSStreamErrors, string(e.Condition), e.Host)
		if e.Text != "" {
			enc.Start(NSStreamErrors, "text").Lang("en").Text(e.Text).End()
		}
		if !e.App.IsZero() {
			e.App.Encode(enc)
		}
	})
}

// parseError reads a stream error of the peer (RFC 6120 §4.9.2).
func parseError(el *xmlstream.Element) *Error {
	e := &Error{Condition: UndefinedCondition, Remote: true}
	n, err := el.Tree()
	if err != nil {
		e.Cause = err
		return e
	}
	for c := range n.Elements() {
		switch {
		case c.Name.Space != NSStreamErrors:
			if e.App.IsZero() {
				e.App = c
			}
		case c.Name.Local == "text":
			e.Text = cut(c.InnerText(), maxErrorText)
		default:
			e.Condition = Condition(cut(c.Name.Local, 64))
			if e.Condition == SeeOtherHost {
				e.Host = cut(c.InnerText(), maxErrorText)
			}
		}
	}
	return e
}

// maxErrorText bounds what of a peer's error text is kept, in bytes.
const maxErrorText = 512

func cut(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// newStreamID returns an unguessable stream identifier (RFC 6120 §4.7.3).
func newStreamID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
