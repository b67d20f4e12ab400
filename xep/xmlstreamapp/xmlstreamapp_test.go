package xmlstreamapp

import (
	"testing"

	"godwit/xmlstream"
)

func TestDescription(t *testing.T) {
	e := xmlstream.NewEncoder(nil, "urn:xmpp:jingle:1")
	Description{}.Encode(e)
	if got := string(e.Bytes()); got != `<description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/>` {
		t.Error(got)
	}
	if _, err := Parse(Description{}.Node()); err != nil {
		t.Error(err)
	}
	if _, err := Parse(Description{}.Node().With(xmlstream.NewNode("later", "option"))); err != nil {
		t.Errorf("what a later version adds is ignored: %v", err)
	}
	for _, n := range []xmlstream.Node{{}, xmlstream.NewNode(NS, "transport"), xmlstream.NewNode("urn:xmpp:jingle:apps:rtp:1", "description")} {
		if _, err := Parse(n); err == nil {
			t.Errorf("accepted %v", n)
		}
	}
}
