package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Standard output is for programs: the listeners, then ready. Advice for people goes to standard error, once.
func TestFirstStart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "my data")
	s := serve(t, data)
	var names []string
	for _, line := range s.lines[:len(s.lines)-2] {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "listening" {
			t.Fatalf("standard output: %q", line)
		}
		if _, port, err := net.SplitHostPort(f[2]); err != nil || port == "0" {
			t.Errorf("%q is no address to connect to", f[2])
		}
		names = append(names, f[1])
	}
	if !slices.Equal(names, []string{"c2s", "c2s-tls", "stun", "stun-alternate", "turn", "https", "shared", "admin"}) || s.lines[len(s.lines)-1] != "ready" {
		t.Errorf("standard output: %q", s.lines)
	}
	_, port, _ := net.SplitHostPort(s.addr("https"))
	if got := s.lines[len(s.lines)-2]; got != "page https://localhost:"+port+"/" {
		t.Errorf("%q", got)
	}
	if !strings.Contains(s.stderr(), "godwit user add --data '"+data+"' alice@localhost") {
		t.Errorf("no advice that can be pasted into a shell in %s", s.stderr())
	}
	for file, mode := range map[string]os.FileMode{"control.sock": 0o600, "key.pem": 0o600, "server.lock": 0o600, "turn.secret": 0o600, "cert.pem": 0o644} {
		if info, err := os.Stat(filepath.Join(data, file)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", file, info.Mode(), err, mode)
		}
	}
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory is open to others: %v", info.Mode())
	}
	if code := s.end(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "control.sock*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if again := serve(t, data); strings.Contains(again.stderr(), "This is a new server") {
		t.Error("the advice comes at the second start too")
	}
}

func TestListenersOff(t *testing.T) {
	s := serve(t, t.TempDir(), "--listen-c2s-tls", "off", "--listen-https", "off", "--listen-shared", "off", "--listen-stun", "off", "--listen-admin", "off")
	if len(s.lines) != 2 || s.addr("c2s") == "" {
		t.Errorf("%q", s.lines)
	}
}

// The defaults stay off other machines where they should.
func TestAdminIsPrivate(t *testing.T) {
	settings(t).must(t, exitOK, `admin = "127.0.0.1:5280"`)
	s := serve(t, t.TempDir(), "--listen-admin", "0.0.0.0:0")
	if !strings.Contains(s.stderr(), "metrics and profiles can be read from other machines") {
		t.Error("no warning")
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, name := range []string{"c2s", "c2s-tls", "https", "shared", "stun", "turn", "admin"} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			args := append([]string{"serve", "--data", data}, freePorts...)
			r := call(t, "", append(args, "--listen-"+name, taken.Addr().String())...).must(t, exitFailed,
				"in use by another program", "choose another with --listen-"+name, taken.Addr().String())
			if strings.Contains(r.out, "ready") {
				t.Error("it was ready")
			}
			if _, err := os.Stat(filepath.Join(data, "control.sock")); err == nil {
				t.Error("the socket stayed")
			}
			serve(t, data) // nothing holds the data
		})
	}
}

func TestSecondServerOnTheSameData(t *testing.T) {
	data := t.TempDir()
	first := serve(t, data)
	args := append([]string{"serve", "--data", data}, freePorts...)
	r := call(t, "", args...).must(t, exitFailed, "another server runs on the data in "+data)
	if r.out != "" {
		t.Errorf("it opened %q", r.out)
	}
	call(t, "", "sessions", "--data", data).must(t, exitOK, "nobody is online") // the first is unharmed
	first.end(t)
	serve(t, data)
}

func TestLongDataPath(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	call(t, "", append([]string{"serve", "--data", long}, freePorts...)...).must(t, exitFailed, "too long for a socket", "shorter --data")
}

// certificateOf is what a listener shows.
func certificateOf(t testing.TB, addr string) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"xmpp-client"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

func TestOwnCertificate(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data, "--domain", "chat.example.org")
	cert := certificateOf(t, s.addr("c2s-tls"))
	pool := x509.NewCertPool()
	text, err := os.ReadFile(filepath.Join(data, "cert.pem"))
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	for _, name := range []string{"chat.example.org", "localhost", "127.0.0.1", "::1"} {
		if _, err := cert.Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.end(t)
	s = serve(t, data, "--domain", "chat.example.org")
	if !cert.Equal(certificateOf(t, s.addr("c2s-tls"))) {
		t.Error("another certificate after a restart")
	}
	s.end(t)
	s = serve(t, data, "--domain", "other.example.org")
	if now := certificateOf(t, s.addr("c2s-tls")); now.VerifyHostname("other.example.org") != nil {
		t.Error("the certificate is not for the new domain")
	}
	for _, want := range []string{"a new certificate was made", "served for another domain before"} {
		if !strings.Contains(s.stderr(), want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestCertificateThatEndsSoon(t *testing.T) {
	dir := t.TempDir()
	if _, err := loadCertificate("", "", dir, "localhost"); err != nil {
		t.Fatal(err)
	}
	c, err := loadCertificate("", "", dir, "localhost")
	if err != nil || c.made {
		t.Fatal("it is made anew each time", err)
	}
	leaf := c.current.Load().Leaf
	if !c.covers("localhost", time.Now()) || c.covers("localhost", leaf.NotAfter.Add(time.Second)) || c.covers("elsewhere.example", time.Now()) {
		t.Error("covers is wrong")
	}
}

func TestGivenCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	if err := makeCertificate(cert, key, "localhost"); err != nil {
		t.Fatal(err)
	}
	s := serve(t, filepath.Join(dir, "data"), "--tls-cert", cert, "--tls-key", key)
	block, _ := pem.Decode(must(os.ReadFile(cert)))
	if got := certificateOf(t, s.addr("c2s-tls")); string(got.Raw) != string(block.Bytes) {
		t.Error("another certificate is shown")
	}
	if strings.Contains(s.stderr(), "one it made itself") {
		t.Error("the advice speaks of a certificate the server did not make")
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "cert.pem")); err == nil {
		t.Error("a certificate was made for nothing")
	}
	for why, args := range map[string][]string{
		"no file":         {"--tls-cert", filepath.Join(dir, "none.pem"), "--tls-key", key},
		"no certificate":  {"--tls-cert", key, "--tls-key", key},
		"a foreign key":   {"--tls-cert", cert, "--tls-key", filepath.Join(dir, "data2", "key.pem")},
		"not a directory": {"--data", cert},
	} {
		call(t, "", append(append([]string{"serve", "--data", filepath.Join(dir, "data2")}, freePorts...), args...)...).must(t, exitFailed, "godwit: ")
		_ = why
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestHealth(t *testing.T) {
	s := serve(t, t.TempDir())
	get := func(path string) (int, string) {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := client.Get("http://" + s.addr("admin") + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return r.StatusCode, string(must(io.ReadAll(r.Body)))
	}
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if code, body := get(path); code != http.StatusOK || body != want {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	for _, path := range []string{"/sessions", "/removed?jid=alice@localhost", "/changed?jid=alice@localhost", "/debug/pprof/cmdline", "/"} {
		if code, _ := get(path); code != http.StatusNotFound {
			t.Errorf("%s is on the network listener: %d", path, code)
		}
	}
}

// Guessing is refused after a while, counted and logged with who and from where, and the owner is not told apart from nobody.
func TestGuessing(t *testing.T) {
	s := serve(t, t.TempDir(), "--max-failures-per-address", "3")
	s.add(t, "alice@localhost")
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("guess"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p := launch(t, append(s.client(t, "alice@localhost"), "--password-file", wrong)...)
		p.until(t, "not-authorized")
		p.end(t)
	}
	p := launch(t, append(s.client(t, "alice@localhost"), "--password-file", wrong, "--log-level", "debug")...)
	limit := time.After(patience)
	for !strings.Contains(s.stderr(), "too many failures lately") {
		select {
		case <-p.lines:
		case <-limit:
			t.Fatal(s.stderr())
		}
	}
	p.end(t)
	if want := `msg="sign-in failed" address=127.0.0.1 account=alice@localhost`; strings.Count(s.stderr(), want) != 3 {
		t.Errorf("not three times %q in %s", want, s.stderr())
	}
	r := must(http.Get("http://" + s.addr("admin") + "/metrics"))
	defer r.Body.Close()
	body := string(must(io.ReadAll(r.Body)))
	http.DefaultClient.CloseIdleConnections()
	if !strings.Contains(body, `godwit_sign_in_failures_total{reason="wrong"} 3`) || strings.Contains(body, `godwit_sign_in_failures_total{reason="limited"} 0`) {
		t.Error("it is not counted")
	}
	if strings.Contains(s.stderr(), "guess") {
		t.Error("the log holds a password")
	}
}

func TestSessions(t *testing.T) {
	s := serve(t, t.TempDir())
	call(t, "", "sessions", "--data", s.data).must(t, exitOK, "nobody is online")
	for _, who := range []string{"bob", "alice", "小明"} {
		s.add(t, who+"@localhost")
	}
	s.signIn(t, "bob@localhost/desk")
	s.signIn(t, "alice@localhost/phone")
	x := s.signIn(t, "小明@localhost/手机", "--transport", "tls", "--server", s.addr("c2s-tls"))
	r := call(t, "", "sessions", "--data", s.data).must(t, exitOK, "WHO", "SINCE", "alice@localhost/phone.", "小明@localhost/手机.", "Godwit "+Version)
	if strings.Index(r.out, "alice@") > strings.Index(r.out, "bob@") {
		t.Error("not in order")
	}
	seen := 0
	for line := range strings.Lines(call(t, "", "sessions", "--json", "--data", s.data).must(t, exitOK).out) {
		var v struct {
			JID, Address, Transport, TLS, Mechanism string
			Since                                   time.Time
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err, line)
		}
		if v.TLS != "TLS 1.3" || !strings.HasPrefix(v.Address, "127.0.0.1:") || !strings.HasPrefix(v.Mechanism, "SCRAM-") || v.Since.IsZero() {
			t.Errorf("%+v", v)
		}
		if wantTLS := strings.HasPrefix(v.JID, "小明"); (v.Transport == "tls") != wantTLS {
			t.Errorf("%s over %s", v.JID, v.Transport)
		}
		seen++
	}
	if seen != 3 {
		t.Errorf("%d sessions", seen)
	}
	if err := json.NewEncoder(x.in).Encode(map[string]string{"cmd": "quit"}); err != nil {
		t.Fatal(err)
	}
	if code := x.wait(t); code != exitOK {
		t.Errorf("quit: exit code %d: %s", code, x.stderr())
	}
}

func TestHeadlessTrust(t *testing.T) {
	s := serve(t, t.TempDir())
	s.add(t, "alice@localhost")
	t.Setenv("GODWIT_PASSWORD", "secret")
	client := func(more ...string) []string {
		return append([]string{"headless", "alice@localhost", "--server", s.addr("c2s"), "--data", t.TempDir()}, more...)
	}
	other, none := filepath.Join(t.TempDir(), "other.pem"), filepath.Join(t.TempDir(), "none.pem")
	if err := errors.Join(makeCertificate(other, other+".key", "localhost"), os.WriteFile(none, []byte("hello"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for why, args := range map[string][]string{"another authority": {"--ca", other}, "the system's": nil} {
		p := launch(t, client(args...)...)
		all := strings.Join(p.until(t, "certificate"), " ")
		if strings.Contains(all, `"online"`) {
			t.Errorf("%s: it went online: %s", why, all)
		}
		if p.end(t) != exitFailed || !strings.Contains(p.stderr(), "interrupted") {
			t.Errorf("%s: %d %s", why, p.code, p.stderr())
		}
	}
	for _, args := range [][]string{{"--insecure"}, {"--ca", filepath.Join(s.data, "cert.pem")}} {
		p := launch(t, client(args...)...)
		p.until(t, `"event":"online"`)
		p.end(t)
	}
	call(t, "", client("--ca", none)...).must(t, exitFailed, "holds no certificate")
	call(t, "", client("--password-file", none+".pw")...).must(t, exitFailed, "the password can not be read")
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"": "''", "/srv/godwit": "/srv/godwit", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "数据": "'数据'"} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func ExampleMain() {
	fmt.Println(edits("domian", "domain"), nearest("listen.c2stls", []string{"listen.c2s", "listen.c2s-tls"}))
	// Output: 2 listen.c2s-tls
}
