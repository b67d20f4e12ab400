package interop

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"godwit/netlab/story"
)

// stropheVariable names the directory that strophe.js was installed in, for the test in its network.
const stropheVariable = "GODWIT_INTEROP_STROPHE"

// TestStrophe has strophe.js in a browser sign in over our WebSocket, from a page of somebody else's that the server was told of.
func TestStrophe(t *testing.T) {
	if dir := os.Getenv(stropheVariable); dir != "" {
		strophe(t, dir)
		return
	}
	need(t, browser, browser)
	need(t, "npm", "npm")
	need(t, "util-linux", "unshare", "-n", "true") // needs root
	need(t, "iproute2", "ip", "-V")
	dir := installStrophe(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "-n", "--", "sh", "-c", `ip link set lo up && exec "$0" "$@"`,
		os.Args[0], "-test.run", "^TestStrophe$", "-test.v")
	cmd.Env = append(os.Environ(), browserVariable+"="+browser, stropheVariable+"="+dir, "GODWIT_BINARY="+story.Binary(t))
	out, err := cmd.CombinedOutput()
	t.Logf("in a network of its own:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// installStrophe gets strophe.js as the lock file has it.
func installStrophe(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		text, err := os.ReadFile(filepath.Join("testdata", "strophe", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("strophe.js can not be had: npm ci: %v\n%s", err, out)
	}
	return dir
}

// A strophePage is a browser with the page.
type strophePage struct {
	t        *testing.T
	commands chan any
	told     chan stropheEvent
	origin   string
}

type stropheEvent struct{ Event, Text, From, Mechanism string }

type stropheCommand struct {
	Do       string `json:"do"`
	URL      string `json:"url,omitempty"`
	JID      string `json:"jid,omitempty"`
	Password string `json:"password,omitempty"`
	To       string `json:"to,omitempty"`
	Text     string `json:"text,omitempty"`
}

// serveStrophe serves the page.
func serveStrophe(t *testing.T, dir string) *strophePage {
	t.Helper()
	p := &strophePage{t: t, commands: make(chan any, 8), told: make(chan stropheEvent, 64)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join("testdata", "strophe", "page.html"))
	})
	mux.HandleFunc("GET /strophe.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(dir, "node_modules", "strophe.js", "dist", "strophe.umd.min.js"))
	})
	mux.HandleFunc("GET /command", func(w http.ResponseWriter, r *http.Request) {
		select {
		case c := <-p.commands:
			_ = json.NewEncoder(w).Encode(c)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /told", func(_ http.ResponseWriter, r *http.Request) {
		var e stropheEvent
		if err := json.NewDecoder(r.Body).Decode(&e); err == nil {
			p.told <- e
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	p.origin = "http://" + listener.Addr().String()
	return p
}

// await waits for an event.
func (p *strophePage) await(kind string) stropheEvent {
	p.t.Helper()
	var seen []stropheEvent
	deadline := time.After(patience)
	for {
		select {
		case e := <-p.told:
			if e.Event == kind {
				return e
			}
			if seen = append(seen, e); e.Event == "error" || e.Event == "failed" {
				p.t.Fatalf("instead of %q: %+v", kind, seen)
			}
		case <-deadline:
			p.t.Fatalf("the page does not tell %q but %+v", kind, seen)
		}
	}
}

// keyHash is the hash of the key in a certificate, by which a browser can be told to accept that one and no other.
func keyHash(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// strophe runs in a network that has only loopback.
func strophe(t *testing.T, dir string) {
	p := serveStrophe(t, dir)
	s := story.StartServer(t, story.Loopback, "127.0.0.1", "--web-origins", p.origin)
	s.AddAccount(t, alice)
	s.AddAccount(t, bob)
	startBrowser(t, p.origin+"/", "--ignore-certificate-errors-spki-list="+keyHash(t, filepath.Join(s.Data, "cert.pem")))
	url := "wss://" + s.Addr("https") + "/xmpp-websocket"

	p.commands <- stropheCommand{Do: "connect", URL: url, JID: alice, Password: "wrong"}
	p.await("authfail")
	p.commands <- stropheCommand{Do: "disconnect"}
	p.await("disconnected")

	p.commands <- stropheCommand{Do: "connect", URL: url, JID: alice + "/page", Password: password(alice)}
	if e := p.await("connected"); e.From != alice+"/page" || !strings.HasPrefix(e.Mechanism, "SCRAM-SHA-") {
		t.Errorf("signed in as %s by %s", e.From, e.Mechanism)
	}
	p.await("presence") // its own, which the server sends back
	sessions := story.Run(t, "sessions", "--json", "--data", s.Data)
	for _, want := range []string{`"transport":"ws"`, `"tls":"TLS 1.3"`, `"address":"127.0.0.1:`} {
		if !strings.Contains(sessions, want) {
			t.Errorf("no %s in %s", want, sessions)
		}
	}
	p.commands <- stropheCommand{Do: "roster"}
	if e := p.await("roster"); e.Text != "result" {
		t.Error(e)
	}
	b := startHeadless(t, s, bob)
	p.commands <- stropheCommand{Do: "send", To: bob, Text: "你好 from a page <&>"}
	b.Await(t, "what the page said", func(e story.Event) bool {
		return e.Event == "message" && e.Body == "你好 from a page <&>" && e.From == alice+"/page"
	})
	const long = 20000 // runes, in several TCP segments
	b.Do(t, map[string]any{"cmd": "send", "to": alice, "body": strings.Repeat("鸟", long), "id": "m1"})
	if e := p.await("message"); e.Text != strings.Repeat("鸟", long) || bare(e.From) != bob {
		t.Errorf("%d bytes from %s", len(e.Text), e.From)
	}
	p.commands <- stropheCommand{Do: "disconnect"}
	p.await("disconnected")
	b.Quit(t)
}
