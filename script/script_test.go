package script

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var (
	flagServer  = flag.String("server", "", "run against the server at this `host:port` instead of one in this process")
	flagDomain  = flag.String("domain", "localhost", "its domain")
	flagPlain   = flag.Bool("plain", false, "connect to it without TLS")
	flagAddUser = flag.String("adduser", "", "shell `command` that adds an account there; {user}, {domain} and {password} are replaced")
	flagLog     = flag.Bool("serverlog", false, "show what the server logs also when a script passes")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScripts plays every script. go test ./script -run Scripts/offline plays those with offline in their name.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.script")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".script"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(file, string(text))
			if err != nil {
				t.Fatal(err)
			}
			if *flagServer != "" {
				err = RunAt(s, Remote{Address: *flagServer, Domain: *flagDomain, Plain: *flagPlain, AddUser: *flagAddUser})
				if errors.Is(err, ErrSkipped) {
					t.Skip(err)
				}
			} else {
				var log bytes.Buffer
				err = Run(s, t.TempDir(), &log)
				if strings.Contains(log.String(), "level=ERROR") {
					t.Error("the server logged an error")
				}
				if err != nil || *flagLog || t.Failed() {
					t.Logf("the server's log:\n%s", log.String())
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
