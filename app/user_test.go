package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/server"
)

func TestUserOnStoppedServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	user := func(stdin string, args ...string) result {
		return call(t, stdin, append(append([]string{"user"}, args...), "--data", data)...)
	}
	file := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte("from a file\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	user("", "list").must(t, exitFailed, "there is no server's data in")
	user("", "remove", "alice@localhost").must(t, exitFailed, "there is no server's data in")
	user("secret\n", "passwd", "alice@localhost").must(t, exitFailed, "there is no server's data in")
	if _, err := os.Stat(data); err == nil {
		t.Error("asking made a directory")
	}
	user("secret\n", "add", "Alice@LOCALHOST").must(t, exitOK, "added alice@localhost")
	user("no line end", "add", "bob@localhost").must(t, exitOK)
	user("", "add", "carol@localhost", "--password-file", file).must(t, exitOK)
	user("秘密\n", "add", "小明@localhost").must(t, exitOK)
	for _, tt := range []struct{ why, stdin, want string }{
		{"nothing at all", "", "the password is empty"},
		{"an empty line", "\n", "the password is empty"},
		{"too long", strings.Repeat("x", 1024) + "\n", "this password can not be used"},
		{"endless", strings.Repeat("x", 1<<20), "longer than 1023 bytes"},
		{"no UTF-8", "\xff\xfe\n", "this password can not be used"},
		{"a control character", "a\x07b\n", "this password can not be used"},
	} {
		user(tt.stdin, "add", "dave@localhost").must(t, exitFailed, tt.want)
		user(tt.stdin, "passwd", "bob@localhost").must(t, exitFailed, tt.want)
	}
	user("", "add", "dave@localhost", "--password-file", file+".none").must(t, exitFailed, "the password can not be read")
	user("secret\n", "add", "alice@localhost").must(t, exitFailed, "exists already", "godwit user passwd alice@localhost")
	user("better\n", "passwd", "alice@localhost").must(t, exitOK, "changed the password of alice@localhost")
	user("better\n", "passwd", "--end-sessions", "alice@localhost").must(t, exitOK) // nobody is there to be told
	user("better\n", "passwd", "dave@localhost").must(t, exitFailed, "there is no account dave@localhost")
	user("", "remove", "dave@localhost").must(t, exitFailed, "there is no account dave@localhost")
	user("", "remove", "bob@localhost").must(t, exitOK, "removed bob@localhost")

	r := user("", "list").must(t, exitOK, "ACCOUNT", "ADDED", time.Now().Format("2006-01-02"))
	if strings.Contains(r.out, "bob") || strings.Contains(r.out, "dave") {
		t.Error(r.out)
	}
	var got []string
	for line := range strings.Lines(user("", "list", "--json").must(t, exitOK).out) {
		var v struct {
			JID     string
			Created time.Time
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Created.IsZero() {
			t.Fatal(err, line)
		}
		got = append(got, v.JID)
	}
	if strings.Join(got, " ") != "alice@localhost carol@localhost 小明@localhost" {
		t.Error(got)
	}
	s := serve(t, data) // the passwords are those that were given
	t.Setenv("GODWIT_PASSWORD", "from a file")
	ca := filepath.Join(data, "cert.pem")
	launch(t, "headless", "carol@localhost", "--server", s.addr("c2s"), "--ca", ca, "--data", t.TempDir()).until(t, `"online"`)
}

// No trace of a password may be in the data, only salted keys.
func TestPasswordsAreNotStored(t *testing.T) {
	data := t.TempDir()
	const password = "a very particular phrase"
	call(t, password+"\n", "user", "add", "--data", data, "alice@localhost").must(t, exitOK)
	files, err := os.ReadDir(data)
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(data, f.Name()))
		if err != nil || bytes.Contains(text, []byte(password)) {
			t.Errorf("%s: %v", f.Name(), err)
		}
	}
}

func TestListWithoutAccounts(t *testing.T) {
	s := serve(t, t.TempDir(), "--domain", "chat.example.org")
	call(t, "", "user", "list", "--data", s.data).must(t, exitOK, "there are no accounts", "godwit user add alice@chat.example.org")
	if r := call(t, "", "user", "list", "--json", "--data", s.data).must(t, exitOK); r.out != "" {
		t.Error(r.out)
	}
}

// Accounts that could never sign in are a slip, as soon as it is known what the data serves.
func TestForeignDomain(t *testing.T) {
	data := t.TempDir()
	add := func(who string) result { return call(t, "secret\n", "user", "add", "--data", data, who) }
	add("early@somewhere.example").must(t, exitOK) // never served: it may be meant
	s := serve(t, data)
	add("alice@locahost").must(t, exitFailed, "alice@locahost could never sign in", "serves localhost; did you mean alice@localhost?")
	add("alice@localhost").must(t, exitOK)
	s.end(t)
	add("bob@locahost").must(t, exitFailed, "could never sign in")
	call(t, "", "user", "remove", "--data", data, "early@somewhere.example").must(t, exitOK) // cleaning up is always possible
	serve(t, data, "--domain", "chat.example.org").end(t)
	add("bob@localhost").must(t, exitFailed, "serves chat.example.org")
	add("bob@chat.example.org").must(t, exitOK)
}

func TestUserOnRunningServer(t *testing.T) {
	s := serve(t, t.TempDir())
	user := func(stdin string, args ...string) result {
		return call(t, stdin, append(append([]string{"user"}, args...), "--data", s.data)...)
	}
	s.add(t, "alice@localhost")
	s.add(t, "bob@localhost")
	alice := s.signIn(t, "alice@localhost")
	bob := s.signIn(t, "bob@localhost")

	// A new password counts from the next sign-in; sessions go on.
	user("better\n", "passwd", "alice@localhost").must(t, exitOK)
	if err := json.NewEncoder(alice.in).Encode(map[string]string{"cmd": "roster"}); err != nil {
		t.Fatal(err)
	}
	alice.until(t, `"event":"roster"`)
	old := launch(t, s.client(t, "alice@localhost")...)
	old.until(t, "not-authorized")
	old.end(t)
	call(t, "", "sessions", "--data", s.data).must(t, exitOK, "alice@localhost/")

	// Unless they are to end.
	user("best\n", "passwd", "--end-sessions", "alice@localhost").must(t, exitOK)
	alice.until(t, "not-authorized") // it was signed out, and its old password is refused
	alice.end(t)

	user("", "remove", "bob@localhost").must(t, exitOK)
	bob.until(t, "not-authorized")
	bob.end(t)
	call(t, "", "sessions", "--data", s.data).must(t, exitOK, "nobody is online")
	s.add(t, "bob@localhost") // somebody else may have the name now
	s.signIn(t, "bob@localhost")
}

// Registration in band is off unless it is switched on.
func TestRegisterSetting(t *testing.T) {
	for setting, want := range map[string]bool{"off": false, "open": true} {
		c := serveCommand{Register: setting, Introduce: "contacts"}
		cfg := c.serverConfig(jid.MustParse("localhost"), server.Store{}, &node{}, nil)
		if cfg.Register != want {
			t.Errorf("%s: %v", setting, cfg.Register)
		}
	}
	settings(t).must(t, exitOK, `register = "off"`)
}

func TestMistypedPasswordFileIsNoPrompt(t *testing.T) {
	f := passwordFlag{PasswordFile: t.TempDir()}
	if _, err := f.password(t.Context(), strings.NewReader("from standard input"), nil, jid.JID{}); err == nil {
		t.Error("it went on without the file")
	}
}

func TestAccountsCreatedAreDated(t *testing.T) {
	data := t.TempDir()
	before := time.Now().Add(-time.Second)
	call(t, "secret\n", "user", "add", "--data", data, "alice@localhost").must(t, exitOK)
	db, st, err := openStore(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, err := st.Accounts.Get(context.Background(), jid.MustParse("alice@localhost"))
	if err != nil || a.Created.Before(before) || len(a.Credentials) == 0 {
		t.Errorf("%+v %v", a, err)
	}
}
