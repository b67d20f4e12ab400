//go:build linux

package netlab

import (
	"math"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
)

func goexit() { runtime.Goexit() }

func TestPacer(t *testing.T) {
	start := time.Unix(1000, 0)
	type packet struct {
		after      time.Duration
		size       int
		lost, late float64
		out        time.Duration // since start; negative if dropped
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		why     string
		link    Link
		packets []packet
	}{
		{"the zero link is instant", Link{}, []packet{{0, 1500, 0, 0.9, 0}, {ms, 1500, 0, 0, ms}}},
		{"delay moves everything by the same", Link{Delay: 20 * ms}, []packet{{0, 100, 0, 0, 20 * ms}, {ms, 100, 0, 0, 21 * ms}}},
		{"jitter never reorders", Link{Delay: 10 * ms, Jitter: 10 * ms},
			[]packet{{0, 100, 0, 0.8, 18 * ms}, {ms, 100, 0, 0, 18 * ms}, {9 * ms, 100, 0, 0, 19 * ms}}},
		{"1000 bytes at 1 Mbit/s take 8 ms, one after the other", Link{Rate: 1_000_000},
			[]packet{{0, 1000, 0, 0, 8 * ms}, {0, 1000, 0, 0, 16 * ms}, {100 * ms, 1000, 0, 0, 108 * ms}}},
		{"a full queue drops the tail and recovers", Link{Rate: 1_000_000, Queue: 2000},
			[]packet{{0, 1000, 0, 0, 8 * ms}, {0, 1000, 0, 0, 16 * ms}, {0, 1000, 0, 0, -1}, {8 * ms, 1000, 0, 0, 24 * ms}}},
		{"loss is drawn per packet", Link{Loss: 0.5}, []packet{{0, 1, 0.49, 0, -1}, {0, 1, 0.5, 0, 0}}},
		{"certain loss loses all", Link{Loss: 1}, []packet{{0, 1, math.Nextafter(1, 0), 0, -1}}},
		{"a lost packet has used the line", Link{Rate: 1_000_000, Loss: 0.5},
			[]packet{{0, 1000, 0, 0, -1}, {0, 1000, 0.9, 0, 16 * ms}}},
	} {
		var p pacer
		for i, x := range c.packets {
			out, ok := p.plan(c.link, start.Add(x.after), x.size, x.lost, x.late)
			if ok != (x.out >= 0) || ok && !out.Equal(start.Add(x.out)) {
				t.Errorf("%s: packet %d comes out %v (%v), want %v", c.why, i, out.Sub(start), ok, x.out)
			}
		}
	}
}

func TestLinkCheck(t *testing.T) {
	for _, bad := range []Link{{Delay: -1}, {Jitter: -1}, {Loss: -0.1}, {Loss: 1.1}, {Rate: -1}, {Queue: -1}} {
		if bad.check() == nil {
			t.Errorf("%+v passed", bad)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, bad := range []Option{
		WithAddresses(0), WithAddresses(201), WithLink(Link{Loss: 2}),
		WithLAN(netip.MustParsePrefix("10.0.0.0/8")), WithLAN(netip.MustParsePrefix("fd00::/64")),
	} {
		if o, err := readOptions([]Option{bad}); err == nil {
			t.Errorf("%+v passed", o)
		}
	}
}

func TestParseSet(t *testing.T) {
	const head = `{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}, {"set": {"family": "ip", "name": "passed"`
	got, err := parseSet([]byte(head + `, "elem": [
		{"elem": {"val": {"concat": ["27.1.1.1", "27.1.2.1", "udp"]}, "counter": {"packets": 3, "bytes": 87}}},
		{"elem": {"val": {"concat": ["27.1.2.1", "27.1.1.1", 132]}, "counter": {"packets": 1, "bytes": 2}}}]}}]}`))
	want := []flow{
		{netip.MustParseAddr("27.1.1.1"), netip.MustParseAddr("27.1.2.1"), "udp", Count{3, 87}},
		{netip.MustParseAddr("27.1.2.1"), netip.MustParseAddr("27.1.1.1"), "132", Count{1, 2}},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := parseSet([]byte(head + `}}]}`)); err != nil || len(got) != 0 {
		t.Errorf("an empty set: %+v, %v", got, err)
	}
	for _, bad := range []string{
		``, head,
		head + `, "elem": ["27.1.1.1"]}}]}`,
		head + `, "elem": [{"elem": {"val": {"concat": ["27.1.1.1", "27.1.2.1"]}, "counter": {}}}]}}]}`,
		head + `, "elem": [{"elem": {"val": {"concat": ["27.1.1.1", "27.1.2.1", "udp"]}}}]}}]}`,
		head + `, "elem": [{"elem": {"val": {"concat": ["x", "27.1.2.1", "udp"]}, "counter": {}}}]}}]}`,
		head + `, "elem": [{"elem": {"val": {"concat": ["27.1.2.1", "x", "udp"]}, "counter": {}}}]}}]}`,
	} {
		if got, err := parseSet([]byte(bad)); err == nil {
			t.Errorf("%s passed as %+v", bad, got)
		}
	}
}

func TestInCI(t *testing.T) {
	for value, want := range map[string]bool{"": false, "0": false, "false": false, "true": true, "1": true, "yes": true} {
		if got := inCI(value); got != want {
			t.Errorf("CI=%q counts as %v", value, got)
		}
	}
}
