package introduce

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/server/account"
)

type book struct {
	owner, who jid.JID
	contact    account.Contact
	err        error
}

func (b *book) Contact(owner, who jid.JID) (account.Contact, error) {
	b.owner, b.who = owner, who
	return b.contact, b.err
}

func TestAllow(t *testing.T) {
	from, to := jid.MustParse("alice@localhost/x"), jid.MustParse("bob@localhost/y")
	for _, c := range []struct {
		why     string
		policy  Policy
		contact account.Contact
		err     error
		want    string
	}{
		{"mutual contacts", Contacts, account.Contact{Known: true, From: true, To: true}, nil, ""},
		{"bob sees alice, but does not let her see him", Contacts, account.Contact{Known: true, To: true}, nil, "forbidden"},
		{"alice sees bob, who does not care for her", Contacts, account.Contact{Known: true, From: true}, nil, "forbidden"},
		{"strangers", Contacts, account.Contact{}, nil, "forbidden"},
		{"strangers, where anyone may", Anyone, account.Contact{}, nil, ""},
		{"contacts, where nobody may", Off, account.Contact{Known: true, From: true, To: true}, nil, "forbidden"},
		{"nobody knows: not allowed, and not counted as refused by policy", Contacts, account.Contact{}, errors.New("disk"), "internal-server-error"},
	} {
		b := &book{contact: c.contact, err: c.err}
		g := NewGate(c.policy, b, slog.New(slog.NewTextHandler(io.Discard, nil)))
		bad := g.Allow(t.Context(), from, to)
		passed, refused := g.Counters.Passed.Load(), g.Counters.Refused.Load()
		switch c.want {
		case "":
			if bad != nil || passed != 1 || refused != 0 {
				t.Errorf("%s: %v, %d passed, %d refused", c.why, bad, passed, refused)
			}
		case "forbidden":
			if bad == nil || bad.Condition != c.want || passed != 0 || refused != 1 {
				t.Errorf("%s: %v, %d passed, %d refused", c.why, bad, passed, refused)
			} else if bad.App.Name.Space != NS || bad.App.Attr("policy") != string(c.policy) || bad.Text == "" {
				t.Errorf("%s: the client can not tell why: %+v", c.why, bad)
			}
		default:
			if bad == nil || bad.Condition != c.want || refused != 0 {
				t.Errorf("%s: %v, %d refused", c.why, bad, refused)
			}
		}
		if c.policy == Contacts && (b.owner != to.Bare() || b.who != from.Bare()) {
			t.Errorf("%s: the roster of %s was asked about %s", c.why, b.owner, b.who)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	for _, p := range []Policy{Contacts, Anyone, Off} {
		if got, err := ParsePolicy(string(p)); got != p || err != nil {
			t.Errorf("%s: %s, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("friends"); err == nil || !strings.Contains(err.Error(), "friends") {
		t.Errorf("an unknown policy: %v", err)
	}
}
