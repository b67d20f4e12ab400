package archive

import (
	"godwit/jid"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// MaxPrefs bounds each list of addresses in preferences that are read.
const MaxPrefs = 1000

// Default says what happens to messages with an address in neither list
// (XEP-0441 §2.1.1).
type Default string

// The defaults.
const (
	Always Default = "always"
	Never  Default = "never"
	Roster Default = "roster" // only with contacts
)

// Prefs are archiving preferences (XEP-0441 §2). An empty Default is a
// request to read them.
type Prefs struct {
	Default Default
	Always  []jid.JID
	Never   []jid.JID
}

// ParsePrefs reads <prefs/>. Duplicates in a list are dropped.
func ParsePrefs(n xmlstream.Node) (Prefs, error) {
	if err := wire.Expect(n, NS, "prefs"); err != nil {
		return Prefs{}, err
	}
	p := Prefs{Default: Default(n.Attr("default"))}
	switch p.Default {
	case "", Always, Never, Roster:
	default:
		return Prefs{}, wire.Bad("archiving has no default %s", wire.Quote(string(p.Default)))
	}
	var err error
	if p.Always, err = parseList(n, "always"); err != nil {
		return Prefs{}, err
	}
	if p.Never, err = parseList(n, "never"); err != nil {
		return Prefs{}, err
	}
	return p, nil
}

func parseList(n xmlstream.Node, local string) ([]jid.JID, error) {
	list, ok := n.Child(NS, local)
	if !ok {
		return nil, nil
	}
	var all []jid.JID
	seen := make(map[jid.JID]bool)
	for c := range list.Elements() {
		if c.Name.Space != NS || c.Name.Local != "jid" {
			continue
		}
		j, err := wire.Address(c.InnerText())
		if err != nil {
			return nil, err
		}
		if seen[j] {
			continue
		}
		if len(all) == MaxPrefs {
			return nil, wire.NotAcceptable("<%s/> may list %d addresses", local, MaxPrefs)
		}
		seen[j] = true
		all = append(all, j)
	}
	return all, nil
}

// Encode writes <prefs/>: both lists, even if empty, unless Default is empty.
func (p Prefs) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "prefs")
	if p.Default != "" {
		e.Attr("default", string(p.Default))
		encodeList(e, "always", p.Always)
		encodeList(e, "never", p.Never)
	}
	e.End()
}

func encodeList(e *xmlstream.Encoder, local string, list []jid.JID) {
	e.Start(NS, local)
	for _, j := range list {
		e.Leaf(NS, "jid", j.String())
	}
	e.End()
}
