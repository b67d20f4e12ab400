package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// zone answers SRV questions from a table; a missing entry is no such name.
type zone map[string][]*net.SRV

func (z zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	rr, ok := z["_"+service+"._"+proto+"."+name]
	if !ok {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return "", rr, nil
}

func srv(host string, port, priority, weight uint16) *net.SRV {
	return &net.SRV{Target: host + ".", Port: port, Priority: priority, Weight: weight}
}

func TestLookup(t *testing.T) {
	const plain, direct = "_xmpp-client._tcp.b.example", "_xmpps-client._tcp.b.example"
	tests := []struct {
		name string
		zone zone
		want []string
		err  error
	}{
		{"no records: the domain itself (RFC 6120 §3.2.2)", zone{}, nil, nil},
		{"one record", zone{plain: {srv("x", 5299, 0, 0)}}, []string{"x:5299"}, nil},
		{"priorities go across both services (XEP-0368 §3)",
			zone{plain: {srv("p1", 1, 1, 0), srv("p3", 3, 3, 0)}, direct: {srv("d2", 2, 2, 0)}},
			[]string{"p1:1", "d2:2 direct", "p3:3"}, nil},
		{"only direct TLS", zone{direct: {srv("d", 443, 0, 0)}}, []string{"d:443 direct"}, nil},
		{"a dot means no such service", zone{plain: {{Target: "."}}}, nil, ErrNoService},
		{"a dot for one service leaves the other", zone{plain: {{Target: "."}}, direct: {srv("d", 443, 0, 0)}}, []string{"d:443 direct"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, err := lookup(context.Background(), tt.zone, "b.example", func(n int) int { return 0 })
			if !errors.Is(err, tt.err) {
				t.Fatal(err)
			}
			var got []string
			for _, g := range all {
				s := g.address()
				if g.direct {
					s += " direct"
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLookupIsBounded(t *testing.T) {
	z := zone{}
	for i := range 200 {
		z["_xmpp-client._tcp.b.example"] = append(z["_xmpp-client._tcp.b.example"], srv(fmt.Sprint(i), 1, 0, 0))
	}
	if all, err := lookup(context.Background(), z, "b.example", uniform); err != nil || len(all) != maxTargets {
		t.Errorf("%d targets, %v", len(all), err)
	}
}

func TestOrderIsAPermutationByPriority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) target {
			return target{
				host:     rapid.StringMatching("[a-z]{1,4}").Draw(t, "host"),
				priority: rapid.Uint16Range(0, 3).Draw(t, "priority"), weight: rapid.Uint16().Draw(t, "weight"),
			}
		}), 0, 20).Draw(t, "targets")
		got := order(all, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "random") })
		if !slices.IsSortedFunc(got, func(a, b target) int { return int(a.priority) - int(b.priority) }) {
			t.Fatalf("priorities are mixed: %v", got)
		}
		sorted := func(l []target) []string {
			var s []string
			for _, e := range l {
				s = append(s, fmt.Sprint(e))
			}
			slices.Sort(s)
			return s
		}
		if !slices.Equal(sorted(all), sorted(got)) {
			t.Fatalf("%v became %v", all, got)
		}
	})
}

func TestOrderFollowsWeights(t *testing.T) {
	all := []target{{host: "light", weight: 1}, {host: "heavy", weight: 9}}
	heavy := 0
	const rounds = 10000
	for range rounds {
		if order(all, uniform)[0].host == "heavy" {
			heavy++
		}
	}
	// RFC 2782 draws from 0 … sum inclusive: heavy wins 9 of 11 (numbers 2 to
	// 10). Ten standard deviations are about 400.
	if want := rounds * 9 / 11; heavy < want-400 || heavy > want+400 {
		t.Errorf("heavy came first %d times of %d, expected about %d", heavy, rounds, want)
	}
}

func TestTargets(t *testing.T) {
	const plain, direct = "_xmpp-client._tcp.b.example", "_xmpps-client._tcp.b.example"
	both := zone{plain: {srv("p", 5299, 1, 0)}, direct: {srv("d", 5298, 2, 0)}}
	many := zone{plain: {srv("p1", 1, 1, 0), srv("p2", 1, 2, 0), srv("p3", 1, 3, 0)}}
	for _, tt := range []struct {
		why    string
		zone   zone
		server string
		mode   Mode
		want   string // empty: an error
	}{
		{"nothing is known: the usual ports, then 443", nil, "", Any, "b.example:5222 b.example:5223d b.example:443r"},
		{"STARTTLS only", nil, "", StartTLS, "b.example:5222"},
		{"direct TLS only", nil, "", DirectTLS, "b.example:5223d b.example:443r"},
		{"DNS says, then 443 of its hosts and of the domain", both, "", Any, "p:5299 d:5298d p:443r d:443r b.example:443r"},
		{"DNS says, STARTTLS only", both, "", StartTLS, "p:5299"},
		{"DNS says, direct TLS only", both, "", DirectTLS, "d:5298d d:443r b.example:443r"},
		{"443 on three hosts at most", many, "", Any, "p1:1 p2:1 p3:1 p1:443r p2:443r b.example:443r"},
		{"443 that DNS names is not tried twice, and its word is enough", zone{direct: {srv("d", 443, 0, 0)}}, "", Any, "d:443d b.example:443r"},
		{"records of the other kind only", zone{plain: {srv("p", 1, 0, 0)}}, "", DirectTLS, "b.example:5223d b.example:443r"},
		{"a dot: there is no service, nowhere", zone{plain: {{Target: "."}}}, "", Any, ""},
		{"a host without a port", both, "h.example", Any, "h.example:5222 h.example:5223d h.example:443r"},
		{"a host with an empty port", nil, "h.example:", DirectTLS, "h.example:5223d h.example:443r"},
		{"a host and port is that and nothing else", both, "h.example:99", Any, "h.example:99"},
		{"with direct TLS", nil, "h.example:99", DirectTLS, "h.example:99d"},
		{"443 is for TLS", nil, "h.example:443", Any, "h.example:443d"},
		{"5223 too", nil, "h.example:5223", Any, "h.example:5223d"},
		{"unless STARTTLS is asked for", nil, "h.example:443", StartTLS, "h.example:443"},
		{"an address", nil, "[::1]:99", Any, "[::1]:99"},
		{"an address without a port", nil, "[::1]", StartTLS, "[::1]:5222"},
		{"and without brackets", nil, "::1", StartTLS, "[::1]:5222"},
		{"IPv4", nil, "192.0.2.1", Any, "192.0.2.1:5222 192.0.2.1:5223d 192.0.2.1:443r"},
		{"port 0", nil, "b.example:0", Any, ""},
		{"no number", nil, "b.example:x", Any, ""},
		{"no port", nil, "b.example:70000", Any, ""},
		{"too many colons", nil, "a:b:c", Any, ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			d := Dialer{Server: tt.server, Mode: tt.mode, Resolver: tt.zone}
			all, err := d.targets(t.Context(), "b.example")
			if (err != nil) != (tt.want == "") {
				t.Fatal(err)
			}
			var got []string
			for _, g := range all {
				s := g.address()
				switch {
				case g.rescue && g.direct:
					s += "r"
				case g.direct:
					s += "d"
				}
				got = append(got, s)
			}
			if err == nil && strings.Join(got, " ") != tt.want {
				t.Errorf("got  %q\nwant %q", strings.Join(got, " "), tt.want)
			}
		})
	}
	d := Dialer{}
	if all, err := d.targets(t.Context(), "::1"); err != nil || len(all) != 3 || all[0].address() != "[::1]:5222" {
		t.Errorf("a domain that is an address: %v, %v", all, err)
	}
}

func TestASCIIDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"b.example": "b.example", "bücher.example": "xn--bcher-kva.example", "[::1]": "::1", "192.0.2.1": "192.0.2.1",
	} {
		if got, err := asciiDomain(domain); err != nil || got != want {
			t.Errorf("%q is %q, %v", domain, got, err)
		}
	}
}
