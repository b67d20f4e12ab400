package archtest

// A floor is a height in the house: a package imports lower floors, and on its own floor only what its row says.
type floor int

const (
	words floor = iota + 1
	wires       // and memory
	parties
	faces
	root
	tests // may import anything, and nothing that is shipped imports them
)

func (f floor) String() string {
	return [...]string{"?", "1 (words)", "2 (wires and memory)", "3 (server, client)", "4 (faces)", "5 (root)", "of tests"}[f]
}

// A room is one row of the plan. Patterns are package paths below the module, where a trailing /... means the package
// and all below it, and * stands for one element; the longest pattern that fits a package is its row.
type room struct {
	pattern string
	floor   floor
	beside  []string // patterns it may import on its own floor
	only    []string // if set, the only packages of this module it may import
	not     []string // patterns it may not import although the floor allows it
	why     string   // what it is for: the reason for its walls
}

var rooms = []room{
	{pattern: "jid", floor: words, why: "the address as a value; knows nothing else"},
	{pattern: "xmlstream", floor: words, why: "XML as XMPP allows it; knows no stanza"},
	{pattern: "stanza", floor: words, beside: []string{"jid", "xmlstream"}, why: "the three stanzas and their errors"},
	{pattern: "xep/...", floor: words, beside: []string{"jid", "xmlstream", "stanza", "xep/..."}, why: "payload codecs: values and bytes, no behaviour"},
	{pattern: "sasl", floor: words, beside: []string{"jid"}, why: "mechanisms as pure machines; profiles around them are stream's"},

	{pattern: "link", floor: wires, why: "the contract of every wire; it knows no wire"},
	{pattern: "link/bytestream", floor: wires, beside: []string{"link"}, why: "stanzas over an ordered stream of bytes, for the wires that have one"},
	{pattern: "link/framing", floor: wires, beside: []string{"link"}, why: "stanzas in messages, for the wires that carry those; runs in browsers too"},
	{pattern: "link/tlsstate", floor: wires, beside: []string{"link"}, why: "what a handshake tells, for the wires over TLS"},
	{pattern: "link/*", floor: wires, beside: []string{"link", "link/bytestream", "link/framing", "link/tlsstate", "udpmux"}, why: "one wire; it knows no other wire"},
	{pattern: "stream", floor: wires, beside: []string{"link"}, why: "from link to session, whatever the wire"},
	{pattern: "peer", floor: wires, beside: []string{"link"}, why: "introductions; how a path is made comes in from below peer"},
	{pattern: "peer/...", floor: wires, beside: []string{"peer", "peer/allocation", "peer/guess", "peer/ice", "link", "link/bytestream", "link/framing", "udpmux"}, why: "one kind of direct path"},
	{pattern: "peer/allocation", floor: wires, beside: []string{"udpmux"}, why: "an address on a TURN server as one more socket; knows no introduction"},
	{pattern: "peer/ice", floor: wires, only: []string{"xep/icetransport"}, why: "pure: which checks to send and what they show; knows no socket"},
	{pattern: "peer/guess", floor: wires, beside: []string{"udpmux"}, why: "guesses the port of a symmetric NAT; knows no introduction"},
	{pattern: "udpmux", floor: wires, why: "one socket for many protocols; knows no peer"},
	{pattern: "tcpmux", floor: wires, why: "one TCP port for many protocols; knows none of them beyond its first bytes"},
	{pattern: "relay", floor: wires, beside: []string{"udpmux"}, why: "STUN and TURN for strangers; knows no XMPP"},
	{pattern: "nat", floor: wires, beside: []string{"nat/outlook"}, why: "what network am I behind; knows no XMPP stream"},
	{pattern: "nat/outlook", floor: wires, only: []string{"xep/reach"}, why: "pure: what two networks can do together, in words"},
	{pattern: "nat/*", floor: wires, why: "one way of dealing with the network this machine is on"},
	{pattern: "store", floor: wires, why: "records and contracts; knows no database"},
	{pattern: "store/sqlitedb", floor: wires, beside: []string{"store"}, why: "one SQLite file with group commit; knows no table"},
	{pattern: "store/*", floor: wires, beside: []string{"store", "store/sqlitedb"}, why: "one implementation of store; knows no other"},
	{pattern: "bus", floor: wires, why: "the contract between nodes"},
	{pattern: "bus/*", floor: wires, beside: []string{"bus"}, why: "one bus; knows no other"},

	{pattern: "server/route", floor: parties, why: "pure: where a stanza belongs"},
	{pattern: "server/subscription", floor: parties, why: "pure: the subscription states"},
	{pattern: "server/account", floor: parties, beside: []string{"server/route", "server/subscription"}, why: "the only writer of an account's state; features ask it, it knows no feature"},
	{pattern: "server/handler", floor: parties, beside: []string{"server/account"}, why: "how features are plugged in; it knows none"},
	{pattern: "server/deliver", floor: parties, beside: []string{"server/account", "server/handler", "server/route", "server/subscription"}, why: "the pipeline in one place; features come in through handler"},
	{pattern: "server/*", floor: parties, beside: []string{"server/account", "server/handler"}, why: "one feature; features do not know each other"},
	{pattern: "server", floor: parties, beside: []string{"server/..."}, why: "puts the server's rooms together"},
	{pattern: "client/path", floor: parties, only: []string{"jid"}, why: "pure: chooses among links it never sees"},
	{pattern: "client/cache", floor: parties, only: []string{"jid"}, why: "the client's records and contract; knows no database"},
	{pattern: "client/cache/*", floor: parties, beside: []string{"client/cache"}, why: "one implementation of the cache"},
	{pattern: "client/outbox", floor: parties, beside: []string{"client/cache", "client/path"}, not: []string{"store/..."}, why: "resends until acknowledged; it knows no wire"},
	{pattern: "client/...", floor: parties, beside: []string{"client/cache", "client/path"}, not: []string{"store/...", "bus/..."}, why: "one concern of the client"},
	{pattern: "client", floor: parties, beside: []string{"client/cache", "client/outbox", "client/path", "client/transfer"},
		not: []string{"store/...", "bus/...", "relay", "nat", "nat/portmap", "nat/network", "udpmux", "tcpmux", "link/*", "peer/*"}, why: "runs in browsers too, so wires, databases and sockets are handed to it"},

	{pattern: "headless", floor: faces, only: []string{"client/...", "jid"}, why: "a face has no protocol logic"},
	{pattern: "tui/...", floor: faces, beside: []string{"tui/..."}, only: []string{"client/...", "jid", "tui/..."}, why: "a face has no protocol logic"},
	{pattern: "web", floor: faces, only: []string{}, why: "HTTP and headers; whatever speaks a protocol is handed to it"},
	{pattern: "web/...", floor: faces, beside: []string{"headless", "web/..."}, why: "the browser's face: the client behind the commands of headless, with the browser's wires"},
	{pattern: "admin", floor: faces, only: []string{"server/...", "jid"}, why: "a face has no protocol logic"},

	{pattern: "app/...", floor: root, beside: []string{"app/..."}, why: "puts everything together"},
	{pattern: "cmd/godwit", floor: root, only: []string{"app"}, why: "the program is app; main only calls it"},

	{pattern: "netlab/...", floor: tests, why: "starts processes and networks"},
	{pattern: "link/linktest", floor: tests, why: "a suite for links"},
	{pattern: "store/storetest", floor: tests, why: "a suite for stores"},
	{pattern: "bus/bustest", floor: tests, why: "a suite for buses"},
	{pattern: "client/cache/cachetest", floor: tests, why: "a suite for caches"},
	{pattern: "client/clienttest", floor: tests, why: "joins client and server in one process"},
	{pattern: "xep/internal/codectest", floor: tests, why: "a suite for codecs"},
	{pattern: "script/...", floor: tests, why: "conversations as test data"},
	{pattern: "web/webtest/...", floor: tests, why: "drives browsers"},
	{pattern: "interop/...", floor: tests, why: "drives stock clients"},
	{pattern: "docs", floor: tests, why: "tests of the pages beside it"},
	{pattern: "archtest", floor: tests, why: "this"},
	{pattern: "tools/...", floor: tests, why: "for those who work on the code"},
}

// never are imports that no floor makes right.
var never = []struct{ from, to, why string }{
	{"server/...", "client/...", "server and client never import each other; what they share lies below"},
	{"client/...", "server/...", "server and client never import each other; what they share lies below"},
}

// A fence names the only packages that may import something from outside the module, tests excepted where said.
type fence struct {
	path    string // import path, or with /... everything below it
	owners  []string
	inTests []string // patterns whose tests may too; "..." is everybody's
	why     string
}

var anywhere = []string{"..."}

var fences = []fence{
	// Direct paths.
	{"github.com/pion/ice/...", []string{"peer/datachannel"}, nil, "it comes with data channels; the native path decides about checks itself (docs/design/own-ice.md)"},
	{"github.com/pion/webrtc/...", []string{"peer/datachannel"}, nil, "data channels are one kind of direct path"},
	{"github.com/pion/stun/...", []string{"relay", "udpmux", "peer/quic", "peer/datachannel", "peer/allocation", "peer/guess", "peer/ice", "nat"}, nil, "STUN belongs to those who own a UDP socket"},
	{"github.com/pion/turn/...", []string{"relay", "peer/allocation"}, []string{"peer/...", "netlab"}, "the TURN server is relay's, the client's side peer/allocation's"},
	{"github.com/pion/logging/...", []string{"peer/quic", "peer/datachannel", "peer/allocation", "relay", "udpmux"}, nil, "only to hand pion our own log"},
	{"github.com/pion/transport/...", []string{"peer/quic", "peer/datachannel", "peer/allocation", "udpmux"}, anywhere, "pion's idea of a network, and in tests its simulated one"},
	{"github.com/quic-go/quic-go/...", []string{"udpmux", "peer/quic", "link/quic"}, nil, "QUIC is a wire"},
	{"github.com/coder/websocket/...", []string{"link/ws"}, []string{"interop/...", "script/..."}, "WebSocket is a wire"},
	{"github.com/huin/goupnp/...", []string{"nat/portmap"}, nil, "port mapping is nat's"},
	{"github.com/jackpal/go-nat-pmp/...", []string{"nat/portmap"}, nil, "port mapping is nat's"},
	{"golang.org/x/net/ipv4", []string{"udpmux", "relay", "nat"}, nil, "packet details belong to those who own a UDP socket"},
	{"golang.org/x/net/ipv6", []string{"udpmux", "relay", "nat"}, nil, "packet details belong to those who own a UDP socket"},
	{"golang.org/x/net/idna", []string{"jid", "link/tcp", "link/ws", "link/quic"}, nil, "domain names are prepared once, in the address"},
	// Memory.
	{"modernc.org/sqlite/...", []string{"store/sqlitedb"}, []string{"store/...", "client/cache/sqlite"}, "changing the driver must cost one package (docs/design/sqlite-driver.md)"},
	{"github.com/mattn/go-sqlite3", nil, nil, "was measured and not taken (docs/design/sqlite-driver.md)"},
	{"github.com/pressly/goose/...", []string{"store/sqlitedb", "store/postgres"}, []string{"store/..."}, "migrations belong to the database rooms"},
	{"github.com/jackc/pgx/...", []string{"store/postgres"}, nil, "one room for one database"},
	{"github.com/nats-io/...", []string{"bus/nats"}, nil, "one room for one bus"},
	{"database/sql/...", []string{"store/sqlitedb", "store/sqlite", "store/postgres", "client/cache/sqlite"}, []string{"interop/..."}, "SQL belongs to the database rooms"},
	// Words.
	{"golang.org/x/text/...", []string{"jid"}, nil, "preparing strings is the address's business"},
	{"github.com/xdg-go/stringprep", []string{"sasl"}, nil, "SASLprep of passwords (RFC 4013)"},
	{"github.com/xdg-go/scram", nil, []string{"sasl", "stream", "script/..."}, "a second opinion on our SCRAM, in tests"},
	// Faces and root.
	{"github.com/prometheus/...", []string{"admin"}, []string{"app/..."}, "metrics are a face; rooms report numbers, not metrics"},
	{"github.com/alecthomas/kong", []string{"app/..."}, nil, "flags are app's"},
	{"github.com/pelletier/go-toml/...", []string{"app/..."}, nil, "configuration is app's; rooms get values"},
	{"golang.org/x/term", []string{"app/...", "tui/..."}, nil, "terminals belong to faces"},
	{"golang.org/x/sys/...", []string{"udpmux", "app/...", "netlab/...", "peer/quic", "nat/..."}, anywhere, "what the system has and the standard library not"},
	{"golang.org/x/sync/...", anywhere, anywhere, "as good as the standard library"},
	{"golang.org/x/time/rate", anywhere, anywhere, "as good as the standard library"},
	{"github.com/caddyserver/certmagic/...", []string{"app/..."}, nil, "certificates come in through app"},
	{"charm.land/...", []string{"tui/..."}, nil, "the terminal's face"},
	{"github.com/gen2brain/beeep/...", []string{"tui/..."}, nil, "desktop notices are a face's"},
	{"rsc.io/qr/...", []string{"web/invite"}, nil, "pictures of links belong to the page that shows them"},
	{"github.com/mdp/qrterminal/...", []string{"app/...", "tui/..."}, nil, "pictures on terminals are a face's"},
	{"github.com/andybalholm/brotli/...", []string{"web/build"}, nil, "files are compressed when they are built; nothing is while it is served"},
	{"github.com/evanw/esbuild/...", []string{"web/build"}, nil, "only the web face is bundled"},
	// Tests.
	{"pgregory.net/rapid", nil, anywhere, "for tests"},
	{"go.uber.org/goleak", nil, anywhere, "for tests"},
	{"github.com/google/go-cmp/...", nil, anywhere, "for tests"},
	// The standard library, where it matters.
	{"encoding/xml", nil, anywhere, "there is one XML parser here, strict and bounded: xmlstream. Two parsers disagree, and that is how stanzas are smuggled"},
	{"math/rand", nil, anywhere, "what must not be guessed comes from crypto/rand, and math/rand/v2 is for jitter in the rooms listed there"},
	{"math/rand/v2", []string{"client", "client/outbox"}, anywhere, "jitter only; everything else that is random must not be guessed (crypto/rand)"},
	{"net/http/...", []string{"admin", "web/...", "link/ws", "nat/portmap", "app/..."}, anywhere, "HTTP belongs to the faces that speak it, and UPnP is HTTP"},
	{"log", nil, anywhere, "log/slog, with a session's id on every line"},
	{"os/exec", []string{"netlab/...", "tools/...", "interop/...", "archtest", "tui/...", "web/build", "web/webtest/..."}, anywhere, "shipped code starts no programs"},
	{"unsafe", []string{"xmlstream"}, anywhere, "only the parser, whose strings are views of canonical bytes that never change again; nothing else here is worth it"},
	{"C", nil, nil, "one static binary for every system, without a C compiler"},
	{"testing/...", []string{"netlab/...", "link/linktest", "store/storetest", "bus/bustest", "client/cache/cachetest", "xep/internal/codectest", "script/...", "interop/..."}, anywhere, "shipped code has no test code"},
}

// pure are rooms that must be the same on every machine: no files, no network, no clock that ticks by itself, no log.
var pure = struct {
	rooms  []string
	forbid []string
	why    string
}{
	[]string{"jid", "xmlstream", "stanza", "xep/...", "sasl", "server/route", "server/subscription", "client/path", "nat/outlook"},
	[]string{"net", "net/http/...", "os", "os/exec", "log/slog", "database/sql/...", "crypto/tls", "context"},
	"values in, values out: that is what makes it testable by tables and usable by both ends",
}

// browser is what the client may not pull into a browser, however deep (DESIGN: one client, three faces).
var browser = struct {
	roots  []string
	forbid []string
	why    string
}{
	[]string{"client", "client/outbox", "client/path", "client/cache", "client/cache/memory", "link/framing"},
	[]string{"net", "net/http/...", "crypto/tls", "crypto/x509", "github.com/pion/...", "google.golang.org/protobuf/...", "github.com/quic-go/...",
		"modernc.org/...", "database/sql/...", "text/template", "html/template", "encoding/xml", "os/exec"},
	"the browser has its own network, cryptography and database, and every megabyte is waited for",
}

// licences that may be linked into an Apache-2.0 program, and those tests may use besides.
var (
	licencesLinked = []string{"Apache-2.0", "MIT", "BSD", "ISC"}
	licencesTested = append([]string{"MPL-2.0"}, licencesLinked...)
)

// Limits of size, in lines. Code that is longer has more than one reason to change.
const (
	maxFile     = 600
	maxTestFile = 800 // tables of cases are long
	maxFunction = 80
)

// An exemption lifts a limit for one file or function ("dir/file.go" or "dir/file.go:Name"), with the reason.
type exemption struct{ what, why string }

var exemptions = []exemption{}
