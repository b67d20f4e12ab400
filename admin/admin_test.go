package admin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"godwit/admin"
	"godwit/jid"
	"godwit/server"
	"godwit/store/sqlite"
	"godwit/xep/version"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// surface is a running one, over a server without clients.
type surface struct {
	*admin.Surface
	public, control string // addresses
	ready           atomic.Pointer[error]
	told            []string
}

func start(t *testing.T, change func(*server.Config)) *surface {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "godwit.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	cfg := server.Config{
		Domain: jid.MustParse("localhost"), Log: log, Program: version.Version{Name: "Godwit", Version: "test"},
		Store: server.Store{Accounts: db.Accounts(), Rosters: db.Roster(), Archive: db.Archive(), Inbox: db.Inbox(), LastSeen: db.LastSeen(), Blocklist: db.Blocklist(), PubSub: db.PubSub(), Secrets: db.Secrets(), Grants: db.Grants(), Invitations: db.Invitations(), Commits: db},
	}
	if change != nil {
		change(&cfg)
	}
	srv, err := server.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &surface{}
	s.Surface, err = admin.New(admin.Source{
		Server: srv,
		STUN:   func() admin.STUN { return admin.STUN{Requests: 7} },
		TURN: func() admin.TURN {
			return admin.TURN{Live: 2, BytesIn: 10, BytesOut: 11, PacketsIn: 12, PacketsOut: 13, Refused: map[string]uint64{"quota": 4, "address": 5}}
		},
		Shared: func() admin.Shared {
			return admin.Shared{Pending: 6, Served: map[string]uint64{"xmpp": 8}, Closed: map[string]uint64{"slow": 9}}
		},
		HTTP: func() admin.HTTP {
			return admin.HTTP{Pending: 3, Requests: map[string]uint64{"websocket": 21}, Responses: map[string]uint64{"4xx": 22}, Closed: map[string]uint64{"http": 23}}
		},
		SignIns: func() admin.SignInFailures { return admin.SignInFailures{Wrong: 3, Limited: 2, Others: 1} },
		Removed: func(who jid.JID) { s.told = append(s.told, "removed "+who.String()) },
		Changed: func(who jid.JID) { s.told = append(s.told, "changed "+who.String()) },
		Ready: func(context.Context) error {
			if err := s.ready.Load(); err != nil {
				return *err
			}
			return nil
		},
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	listen := func(serve func(net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- serve(l) }()
		return "http://" + l.Addr().String()
	}
	s.public, s.control = listen(s.ServePublic), listen(s.ServeControl)
	t.Cleanup(func() {
		s.Close()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("serving ended with %v", err)
			}
		}
		if err := errors.Join(srv.Stop(context.Background()), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ask(t *testing.T, method, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// What is exposed can be parsed, and every metric of metrics.go is there with its help.
func TestMetrics(t *testing.T) {
	s := start(t, func(c *server.Config) { c.Register = true })
	code, body := ask(t, "GET", s.public+"/metrics")
	if code != http.StatusOK {
		t.Fatal(code, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:counter|gauge|newByWord)\("([a-z_]+)"`).FindAllSubmatch(source, -1)
	if len(named) < 20 {
		t.Fatalf("only %d metrics were found in metrics.go", len(named))
	}
	for _, n := range named {
		name := "godwit_" + string(n[1])
		f := families[name]
		if f == nil {
			t.Errorf("%s is not exposed", name)
			continue
		}
		if f.GetHelp() == "" || strings.HasSuffix(name, "_total") != (f.GetType().String() == "COUNTER") {
			t.Errorf("%s: help %q, type %s", name, f.GetHelp(), f.GetType())
		}
	}
	for _, want := range []string{`godwit_sign_in_failures_total{reason="wrong"} 3`, `godwit_sign_in_failures_total{reason="limited"} 2`,
		`godwit_sign_in_failures_total{reason="other"} 1`, "godwit_stun_requests_total 7", "godwit_turn_allocations 2",
		`godwit_turn_bytes_total{direction="in"} 10`, `godwit_turn_bytes_total{direction="out"} 11`, `godwit_turn_packets_total{direction="in"} 12`,
		`godwit_turn_packets_total{direction="out"} 13`, `godwit_turn_refused_total{reason="quota"} 4`, `godwit_turn_refused_total{reason="address"} 5`,
		"godwit_shared_pending 6", `godwit_shared_connections_total{protocol="xmpp"} 8`, `godwit_shared_closed_total{reason="slow"} 9`,
		"godwit_https_pending 3", `godwit_http_requests_total{for="websocket"} 21`, `godwit_http_responses_total{status="4xx"} 22`, `godwit_https_closed_total{reason="http"} 23`,
		"godwit_sessions 0", "godwit_tokens_issued_total 0", "godwit_invitations_made_total 0", "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestReady(t *testing.T) {
	s := start(t, nil)
	if code, body := ask(t, "GET", s.public+"/readyz"); code != http.StatusOK || body != "ready\n" {
		t.Error(code, body)
	}
	broken := errors.New("the disk is gone")
	s.ready.Store(&broken)
	if code, body := ask(t, "GET", s.public+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "the disk is gone") {
		t.Error(code, body)
	}
	if code, _ := ask(t, "GET", s.public+"/healthz"); code != http.StatusOK {
		t.Error("a broken disk is no reason to be killed: ", code)
	}
	s.ready.Store(nil)
	s.Drain()
	if code, body := ask(t, "GET", s.public+"/readyz"); code != http.StatusServiceUnavailable || body != "stopping\n" {
		t.Error(code, body)
	}
	if code, _ := ask(t, "GET", s.public+"/healthz"); code != http.StatusOK {
		t.Error("a server that stops is alive: ", code)
	}
}

// What changes something is on the control socket only.
func TestControl(t *testing.T) {
	s := start(t, nil)
	for _, tt := range []struct {
		method, path string
		public       bool
		code         int
	}{
		{"GET", "/sessions", false, http.StatusOK},
		{"POST", "/removed?jid=alice@localhost/x", false, http.StatusOK},
		{"POST", "/changed?jid=alice@localhost", false, http.StatusOK},
		{"POST", "/removed?jid=@", false, http.StatusBadRequest},
		{"GET", "/removed?jid=alice@localhost", false, http.StatusMethodNotAllowed},
		{"GET", "/metrics", false, http.StatusNotFound},
		{"GET", "/sessions", true, http.StatusNotFound},
		{"POST", "/removed?jid=alice@localhost", true, http.StatusNotFound},
		{"POST", "/changed?jid=alice@localhost", true, http.StatusNotFound},
		{"POST", "/metrics", true, http.StatusMethodNotAllowed},
		{"GET", "/debug/pprof/cmdline", true, http.StatusNotFound},
		{"GET", "/debug/pprof/heap", true, http.StatusOK},
	} {
		base := s.control
		if tt.public {
			base = s.public
		}
		if code, body := ask(t, tt.method, base+tt.path); code != tt.code {
			t.Errorf("%s %s (public %v): %d %s", tt.method, tt.path, tt.public, code, body)
		}
	}
	if !slices.Equal(s.told, []string{"removed alice@localhost", "changed alice@localhost"}) {
		t.Error(s.told)
	}
	if _, body := ask(t, "GET", s.control+"/sessions"); body != `{"sessions":[]}`+"\n" {
		t.Error(body)
	}
}
