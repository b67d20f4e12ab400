package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"godwit/netlab/proc"
	"godwit/netlab/story"
)

// profanity is the terminal client, in a terminal of its own that tmux provides. What it shows is what counts.
type profanity struct {
	t       *testing.T
	socket  string
	account string
}

// startProfanity signs in and opens a window for the other of alice and bob.
func startProfanity(t *testing.T, s *story.Server, account string) chatter {
	t.Helper()
	need(t, "tmux", "tmux", "-V")
	need(t, "profanity", "profanity")
	dir, err := os.MkdirTemp("", "tmux") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &profanity{t: t, socket: filepath.Join(dir, "s"), account: account}
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home + "/config", "XDG_DATA_HOME=" + home + "/data", "XDG_CACHE_HOME=" + home + "/cache",
		"LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TERM=xterm-256color"}
	proc.Spec{Name: "tmux", Path: "tmux", Args: []string{"-D", "-S", c.socket, "-f", "/dev/null"}, Env: env}.Start(t)
	c.until("tmux", func() bool { _, err := os.Stat(c.socket); return err == nil })
	c.tmux("new-session", "-d", "-x", "180", "-y", "50", "profanity")
	c.sees("Type /help")
	host, port := split(t, s.Addr("c2s"))
	c.enter("/connect " + account + " server " + host + " port " + port + " tls trust")
	c.sees("Enter password")
	c.enter(password(account))
	c.sees("logged in successfully")
	other := alice
	if account == alice {
		other = bob
	}
	c.enter("/msg " + other)
	return c
}

func (c *profanity) tmux(args ...string) string {
	c.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-u", "-S", c.socket}, args...)...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// enter types a line.
func (c *profanity) enter(line string) {
	c.t.Helper()
	c.tmux("send-keys", "-l", "--", line)
	c.tmux("send-keys", "Enter")
}

// sees waits until a text is on the screen.
func (c *profanity) sees(text string) {
	c.t.Helper()
	screen := ""
	defer func() {
		if c.t.Failed() {
			c.t.Logf("the screen of profanity %s:\n%s", local(c.account), screen)
		}
	}()
	c.until(text, func() bool {
		screen = c.tmux("capture-pane", "-p")
		return strings.Contains(screen, text)
	})
}

// until looks again and again: a screen tells nobody when it changes.
func (c *profanity) until(what string, done func() bool) {
	c.t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-look.C:
		case <-deadline:
			c.t.Fatalf("profanity %s: waited for %s", local(c.account), what)
		}
	}
}

func (c *profanity) write(to, body string) {
	c.t.Helper()
	c.enter("/msg " + to + " " + body)
	c.sees(body)
}

func (c *profanity) hears(from, body string) {
	c.t.Helper()
	c.enter("/win " + from)
	c.sees(body)
}
