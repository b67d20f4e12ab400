package app

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/netlab/story"
)

func TestMain(m *testing.M) {
	for _, v := range os.Environ() { // what the machine has set is none of the tests' business
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GODWIT_") && name != story.BinaryEnv {
			os.Unsetenv(name)
		}
	}
	code := m.Run()
	story.RemoveBinary()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// patience is how long anything that should happen at once may take on a busy machine.
const patience = 30 * time.Second

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// call runs a command to its end.
func call(t testing.TB, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, err bytes.Buffer
	code := run(ctx, args, streams{strings.NewReader(stdin), &out, &err})
	return result{code, out.String(), err.String()}
}

// must fails the test unless the result is as wanted; parts must be in the output of either kind.
func (r result) must(t testing.TB, code int, parts ...string) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	for _, part := range parts {
		if !strings.Contains(r.out+r.err, part) {
			t.Errorf("no %q in\n%s%s", part, r.out, r.err)
		}
	}
	return r
}

// process is a command that goes on until it is stopped. It belongs to the test's goroutine.
type process struct {
	in    *io.PipeWriter
	lines chan string
	stop  context.CancelFunc
	done  chan struct{}
	code  int // once done is closed

	mu  sync.Mutex // guards err
	err bytes.Buffer
}

// Write takes what goes to standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.Write(b)
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.String()
}

// launch starts a command, which ends with the test at the latest.
func launch(t testing.TB, args ...string) *process {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	p := &process{in: inW, lines: make(chan string, 1000), stop: stop, done: make(chan struct{})}
	go func() {
		p.code = run(ctx, args, streams{inR, outW, p})
		outW.Close()
		inR.Close()
		close(p.done)
	}()
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		text := ""
		buf := make([]byte, 4096)
		for {
			n, err := outR.Read(buf)
			text += string(buf[:n])
			for {
				line, rest, ok := strings.Cut(text, "\n")
				if !ok {
					break
				}
				p.lines <- line
				text = rest
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		p.end(t)
		inW.Close()
		<-read
		if t.Failed() {
			t.Logf("godwit %s:\n%s", strings.Join(args, " "), p.stderr())
		}
	})
	return p
}

// end stops the process as a signal would, and returns its exit code.
func (p *process) end(t testing.TB) int {
	t.Helper()
	p.stop()
	return p.wait(t)
}

func (p *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("it does not end:\n" + p.stderr())
	}
	return p.code
}

// until takes lines until one has a part in it, and returns all.
func (p *process) until(t testing.TB, part string) []string {
	t.Helper()
	var all []string
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended before %q:\n%s\n%s", part, strings.Join(all, "\n"), p.stderr())
			}
			if all = append(all, line); strings.Contains(line, part) {
				return all
			}
		case <-limit:
			t.Fatalf("no %q in\n%s\n%s", part, strings.Join(all, "\n"), p.stderr())
		}
	}
}

// testServer is a server in this process.
type testServer struct {
	*process
	data  string
	lines []string // of standard output, until ready
}

// freePorts are the flags of a server beside others.
var freePorts = []string{"--listen-c2s", "127.0.0.1:0", "--listen-c2s-tls", "127.0.0.1:0", "--listen-https", "127.0.0.1:0", "--listen-shared", "127.0.0.1:0", "--listen-stun", "127.0.0.1:0",
	"--listen-admin", "127.0.0.1:0"}

func serve(t testing.TB, data string, more ...string) *testServer {
	t.Helper()
	p := launch(t, append(append([]string{"serve", "--data", data}, freePorts...), more...)...)
	return &testServer{p, data, p.until(t, "ready")}
}

// addr is the address of a listener.
func (s *testServer) addr(name string) string {
	for _, line := range s.lines {
		if rest, ok := strings.CutPrefix(line, "listening "+name+" "); ok {
			return rest
		}
	}
	return ""
}

func (s *testServer) add(t testing.TB, account string) {
	t.Helper()
	call(t, "secret\n", "user", "add", "--data", s.data, account).must(t, exitOK)
}

// signIn starts a client that is online.
func (s *testServer) signIn(t testing.TB, account string, more ...string) *process {
	t.Helper()
	p := launch(t, s.client(t, account, more...)...)
	p.until(t, `"event":"online"`)
	return p
}

// client is the command of a client whose password is "secret".
func (s *testServer) client(t testing.TB, account string, more ...string) []string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{"headless", account, "--server", s.addr("c2s"), "--ca", filepath.Join(s.data, "cert.pem"),
		"--data", t.TempDir(), "--password-file", secret}, more...)
}
