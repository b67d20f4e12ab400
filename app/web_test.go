package app

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/web"
)

// visitor is a browser that trusts the server's own certificate.
func (s *testServer) visitor(t *testing.T) *http.Client {
	t.Helper()
	trust, err := trustConfig(clientOptions{ca: filepath.Join(s.data, "cert.pem")})
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

func get(t *testing.T, c *http.Client, address string) (*http.Response, string) {
	t.Helper()
	a, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a, string(body)
}

// A client by WebSocket is a client like any other: on the page's port, on the shared one, by URL and by host.
func TestWebSocket(t *testing.T) {
	s := serve(t, t.TempDir())
	s.add(t, "alice@localhost")
	s.add(t, "bob@localhost")
	bob := s.signIn(t, "bob@localhost")
	for _, args := range [][]string{
		{"--server", "wss://" + s.addr("https") + "/xmpp-websocket"},
		{"--server", s.addr("https"), "--transport", "ws"},
		{"--server", "wss://" + s.addr("shared") + "/xmpp-websocket", "--transport", "ws"},
	} {
		p := launch(t, s.client(t, "alice@localhost", args...)...)
		lines := p.until(t, `"event":"online"`)
		if last := lines[len(lines)-1]; !strings.Contains(last, `"transport":"ws"`) || !strings.Contains(last, "-PLUS") || !strings.Contains(last, `"tls":"TLS 1.3"`) {
			t.Errorf("%v: %s", args, last)
		}
		sessions := call(t, "", "sessions", "--data", s.data, "--json").must(t, exitOK, `"transport":"ws"`, `"tls":"TLS 1.3"`, `"address":"127.0.0.1:`)
		if strings.Count(sessions.out, "\n") < 2 {
			t.Error(sessions.out)
		}
		io.WriteString(p.in, `{"cmd":"send","to":"bob@localhost","body":"by a socket","route":"server"}`+"\n")
		p.until(t, `"event":"sent"`)
		bob.until(t, "by a socket")
		p.end(t)
	}
	metrics(t, s, `godwit_http_requests_total{for="websocket"} 3`, `godwit_http_responses_total{status="1xx"} 3`)
}

func TestPageAndDiscovery(t *testing.T) {
	s := serve(t, t.TempDir(), "--web-url", "https://chat.example.org/")
	c := s.visitor(t)
	base := "https://" + s.addr("https")
	if got := s.lines[len(s.lines)-2]; got != "page https://chat.example.org/" {
		t.Error(got)
	}
	if a, body := get(t, c, base+"/"); a.StatusCode != http.StatusOK || a.Proto != "HTTP/2.0" || !strings.Contains(body, "Godwit") || a.Header.Get("Strict-Transport-Security") != "" {
		t.Error(a.Status, a.Proto, a.Header, body)
	}
	var meta struct{ Links []struct{ Href string } }
	_, body := get(t, c, base+"/.well-known/host-meta.json")
	if err := json.Unmarshal([]byte(body), &meta); err != nil || len(meta.Links) != 1 || meta.Links[0].Href != "wss://"+s.addr("https")+"/xmpp-websocket" {
		t.Error(body, err)
	}
	if a, body := get(t, c, base+"/xmpp-websocket"); a.StatusCode != http.StatusUpgradeRequired || !strings.Contains(body, "RFC 7395") {
		t.Error(a.Status, body)
	}
	plain, err := http.Get("http://" + s.addr("https") + "/")
	if err != nil {
		t.Fatal(err)
	}
	plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest || plain.Header.Get("Location") != "" {
		t.Error("plain HTTP: ", plain.Status, plain.Header)
	}
	metrics(t, s, `godwit_http_requests_total{for="page"} 1`, `godwit_http_requests_total{for="discovery"} 1`, `godwit_https_closed_total{reason="http"} 1`)
}

// What the page about trust gives away is what the server said at its start, and makes the server trusted.
func TestTrustPage(t *testing.T) {
	s := serve(t, t.TempDir())
	c := s.visitor(t)
	base := "https://" + s.addr("https")
	_, page := get(t, c, base+"/trust")
	_, der := get(t, c, base+"/trust/godwit-ca.crt")
	cert, err := x509.ParseCertificate([]byte(der))
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := web.Fingerprint(cert)
	if !strings.Contains(page, fingerprint) || !strings.Contains(s.stderr(), "must be\n"+fingerprint) || !strings.Contains(s.stderr(), "fingerprint="+fingerprint) {
		t.Errorf("%s is not everywhere", fingerprint)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if _, err := certificateOf(t, s.addr("c2s-tls")).Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, _ := get(t, c, base+"/trust/ca-key.pem"); a.StatusCode != http.StatusNotFound {
		t.Error(a.Status)
	}
}

// Somebody else's page can not open the WebSocket; one that is allowed can.
func TestWebSocketOrigins(t *testing.T) {
	s := serve(t, t.TempDir(), "--web-origins", "https://web.example.org, http://127.0.0.1:8080", "--web-url", "https://chat.example.org/")
	c := s.visitor(t)
	c.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	_, port, _ := net.SplitHostPort(s.addr("https"))
	for _, tt := range []struct {
		host, origin string
		status       int
	}{
		{"localhost:" + port, "https://localhost:" + port, 101},
		{"127.0.0.1:" + port, "https://127.0.0.1:" + port, 101},
		{"chat.example.org", "https://chat.example.org", 101},
		{"localhost:" + port, "https://web.example.org", 101},
		{"localhost:" + port, "http://127.0.0.1:8080", 101},
		{"localhost:" + port, "https://evil.example", 403},
		{"evil.example:" + port, "https://evil.example:" + port, 403},
		{"localhost:" + port, "null", 403},
	} {
		q, err := http.NewRequest("GET", "https://"+s.addr("https")+"/xmpp-websocket", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = tt.host
		q.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {tt.origin}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"MDEyMzQ1Njc4OWFiY2RlZg=="}, "Sec-Websocket-Protocol": {"xmpp"}}
		a, err := c.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != tt.status {
			t.Errorf("%s at %s: %s", tt.origin, tt.host, a.Status)
		}
	}
}

// What says nothing to the port of the page keeps nobody waiting, and is closed when the server stops.
func TestHTTPSHangersOn(t *testing.T) {
	s := serve(t, t.TempDir())
	for range 50 {
		c, err := net.Dial("tcp", s.addr("https"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if a, _ := get(t, s.visitor(t), "https://"+s.addr("https")+"/trust"); a.StatusCode != http.StatusOK {
		t.Error(a.Status)
	}
	if code := s.end(t); code != exitOK {
		t.Error(code)
	}
}

// pipeListener has one connection, in memory.
type pipeListener struct {
	conn chan net.Conn
	net.Listener
}

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conn
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// Who sends a request drop by drop is not waited for.
func TestSlowRequests(t *testing.T) {
	for why, tt := range map[string]struct {
		request string
		limit   time.Duration
		answer  string
	}{
		"half a line":   {"GET / HT", 5 * time.Second, ""},
		"half a header": {"GET / HTTP/1.1\r\nHost: a\r\n", 5 * time.Second, ""},
		"half a body":   {"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx", 15 * time.Second, "408"},
		"and then none": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", time.Minute, "200"},
		"a long header": {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 24<<10) + "\r\n\r\n", 5 * time.Second, "431"},
	} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := webServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, err := io.ReadAll(r.Body); err != nil {
						w.WriteHeader(http.StatusRequestTimeout)
					}
				}), slog.New(slog.DiscardHandler))
				l := pipeListener{conn: make(chan net.Conn, 1)}
				client, theirs := net.Pipe()
				l.conn <- theirs
				go server.Serve(l)
				begun := time.Now()
				go io.WriteString(client, tt.request)
				answer, _ := io.ReadAll(client)
				if took := time.Since(begun); took > tt.limit+time.Second {
					t.Errorf("held for %v", took)
				}
				if !strings.Contains(string(answer), tt.answer) {
					t.Errorf("%q", answer)
				}
				client.Close()
				close(l.conn)
				server.Close()
			})
		})
	}
}

func TestTransportFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--server", "ws://localhost/xmpp-websocket"},
		{"--server", "https://localhost/"},
		{"--server", "wss:///"},
		{"--server", "wss://localhost/", "--transport", "tls"},
	} {
		t.Setenv("GODWIT_PASSWORD", "x")
		call(t, "", append([]string{"headless", "alice@localhost", "--data", t.TempDir()}, args...)...).must(t, exitUsage, "--server")
	}
}
