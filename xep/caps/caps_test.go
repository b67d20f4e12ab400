package caps_test

import (
	"errors"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"godwit/xep/caps"
	"godwit/xep/dataform"
	"godwit/xep/disco"
	"godwit/xep/internal/codectest"
)

func TestCaps(t *testing.T) {
	type row = codectest.Row[caps.Caps]
	const ns = ` xmlns='http://jabber.org/protocol/caps'`
	codectest.Table(t, caps.Parse,
		row{Why: "with a hash", XML: `<c` + ns + ` hash='sha-1' node='http://a.example' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>`,
			Want: caps.Caps{Hash: "sha-1", Node: "http://a.example", Ver: "QgayPKawpkPSDYmwT/WM94uAlu0="}},
		row{Why: "the legacy format", XML: `<c` + ns + ` node='http://a.example' ver='0.9'/>`, Want: caps.Caps{Node: "http://a.example", Ver: "0.9"}},
		row{Why: "legacy bundles are forgotten", XML: `<c` + ns + ` node='http://a.example' ver='0.9' ext='a b'/>`, Want: caps.Caps{Node: "http://a.example", Ver: "0.9"},
			Out: `<c` + ns + ` node='http://a.example' ver='0.9'/>`},
		row{Why: "no node", XML: `<c` + ns + ` hash='sha-1' ver='x'/>`, Err: "bad-request"},
		row{Why: "no ver", XML: `<c` + ns + ` hash='sha-1' node='x'/>`, Err: "bad-request"},
		row{Why: "a ver without end", XML: `<c` + ns + ` hash='sha-1' node='x' ver='` + strings.Repeat("x", 1000) + `'/>`, Err: "not-acceptable"},
		row{Why: "a hash name without end", XML: `<c` + ns + ` hash='` + strings.Repeat("x", 1000) + `' node='x' ver='x'/>`, Err: "not-acceptable"},
		row{Why: "another c", XML: `<c xmlns='urn:xmpp:caps' node='x' ver='x'/>`, Err: "bad-request"},
	)
	if got := (caps.Caps{Node: "http://a.example", Ver: "x="}).Query(); got != "http://a.example#x=" {
		t.Error(got)
	}
}

// simple and complicated are the two examples of XEP-0115 §5.2 and §5.3.
func simple() disco.Info {
	return disco.Info{
		Identities: []disco.Identity{{Category: "client", Type: "pc", Name: "Exodus 0.9.1"}},
		Features: []string{"http://jabber.org/protocol/muc", "http://jabber.org/protocol/disco#info",
			"http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/caps"},
	}
}

func complicated() disco.Info {
	return disco.Info{
		Identities: []disco.Identity{{Category: "client", Type: "pc", Lang: "en", Name: "Psi 0.11"}, {Category: "client", Type: "pc", Lang: "el", Name: "Ψ 0.11"}},
		Features: []string{"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info",
			"http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc"},
		Forms: []dataform.Form{dataform.New(dataform.TypeResult, "urn:xmpp:dataforms:softwareinfo",
			dataform.Field{Var: "software_version", Values: []string{"0.11"}},
			dataform.Field{Var: "os", Values: []string{"Mac"}},
			dataform.Field{Var: "ip_version", Type: dataform.TextMulti, Values: []string{"ipv6", "ipv4"}},
			dataform.Field{Var: "os_version", Values: []string{"10.5.1"}},
			dataform.Field{Var: "software", Values: []string{"Psi"}},
		)},
	}
}

func TestCompute(t *testing.T) {
	for _, row := range []struct {
		why  string
		info disco.Info
		want string
	}{
		{"the simple example", simple(), "QgayPKawpkPSDYmwT/WM94uAlu0="},
		{"the complicated example", complicated(), "q07IKJEyjvHSyhy//CH0CxmKi8w="},
	} {
		got, err := caps.Compute(row.info, caps.SHA1)
		if err != nil || got != row.want {
			t.Errorf("%s: %s, %v, want %s", row.why, got, err, row.want)
		}
	}
	for _, hash := range []string{caps.SHA256, caps.SHA512} {
		ver, err := caps.Compute(complicated(), hash)
		if err != nil || caps.Verify(caps.Caps{Hash: hash, Ver: ver}, complicated()) != nil {
			t.Errorf("%s: %v", hash, err)
		}
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 50 {
		info := complicated()
		shuffle(r, info.Identities)
		shuffle(r, info.Features)
		shuffle(r, info.Forms[0].Fields)
		if got, err := caps.Compute(info, caps.SHA1); got != "q07IKJEyjvHSyhy//CH0CxmKi8w=" || err != nil {
			t.Fatalf("%s, %v for %+v", got, err, info)
		}
	}
}

func shuffle[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func TestComputeLeavesItsInputAlone(t *testing.T) {
	info := complicated()
	info.Features = simple().Features
	if _, err := caps.Compute(info, caps.SHA1); err != nil {
		t.Fatal(err)
	}
	if info.Identities[0].Lang != "en" || !slices.Equal(info.Features, simple().Features) || info.Forms[0].Fields[1].Var != "software_version" || !slices.Equal(info.Forms[0].Fields[3].Values, []string{"ipv6", "ipv4"}) {
		t.Error("the answer was sorted in place")
	}
}

func TestVerify(t *testing.T) {
	announced := caps.Caps{Node: "n", Hash: caps.SHA1, Ver: "QgayPKawpkPSDYmwT/WM94uAlu0="}
	with := func(change func(*disco.Info)) disco.Info {
		info := simple()
		change(&info)
		return info
	}
	form := func(fields ...dataform.Field) func(*disco.Info) {
		return func(i *disco.Info) {
			i.Forms = append(i.Forms, dataform.Form{Type: dataform.TypeResult, Fields: fields})
		}
	}
	typed := func(kind dataform.FieldType, values ...string) dataform.Field {
		return dataform.Field{Var: "FORM_TYPE", Type: kind, Values: values}
	}
	for _, row := range []struct {
		why  string
		c    caps.Caps
		info disco.Info
		want error
	}{
		{"what was announced", announced, simple(), nil},
		{"one feature more", announced, with(func(i *disco.Info) { i.Features = append(i.Features, "urn:evil") }), caps.ErrMismatch},
		{"the legacy format proves nothing, even if the hash fits", caps.Caps{Node: "n", Ver: announced.Ver}, simple(), caps.ErrLegacy},
		{"an unknown hash function", caps.Caps{Node: "n", Hash: "md5", Ver: announced.Ver}, simple(), caps.ErrUnknownHash},
		{"an identity twice (§5.4)", announced, with(func(i *disco.Info) { i.Identities = append(i.Identities, i.Identities[0]) }), caps.ErrIllFormed},
		{"a feature twice (§5.4)", announced, with(func(i *disco.Info) { i.Features = append(i.Features, i.Features[0]) }), caps.ErrIllFormed},
		{"two forms of one type (§5.4)", announced, with(func(i *disco.Info) {
			form(typed(dataform.Hidden, "a"))(i)
			form(typed(dataform.Hidden, "a"))(i)
		}), caps.ErrIllFormed},
		{"a form of two types (§5.4)", announced, with(form(typed(dataform.Hidden, "a", "b"))), caps.ErrIllFormed},
		{"a form with a field twice", announced, with(form(typed(dataform.Hidden, "a"), dataform.Field{Var: "x"}, dataform.Field{Var: "x"})), caps.ErrIllFormed},
		{"a form whose type is not hidden is ignored (§5.4)", announced, with(form(typed(dataform.TextSingle, "a"))), nil},
		{"a form without a type is ignored (§5.4)", announced, with(form(dataform.Field{Var: "x"})), nil},
		{"two features written as one", announced, disco.Info{Identities: simple().Identities, Features: []string{
			"http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc"}}, caps.ErrIllFormed},
		{"the identity written as a feature", announced, disco.Info{Features: append([]string{"client/pc//Exodus 0.9.1"}, simple().Features...)}, caps.ErrIllFormed},
		{"a feature written as an identity", announced, disco.Info{
			Identities: append(simple().Identities, disco.Identity{Category: "http:", Lang: "jabber.org", Name: "protocol/caps"}),
			Features:   []string{"http://jabber.org/protocol/muc", "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"}}, caps.ErrIllFormed},
		{"an identity with a slash where none belongs", announced, with(func(i *disco.Info) { i.Identities[0] = disco.Identity{Category: "client/pc", Type: "x"} }), caps.ErrIllFormed},
		{"no identity", announced, disco.Info{Features: simple().Features}, caps.ErrIllFormed},
		{"the escaped form of '<' is four characters", announced, with(func(i *disco.Info) {
			i.Features[0] = "http://jabber.org/protocol/disco#items&lt;http://jabber.org/protocol/muc"
		}), caps.ErrMismatch},
	} {
		if err := caps.Verify(row.c, row.info); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.why, err, row.want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	b.ReportAllocs()
	info, c := complicated(), caps.Caps{Hash: caps.SHA1, Ver: "q07IKJEyjvHSyhy//CH0CxmKi8w="}
	for b.Loop() {
		if err := caps.Verify(c, info); err != nil {
			b.Fatal(err)
		}
	}
}
