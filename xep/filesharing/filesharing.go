package filesharing

import (
	"godwit/jid"
	"godwit/xep/filemeta"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Namespaces.
const (
	NS         = "urn:xmpp:sfs:0"
	nsURLData  = "http://jabber.org/protocol/url-data"
	nsJingle   = "urn:xmpp:jinglepub:1"
	nsTransfer = "urn:xmpp:jingle:apps:file-transfer:5"
	// AttachNS is that of <attach-to/>.
	AttachNS = "urn:xmpp:message-attaching:1"
)

// Bounds on what is read; more is left out.
const (
	maxSources = 8
	maxURL     = 8 << 10 // bytes
	maxID      = 1 << 10 // bytes
)

// Values of Sharing.Disposition.
const (
	Inline     = "inline"
	Attachment = "attachment"
)

// Sharing is <file-sharing/>.
type Sharing struct {
	Disposition string // Inline, Attachment, or "" where it is left open
	ID          string
	File        filemeta.File
	Sources     Sources
}

// Sources is <sources/>: where a file can be had.
type Sources struct {
	ID     string // of the Sharing it belongs to, where a message has several
	URLs   []string
	Jingle []Published
}

// Published is <jinglepub/>: a session that its publisher starts or can be asked
// for.
type Published struct {
	From jid.JID
	ID   string
}

// AttachTo is <attach-to/>: the message belongs to another one of the same sender
// (XEP-0367 §2).
type AttachTo struct{ ID string }

// Parse reads <file-sharing/>.
func Parse(n xmlstream.Node) (Sharing, error) {
	if err := wire.Expect(n, NS, "file-sharing"); err != nil {
		return Sharing{}, err
	}
	s := Sharing{ID: n.Attr("id")}
	if len(s.ID) > maxID {
		return Sharing{}, wire.NotAcceptable("an id may be %d bytes long", maxID)
	}
	switch d := n.Attr("disposition"); d {
	case Inline, Attachment:
		s.Disposition = d
	}
	f, ok := n.Child(filemeta.NS, "file")
	if !ok {
		return Sharing{}, wire.Bad("<file-sharing/> needs <file/>")
	}
	var err error
	if s.File, err = filemeta.Parse(f, filemeta.NS); err != nil {
		return Sharing{}, err
	}
	if c, ok := n.Child(NS, "sources"); ok {
		s.Sources, err = ParseSources(c)
	}
	return s, err
}

// ParseSources reads <sources/>. Places of kinds that are not known are left out.
func ParseSources(n xmlstream.Node) (Sources, error) {
	if err := wire.Expect(n, NS, "sources"); err != nil {
		return Sources{}, err
	}
	s := Sources{ID: n.Attr("id")}
	if len(s.ID) > maxID {
		return Sources{}, wire.NotAcceptable("an id may be %d bytes long", maxID)
	}
	for c := range n.Elements() {
		switch c.Name {
		case xmlstream.Name{Space: nsURLData, Local: "url-data"}:
			if u := c.Attr("target"); u != "" && len(u) <= maxURL && len(s.URLs) < maxSources {
				s.URLs = append(s.URLs, u)
			}
		case xmlstream.Name{Space: nsJingle, Local: "jinglepub"}:
			id := c.Attr("id")
			from, err := jid.Parse(c.Attr("from"))
			if err == nil && id != "" && len(id) <= maxID && len(s.Jingle) < maxSources {
				s.Jingle = append(s.Jingle, Published{From: from, ID: id})
			}
		}
	}
	return s, nil
}

// Encode writes <file-sharing/>.
func (s Sharing) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "file-sharing")
	wire.OptionalAttr(e, "disposition", s.Disposition)
	wire.OptionalAttr(e, "id", s.ID)
	s.File.Encode(e, filemeta.NS)
	if len(s.Sources.URLs)+len(s.Sources.Jingle) > 0 {
		s.Sources.Encode(e)
	}
	e.End()
}

// Encode writes <sources/>.
func (s Sources) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "sources")
	wire.OptionalAttr(e, "id", s.ID)
	for _, u := range s.URLs {
		e.Start(nsURLData, "url-data")
		e.Attr("target", u)
		e.End()
	}
	for _, p := range s.Jingle {
		e.Start(nsJingle, "jinglepub")
		e.Attr("from", p.From.String())
		e.Attr("id", p.ID)
		wire.Empty(e, nsTransfer, "description")
		e.End()
	}
	e.End()
}

// ParseAttachTo reads <attach-to/>.
func ParseAttachTo(n xmlstream.Node) (AttachTo, error) {
	if err := wire.Expect(n, AttachNS, "attach-to"); err != nil {
		return AttachTo{}, err
	}
	id, err := wire.Bounded(n, "id", maxID)
	return AttachTo{ID: id}, err
}

// Encode writes <attach-to/>.
func (a AttachTo) Encode(e *xmlstream.Encoder) {
	e.Start(AttachNS, "attach-to")
	e.Attr("id", a.ID)
	e.End()
}
