package app

import (
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	for _, tt := range []struct{ command, example string }{
		{"serve", "godwit serve --print-config > godwit.toml && godwit serve --config godwit.toml"},
		{"user", "echo secret | godwit user add alice@localhost"},
		{"user add", "godwit user add alice@localhost --password-file"},
		{"user passwd", "godwit user passwd --end-sessions alice@localhost"},
		{"user remove", "godwit user remove alice@localhost"},
		{"user list", "godwit user list --json | jq -r .jid"},
		{"invite", "godwit invite --contact-of alice@localhost"},
		{"sessions", "godwit sessions --json | jq"},
		{"headless", `{"cmd":"send","to":"bob@localhost","body":"hi","id":"m1"}`},
		{"nat", "godwit nat --server example.org"},
		{"demo", "godwit demo"},
		{"version", "godwit version"},
	} {
		t.Run(tt.command, func(t *testing.T) {
			t.Setenv("COLUMNS", "80")
			r := call(t, "", append(strings.Fields(tt.command), "--help")...).must(t, exitOK, "Usage: godwit "+tt.command, tt.example)
			if r.err != "" {
				t.Errorf("on standard error: %s", r.err)
			}
			for line := range strings.Lines(r.out) {
				if displayWidth(strings.TrimSuffix(line, "\n")) > 84 {
					t.Errorf("too wide for 80 columns: %s", line)
				}
			}
			if strings.Contains(tt.command, " ") || tt.command == "user" {
				return
			}
			call(t, "", "--help").must(t, exitOK, "\n  "+tt.command)
		})
	}
}

// Every flag that hides its default behind a placeholder tells it, and switches of a moment have no variable.
func TestHelpOfFlags(t *testing.T) {
	t.Setenv("COLUMNS", "110")
	r := call(t, "", "serve", "--help").must(t, exitOK, "Default: :5222", "Default: ./godwit-data", "Default: 5m", `--introduce="contacts"`)
	if strings.Contains(r.out, "GODWIT_") {
		t.Error("the help repeats the name of every variable")
	}
	t.Setenv("GODWIT_PRINT_CONFIG", "true")
	t.Setenv("GODWIT_INSECURE", "true")
	t.Setenv("GODWIT_JSON", "true")
	call(t, "", "user", "list", "--data", t.TempDir()).must(t, exitFailed)
}

func TestExitCodes(t *testing.T) {
	none := t.TempDir()
	for _, tt := range []struct {
		why  string
		args string
		code int
		want string
	}{
		{"nothing: what is there?", "", exitUsage, "Commands:"},
		{"version", "version", exitOK, "godwit " + Version},
		{"version as people type it", "--version", exitOK, "godwit " + Version},
		{"a slip", "srve", exitUsage, `did you mean "serve"?`},
		{"half a command", "user", exitUsage, "Try: godwit user --help"},
		{"a missing argument", "user add", exitUsage, "Try: godwit user add --help"},
		{"an unknown flag", "serve --nonsense", exitUsage, "Try: godwit serve --help"},
		{"one argument too many", "serve now", exitUsage, "unexpected argument now"},
		{"a word for a number", "serve --max-sessions many", exitUsage, "--max-sessions"},
		{"a number that can not be", "serve --max-sessions 0", exitUsage, "at least 1"},
		{"a duration without a unit", "serve --resume-timeout 5", exitUsage, "missing unit"},
		{"a negative duration", "serve --archive-keep=-1s", exitUsage, "--archive-keep"},
		{"no such choice", "serve --introduce everybody", exitUsage, `"contacts","anyone","off"`},
		{"registration is open or off", "serve --register invite", exitUsage, `"off","open"`},
		{"an address for a domain", "serve --domain alice@localhost", exitUsage, "is not a domain"},
		{"a port without a colon", "serve --listen-c2s 5222", exitUsage, "such as :5222"},
		{"a port that is none", "serve --listen-stun :99999", exitUsage, "--listen-stun"},
		{"a certificate without a key", "serve --tls-cert /dev/null", exitUsage, "needs its key"},
		{"a configuration that is not there", "serve --config nowhere.toml", exitUsage, "nowhere.toml"},
		{"a password where everybody can read it", "user add bob@localhost --password secret", exitUsage, "unknown flag --password"},
		{"… or as an argument", "user add bob@localhost secret", exitUsage, "unexpected argument secret"},
		{"no account", "user add bob", exitUsage, "looks like alice@localhost"},
		{"a device for an account", "user add bob@localhost/phone", exitUsage, "looks like alice@localhost"},
		{"a client without a password", "headless bob@localhost", exitUsage, "--password-file FILE or $GODWIT_PASSWORD"},
		{"a client without an account", "headless localhost", exitUsage, "looks like alice@localhost"},
		{"authorities that are not there", "headless bob@localhost --ca nowhere.pem", exitUsage, "nowhere.pem"},
		{"a transport that is none", "headless bob@localhost --transport smoke", exitUsage, `"tcp","tls"`},
		{"nobody to ask", "sessions --data " + none, exitFailed, "start it with: godwit serve --data " + none},
		{"no data", "user list --data " + none, exitFailed, "there is no server's data in"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			call(t, "", strings.Fields(tt.args)...).must(t, tt.code, tt.want)
		})
	}
}
