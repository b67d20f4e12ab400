package deposit

import (
	"testing"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/deposit"
	"godwit/xep/forward"
)

func TestCheck(t *testing.T) {
	owner := jid.MustParse("alice@localhost")
	for _, c := range []struct {
		why, from, to string
		direction     deposit.Direction
		other         string // "" when refused
	}{
		{"she wrote it", "alice@localhost/x", "bob@example.org/y", deposit.Sent, "bob@example.org/y"},
		{"she got it", "bob@example.org/y", "alice@localhost/x", deposit.Received, "bob@example.org/y"},
		{"she says she got what she wrote", "alice@localhost/x", "bob@example.org/y", deposit.Received, ""},
		{"she says she wrote what she got", "bob@example.org/y", "alice@localhost/x", deposit.Sent, ""},
		{"others wrote each other", "bob@example.org/y", "carol@example.org/z", deposit.Received, ""},
		{"to herself", "alice@localhost/x", "alice@localhost/y", deposit.Sent, ""},
		{"from a server", "example.org", "alice@localhost/x", deposit.Received, ""},
		{"her name in another domain", "alice@example.org/x", "bob@example.org/y", deposit.Sent, ""},
	} {
		st := stanza.Build(stanza.Message, stanza.Chat, jid.MustParse(c.to), jid.MustParse(c.from), "", nil)
		other, bad := check(owner, deposit.Item{Direction: c.direction, Forwarded: forward.Forwarded{Stanza: st}})
		if c.other == "" && bad == nil || c.other != "" && (bad != nil || other != jid.MustParse(c.other)) {
			t.Errorf("%s: %v, %v", c.why, other, bad)
		}
	}
}
