package archtest

import (
	"strings"
	"testing"
)

// Every rule must be able to fail: each case is a made-up package, and the reason the rule must give ("" for none).

func TestFloorRules(t *testing.T) {
	for _, c := range []struct{ from, to, reason string }{
		{"stanza", "jid", ""},
		{"jid", "stanza", "the address as a value"},
		{"jid", "link", "a package imports lower floors"},
		{"stream", "server/account", "a package imports lower floors"},
		{"store/sqlite", "store/sqlitedb", ""},
		{"store/sqlite", "store/memory", "knows no other"},
		{"store", "store/sqlitedb", "knows no database"},
		{"link/tcp", "link/bytestream", ""},
		{"link/tcp", "link/ws", "it knows no other wire"},
		{"peer/quic", "udpmux", ""},
		{"peer", "peer/quic", "introductions"},
		{"server/roster", "server/handler", ""},
		{"server/roster", "server/archive", "features do not know each other"},
		{"server/account", "server/roster", "knows no feature"},
		{"server", "server/roster", ""},
		{"server", "client", "server and client never import each other"},
		{"client/outbox", "server/route", "server and client never import each other"},
		{"client", "link", ""},
		{"client", "peer", ""},
		{"client", "peer/quic", "runs in browsers too"},
		{"client", "link/tcp", "runs in browsers too"},
		{"client", "client/cache/sqlite", "runs in browsers too"},
		{"client/path", "stanza", "pure"},
		{"client/cache/sqlite", "store/sqlitedb", ""},
		{"client", "store", "runs in browsers too"},
		{"headless", "client", ""},
		{"headless", "stanza", "no protocol logic"},
		{"headless", "server", "no protocol logic"},
		{"admin", "client", "no protocol logic"},
		{"tui", "headless", "no protocol logic"},
		{"app", "client/cache/sqlite", ""},
		{"cmd/godwit", "server", "main only calls it"},
		{"server", "app", "a package imports lower floors"},
		{"app", "netlab/proc", "a room for tests"},
		{"store", "store/storetest", "a room for tests"},
		{"interop", "app", ""},
		{"jid", "gadgets", "one purpose that somebody wrote down"},
		{"gadgets", "jid", "one purpose that somebody wrote down"},
	} {
		expect(t, c.from+" → "+c.to, checkFloors([]pkg{{path: c.from, imports: []string{module + "/" + c.to}}}), c.reason)
	}
	// Tests may reach up: a test of a low room may use a suite, or the whole program.
	expect(t, "test", checkFloors([]pkg{{path: "jid", tests: []string{module + "/app"}}}), "")
}

func TestFenceRules(t *testing.T) {
	for _, c := range []struct{ from, path, inShipped, inTest string }{
		{"peer/datachannel", "github.com/pion/ice/v4", "", ""},
		{"relay", "github.com/pion/ice/v4", "it comes with data channels", "it comes with data channels"},
		{"relay", "github.com/pion/stun/v4", "", ""},
		{"client", "github.com/pion/stun/v4", "a UDP socket", "a UDP socket"},
		{"client", "github.com/quic-go/quic-go/http3", "QUIC is a wire", "QUIC is a wire"},
		{"store/sqlite", "modernc.org/sqlite", "changing the driver", ""},
		{"store/sqlitedb", "github.com/mattn/go-sqlite3", "not taken", "not taken"},
		{"server", "database/sql", "SQL belongs", "SQL belongs"},
		{"server", "github.com/prometheus/client_golang/prometheus", "metrics are a face", "metrics are a face"},
		{"server", "github.com/alecthomas/kong", "flags are app's", "flags are app's"},
		{"app", "github.com/pelletier/go-toml/v2", "", ""},
		{"sasl", "github.com/xdg-go/scram", "second opinion", ""},
		{"jid", "pgregory.net/rapid", "for tests", ""},
		{"stanza", "encoding/xml", "one XML parser", ""},
		{"sasl", "math/rand/v2", "must not be guessed", ""},
		{"sasl", "math/rand", "crypto/rand", ""},
		{"client", "math/rand/v2", "", ""},
		{"server", "net/http", "HTTP belongs", ""},
		{"server", "os/exec", "starts no programs", ""},
		{"server", "testing", "no test code", ""},
		{"link/linktest", "testing", "", ""},
		{"jid", "unsafe", "only the parser", ""},
		{"store/sqlitedb", "C", "one static binary", "one static binary"},
		{"jid", "example.org/surprise", "somebody's", "somebody's"},
		{"jid", "strings", "", ""},
		{"jid", module + "/stanza", "", ""},
	} {
		expect(t, c.from+" → "+c.path, checkFences([]pkg{{path: c.from, imports: []string{c.path}}}), c.inShipped)
		expect(t, "test of "+c.from+" → "+c.path, checkFences([]pkg{{path: c.from, tests: []string{c.path}}}), c.inTest)
	}
}

func TestPurityRules(t *testing.T) {
	for _, c := range []struct{ from, path, reason string }{
		{"jid", "strings", ""},
		{"jid", "net", "values in, values out"},
		{"xep/disco", "log/slog", "values in, values out"},
		{"xep/internal/codectest", "os", ""},
		{"sasl", "crypto/tls", "values in, values out"},
		{"server/route", "context", "values in, values out"},
		{"server/account", "context", ""},
		{"client/path", "os", "values in, values out"},
	} {
		expect(t, c.from+" → "+c.path, checkPure([]pkg{{path: c.from, imports: []string{c.path}}}), c.reason)
	}
}

func TestBrowserRules(t *testing.T) {
	for _, c := range []struct{ path, reason string }{
		{"strings", ""},
		{"crypto/hmac", ""},
		{"net", "the browser has its own"},
		{"net/netip", ""},
		{"net/http", "the browser has its own"},
		{"crypto/tls", "the browser has its own"},
		{"github.com/pion/ice/v4", "the browser has its own"},
		{"google.golang.org/protobuf/proto", "the browser has its own"},
	} {
		expect(t, c.path, checkBrowser("client", []string{c.path}), c.reason)
	}
}

func TestDocRules(t *testing.T) {
	for _, c := range []struct{ path, doc, reason string }{
		{"link/tcp", "Package tcp is one wire.", ""},
		{"link/tcp", "Package link is another.", "a stranger must learn"},
		{"link/tcp", "", "a stranger must learn"},
		{"cmd/godwit", "Command godwit is it.", ""},
	} {
		expect(t, c.path+": "+c.doc, checkDocs([]pkg{{path: c.path, doc: c.doc}}), c.reason)
	}
}

func TestSizeRules(t *testing.T) {
	long := function{"F", maxFunction + 1}
	for _, c := range []struct {
		why    string
		file   file
		exempt []exemption
		reason string
	}{
		{"at the limits", file{name: "a/b.go", lines: maxFile, functions: []function{{"F", maxFunction}}}, nil, ""},
		{"a long file", file{name: "a/b.go", lines: maxFile + 1}, nil, "more than one reason to change"},
		{"a long function", file{name: "a/b.go", functions: []function{long}}, nil, "more than one reason to change"},
		{"a long table", file{name: "a/b_test.go", test: true, lines: maxFile + 1, functions: []function{long}}, nil, ""},
		{"a long test", file{name: "a/b_test.go", test: true, lines: maxTestFile + 1}, nil, "more than one reason to change"},
		{"generated", file{name: "a/b.go", lines: maxFile + 1, generated: true}, nil, ""},
		{"excused", file{name: "a/b.go", lines: maxFile + 1}, []exemption{{"a/b.go", "a table"}}, ""},
		{"excused without a reason", file{name: "a/b.go", lines: maxFile + 1}, []exemption{{"a/b.go", ""}}, "more than one reason to change"},
		{"excused for nothing", file{name: "a/b.go"}, []exemption{{"a/b.go", "a table"}}, "only grow"},
	} {
		expect(t, c.why, checkSizes([]pkg{{path: "a", files: []file{c.file}}}, c.exempt), c.reason)
	}
}

func TestLicenceRules(t *testing.T) {
	for _, c := range []struct {
		text   string
		linked bool
		reason string
	}{
		{"Permission is hereby granted, free of charge, to any\nperson obtaining a copy", true, ""},
		{"Apache License\n  Version 2.0, January 2004", true, ""},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3", true, "no licence that claims the whole program"},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3", false, "no licence that claims the whole program"},
		{"Mozilla Public License Version 2.0 … GNU General Public License", false, ""},
		{"Mozilla Public License Version 2.0 … GNU General Public License", true, "no licence that claims the whole program"},
		{"All rights reserved.", true, "no licence that claims the whole program"},
	} {
		expect(t, c.text, checkLicence(dependency{path: "example.org/m", linked: c.linked}, licenceOf(c.text)), c.reason)
	}
}

// TestReadsSource shows that what the rules judge is really read from source.
func TestReadsSource(t *testing.T) {
	var p pkg
	source := "// Package a is it.\npackage a\n\nimport (\n\t\"os\"\n\tx `example.org/x`\n)\n\nfunc (t T) F() {\n\t_ = 1\n}\n"
	if err := p.add("a/a.go", []byte(source)); err != nil {
		t.Fatal(err)
	}
	if err := p.add("a/a_test.go", []byte("package a\n\nimport \"testing\"\n")); err != nil {
		t.Fatal(err)
	}
	if strings.Join(p.imports, " ") != "os example.org/x" || strings.Join(p.tests, " ") != "testing" {
		t.Errorf("imports %q, tests %q", p.imports, p.tests)
	}
	if !strings.HasPrefix(p.doc, "Package a is it.") {
		t.Errorf("comment %q", p.doc)
	}
	if f := p.files[0]; f.lines != 11 || f.test || len(f.functions) != 1 || f.functions[0] != (function{"F", 3}) {
		t.Errorf("file %+v", f)
	}
	if !p.files[1].test {
		t.Error("the test was not taken for one")
	}
}

// expect wants exactly the violations a case foresees: one with this reason, or none.
func expect(t *testing.T, name string, vs []violation, reason string) {
	t.Helper()
	switch {
	case reason == "" && len(vs) > 0:
		t.Errorf("%s: %v", name, vs)
	case reason != "" && (len(vs) != 1 || !strings.Contains(vs[0].why, reason)):
		t.Errorf("%s: want one violation because %q, got %v", name, reason, vs)
	}
}

func TestSpecRules(t *testing.T) {
	const page = "| Number | What | Status | Where | Note |\n"
	for _, c := range []struct {
		rows, cited string // cited: what jid/jid.go names
		reasons     int
	}{
		{"| RFC 7622 | Addresses | done | `jid` | |\n", "RFC 7622", 0},
		{"", "RFC 7622", 1}, // not indexed
		{"| RFC 7622 | Addresses | done | `jid` | |\n", "", 1}, // not in the code
		{"| RFC 7622 | Addresses | done | `gadgets` | |\n", "RFC 7622", 2},
		{"| RFC 7622 | Addresses | nearly | `jid` | |\n", "RFC 7622", 1},
		{"| RFC 7622 | Addresses | partial | `jid` | |\n", "RFC 7622", 1}, // what is missing?
		{"| RFC 7622 | Addresses | planned | | |\n", "", 1},               // with what?
		{"| RFC 7622 | Addresses | refused | | because |\n", "", 0},
		{"| RFC 7622 | A | read | | x |\n| RFC 7395 | B | read | | x |\n", "", 1}, // order
		{"| RFC 9999 | A | read | | x |\n| XEP-0001 | B | read | | x |\n", "", 0},
	} {
		var cited []citation
		if c.cited != "" {
			cited = []citation{{c.cited, "jid/jid.go"}}
		}
		if vs := checkSpecs(readSpecs(page+c.rows), cited, []string{"jid"}); len(vs) != c.reasons {
			t.Errorf("%s cited %q: want %d violations, got %v", c.rows, c.cited, c.reasons, vs)
		}
	}
}
