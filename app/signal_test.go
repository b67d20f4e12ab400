//go:build unix

package app

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/netlab/proc"
	"godwit/netlab/story"
)

// godwit runs a command of the real program to its end.
func godwit(t testing.TB, stdin string, args ...string) result {
	t.Helper()
	cmd := exec.Command(story.Binary(t), args...)
	var out, err strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	_ = cmd.Run()
	return result{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}

// realServer starts the real program and returns the addresses of its listeners.
func realServer(t testing.TB, data string, more ...string) (*proc.Process, map[string]string) {
	t.Helper()
	p := proc.Start(t, story.Binary(t), append(append([]string{"serve", "--data", data}, freePorts...), more...)...)
	addrs := map[string]string{}
	p.Expect(patience, "ready", func(line string) bool {
		if f := strings.Fields(line); len(f) == 3 {
			addrs[f[1]] = f[2]
		}
		return line == "ready"
	})
	return p, addrs
}

// eventually waits for something another process does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("in vain: ", what)
		}
	}
}

func TestHangup(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	renew := func() {
		t.Helper()
		if err := makeCertificate(cert, key, "localhost"); err != nil {
			t.Fatal(err)
		}
	}
	renew()
	p, addrs := realServer(t, filepath.Join(dir, "data"), "--tls-cert", cert, "--tls-key", key)
	first := certificateOf(t, addrs["c2s-tls"])
	old, err := tls.Dial("tcp", addrs["c2s-tls"], &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"xmpp-client"}})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()

	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGHUP)
	eventually(t, "complaint", func() bool { return strings.Contains(p.Stderr(), "the old certificate stays") })
	if !first.Equal(certificateOf(t, addrs["c2s-tls"])) {
		t.Error("a broken file replaced the certificate")
	}
	renew()
	p.Signal(syscall.SIGHUP)
	eventually(t, "the new certificate", func() bool { return strings.Contains(p.Stderr(), "the certificate was read again") })
	if first.Equal(certificateOf(t, addrs["c2s-tls"])) {
		t.Error("new connections see the old certificate")
	}
	if _, err := old.Write([]byte("<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")); err != nil {
		t.Error(err)
	}
	old.SetReadDeadline(time.Now().Add(patience))
	if n, err := old.Read(make([]byte, 100)); n == 0 {
		t.Error("the old connection did not survive: ", err)
	}
}

func TestTerminate(t *testing.T) {
	data := t.TempDir()
	p, addrs := realServer(t, data)
	godwit(t, "secret\n", "user", "add", "--data", data, "alice@localhost").must(t, exitOK)
	// A connection that says nothing, and one that has begun.
	silent, err := net.Dial("tcp", addrs["c2s"])
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	begun, err := tls.Dial("tcp", addrs["c2s-tls"], &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"xmpp-client"}})
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Close()
	begun.SetDeadline(time.Now().Add(patience))
	if _, err := begun.Write([]byte("<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")); err != nil {
		t.Fatal(err)
	}
	s := &testServer{data: data, lines: []string{"listening c2s " + addrs["c2s"]}}
	alice := launch(t, append(s.client(t, "alice@localhost"), "--log-level", "debug")...)
	alice.until(t, `"event":"online"`)

	p.Signal(syscall.SIGTERM)
	if code := p.ExitCode(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.Stderr())
	}
	var heard strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := begun.Read(buf)
		heard.Write(buf[:n])
		if err != nil {
			break
		}
	}
	if !strings.Contains(heard.String(), "<system-shutdown ") || !strings.HasSuffix(heard.String(), "</stream:stream>") {
		t.Errorf("the client was not told: %q", heard.String())
	}
	eventually(t, "alice knows", func() bool { return strings.Contains(alice.stderr(), "system-shutdown") })
	if _, err := os.Stat(filepath.Join(data, "control.sock")); err == nil {
		t.Error("the socket stayed")
	}
	godwit(t, "", "sessions", "--data", data).must(t, exitFailed, "no server runs on this data directory")
	alice.end(t)
}

// A server that was killed leaves its socket and its lock file; neither keeps the next one off, nor anybody from working on the data.
func TestAfterKill(t *testing.T) {
	data := t.TempDir()
	p, _ := realServer(t, data)
	godwit(t, "", append([]string{"serve", "--data", data}, freePorts...)...).must(t, exitFailed, "another server runs on the data in "+data)
	p.Kill9()
	if _, err := os.Lstat(filepath.Join(data, "control.sock")); err != nil {
		t.Fatal("this test is about a socket that stays: ", err)
	}
	godwit(t, "", "sessions", "--data", data).must(t, exitFailed, "no server runs on this data directory")
	godwit(t, "secret\n", "user", "add", "--data", data, "alice@localhost").must(t, exitOK)
	godwit(t, "better\n", "user", "passwd", "--end-sessions", "--data", data, "alice@localhost").must(t, exitOK)
	godwit(t, "", "user", "remove", "--data", data, "alice@localhost").must(t, exitOK)
	p, _ = realServer(t, data)
	godwit(t, "", "sessions", "--data", data).must(t, exitOK, "nobody is online")
	p.Signal(syscall.SIGINT)
	if code := p.ExitCode(); code != exitOK {
		t.Errorf("exit code %d after an interrupt", code)
	}
}

// The program's exit codes are those of run.
func TestRealProgram(t *testing.T) {
	godwit(t, "", "version").must(t, exitOK, "godwit "+Version)
	godwit(t, "", "nonsense").must(t, exitUsage)
	godwit(t, "", "sessions", "--data", t.TempDir()).must(t, exitFailed)
}
