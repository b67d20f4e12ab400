package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/quick"

	"github.com/pelletier/go-toml/v2"
)

// settings runs the parser as `godwit serve` does and prints what is in force, without a server.
func settings(t testing.TB, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := run(context.Background(), append([]string{"serve", "--print-config"}, args...), streams{strings.NewReader(""), &out, &err})
	return result{code, out.String(), err.String()}
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "godwit.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What --print-config prints is what --config reads, value for value.
func TestPrintConfig(t *testing.T) {
	for name, args := range map[string][]string{
		"defaults": nil,
		"changed": {"--domain", "chat.example.org", "--data", `/srv/a "b" \c` + "\t中文", "--listen-stun", "off", "--auth-plain", "--register", "open",
			"--max-sessions", "3", "--resume-timeout", "90m", "--archive-keep", "8760h30m", "--shutdown-timeout", "1500ms", "--log-format", "json",
			"--tls-cert", "c.pem", "--tls-key", "k.pem", "--listen-shared", ":8443", "--listen-https", "off", "--web-url", "https://chat.example.org/", "--turn-public", "203.0.113.5=10.0.0.5, 2001:db8::5",
			"--turn-allow", "10.0.0.0/8", "--turn-ports", "50000-50100", "--turn-credentials", "90m", "--stun-addresses", "off"},
	} {
		t.Run(name, func(t *testing.T) {
			first := settings(t, args...).must(t, exitOK)
			second := settings(t, "--config", write(t, first.out)).must(t, exitOK)
			values := func(text string) (out map[string]any) {
				if err := toml.Unmarshal([]byte(text), &out); err != nil {
					t.Fatal(err, text)
				}
				return out
			}
			a, b := map[string]any{}, map[string]any{}
			flatten("", values(first.out), a)
			flatten("", values(second.out), b)
			if len(a) < 20 {
				t.Fatalf("only %d settings", len(a))
			}
			for key, v := range a {
				if b[key] != v {
					t.Errorf("%s: %v was read as %v", key, v, b[key])
				}
			}
			for line := range strings.Lines(first.out) {
				if strings.HasPrefix(line, "# ") && len(line) > 122 {
					t.Errorf("too wide: %s", line)
				}
			}
		})
	}
	settings(t, "--domain", "chat.example.org").must(t, exitOK, `domain = "chat.example.org"`, `Default: "localhost"`)
}

func TestPrecedence(t *testing.T) {
	file := write(t, "domain = 'file.example'\n[limits]\ncontacts = 7\n")
	settings(t).must(t, exitOK, `domain = "localhost"`, "contacts = 5000")
	settings(t, "--config", file).must(t, exitOK, `domain = "file.example"`, "contacts = 7")
	t.Setenv("GODWIT_DOMAIN", "env.example")
	settings(t, "--config", file).must(t, exitOK, `domain = "env.example"`, "contacts = 7")
	settings(t, "--config", file, "--domain", "flag.example").must(t, exitOK, `domain = "flag.example"`, "contacts = 7")
	t.Setenv("GODWIT_CONFIG", file)
	t.Setenv("GODWIT_AUTH_PLAIN", "true")
	settings(t).must(t, exitOK, "contacts = 7", "plain = true")
}

func TestBadConfig(t *testing.T) {
	for _, tt := range []struct{ why, text, want string }{
		{"a slip", "domian = 'x'", `there is no key "domian"; did you mean "domain"?`},
		{"a slip in a section", "[listen]\nc2stls = ':1'", `there is no key "listen.c2stls"; did you mean "listen.c2s-tls"?`},
		{"the wrong section", "[limits]\nregister = 'open'", `there is no key "limits.register"; did you mean "auth.register"?`},
		{"a flag's name instead of the key", "max-sessions = 3", `there is no key "max-sessions"`},
		{"no TOML", "domain = \n", "godwit.toml:1:10"},
		{"a key twice", "domain = 'a'\ndomain = 'b'", "godwit.toml:2:"},
		{"a list for a value", "domain = ['a']", "domain must be a string"},
		{"a fraction", "[limits]\ncontacts = 1.5", "limits.contacts must be"},
		{"a word for a number", "[limits]\ncontacts = 'many'", "max-contacts"},
		{"no such choice", "[policy]\nintroduce = 'all'", `"contacts","anyone","off"`},
		{"a bad domain", "domain = 'a@b'", "is not a domain"},
		{"a bad address", "[listen]\nadmin = 'here'", "--listen-admin"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			settings(t, "--config", write(t, tt.text)).must(t, exitUsage, tt.want)
		})
	}
}

func TestTOMLString(t *testing.T) {
	if err := quick.Check(func(s string) bool {
		s = strings.ToValidUTF8(s, "?")
		var got struct{ V string }
		return toml.Unmarshal([]byte("V = "+tomlString(s)), &got) == nil && got.V == s
	}, nil); err != nil {
		t.Error(err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("domain = 'x'\n[limits]\ncontacts = 3\n")
	f.Add("[listen]\nc2s = 'off'\n[[a]]\nb.c = 1979-05-27")
	f.Add("a = {b = [1, {c = 2}]}")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "c.toml")
		if os.WriteFile(path, []byte(text), 0o600) != nil {
			return
		}
		r := settings(t, "--config", path)
		if (r.code == exitOK) != (r.err == "") || r.code != exitOK && r.code != exitUsage {
			t.Errorf("exit code %d and %q", r.code, r.err)
		}
	})
}
