package bind2

import (
	"godwit/xep/archive"
	"godwit/xep/carbons"
	"godwit/xep/clientstate"
	"godwit/xep/internal/wire"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// NS is the namespace of <bind/> and <bound/>.
const NS = "urn:xmpp:bind:0"

// MaxTag bounds a tag in bytes, which leaves room in a resource of 1023 for
// what the server adds.
const MaxTag = 512

// maxFeatures bounds the inline features that are read.
const maxFeatures = 64

// Feature announces Bind 2 among the inline features of SASL2 (XEP-0386
// §3.1). Inline names what a request may switch on, as feature names.
type Feature struct{ Inline []string }

// Has reports whether name can be switched on inline.
func (f Feature) Has(name string) bool {
	for _, v := range f.Inline {
		if v == name {
			return true
		}
	}
	return false
}

// Bind is the request (XEP-0386 §3.2).
type Bind struct {
	Tag     string // names the client software; visible to others
	Carbons bool
	SM      *sm.Enable // nil does not ask
	State   clientstate.State
	Other   []xmlstream.Node // requests this package does not know
}

// Bound is the answer (XEP-0386 §3.2).
type Bound struct {
	SM       *sm.Enabled       // stream management is on
	SMFailed *sm.Failed        // it was asked for and refused
	Metadata *archive.Metadata // ends of the user's archive at the moment of binding
	Other    []xmlstream.Node
}

// ParseFeature reads <bind/> of the stream features.
func ParseFeature(n xmlstream.Node) (Feature, error) {
	if err := wire.Expect(n, NS, "bind"); err != nil {
		return Feature{}, err
	}
	var f Feature
	inline, _ := n.Child(NS, "inline")
	for c := range inline.Elements() {
		if c.Name.Space != NS || c.Name.Local != "feature" || len(f.Inline) == maxFeatures {
			continue
		}
		v, err := wire.Required(c, "var")
		if err != nil {
			return Feature{}, err
		}
		f.Inline = append(f.Inline, v)
	}
	return f, nil
}

// ParseBind reads <bind/> of a request.
func ParseBind(n xmlstream.Node) (Bind, error) {
	if err := wire.Expect(n, NS, "bind"); err != nil {
		return Bind{}, err
	}
	var b Bind
	for c := range n.Elements() {
		if c.Name.Space == NS && c.Name.Local == "tag" {
			b.Tag = c.InnerText()
			if len(b.Tag) > MaxTag {
				return Bind{}, wire.NotAcceptable("<tag/> may be %d bytes long, not %d", MaxTag, len(b.Tag))
			}
			continue
		}
		if err := b.request(c); err != nil {
			return Bind{}, err
		}
	}
	return b, nil
}

func (b *Bind) request(c xmlstream.Node) error {
	switch c.Name {
	case xmlstream.Name{Space: carbons.NS, Local: "enable"}:
		b.Carbons = true
	case xmlstream.Name{Space: sm.NS, Local: "enable"}:
		v, err := sm.ParseEnable(c)
		if err != nil {
			return err
		}
		b.SM = &v
	default:
		if s, ok := clientstate.FromName(c.Name); ok {
			b.State = s
		} else {
			b.Other = append(b.Other, c)
		}
	}
	return nil
}

// ParseBound reads <bound/>.
func ParseBound(n xmlstream.Node) (Bound, error) {
	if err := wire.Expect(n, NS, "bound"); err != nil {
		return Bound{}, err
	}
	var b Bound
	for c := range n.Elements() {
		switch c.Name {
		case xmlstream.Name{Space: sm.NS, Local: "enabled"}:
			v, err := sm.ParseEnabled(c)
			if err != nil {
				return Bound{}, err
			}
			b.SM = &v
		case xmlstream.Name{Space: sm.NS, Local: "failed"}:
			v, err := sm.ParseFailed(c)
			if err != nil {
				return Bound{}, err
			}
			b.SMFailed = &v
		case xmlstream.Name{Space: archive.NS, Local: "metadata"}:
			v, err := archive.ParseMetadata(c)
			if err != nil {
				return Bound{}, err
			}
			b.Metadata = &v
		default:
			b.Other = append(b.Other, c)
		}
	}
	return b, nil
}

// Encode writes <bind/> of the stream features.
func (f Feature) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "bind")
	if len(f.Inline) > 0 {
		e.Start(NS, "inline")
		for _, v := range f.Inline {
			e.Start(NS, "feature")
			e.Attr("var", v)
			e.End()
		}
		e.End()
	}
	e.End()
}

// Encode writes <bind/> of a request.
func (b Bind) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "bind")
	wire.OptionalLeaf(e, NS, "tag", b.Tag)
	if b.Carbons {
		carbons.Enable.Encode(e)
	}
	if b.SM != nil {
		b.SM.Encode(e)
	}
	b.State.Encode(e)
	for _, n := range b.Other {
		n.Encode(e)
	}
	e.End()
}

// Encode writes <bound/>.
func (b Bound) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "bound")
	if b.SM != nil {
		b.SM.Encode(e)
	}
	if b.SMFailed != nil {
		b.SMFailed.Encode(e)
	}
	if b.Metadata != nil {
		b.Metadata.Encode(e)
	}
	for _, n := range b.Other {
		n.Encode(e)
	}
	e.End()
}
