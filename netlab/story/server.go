package story

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"godwit/netlab/proc"
)

// Place is where a process runs: a host of the laboratory, or Loopback.
type Place interface {
	StartSpec(t testing.TB, s proc.Spec) *proc.Process
}

// Loopback is this machine.
var Loopback Place = loopback{}

type loopback struct{}

func (loopback) StartSpec(t testing.TB, s proc.Spec) *proc.Process { return s.Start(t) }

// patience is how long anything that should happen at once may take on a busy machine.
const patience = 30 * time.Second

// Server is a running `godwit serve`. It belongs to the goroutine of the test.
type Server struct {
	*proc.Process
	Data  string
	place Place
	args  []string
	addrs map[string]string // by listener
}

// StartServer starts a server at a place, on the given address ("127.0.0.1" on loopback) and ports that are free, and waits until it is ready.
// more are further flags.
func StartServer(t testing.TB, place Place, address string, more ...string) *Server {
	t.Helper()
	return startServer(t, place, append([]string{"--listen-c2s", net.JoinHostPort(address, "0"), "--listen-c2s-tls", "off",
		"--listen-https", net.JoinHostPort(address, "0"), "--listen-shared", net.JoinHostPort(address, "0"), "--listen-stun", net.JoinHostPort(address, "0"), "--listen-admin", "127.0.0.1:0"}, more...)...)
}

// startServer starts a server with these flags and waits until it is ready.
func startServer(t testing.TB, place Place, flags ...string) *Server {
	t.Helper()
	s := &Server{Data: t.TempDir(), place: place}
	s.args = append([]string{"serve", "--data", s.Data}, flags...)
	s.start(t)
	return s
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	s.Process = s.place.StartSpec(t, proc.Spec{Name: "server", Path: Binary(t), Args: s.args})
	s.addrs = map[string]string{}
	s.Expect(patience, "ready", func(line string) bool {
		if rest, ok := strings.CutPrefix(line, "listening "); ok {
			name, addr, _ := strings.Cut(rest, " ")
			s.addrs[name] = addr
		}
		return line == "ready"
	})
}

// Restart starts the server again, on the same data and the same ports. It must have ended.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	for i := 0; i+1 < len(s.args); i++ {
		if name, ok := strings.CutPrefix(s.args[i], "--listen-"); ok && s.addrs[name] != "" {
			s.args[i+1] = s.addrs[name]
		}
	}
	s.start(t)
}

// Addr is the address of a listener, by its name.
func (s *Server) Addr(name string) string { return s.addrs[name] }

// CA is the file with the server's certificate.
func (s *Server) CA() string { return filepath.Join(s.Data, "cert.pem") }

// AddAccount adds an account whose password is "pw" and its local part.
func (s *Server) AddAccount(t testing.TB, account string) {
	t.Helper()
	cmd := exec.Command(Binary(t), "user", "add", "--data", s.Data, account)
	cmd.Stdin = strings.NewReader(password(account) + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("user add %s: %v\n%s", account, err, out)
	}
}

func password(account string) string {
	local, _, _ := strings.Cut(account, "@")
	return "pw" + local
}

// Run runs another command of the program to its end and returns its output.
func Run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(Binary(t), args...)
	cmd.Env = os.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("godwit %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
