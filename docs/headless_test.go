package docs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/headless"
)

// TestEventsAreExplained holds the table of events against the types they are made
// of, both ways.
func TestEventsAreExplained(t *testing.T) {
	text := read(t, "headless.md").whole
	events := headless.EventTypes()
	row := regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| ([^|]*) \\|")
	_, section, _ := strings.Cut(text, "\n## Events\n")
	section, _, _ = strings.Cut(section, "\n## ")
	seen := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		seen[m[1]] = m[2]
	}
	for name, v := range events {
		fields, ok := seen[name]
		if !ok {
			t.Errorf("headless.md does not explain the event %q", name)
			continue
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			field, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if field != "" && field != "event" && field != "tag" && !strings.Contains(fields, "`"+field+"`") {
				t.Errorf("headless.md does not explain %q of the event %q", field, name)
			}
		}
	}
	for name := range seen {
		if events[name] == nil {
			t.Errorf("headless.md explains the event %q, which is not there", name)
		}
	}
}

// TestCommandsAreExplained: every command of the examples is known to the program,
// and every command the program lists is in the table.
func TestCommandsAreExplained(t *testing.T) {
	known := headless.Commands()
	p := read(t, "headless.md")
	for _, name := range known {
		if !strings.Contains(p.text, "`"+name+"`") {
			t.Errorf("headless.md does not explain the command %q", name)
		}
	}
	for _, block := range p.code["json"] {
		for _, m := range regexp.MustCompile(`"cmd":"([a-z]+)","`).FindAllStringSubmatch(block, -1) {
			if !slices.Contains(known, m[1]) && !strings.Contains(block, `"event":"error","cmd":"`+m[1]) {
				t.Errorf("headless.md has an example of %q, which is not there", m[1])
			}
		}
	}
}

// TestBot runs the bot of the page, word for word, against a real server.
func TestBot(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	blocks := read(t, "headless.md").code["python"]
	if len(blocks) != 1 {
		t.Fatalf("%d bots", len(blocks))
	}
	dir := t.TempDir()
	bot := filepath.Join(dir, "bot.py")
	if err := os.WriteFile(bot, []byte(blocks[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"), "GODWIT_PASSWORD=a long password", "HOME="+dir)
	data := filepath.Join(dir, "data")

	server := start(t, env, binary, "serve", "--data", data, "--listen-c2s", "127.0.0.1:0", "--listen-c2s-tls", "off", "--listen-https", "off", "--listen-shared", "off", "--listen-stun", "127.0.0.1:0", "--listen-admin", "off")
	address, _ := strings.CutPrefix(server.until(t, "listening c2s "), "listening c2s ")
	server.until(t, "ready")
	for _, name := range []string{"alice", "bob"} {
		add := exec.Command(binary, "user", "add", "--data", data, name+"@localhost")
		add.Stdin = strings.NewReader("a long password\n")
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	flags := []string{"--server", address, "--ca", filepath.Join(data, "cert.pem")}
	echo := start(t, env, python, append([]string{bot, "bob@localhost", "--data", filepath.Join(dir, "bob")}, flags...)...)
	alice := start(t, env, binary, append([]string{"headless", "alice@localhost", "--data", filepath.Join(dir, "alice")}, flags...)...)
	alice.until(t, `"event":"roster"`)
	alice.say(t, `{"cmd":"subscribe","jid":"bob@localhost"}`)
	alice.until(t, `"status":"I echo"`)
	for i, words := range []string{"hello", "a second time"} {
		alice.say(t, fmt.Sprintf(`{"cmd":"send","to":"bob@localhost","body":%q,"id":"m%d"}`, words, i))
		var m headless.Message
		if err := json.Unmarshal([]byte(alice.until(t, `"event":"message"`)), &m); err != nil || m.Body != words {
			t.Errorf("the bot answered %+v, %v", m, err)
		}
	}
	alice.say(t, `{"cmd":"quit"}`)
	if err := alice.cmd.Wait(); err != nil {
		t.Errorf("headless: %v", err)
	}
	_ = echo.in.Close()
}

// process is a program that says lines.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), name, args...), lines: make(chan string, 1000)}
	p.cmd.Env = env
	p.cmd.WaitDelay = 5 * time.Second
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// until returns the first line that holds what is waited for.
func (p *process) until(t *testing.T, part string) string {
	t.Helper()
	timeout := time.After(30 * time.Second)
	var seen []string
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended without %q, after\n%s", part, strings.Join(seen, "\n"))
			}
			if strings.Contains(line, part) {
				return line
			}
			seen = append(seen, line)
		case <-timeout:
			t.Fatalf("no %q within 30 s, but\n%s", part, strings.Join(seen, "\n"))
		}
	}
}

func (p *process) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}
