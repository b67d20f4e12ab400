package app

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"godwit/headless"
	"godwit/jid"
)

func TestLinksOfARunningClient(t *testing.T) {
	s := serve(t, t.TempDir())
	s.add(t, "alice@localhost")
	s.add(t, "bob@localhost")
	data := t.TempDir()
	alice := s.signIn(t, "alice@localhost", "--data", data)
	bob := s.signIn(t, "bob@localhost")
	ask := func(more ...string) result {
		return call(t, "", append([]string{"headless", "alice@localhost", "links", "--data", data}, more...)...)
	}
	ask().must(t, exitOK, "no chats and nobody online")
	if _, err := alice.in.Write([]byte(`{"cmd":"subscribe","jid":"bob@localhost"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	bob.until(t, `"event":"subscription"`)
	if _, err := bob.in.Write([]byte(`{"cmd":"accept","jid":"alice@localhost"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	alice.until(t, `"subscription":"both"`)
	alice.until(t, `"direct":true`)
	ask().must(t, exitOK, "CONTACT", "bob@localhost/", "server", "nobody has written yet", "would help: write something")
	if _, err := alice.in.Write([]byte(`{"cmd":"send","to":"bob@localhost","body":"hi","id":"m1"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	alice.until(t, `"state":"up"`)
	r := ask("--json", "bob@localhost").must(t, exitOK)
	var l headless.Link
	if err := json.Unmarshal([]byte(r.out), &l); err != nil || l.Event != "link" || l.Path != "direct" || l.Why != "direct" || l.Words == "" {
		t.Errorf("%v: %s", err, r.out)
	}
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

func TestTellLinks(t *testing.T) {
	var b strings.Builder
	err := tellLinks(&b, []headless.Link{
		{Peer: "bob@localhost/desk", State: "up", Path: "relay", RTT: 41.3, Trusted: true, Relay: "203.0.113.9:3478", RelayProtocol: "tls",
			Nat: &headless.Nat{Self: &headless.Reach{Class: "port-restricted-cone", IPv6: "yes"}, Peer: &headless.Reach{Class: "symmetric", Carrier: "yes"}},
			Why: "port-to-guess", Words: "One NAT shows everybody another port.", Help: []headless.Help{{Who: "self", What: "map-port", Words: "you: switch on UPnP"}},
			Failure: "peer: failed-transport\x1b[2J", Next: 15_000},
		{Peer: "carol@localhost", State: "none", Path: "server", Words: "No device of your contact is online."},
	})
	want := `CONTACT             PATH    ROUND TRIP  MY NAT                     THEIR NAT
bob@localhost/desk  relay   41 ms       port-restricted cone, IPv6 symmetric, carrier NAT
    One NAT shows everybody another port.
    relay: 203.0.113.9:3478 by tls
    would help: you: switch on UPnP
    last attempt: peer: failed-transport` + "\uFFFD" + `[2J; again in 15s
carol@localhost     server  –           unknown                    unknown
    No device of your contact is online.
`
	want = strings.Replace(want, "IPv6 symm", "IPv6  symm", 1)
	want = strings.ReplaceAll(want, "MY NAT                     THEIR", "MY NAT                      THEIR")
	want = strings.ReplaceAll(want, "unknown                    unknown", "unknown                     unknown")
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b.String(), want)
	}
}
