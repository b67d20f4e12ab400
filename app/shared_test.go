package app

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/client"
	"godwit/jid"
	"godwit/link/tcp"
	"godwit/peer/allocation"
	"godwit/relay"
	"godwit/udpmux"
	"godwit/xep/extdisco"
)

// announced signs an account in, which has the password "secret", and returns what the server announces to it.
func announced(t *testing.T, s *testServer, account, server string, mode tcp.Mode) []extdisco.Service {
	t.Helper()
	got := make(chan []extdisco.Service, 1)
	rc, err := newClient(t.Context(), clientOptions{
		account: jid.MustParse(account), password: "secret", server: server, mode: mode, ca: filepath.Join(s.data, "cert.pem"),
		data: t.TempDir(), device: "test", log: slog.New(slog.DiscardHandler),
		tune: func(c *client.Config) { c.Services = func(all []extdisco.Service) { got <- all } },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); rc.Run(ctx) }()
	go func() {
		for range rc.Events() {
		}
	}()
	defer func() { stop(); <-ended; rc.close() }()
	select {
	case all := <-got:
		return all
	case <-time.After(patience):
		t.Fatal("nothing is announced:\n" + s.stderr())
		return nil
	}
}

// turnBy makes a relayed address by one service.
func turnBy(t *testing.T, s *testServer, host string, service extdisco.Service, protocol allocation.Protocol) (*allocation.Relay, error) {
	t.Helper()
	mux, err := udpmux.Listen(udpmux.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := trustConfig(clientOptions{ca: filepath.Join(s.data, "cert.pem")})
	if err != nil {
		t.Fatal(err)
	}
	trust.ServerName = "localhost"
	pool := allocation.New(allocation.Config{Mux: mux, TLS: trust})
	t.Cleanup(func() { pool.Close(); mux.Close() })
	pool.SetServers([]allocation.Server{{Host: host, Port: service.Port, Protocol: protocol, Username: service.Username, Password: service.Password, Expires: service.Expires}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, release, err := pool.Acquire(ctx)
	if err == nil {
		t.Cleanup(release)
	}
	return r, err
}

// Real clients of each protocol, all over one port.
func TestSharedPort(t *testing.T) {
	s := serve(t, t.TempDir(), "--turn-allow", "127.0.0.1/32", "--listen-c2s", "off", "--listen-c2s-tls", "off")
	s.add(t, "alice@localhost")
	shared := s.addr("shared")
	_, port, _ := net.SplitHostPort(shared)
	for transport, want := range map[string]string{"tls": `"transport":"tls"`, "tcp": `"transport":"tcp"`} {
		p := launch(t, s.client(t, "alice@localhost/"+transport, "--server", shared, "--transport", transport)...)
		if lines := p.until(t, `"event":"online"`); !strings.Contains(lines[len(lines)-1], want) || !strings.Contains(lines[len(lines)-1], "-PLUS") {
			t.Errorf("%s: %s", transport, lines[len(lines)-1])
		}
		p.end(t)
	}
	frontPageOf(t, s, shared)
	all := announced(t, s, "alice@localhost", shared, tcp.DirectTLS)
	i := slices.IndexFunc(all, func(s extdisco.Service) bool { return s.Type == extdisco.TURNS })
	if i < 0 || net.JoinHostPort("127.0.0.1", port) != shared || all[i].Host != "localhost" || !all[i].Restricted || all[i].Expires.Before(time.Now().Add(11*time.Hour)) {
		t.Fatalf("%+v", all)
	}
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	peer.SetDeadline(time.Now().Add(patience))
	r, err := turnBy(t, s, "127.0.0.1", all[i], allocation.TLS)
	if err != nil {
		t.Fatal(err)
	}
	to := peer.LocalAddr().(*net.UDPAddr).AddrPort()
	r.Permit(to.Addr())
	if err := r.Mux().WriteTo([]byte("\x80relayed"), to); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := peer.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "\x80relayed" || from.String() != r.Address().String() {
		t.Errorf("%q from %v, not %v: %v", buf[:n], from, r.Address(), err)
	}
	metrics(t, s, "godwit_turn_allocations 1", `!godwit_turn_bytes_total{direction="out"} 0`, `godwit_shared_connections_total{protocol="turn-tls"} 1`,
		`godwit_shared_connections_total{protocol="xmpp"} 2`, `godwit_shared_connections_total{protocol="xmpp-starttls"} 1`)
}

// frontPageOf looks at what a browser gets.
func frontPageOf(t *testing.T, s *testServer, shared string) {
	t.Helper()
	trust, err := trustConfig(clientOptions{ca: filepath.Join(s.data, "cert.pem")})
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	for _, tt := range []struct {
		method, path string
		code         int
	}{{"GET", "/", 200}, {"HEAD", "/", 200}, {"GET", "/admin", 404}, {"POST", "/", 405}} {
		q, _ := http.NewRequest(tt.method, "https://"+shared+tt.path, nil)
		a, err := tr.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if a.StatusCode != tt.code || a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: %s %v", tt.method, tt.path, a.Status, a.Header)
		}
		if tt.method == "GET" && tt.code == 200 && (a.Proto != "HTTP/2.0" || !strings.Contains(string(body), "Godwit") || a.Header.Get("Content-Type") != "text/html; charset=utf-8") {
			t.Errorf("%s %v %q", a.Proto, a.Header, body)
		}
	}
}

// metrics looks for lines that must be there, and with ! in front for lines that must not.
func metrics(t *testing.T, s *testServer, want ...string) {
	t.Helper()
	a, err := http.Get("http://" + s.addr("admin") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, _ := io.ReadAll(a.Body)
	for _, w := range want {
		w, not := strings.CutPrefix(w, "!")
		if strings.Contains(string(body), w+"\n") == not {
			name, _, _ := strings.Cut(w, "{")
			var has []string
			for line := range strings.Lines(string(body)) {
				if strings.HasPrefix(line, name) {
					has = append(has, strings.TrimSpace(line))
				}
			}
			t.Errorf("no %q in the metrics, but %q", w, has)
		}
	}
}

// The default goes on without port 443; an address that is given must be had (TestPortInUse).
func TestSharedPortThatCanNotBeHad(t *testing.T) {
	if l, err := net.Listen("tcp", sharedPort); err == nil {
		defer l.Close()
	} // else somebody has it, or we may not have it: the same to the server
	s := serve(t, t.TempDir(), "--listen-shared", "auto")
	if s.addr("shared") != "" || !strings.Contains(s.stderr(), "level=WARN msg=\"there is no shared port") {
		t.Errorf("%q\n%s", s.lines, s.stderr())
	}
	s.add(t, "alice@localhost")
	for _, a := range announced(t, s, "alice@localhost", s.addr("c2s"), tcp.StartTLS) {
		if a.Type == extdisco.TURNS {
			t.Errorf("announced: %+v", a)
		}
	}
}

// The port after STUN's likewise.
func TestAlternateThatCanNotBeHad(t *testing.T) {
	var first, second net.PacketConn
	for range 50 {
		var err error
		if first, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		_, p := splitPort(first.LocalAddr())
		if second, err = listenUDP(t.Context(), netip.MustParseAddr("127.0.0.1"), p+1); err == nil {
			break
		}
		first.Close()
	}
	defer second.Close()
	stun := first.LocalAddr().String()
	first.Close()
	s := serve(t, t.TempDir(), "--listen-stun", stun)
	if s.addr("stun") != stun || s.addr("stun-alternate") != "" || !strings.Contains(s.stderr(), "there is no second port for STUN") {
		t.Errorf("%q\n%s", s.lines, s.stderr())
	}
	call(t, "", append(append([]string{"serve", "--data", t.TempDir()}, freePorts...), "--listen-stun-alternate", second.LocalAddr().String())...).
		must(t, exitFailed, "in use by another program", "--listen-stun-alternate")
}

// What is announced follows what is there.
func TestServices(t *testing.T) {
	const host = "chat.example.org"
	all := places{stun: 1, turn: 2, shared: 3}
	public := all
	public.public = []netip.Addr{netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8::5"), netip.MustParseAddr("203.0.113.5")}
	for _, tt := range []struct {
		why    string
		places places
		secret bool
		want   string
	}{
		{"everything", all, true, "stun chat.example.org:1/udp, stun chat.example.org:1/tcp, turn chat.example.org:2/udp+, turn chat.example.org:2/tcp+, turns chat.example.org:3/tcp+"},
		{"without TURN", all, false, "stun chat.example.org:1/udp, stun chat.example.org:1/tcp"},
		{"without the shared port", places{stun: 1, turn: 1}, true, "stun chat.example.org:1/udp, stun chat.example.org:1/tcp, turn chat.example.org:1/udp+, turn chat.example.org:1/tcp+"},
		{"TURN alone", places{turn: 2}, true, "turn chat.example.org:2/udp+, turn chat.example.org:2/tcp+"},
		{"public addresses, and the name where a certificate is for it", public, true,
			"stun 203.0.113.5:1/udp, stun 2001:db8::5:1/udp, stun 203.0.113.5:1/tcp, stun 2001:db8::5:1/tcp, " +
				"turn 203.0.113.5:2/udp+, turn 2001:db8::5:2/udp+, turn 203.0.113.5:2/tcp+, turn 2001:db8::5:2/tcp+, turns chat.example.org:3/tcp+"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			cfg := relay.Config{CredentialLifetime: time.Hour}
			if tt.secret {
				cfg.Secret = make([]byte, 32)
			}
			n := &node{domain: host, relay: relay.New(cfg), places: tt.places}
			defer n.relay.Close()
			var got []string
			names := map[string]bool{}
			for _, s := range n.services(jid.MustParse("alice@" + host)) {
				text := s.Type + " " + s.Host + ":" + netip.AddrPortFrom(netip.IPv4Unspecified(), s.Port).String()[len("0.0.0.0:"):] + "/" + s.Transport
				if s.Restricted {
					text += "+"
					names[s.Username+" "+s.Password] = true
				}
				if s.Restricted != (s.Username != "" && s.Password != "" && time.Until(s.Expires) > 58*time.Minute) {
					t.Errorf("%+v", s)
				}
				got = append(got, text)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), tt.want)
			}
			if tt.secret && len(names) != 1 {
				t.Errorf("%d different credentials", len(names))
			}
			for _, other := range n.services(jid.MustParse("bob@" + host)) {
				if other.Restricted && names[other.Username+" "+other.Password] {
					t.Error("two accounts have the same credentials")
				}
			}
		})
	}
	if got := (&node{domain: host}).services(jid.MustParse("alice@" + host)); got != nil {
		t.Errorf("nothing is served, and announced is %v", got)
	}
}

// Credentials outlive the server, and not the account.
func TestTURNCredentials(t *testing.T) {
	data := t.TempDir()
	first := serve(t, data)
	first.add(t, "alice@localhost")
	first.add(t, "bob@localhost")
	pick := func(s *testServer, account string) extdisco.Service {
		for _, a := range announced(t, s, account, s.addr("c2s"), tcp.StartTLS) {
			if a.Type == extdisco.TURN && a.Transport == "tcp" {
				return a
			}
		}
		t.Fatal("no TURN")
		return extdisco.Service{}
	}
	alice, bob := pick(first, "alice@localhost"), pick(first, "bob@localhost")
	first.end(t)
	s := serve(t, data)
	_, port := netip.MustParseAddrPort(s.addr("turn")).Addr(), netip.MustParseAddrPort(s.addr("turn")).Port()
	alice.Port, bob.Port = port, port
	for _, a := range []extdisco.Service{alice, bob} {
		if _, err := turnBy(t, s, "127.0.0.1", a, allocation.TCP); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	}
	call(t, "", "user", "remove", "--data", data, "bob@localhost").must(t, exitOK)
	if _, err := turnBy(t, s, "127.0.0.1", bob, allocation.TCP); err == nil {
		t.Error("an account that is no more relays")
	}
	if _, err := turnBy(t, s, "127.0.0.1", alice, allocation.TCP); err != nil {
		t.Errorf("an account that is untouched: %v", err)
	}
	alice.Password += "x"
	if _, err := turnBy(t, s, "127.0.0.1", alice, allocation.TCP); err == nil {
		t.Error("a wrong password relays")
	}
	metrics(t, s, "godwit_turn_allocations_total 3", "godwit_turn_accounts 1")
}

func TestTURNSecret(t *testing.T) {
	data := t.TempDir()
	first, err := loadSecret(data)
	if err != nil || len(first) != 32 {
		t.Fatal(first, err)
	}
	if again, err := loadSecret(data); err != nil || !slices.Equal(first, again) {
		t.Errorf("%x, then %x, %v", first, again, err)
	}
	for _, bad := range []string{"", "abcd\n", strings.Repeat("z", 64)} {
		if err := os.WriteFile(filepath.Join(data, secretFile), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadSecret(data); err == nil || !strings.Contains(err.Error(), "hexadecimal") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	off := t.TempDir()
	s := serve(t, off, "--listen-turn", "off")
	if _, err := os.Stat(filepath.Join(off, secretFile)); !errors.Is(err, os.ErrNotExist) || s.addr("turn") != "" || s.addr("stun") == "" {
		t.Errorf("TURN is off: %v, %q", err, s.lines)
	}
}

func TestTURNSettings(t *testing.T) {
	for _, tt := range []struct{ why, args, want string }{
		{"no address", "--turn-public here", "--turn-public"},
		{"half a pair", "--turn-public 203.0.113.5=", "--turn-public"},
		{"a pair of two families", "--turn-public 203.0.113.5=fd00::1", "can not stand for"},
		{"ports the wrong way round", "--turn-ports 60000-50000", "--turn-ports"},
		{"one port", "--turn-ports 50000", "--turn-ports"},
		{"port 0", "--turn-ports 0-10", "--turn-ports"},
		{"too high a port", "--turn-ports 50000-70000", "--turn-ports"},
		{"an address for a network", "--turn-allow 10.0.0.1", "--turn-allow"},
		{"no credentials to speak of", "--turn-credentials 1s", "--turn-credentials"},
		{"no relayed addresses", "--turn-allocations 0", "--turn-allocations"},
		{"less than nothing", "--turn-bandwidth=-1", "--turn-bandwidth"},
		{"no address for STUN", "--stun-addresses 1.2.3", "--stun-addresses"},
		{"a listener that knows no auto", "--listen-c2s auto", "--listen-c2s"},
		{"a listener that is none", "--listen-shared 443", "--listen-shared"},
		{"a page without TLS", "--web-url http://chat.example.org", "--web-url"},
		{"a page that is none", "--web-url chat.example.org", "--web-url"},
		{"a page below another", "--web-url https://example.org/chat", "--web-url"},
		{"a page with a password", "--web-url https://a:b@example.org/", "--web-url"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			settings(t, strings.Fields(tt.args)...).must(t, exitUsage, tt.want)
		})
	}
	settings(t, "--turn-public", "203.0.113.5=10.0.0.5, 2001:db8::5", "--turn-allow", "10.0.0.0/8,fd00::/8", "--turn-ports", "50000-50001").must(t, exitOK)
}

// A machine with two addresses answers from the other port, the other address, and both (RFC 5780 §6.1).
func TestDiscovery(t *testing.T) {
	for _, tt := range []struct {
		why  string
		args []string
	}{
		{"a wildcard socket", []string{"--listen-stun", "0.0.0.0:0"}},
		{"sockets of their own", nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			s := serve(t, t.TempDir(), append(tt.args, "--stun-addresses", "127.0.0.1,127.0.0.2")...)
			port := func(name string) uint16 { return netip.MustParseAddrPort(s.addr(name)).Port() }
			one, two := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for change, want := range map[uint32]netip.AddrPort{
				0: netip.AddrPortFrom(one, port("stun")), 2: netip.AddrPortFrom(one, port("stun-alternate")),
				4: netip.AddrPortFrom(two, port("stun")), 6: netip.AddrPortFrom(two, port("stun-alternate")),
			} {
				q := binary.BigEndian.AppendUint32([]byte("\x00\x01\x00\x08\x21\x12\xa4\x42godwit-tests\x00\x03\x00\x04"), change)
				if _, err := c.WriteToUDPAddrPort(q, netip.AddrPortFrom(one, port("stun"))); err != nil {
					t.Fatal(err)
				}
				c.SetReadDeadline(time.Now().Add(patience))
				buf := make([]byte, 500)
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if err != nil || from != want || n < 20 || binary.BigEndian.Uint16(buf) != 0x0101 {
					t.Errorf("change %d: %x from %v, want from %v: %v", change, buf[:n], from, want, err)
				}
			}
		})
	}
}

// What ALPN agreed on is the protocol; the certificate is read again with those of the other listeners.
func TestSharedPortTLS(t *testing.T) {
	s := serve(t, t.TempDir())
	trust, err := trustConfig(clientOptions{ca: filepath.Join(s.data, "cert.pem")})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"xmpp-client", "stun.turn", "h2", "http/1.1"} {
		cfg := trust.Clone()
		cfg.NextProtos = []string{name}
		c, err := tls.Dial("tcp", s.addr("shared"), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().NegotiatedProtocol; got != name {
			t.Errorf("%q was agreed on, not %q", got, name)
		}
		c.Close()
	}
	if certificateOf(t, s.addr("shared")).SerialNumber.Cmp(certificateOf(t, s.addr("c2s-tls")).SerialNumber) != 0 {
		t.Error("another certificate than on the other listeners")
	}
}
