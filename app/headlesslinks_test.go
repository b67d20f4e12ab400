package app

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"godwit/client"
	"godwit/client/path"
	"godwit/headless"
	"godwit/jid"
	"godwit/nat/outlook"
)

func TestLinksOfARunningClient(t *testing.T) {
	s := serve(t, t.TempDir())
	s.add(t, "alice@localhost")
	s.add(t, "bob@localhost")
	t.Setenv("LC_ALL", "C")
	data := t.TempDir()
	alice := s.signIn(t, "alice@localhost", "--data", data)
	bob := s.signIn(t, "bob@localhost")
	ask := func(more ...string) result {
		return call(t, "", append([]string{"headless", "alice@localhost", "links", "--data", data}, more...)...)
	}
	ask().must(t, exitOK, "no chats and nobody online")
	ask("--lang", "zh-CN").must(t, exitOK, "没有聊天，也没有人在线")
	ask("--lang", "fr").must(t, exitUsage, "en or zh-CN")
	if _, err := alice.in.Write([]byte(`{"cmd":"subscribe","jid":"bob@localhost"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	bob.until(t, `"event":"subscription"`)
	if _, err := bob.in.Write([]byte(`{"cmd":"accept","jid":"alice@localhost"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	alice.until(t, `"subscription":"both"`)
	alice.until(t, `"direct":true`)
	ask().must(t, exitOK, "CONTACT", "bob@localhost/", "server", "nobody has written yet", "You could write something.")
	if _, err := alice.in.Write([]byte(`{"cmd":"send","to":"bob@localhost","body":"hi","id":"m1"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	alice.until(t, `"state":"up"`)
	r := ask("--json", "bob@localhost").must(t, exitOK)
	var l headless.Link
	if err := json.Unmarshal([]byte(r.out), &l); err != nil || l.Event != "link" || l.Path != "direct" || l.Why != "direct" || l.Words == "" {
		t.Errorf("%v: %s", err, r.out)
	}
	r = ask("--json", "--lang", "zh-CN", "bob@localhost").must(t, exitOK)
	if !strings.Contains(r.out, `"why":"direct","words":"两台设备直接通信。`) {
		t.Errorf("not in Chinese: %s", r.out)
	}
	ask("--lang", "zh-CN", "bob@localhost").must(t, exitOK, "联系人", "直连", "两台设备直接通信。")
	ask("carol@localhost").must(t, exitOK, "carol@localhost", "do not see each other's presence")
	ask("@@").must(t, exitUsage, "no address")
	if info, err := os.Stat(clientSocket(data, jid.MustParse("alice@localhost"))); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// Another one on the same data leaves the socket alone.
	path := clientSocket(data, jid.MustParse("alice@localhost"))
	if _, err := openClientControl(t.Context(), path, nil); err != errOtherClient {
		t.Errorf("a second client: %v", err)
	}
	alice.end(t)
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket was left behind")
	}
	ask().must(t, exitFailed, "no client of alice@localhost runs on", "godwit headless alice@localhost --data")
	call(t, "", "headless", "alice@localhost", "dance").must(t, exitUsage, "dance")
	call(t, "", "headless", "alice@localhost", "--json").must(t, exitUsage, "--json goes with links")
}

func TestClientSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close() // as a client that was killed leaves it
	c, err := openClientControl(t.Context(), path, func(_ context.Context, line []byte) []byte { return append([]byte("so: "), line...) })
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(question string) string {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(question))
		_ = conn.(*net.UnixConn).CloseWrite()
		answer := make([]byte, 2*maxQuestion)
		n := 0
		for {
			k, err := conn.Read(answer[n:])
			if n += k; err != nil {
				return string(answer[:n])
			}
		}
	}
	if got := exchange("a\nb\n"); got != "so: a\n" {
		t.Errorf("answered %q", got)
	}
	if got := exchange(""); got != "" {
		t.Errorf("nothing was answered by %q", got)
	}
	if got := exchange(strings.Repeat("x", maxQuestion+10)); len(got) > maxQuestion+10 {
		t.Errorf("a line without end was answered by %d bytes", len(got))
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.close()
	if _, err := os.Stat(path); err != nil {
		t.Error("what somebody else put in its place was removed")
	}
	if _, err := openClientControl(t.Context(), filepath.Join(t.TempDir(), strings.Repeat("x", 120)), nil); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a path too long: %v", err)
	}
}

// linksExample is one of each kind.
func linksExample(lang client.Lang) []headless.Link {
	return []headless.Link{
		{Peer: "bob@localhost/desk", State: "up", Path: "relay", RTT: 41.3, Trusted: true, Relay: "203.0.113.9:3478", RelayProtocol: "tls",
			Nat: &headless.Nat{Self: &headless.Reach{Class: "port-restricted-cone", IPv6: "yes"}, Peer: &headless.Reach{Class: "symmetric", Carrier: "yes"}},
			Why: "port-to-guess", Words: outlook.PortToGuess.Text(lang),
			Help:    []headless.Help{{Who: "self", What: "map-port", Words: outlook.Help{Who: outlook.Self, What: outlook.MapPort}.Text(lang)}},
			Failure: "peer: failed-transport (no path)", Next: 15_000},
		{Peer: "carol@localhost", State: "none", Path: "server", Words: client.Explanation{Why: client.WhyAway}.Text(lang)},
		{Peer: "dave@localhost", State: "up", Path: "relay", RTT: 9.99, Failure: "odd\x1b[2J", Next: 300_000, Nat: &headless.Nat{Self: &headless.Reach{Class: "open", Mapped: "upnp"}}},
	}
}

func TestTellLinks(t *testing.T) {
	for _, tt := range []struct {
		lang  client.Lang
		width int
		want  string
	}{
		{client.English, 0, `
CONTACT             PATH              ROUND TRIP  MY NAT                      THEIR NAT
bob@localhost/desk  relay             41 ms       port-restricted cone, IPv6  symmetric, carrier NAT
    One NAT shows everybody another port, and the other lets in only the very port it has sent to,
    which has to be guessed.
    The relay is 203.0.113.9:3478, reached by TLS.
    You could switch on UPnP, NAT-PMP or PCP in the router.
    Last attempt: the other device says that no way between the two devices was found. Again in 15
    seconds.
carol@localhost     server            –           unknown                     unknown
    No device of your contact is online.
dave@localhost      relay (unproven)  10.0 ms     open, port mapped by UPnP   unknown
    The relay is your contact's.
    Last attempt: odd` + "\uFFFD" + `[2J. Again in 5 minutes.
`},
		{client.Chinese, 100, `
联系人              路径            往返     我的 NAT             对方 NAT
bob@localhost/desk  中继            41 ms    端口受限锥形、IPv6   对称型、运营商 NAT
    一方的 NAT 对每个目的地换一个端口，另一方只允许它发送过的那个端口进入，因此必须
    猜测端口。
    中继是 203.0.113.9:3478，经 TLS 连接。
    你可以在路由器中开启 UPnP、NAT-PMP 或 PCP。
    上次尝试：对方设备称没有找到两台设备之间的通路。15 秒后再试。
carol@localhost     服务器          –        未知                 未知
    对方没有设备在线。
dave@localhost      中继（待确认）  10.0 ms  开放、UPnP 端口映射  未知
    中继是对方的。
    上次尝试：odd` + "\uFFFD" + `[2J。5 分钟后再试。
`},
		{client.English, 50, `
bob@localhost/desk
    relay, 41 ms
    my NAT: port-restricted cone, IPv6
    their NAT: symmetric, carrier NAT
    One NAT shows everybody another port, and the
    other lets in only the very port it has sent
    to, which has to be guessed.
    The relay is 203.0.113.9:3478, reached by TLS.
    You could switch on UPnP, NAT-PMP or PCP in
    the router.
    Last attempt: the other device says that no
    way between the two devices was found. Again
    in 15 seconds.
carol@localhost
    server
    No device of your contact is online.
dave@localhost
    relay (unproven), 10.0 ms
    my NAT: open, port mapped by UPnP
    The relay is your contact's.
    Last attempt: odd` + "\uFFFD" + `[2J. Again in 5 minutes.
`},
		{client.Chinese, 40, `
bob@localhost/desk
    中继，41 ms
    我的 NAT：端口受限锥形、IPv6
    对方 NAT：对称型、运营商 NAT
    一方的 NAT 对每个目的地换一个端口，
    另一方只允许它发送过的那个端口进入，
    因此必须猜测端口。
    中继是 203.0.113.9:3478，经 TLS 连
    接。
    你可以在路由器中开启 UPnP、NAT-PMP
    或 PCP。
    上次尝试：对方设备称没有找到两台设备
    之间的通路。15 秒后再试。
carol@localhost
    服务器
    对方没有设备在线。
dave@localhost
    中继（待确认），10.0 ms
    我的 NAT：开放、UPnP 端口映射
    中继是对方的。
    上次尝试：odd` + "\uFFFD" + `[2J。5 分钟后再试。
`},
	} {
		var b strings.Builder
		if err := tellLinks(&b, linksExample(tt.lang), tt.width, tt.lang); err != nil || b.String() != tt.want[1:] {
			t.Errorf("%v %d: %v\n%s\nwant\n%s", tt.lang, tt.width, err, b.String(), tt.want[1:])
		}
	}
}

// Columns begin at one place in every row, whatever is in them, and no line is wider than the terminal.
func TestLinksAreAligned(t *testing.T) {
	for _, lang := range []client.Lang{client.English, client.Chinese} {
		for _, width := range []int{30, 60, 90, 200} {
			var b strings.Builder
			if err := tellLinks(&b, linksExample(lang), width, lang); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if displayWidth(strings.TrimSuffix(line, "\n")) > width {
					t.Errorf("%v %d: too wide: %s", lang, width, line)
				}
			}
		}
	}
}

// What the table says it says in both languages.
func TestLinksWords(t *testing.T) {
	check := func(code string, words phrase) {
		if en, zh := words[0], words[1]; en == "" || hasHan(en) || !hasHan(zh) || strings.Count(en, "%") != strings.Count(zh, "%") {
			t.Errorf("%s: %q, %q", code, en, zh)
		}
	}
	for code, words := range linksPath {
		check(code, words)
	}
	for code, words := range linksFailure {
		check(code, words)
	}
	for _, words := range linksHead {
		check("", words)
	}
	for _, words := range []phrase{linksNone, linksUnproven, linksCarrier, linksMapped, linksUnknown, linksMine, linksOthers, linksRelay, linksTheirs, linksFailed, linksPeer} {
		check("", words)
	}
	for _, k := range []path.Kind{path.Direct, path.Relay, path.Server} {
		if _, ok := linksPath[string(k)]; !ok {
			t.Errorf("the path %q has no words", k)
		}
	}
	for d, want := range map[time.Duration]string{time.Millisecond: "1 秒", 90 * time.Second: "90 秒", 5 * time.Minute: "5 分钟"} {
		if got := spanWord(d, client.Chinese); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}
