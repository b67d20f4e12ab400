package interop

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"godwit/netlab/story"
)

func TestMain(m *testing.M) {
	code := m.Run()
	story.RemoveBinary()
	os.Exit(code)
}

// patience is how long anything may take on a busy machine.
const patience = 40 * time.Second

// need skips the test where a client is not installed, and fails it where nothing may be skipped.
func need(t *testing.T, pkg, command string, args ...string) {
	t.Helper()
	_, err := exec.LookPath(command)
	if err == nil && len(args) > 0 {
		err = exec.Command(command, args...).Run()
	}
	if err == nil {
		return
	}
	ci, notBool := strconv.ParseBool(os.Getenv("CI"))
	if ci || notBool != nil && os.Getenv("CI") != "" {
		t.Fatalf("CI is set, and %s is not installed: %v", pkg, err)
	}
	t.Skipf("%s is not installed: %v", pkg, err)
}

// serve starts a server with accounts. PLAIN is on for go-sendxmpp, which knows nothing else.
func serve(t *testing.T, accounts ...string) *story.Server {
	t.Helper()
	s := story.StartServer(t, story.Loopback, "127.0.0.1", "--auth-plain", "--listen-c2s-tls", "127.0.0.1:0")
	for _, account := range accounts {
		s.AddAccount(t, account)
	}
	return s
}

const (
	alice = "alice@localhost"
	bob   = "bob@localhost"
)

// password is what story.Server gives an account.
func password(account string) string { return "pw" + local(account) }

func local(account string) string {
	name, _, _ := strings.Cut(account, "@")
	return name
}

func bare(address string) string {
	account, _, _ := strings.Cut(address, "/")
	return account
}

func split(t *testing.T, address string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// awaitSession waits until an account has an available session, for clients that do not tell.
func awaitSession(t *testing.T, s *story.Server, account string) {
	t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(patience)
	for {
		for line := range strings.Lines(story.Run(t, "sessions", "--json", "--data", s.Data)) {
			var session struct {
				JID       string
				Available bool
			}
			if err := json.Unmarshal([]byte(line), &session); err != nil {
				t.Fatal(err)
			}
			if bare(session.JID) == account && session.Available {
				return
			}
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("%s does not come online", account)
		}
	}
}
