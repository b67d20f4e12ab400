package clientstate_test

import (
	"testing"

	"godwit/xep/clientstate"
	"godwit/xep/internal/codectest"
)

func TestState(t *testing.T) {
	type row = codectest.Row[clientstate.State]
	codectest.Table(t, clientstate.Parse,
		row{Why: "active", XML: `<active xmlns='urn:xmpp:csi:0'/>`, Want: clientstate.Active},
		row{Why: "inactive", XML: `<inactive xmlns='urn:xmpp:csi:0'/>`, Want: clientstate.Inactive},
		row{Why: "a chat state is something else", XML: `<active xmlns='http://jabber.org/protocol/chatstates'/>`, Err: "bad-request"},
		row{Why: "the feature is no state", XML: `<csi xmlns='urn:xmpp:csi:0'/>`, Err: "bad-request"},
	)
	if got := codectest.Write(t, clientstate.Unsaid); got != "" {
		t.Errorf("saying nothing writes %s", got)
	}
	if got := codectest.Write(t, clientstate.Feature{}); got != `<csi xmlns='urn:xmpp:csi:0'/>` {
		t.Errorf("feature %s", got)
	}
}
