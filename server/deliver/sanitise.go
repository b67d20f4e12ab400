package deliver

import (
	"godwit/jid"
	"godwit/stanza"
	"godwit/xmlstream"
)

// Sanitise takes out of a client's stanza what only this server may say: archive ids by local addresses (XEP-0359 §4.3), archive results and
// carbons (whoever reads them trusts the envelope, so none is let in at all), and delay stamps in this domain's name (XEP-0203 §5).
func Sanitise(st *stanza.Stanza, domain jid.JID) *stanza.Stanza {
	suspicious := false
	for name := range st.ChildNames() {
		if forgeable(name) {
			suspicious = true
			break
		}
	}
	if !suspicious {
		return st
	}
	return st.Without(func(name xmlstream.Name, tree func() xmlstream.Node) bool {
		if !forgeable(name) {
			return false
		}
		switch name.Space {
		case "urn:xmpp:sid:0":
			return localName(tree().Attr("by"), domain)
		case "urn:xmpp:delay":
			return localName(tree().Attr("from"), domain)
		}
		return true
	})
}

func forgeable(name xmlstream.Name) bool {
	switch name.Space {
	case "urn:xmpp:sid:0":
		return name.Local == "stanza-id"
	case "urn:xmpp:delay":
		return true
	case "urn:xmpp:mam:2":
		return name.Local == "result"
	case "urn:xmpp:carbons:2":
		return name.Local == "sent" || name.Local == "received"
	}
	return false
}

// localName reports whether an address is one this server speaks for. What is no address is not believed either.
func localName(s string, domain jid.JID) bool {
	if s == "" {
		return true
	}
	j, err := jid.Parse(s)
	return err != nil || j.Domain() == domain.Domain()
}
