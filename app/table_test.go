package app

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/server/account"
)

func TestDisplayWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "alice": 5, "小明": 4, "é": 1, "e\u0301": 1, "한국": 4, "ｆ": 2, "🙂": 2, "–": 1} {
		if got := displayWidth(s); got != want {
			t.Errorf("%q is %d wide, want %d", s, got, want)
		}
	}
}

// people are three sessions: an ordinary one, one in Chinese, and one that tries to play tricks on the operator's terminal.
func people(now time.Time) []account.Info {
	return []account.Info{
		{JID: jid.MustParse("alice@localhost/phone"), Address: netip.MustParseAddrPort("192.0.2.7:40212"), Transport: "tcp", TLS: "TLS 1.3",
			Mechanism: "SCRAM-SHA-512-PLUS", Client: "Godwit 0.1.0", Available: true, Since: now.Add(-time.Minute)},
		{JID: jid.MustParse("小明@localhost/手机"), Address: netip.MustParseAddrPort("[2001:db8::1]:40213"), Transport: "tls", TLS: "TLS 1.2",
			Mechanism: "SCRAM-SHA-1", Available: true, Show: "away", Since: now.Add(-72 * time.Hour)},
		{JID: jid.MustParse("eve@localhost/x"), Address: netip.MustParseAddrPort("192.0.2.8:1"), Transport: "tcp",
			Mechanism: "PLAIN", Client: "nice\n\x1b[2J\u009b1m\u202eclient", Hibernating: true, Since: now},
	}
}

func TestShowSessions(t *testing.T) {
	now := time.Date(2026, 11, 23, 15, 4, 5, 0, time.Local)
	show := func(width int) string {
		var b strings.Builder
		if err := showSessions(&b, people(now), now, width); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := `WHO                    ADDRESS              TRANSPORT  TLS   SIGN-IN             CLIENT               STATE            SINCE
alice@localhost/phone  192.0.2.7:40212      tcp        1.3   SCRAM-SHA-512-PLUS  Godwit 0.1.0         available        15:03:05
小明@localhost/手机    [2001:db8::1]:40213  tls        1.2   SCRAM-SHA-1         –                    away             2026-11-20 15:04
eve@localhost/x        192.0.2.8:1          tcp        none  PLAIN               nice��[2J�1m�client  waits to resume  15:04:05
`
	if got := show(0); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if show(200) != want {
		t.Error("a wide terminal has room for the table")
	}
	want = `alice@localhost/phone
    192.0.2.7:40212  tcp  TLS 1.3  SCRAM-SHA-512-PLUS  Godwit 0.1.0  available
    since 15:03:05
小明@localhost/手机
    [2001:db8::1]:40213  tls  TLS 1.2  SCRAM-SHA-1  –  away
    since 2026-11-20 15:04
eve@localhost/x
    192.0.2.8:1  tcp  no TLS  PLAIN  nice��[2J�1m�client  waits to resume
    since 15:04:05
`
	if got := show(80); got != want {
		t.Errorf("80 columns: got\n%swant\n%s", got, want)
	}
	for _, width := range []int{80, 120} {
		for line := range strings.Lines(show(width)) {
			if w := displayWidth(strings.TrimSuffix(line, "\n")); w > width {
				t.Errorf("%d columns do not fit %d: %s", w, width, line)
			}
		}
	}
	var b strings.Builder
	if showSessions(&b, nil, now, 80); b.String() != "nobody is online\n" {
		t.Error(b.String())
	}
}
