package wire

import (
	"errors"

	"godwit/stanza"
	"godwit/xmlstream"
)

// Stanza turns a stanza that was found inside a payload into a value. It must
// have a sound head.
func Stanza(n xmlstream.Node) (*stanza.Stanza, error) {
	e := xmlstream.NewEncoder(nil, "")
	n.Encode(e)
	if err := e.Err(); err != nil {
		return nil, Bad("<%s/> cannot be written: %v", n.Name.Local, err)
	}
	el, err := xmlstream.ParseElement(e.Bytes(), xmlstream.DefaultLimits())
	if err != nil {
		return nil, Bad("forwarded <%s/> is malformed: %v", n.Name.Local, err)
	}
	s, err := stanza.FromElement(&el)
	if errors.Is(err, stanza.ErrNotStanza) {
		return nil, Bad("<%s/> is not a stanza", n.Name.Local)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}
