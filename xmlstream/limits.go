package xmlstream

// Limits bounds what one peer can make a Reader hold or do. A field that is zero has the value of DefaultLimits, except
// StreamBytes, where zero means no limit. Going over ends the stream with policy-violation.
type Limits struct {
	// StanzaBytes bounds one stanza (or stream header), as received and, separately, in canonical form; at most 64 MiB.
	StanzaBytes int
	// StreamBytes bounds all bytes of one XML document, whitespace included; meant for the time before authentication.
	StreamBytes int
	// Depth bounds nesting; the stanza itself is at depth 1.
	Depth int
	// Attrs bounds the attributes of one element, namespace declarations included, as received and in canonical form.
	Attrs int
	// Namespaces bounds the declarations in scope at one place, those of the stream header included, as received; and
	// separately those in canonical form.
	Namespaces int
	// Children bounds the direct child elements of one stanza.
	Children int
}

// DefaultLimits suits an authenticated peer whose stanzas are passed on to others.
func DefaultLimits() Limits {
	return Limits{StanzaBytes: 256 << 10, Depth: 64, Attrs: 64, Namespaces: 64, Children: 256}
}

// PreAuthLimits suits a peer nobody has vouched for yet.
func PreAuthLimits() Limits {
	return Limits{StanzaBytes: 10 << 10, StreamBytes: 32 << 10, Depth: 8, Attrs: 32, Namespaces: 16, Children: 32}
}

// ServerLimits suits a client reading from its own server, which wraps what others sent (archive results, carbons) and
// answers with whole rosters: looser than DefaultLimits in every field, so that nothing one client may send can end the
// stream of another.
func ServerLimits() Limits {
	return Limits{StanzaBytes: 4 << 20, Depth: 96, Attrs: 128, Namespaces: 128, Children: 1024}
}

// maxStanzaBytes is the most StanzaBytes can be: offsets within one stanza, even with every character escaped, fit 31 bits.
const maxStanzaBytes = 64 << 20

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	fill := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	fill(&l.StanzaBytes, d.StanzaBytes)
	fill(&l.Depth, d.Depth)
	fill(&l.Attrs, d.Attrs)
	fill(&l.Namespaces, d.Namespaces)
	fill(&l.Children, d.Children)
	l.StanzaBytes = min(l.StanzaBytes, maxStanzaBytes)
	l.StreamBytes = max(l.StreamBytes, 0)
	return l
}
