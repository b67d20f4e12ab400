package sasl

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	both := boundTo(TLSExporter, TLSServerEndPoint)
	all := NewOffer(both, true)
	bare := NewOffer(nil, true)
	for _, tc := range []struct {
		why   string
		offer Offer
		cb    ChannelBinding
		sasl1 bool
		plain bool
		want  Mechanism
		flag  string
		err   error
	}{
		{why: "everything there", offer: all, cb: both, want: ScramSHA512Plus, flag: "p=tls-exporter"},
		{why: "only the weaker type announced", offer: Offer{all.Mechanisms, []BindingType{TLSServerEndPoint}}, cb: both,
			want: ScramSHA512Plus, flag: "p=tls-server-end-point"},
		{why: "only the weaker type at hand", offer: all, cb: boundTo(TLSServerEndPoint), want: ScramSHA512Plus, flag: "p=tls-server-end-point"},
		{why: "a bound weak hash beats an unbound strong one", offer: Offer{[]Mechanism{ScramSHA1Plus, ScramSHA512}, all.Bindings}, cb: both,
			want: ScramSHA1Plus, flag: "p=tls-exporter"},
		{why: "the client cannot bind", offer: all, want: ScramSHA512, flag: "n"},
		{why: "the server cannot bind", offer: bare, cb: both, want: ScramSHA512, flag: "y"},
		{why: "neither can", offer: bare, want: ScramSHA512, flag: "n"},
		{why: "order of the offer does not matter", offer: Offer{Mechanisms: []Mechanism{Plain, ScramSHA1, ScramSHA256}}, want: ScramSHA256, flag: "n"},
		{why: "XEP-0440 rule 4", offer: Offer{Mechanisms: all.Mechanisms}, cb: both, err: ErrDowngrade},
		{why: "rule 4 under SASL1: the mandatory type is tried", offer: Offer{Mechanisms: all.Mechanisms}, cb: both, sasl1: true,
			want: ScramSHA512Plus, flag: "p=tls-server-end-point"},
		{why: "rule 5", offer: Offer{bare.Mechanisms, all.Bindings}, cb: both, err: ErrDowngrade},
		{why: "rule 5 under SASL1", offer: Offer{bare.Mechanisms, all.Bindings}, cb: both, sasl1: true, err: ErrDowngrade},
		{why: "rule 6: no common type, to be confirmed", offer: Offer{all.Mechanisms, []BindingType{"x"}}, cb: both, want: ScramSHA512, flag: "n!"},
		{why: "-PLUS only with unknown hashes, to be confirmed", offer: Offer{[]Mechanism{"SCRAM-X-PLUS", ScramSHA256}, all.Bindings}, cb: both,
			want: ScramSHA256, flag: "n!"},
		{why: "PLAIN is not taken unasked", offer: Offer{Mechanisms: []Mechanism{Plain}}, err: ErrNoMechanism},
		{why: "PLAIN when allowed", offer: Offer{Mechanisms: []Mechanism{Plain}}, plain: true, want: Plain, flag: "n"},
		{why: "PLAIN is the last resort", offer: bare, plain: true, want: ScramSHA512, flag: "n"},
		{why: "nothing known", offer: Offer{Mechanisms: []Mechanism{"GSSAPI"}}, plain: true, err: ErrNoMechanism},
		{why: "nothing", err: ErrNoMechanism},
	} {
		m, g, err := choose(tc.offer, tc.cb, !tc.sasl1, tc.plain)
		if !errors.Is(err, tc.err) || m != tc.want {
			t.Errorf("%s: %q, %v; want %q, %v", tc.why, m, err, tc.want, tc.err)
			continue
		}
		if err != nil {
			continue
		}
		flag := string(g.flag)
		if g.flag == 'p' {
			flag += "=" + string(g.kind)
		}
		if g.hashDue {
			flag += "!"
		}
		if flag != tc.flag {
			t.Errorf("%s: flag %q, want %q", tc.why, flag, tc.flag)
		}
	}
}

// TestManInTheMiddle: somebody who reads and changes everything, the offer included, takes protections away. The
// exchange must fail at one end or the other.
func TestManInTheMiddle(t *testing.T) {
	both := boundTo(TLSExporter, TLSServerEndPoint)
	elsewhere := ChannelBinding(func(kind string) ([]byte, bool) { return []byte("another channel"), true })
	for _, tc := range []struct {
		why    string
		client ChannelBinding
		server ChannelBinding
		change func(Offer) Offer
	}{
		{"his own TLS on either side", elsewhere, both, func(o Offer) Offer { return o }},
		{"-PLUS and the types stripped", both, both, func(o Offer) Offer {
			return Offer{Mechanisms: slices.DeleteFunc(o.Mechanisms, Mechanism.Plus)}
		}},
		{"-PLUS stripped", both, both, func(o Offer) Offer {
			return Offer{slices.DeleteFunc(o.Mechanisms, Mechanism.Plus), o.Bindings}
		}},
		{"-PLUS renamed", both, both, func(o Offer) Offer {
			for i, m := range o.Mechanisms {
				if m.Plus() {
					o.Mechanisms[i] = "X" + m
				}
			}
			return o
		}},
		{"types stripped", both, both, func(o Offer) Offer { return Offer{Mechanisms: o.Mechanisms} }},
		{"types replaced", both, both, func(o Offer) Offer { return Offer{o.Mechanisms, []BindingType{"tls-unknown"}} }},
		{"the stronger type stripped", both, both, func(o Offer) Offer { return Offer{o.Mechanisms, []BindingType{TLSServerEndPoint}} }},
		{"strong hashes stripped, nobody can bind", nil, nil, func(o Offer) Offer { return Offer{Mechanisms: []Mechanism{ScramSHA1}} }},
		{"a mechanism put in, nobody can bind", nil, nil, func(o Offer) Offer { return Offer{Mechanisms: append(o.Mechanisms, "X")} }},
	} {
		cfg := serverConfig(tc.server, false)
		seen := tc.change(Offer{slices.Clone(cfg.Offer.Mechanisms), slices.Clone(cfg.Offer.Bindings)})
		c, err := NewClient(clientConfig(tc.client, seen))
		if err != nil {
			if !errors.Is(err, ErrDowngrade) {
				t.Errorf("%s: %v", tc.why, err)
			}
			continue
		}
		s := mustServer(t, c.Mechanism(), cfg)
		if cerr, serr := run(c, s); cerr == nil && serr == nil {
			t.Errorf("%s: nobody noticed", tc.why)
		}
	}
}

// TestHashTakenOut: the hash of XEP-0474 is under the signatures, so it cannot be removed on the way; and where the
// client needs it, its absence alone is a downgrade.
func TestHashTakenOut(t *testing.T) {
	cfg := serverConfig(nil, false)
	s, c := mustServer(t, ScramSHA512, cfg), mustClient(t, clientConfig(nil, cfg.Offer))
	first, _ := c.Start()
	challenge, _, _ := s.Next(first)
	cut := bytes.Index(challenge, []byte(",h="))
	final, _, err := c.Next(challenge[:cut])
	if err != nil {
		t.Fatalf("servers without XEP-0474 must work: %v", err)
	}
	_, _, err = s.Next(final)
	wantCondition(t, "hash removed", err, NotAuthorized)

	both := boundTo(TLSExporter, TLSServerEndPoint)
	cfg = serverConfig(nil, false)
	cfg.Offer = Offer{NewOffer(both, false).Mechanisms, []BindingType{"tls-unknown"}}
	s, c = mustServer(t, ScramSHA512, cfg), mustClient(t, clientConfig(both, cfg.Offer))
	first, _ = c.Start()
	if challenge, _, err = s.Next(first); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Next(challenge[:bytes.Index(challenge, []byte(",h="))]); !errors.Is(err, ErrDowngrade) {
		t.Errorf("unconfirmed list: %v", err)
	}
	c = mustClient(t, clientConfig(both, cfg.Offer))
	if cerr, serr := run(c, mustServer(t, ScramSHA512, cfg)); cerr != nil || serr != nil {
		t.Errorf("confirmed list: %v, %v", cerr, serr)
	}
}

func TestServerJudgesBinding(t *testing.T) {
	both := boundTo(TLSExporter, TLSServerEndPoint)
	for _, tc := range []struct {
		why       string
		mechanism Mechanism
		cb        ChannelBinding
		header    string
		want      Condition
	}{
		{"downgrade: could bind, saw no -PLUS", ScramSHA256, both, "y", NotAuthorized},
		{"could bind, and there was none", ScramSHA256, nil, "y", ""},
		{"cannot bind", ScramSHA256, both, "n", ""},
		{"-PLUS without binding", ScramSHA256Plus, both, "n", MalformedRequest},
		{"-PLUS with y", ScramSHA256Plus, both, "y", MalformedRequest},
		{"unknown type", ScramSHA256Plus, both, "p=tls-unique", NotAuthorized},
		{"type not announced", ScramSHA256Plus, boundTo(TLSServerEndPoint), "p=tls-exporter", NotAuthorized},
		{"right", ScramSHA256Plus, both, "p=tls-exporter", ""},
		{"right, the other type", ScramSHA256Plus, both, "p=tls-server-end-point", ""},
	} {
		_, _, err := mustServer(t, tc.mechanism, serverConfig(tc.cb, false)).Next([]byte(tc.header + ",,n=alice,r=x"))
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.why, err)
			}
			continue
		}
		wantCondition(t, tc.why, err, tc.want)
	}
}

func TestAtLeast(t *testing.T) {
	offer := NewOffer(nil, true)
	for atLeast, want := range map[Mechanism]error{"": nil, Plain: nil, ScramSHA1: nil, ScramSHA512: nil, ScramSHA256Plus: ErrDowngrade} {
		cfg := clientConfig(nil, offer)
		cfg.AtLeast = atLeast
		if _, err := NewClient(cfg); !errors.Is(err, want) {
			t.Errorf("at least %q: %v", atLeast, err)
		}
	}
	for _, change := range []func(*ClientConfig){
		func(c *ClientConfig) { c.AtLeast = "X-FOO" },
		func(c *ClientConfig) { c.Username = "" },
		func(c *ClientConfig) { c.Username = "a b" },
		func(c *ClientConfig) { c.Domain = "" },
	} {
		cfg := clientConfig(nil, offer)
		change(&cfg)
		if _, err := NewClient(cfg); err == nil {
			t.Errorf("accepted: %+v", cfg)
		}
	}
}

func TestStrengthIsAnOrder(t *testing.T) {
	order := []Mechanism{"X", Plain, ScramSHA1, ScramSHA256, ScramSHA512, ScramSHA1Plus, ScramSHA256Plus, ScramSHA512Plus}
	for i := 1; i < len(order); i++ {
		if order[i-1].Strength() >= order[i].Strength() {
			t.Errorf("%s is not weaker than %s", order[i-1], order[i])
		}
	}
}
