package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

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
		{"no records: the domain itself (RFC 6120 §3.2.2)", zone{}, []string{"b.example:5222"}, nil},
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

func TestFixed(t *testing.T) {
	for server, want := range map[string]string{
		"b.example": "b.example:5222", "b.example:99": "b.example:99", "[::1]:99": "[::1]:99", "[::1]": "[::1]:5222",
		"::1": "[::1]:5222", "192.0.2.1": "192.0.2.1:5222",
		"b.example:": "b.example:5222", "b.example:0": "", "b.example:x": "", "b.example:70000": "", "a:b:c": "",
	} {
		got, err := fixed(server, false)
		if (err != nil) != (want == "") || (err == nil && got.address() != want) {
			t.Errorf("%q is %v, %v", server, got.address(), err)
		}
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

// The first target that works is taken; what the others said is told only when
// none does.
func TestDialFallsBack(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var asked []string
	d := Dialer{
		Resolver: zone{"_xmpp-client._tcp.b.example": {srv("dead", 1, 1, 0), srv("slow", 2, 2, 0), srv("live", 3, 3, 0)}},
		Attempt:  20 * time.Millisecond,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			asked = append(asked, address)
			switch address {
			case "live:3":
				return net.Dial("tcp", ln.Addr().String())
			case "slow:2":
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, errors.New("refused for the test")
		},
	}
	l, err := d.Dial(context.Background(), "b.example")
	if err != nil {
		t.Fatal(err)
	}
	l.Abort()
	<-l.Done()
	if want := []string{"dead:1", "slow:2", "live:3"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	d.Resolver = zone{"_xmpp-client._tcp.b.example": {srv("dead", 1, 1, 0), srv("slow", 2, 2, 0)}}
	_, err = d.Dial(context.Background(), "b.example")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("all dead: %v", err)
	}
	for _, domain := range []string{"", "a b", "-x.example", string(make([]byte, 300))} {
		if _, err := d.Dial(context.Background(), domain); err == nil {
			t.Errorf("domain %q was dialled", domain)
		}
	}
}
