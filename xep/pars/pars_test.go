package pars_test

import (
	"errors"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/xep/internal/codectest"
	"godwit/xep/pars"
)

func TestPreauth(t *testing.T) {
	type row = codectest.Row[pars.Preauth]
	const ns = ` xmlns='urn:xmpp:pars:0'`
	codectest.Table(t, pars.Parse,
		row{Why: "a token", XML: `<preauth` + ns + ` token='1tMFqYDdKhfe2pwp'/>`, Want: pars.Preauth{Token: "1tMFqYDdKhfe2pwp"}},
		row{Why: "none", XML: `<preauth` + ns + `/>`, Err: "bad-request"},
		row{Why: "without end", XML: `<preauth` + ns + ` token='` + strings.Repeat("a", pars.MaxToken+1) + `'/>`, Err: "not-acceptable"},
	)
	codectest.Table(t, pars.ParseFeature, codectest.Row[pars.Feature]{Why: "the feature", XML: `<register xmlns='urn:xmpp:ibr-token:0'/>`},
		codectest.Row[pars.Feature]{Why: "that of open registration", XML: `<register xmlns='http://jabber.org/features/iq-register'/>`, Err: "bad-request"})
}

func TestURI(t *testing.T) {
	romeo := jid.MustParse("romeo@montague.net")
	for _, c := range []struct {
		uri  string
		want pars.Invitation
		out  string // as written again; "" means the same
	}{
		{"xmpp:romeo@montague.net?roster;preauth=T", pars.Invitation{With: romeo, Token: "T"}, ""},
		{"xmpp:romeo@montague.net?roster;preauth=T;name=Romeo%20M;ibr=y", pars.Invitation{With: romeo, Token: "T", InBand: true, Name: "Romeo M"}, ""},
		{"xmpp:montague.net?register;preauth=T", pars.Invitation{With: jid.MustParse("montague.net"), Register: true, Token: "T"}, ""},
		{"xmpp:juliet@montague.net?register;preauth=T;ibr=y;x=1", pars.Invitation{With: jid.MustParse("juliet@montague.net"), Register: true, Token: "T"}, "xmpp:juliet@montague.net?register;preauth=T"},
		{"xmpp:%E5%BC%A0@montague.net?roster;preauth=a%3Bb", pars.Invitation{With: jid.MustParse("张@montague.net"), Token: "a;b"}, ""},
	} {
		got, err := pars.ParseURI(c.uri)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.uri, got, err)
		}
		want := c.out
		if want == "" {
			want = c.uri
		}
		if s := got.String(); s != want {
			t.Errorf("%s is written %s", c.uri, s)
		}
	}
	for _, bad := range []string{"", "xmpp:", "https://x/?roster;preauth=T", "xmpp:romeo@montague.net", "xmpp:romeo@montague.net?message;preauth=T", "xmpp:montague.net?roster;preauth=T",
		"xmpp:romeo@montague.net?roster", "xmpp:romeo@montague.net/x?roster;preauth=T", "xmpp://a@b/c?roster;preauth=T", "xmpp:a@b?roster;preauth=%zz", "xmpp:a@b?roster;preauth=" + strings.Repeat("a", 300)} {
		if i, err := pars.ParseURI(bad); !errors.Is(err, pars.ErrURI) {
			t.Errorf("%q: %+v, %v", bad, i, err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("xmpp:romeo@montague.net?roster;preauth=T;name=Romeo%20M;ibr=y")
	f.Add("xmpp:%E5%BC%A0@montague.net?register;preauth=a%3Bb")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := pars.ParseURI(s)
		if err != nil {
			return
		}
		again, err := pars.ParseURI(i.String())
		if err != nil || again != i {
			t.Fatalf("%q is %+v, written %q, read %+v, %v", s, i, i.String(), again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<preauth xmlns='urn:xmpp:pars:0' token='T'/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{"preauth": codectest.Of(pars.Parse), "feature": codectest.Of(pars.ParseFeature)})
	})
}
