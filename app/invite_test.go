package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// An operator invites, the page says so, somebody registers with the link, and goes on without a password until signing out.
func TestInvite(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"))
	s.add(t, "alice@localhost")
	made := func(more ...string) (i invitation) {
		r := call(t, "", append([]string{"invite", "--data", s.data, "--json"}, more...)...).must(t, exitOK)
		if err := json.Unmarshal([]byte(r.out), &i); err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := made("--contact-of", "alice@localhost", "--expires", "2d")
	if left := time.Until(i.Expires); left < 47*time.Hour || left > 48*time.Hour {
		t.Errorf("good for %v", left)
	}
	if i.URI != "xmpp:alice@localhost?roster;preauth="+i.Token+";ibr=y" || i.URL != "https://localhost:"+strings.Split(s.addr("https"), ":")[1]+"/invite/"+i.Token {
		t.Errorf("%+v", i)
	}
	web := browser(t, s)
	read := func(url string) (int, string) {
		r, err := web.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(body)
	}
	if code, body := read(i.URL); code != http.StatusOK || !strings.Contains(body, "alice@localhost") || !strings.Contains(body, "<svg") {
		t.Errorf("%d %s", code, body)
	}
	data := t.TempDir()
	args := func(more ...string) []string {
		all := s.client(t, "bob@localhost", more...)
		all[slices.Index(all, "--data")+1] = data
		return all
	}
	launch(t, args("--register", "nonsense")...).wait(t)
	first := launch(t, args("--register", i.URL)...)
	first.until(t, `"event":"online"`)
	first.until(t, `"jid":"alice@localhost"`)
	first.end(t)
	if code, body := read(i.URL); code != http.StatusGone || !strings.Contains(body, "used") {
		t.Errorf("used up: %d %s", code, body)
	}
	without := args()
	at := slices.Index(without, "--password-file")
	without = slices.Delete(without, at, at+2)
	second := launch(t, without...)
	second.until(t, `"mechanism":"HT-SHA-256-EXPR"`)
	if _, err := io.WriteString(second.in, `{"cmd":"signoutself","tag":"1"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	second.until(t, `"code":"signed-out"`)
	if code := second.wait(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "*.db*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	call(t, "", without...).must(t, exitUsage, "a password is needed")

	s.end(t)
	if i := made("--name", "carol"); i.URL != "" || i.URI != "xmpp:carol@localhost?register;preauth="+i.Token {
		t.Errorf("of a server that does not run: %+v", i)
	}
	invite := func(more ...string) result {
		return call(t, "", append([]string{"invite", "--data", s.data}, more...)...)
	}
	invite("--name", "carol").must(t, exitFailed, "taken, or reserved")
	invite("--contact-of", "nobody@localhost").must(t, exitFailed, "there is no account nobody@localhost")
	invite("--contact-of", "localhost").must(t, exitUsage, "alice@localhost")
	invite("--account", "--contact-of", "alice@localhost").must(t, exitUsage, "exclude each other")
	invite("--uses", "0").must(t, exitUsage, "--uses")
	invite("--uses", "2", "--name", "dave").must(t, exitUsage, "for one person")
	invite("--name", "a@b").must(t, exitUsage, "can not be a user name")
	for _, bad := range []string{"", "soon", "-1h", "1s", "9000d"} {
		invite("--expires", bad).must(t, exitUsage, "--expires")
	}
	invite("--page", "https://chat.example.org/", "--uses", "3").must(t, exitOK, "https://chat.example.org/invite/", "xmpp:localhost?register;preauth=", "good 3 times, until")
	call(t, "", "invite", "--data", t.TempDir()).must(t, exitFailed, "there is no server's data in")
}

// browser trusts the server's certificate and finds localhost on its https port.
func browser(t testing.TB, s *testServer) *http.Client {
	t.Helper()
	trust, err := trustConfig(clientOptions{ca: filepath.Join(s.data, "cert.pem")})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: patience}
}

func TestDrawQR(t *testing.T) {
	var b bytes.Buffer
	drawQR(&b, "https://localhost:5443/invite/N6XB7LBHO336URZXY7K5OHOGTM")
	if lines := strings.Count(b.String(), "\n"); lines < 15 || lines > 40 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%d lines\n%s", lines, b.String())
	}
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := showInvitation(file, invitation{URI: "xmpp:x", Uses: 1}, false); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(file.Name()); strings.Contains(string(text), "█") {
		t.Error("a picture in a file")
	}
}
