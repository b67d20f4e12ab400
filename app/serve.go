package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"godwit/jid"
	"godwit/server"
	"godwit/server/account"
	"godwit/server/introduce"
	"godwit/server/invite"
	"godwit/server/register"
	"godwit/store"
	"godwit/stream"
	"godwit/web"
)

// serveCommand holds the flags of `godwit serve`. The tag toml is the key in the configuration file.
type serveCommand struct {
	Config      string `type:"existingfile" placeholder:"FILE" help:"Read settings from this TOML file."`
	PrintConfig bool   `help:"Print a configuration file with every setting, its meaning and its default, and exit."`

	Data   string `toml:"data" default:"${data}" placeholder:"DIR" help:"Directory with accounts, messages and the certificate. Made if it is not there."`
	Domain string `toml:"domain" default:"localhost" placeholder:"NAME" help:"The part of everybody's address after the @."`

	ListenC2S    string `name:"listen-c2s" toml:"listen.c2s" default:":5222" placeholder:"ADDRESS" help:"Clients with STARTTLS. \"off\" disables a listener, port 0 picks one."`
	ListenC2STLS string `name:"listen-c2s-tls" toml:"listen.c2s-tls" default:":5223" placeholder:"ADDRESS" help:"Clients with TLS from the first byte (XEP-0368)."`
	ListenHTTPS  string `name:"listen-https" toml:"listen.https" default:":5443" placeholder:"ADDRESS" help:"The web client and the WebSocket (RFC 7395), over HTTPS."`
	ListenShared string `name:"listen-shared" toml:"listen.shared" default:"auto" placeholder:"ADDRESS" help:"One TCP port for clients, TURN and HTTPS together, told apart by their first bytes and ALPN, for networks that let only port 443 out. auto is :443 where that can be had; an address that is given must be."`
	ListenSTUN   string `name:"listen-stun" toml:"listen.stun" default:":3478" placeholder:"ADDRESS" help:"STUN over UDP and TCP, by which clients learn how they look from outside."`
	ListenSTUN2  string `name:"listen-stun-alternate" toml:"listen.stun-alternate" default:"auto" placeholder:"ADDRESS" help:"A second port for STUN over UDP, by which clients learn what kind of router they are behind (RFC 5780). auto is the port after STUN's where that can be had."`
	ListenTURN   string `name:"listen-turn" toml:"listen.turn" default:"auto" placeholder:"ADDRESS" help:"TURN over UDP and TCP, which relays between clients that have no direct path. auto is the same port as STUN."`
	ListenAdmin  string `name:"listen-admin" toml:"listen.admin" default:"127.0.0.1:5280" placeholder:"ADDRESS" help:"Metrics and health over HTTP. Keep it on loopback or a private network."`

	STUNAddresses string `name:"stun-addresses" toml:"stun.addresses" default:"auto" placeholder:"ADDRESSES" help:"Two IPv4 addresses of this machine, with a comma between, for STUN to answer from: with a second one clients learn their router's whole behaviour. auto takes them where the machine has two public ones, off takes none."`

	TURNPublic      string        `name:"turn-public" toml:"turn.public" placeholder:"ADDRESSES" help:"Under which addresses the world reaches this machine, with commas between, if they are not its own: behind a router that translates addresses, in a container. PUBLIC, or PUBLIC=OWN for one of several."`
	TURNPorts       string        `name:"turn-ports" toml:"turn.ports" default:"49152-65535" placeholder:"FIRST-LAST" help:"UDP ports that TURN relays from."`
	TURNAllow       string        `name:"turn-allow" toml:"turn.allow" placeholder:"RANGES" help:"Networks that TURN may relay to although they are not public, such as 10.1.0.0/16, with commas between. Without any it relays to public addresses only."`
	TURNPerAccount  int           `name:"turn-allocations-per-account" toml:"turn.allocations-per-account" default:"10" number:"1" placeholder:"N" help:"Relayed addresses at once of one account."`
	TURNAllocations int           `name:"turn-allocations" toml:"turn.allocations" default:"4096" number:"1" placeholder:"N" help:"Relayed addresses at once of all."`
	TURNBandwidth   int           `name:"turn-bandwidth" toml:"turn.bandwidth" default:"8192" number:"1" placeholder:"KIB" help:"How much one account may relay in each direction, in KiB a second. 0 is no limit."`
	TURNCredentials time.Duration `name:"turn-credentials" toml:"turn.credentials" default:"12h" placeholder:"DURATION" help:"How long credentials for TURN serve to begin with."`

	TLSCert string `name:"tls-cert" toml:"tls.cert" placeholder:"FILE" help:"Certificate chain in PEM. Without one the server makes its own and keeps it in the data directory. Read again on SIGHUP."`
	TLSKey  string `name:"tls-key" toml:"tls.key" placeholder:"FILE" help:"The certificate's key in PEM."`

	WebURL     string `name:"web-url" toml:"web.url" placeholder:"URL" help:"Where browsers find the web client, if that is not https://DOMAIN:PORT/ of the https listener: behind a router or a proxy, such as https://chat.example.org/."`
	WebOrigins string `name:"web-origins" toml:"web.origins" placeholder:"ORIGINS" help:"Pages of other servers that may use the WebSocket, such as https://web.example.org, with commas between."`

	AuthPlain bool          `name:"auth-plain" toml:"auth.plain" help:"Also offer PLAIN, inside TLS only, for clients that know no SCRAM. They send the password itself."`
	Register  string        `toml:"auth.register" default:"off" enum:"off,open" help:"Whether strangers may make accounts, and people remove theirs (XEP-0077): off or open (to everybody). An invitation lets people in in any case."`
	Invite    string        `toml:"auth.invite" default:"contacts" enum:"off,contacts,accounts" help:"What accounts may invite to: off (nothing), contacts (to become contacts) or accounts (to make an account here, too). Whoever runs the server may always: godwit invite."`
	TokenLife time.Duration `toml:"auth.token-life" default:"504h" placeholder:"DURATION" help:"How long a client stays signed in without being used (XEP-0484)."`

	Introduce string `toml:"policy.introduce" default:"contacts" enum:"contacts,anyone,off" help:"Between whom the server passes offers of a direct connection: contacts, anyone or off."`

	ArchiveDefault string        `toml:"archive.default" default:"always" enum:"always,never,roster" help:"What the archive keeps for accounts that did not choose: always, never or roster (contacts only)."`
	ArchiveKeep    time.Duration `toml:"archive.keep" default:"0s" placeholder:"DURATION" help:"Remove archived messages older than this, such as 8760h. 0s keeps them."`
	InboxKeep      time.Duration `toml:"archive.inbox-keep" default:"0s" placeholder:"DURATION" help:"Remove messages that waited longer than this for somebody absent. 0s keeps them."`

	MaxConnections  int           `toml:"limits.connections" default:"100000" number:"1" placeholder:"N" help:"Connections at once."`
	MaxPerAddress   int           `toml:"limits.connections-per-address" default:"20000" number:"1" placeholder:"N" help:"Connections at once from one IPv4 address or IPv6 /64 network."`
	MaxSessions     int           `toml:"limits.sessions-per-account" default:"20" number:"1" placeholder:"N" help:"Sessions at once of one account."`
	MaxContacts     int           `toml:"limits.contacts" default:"5000" number:"1" placeholder:"N" help:"Contacts of one account."`
	MaxInbox        int           `toml:"limits.inbox" default:"2000" number:"1" placeholder:"N" help:"Messages that wait for one absent account."`
	MaxFailures     int           `name:"max-failures-per-address" toml:"limits.failures-per-address" default:"20" number:"1" placeholder:"N" help:"Failed sign-ins at once from one IPv4 address or IPv6 /64 network; one more every 3 seconds."`
	MaxGuesses      int           `name:"max-failures-per-account" toml:"limits.failures-per-account" default:"30" number:"1" placeholder:"N" help:"Failed sign-ins at once to one account; one more every 10 seconds. Where its owner signed in before they are counted apart."`
	MaxRegistered   int           `name:"max-registrations" toml:"limits.registrations" default:"5" number:"1" placeholder:"N" help:"Accounts registered at once from one address; one more every 10 minutes."`
	ResumeTimeout   time.Duration `toml:"limits.resume" default:"5m" placeholder:"DURATION" help:"How long a session that lost its connection can be resumed (XEP-0198)."`
	HandshakeLimit  time.Duration `toml:"limits.sign-in" default:"30s" placeholder:"DURATION" help:"How long signing in may take."`
	ShutdownTimeout time.Duration `toml:"limits.shutdown" default:"10s" placeholder:"DURATION" help:"How long stopping waits for connections to end in order."`

	LogLevel  string `toml:"log.level" default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
	LogFormat string `toml:"log.format" default:"text" enum:"text,json" help:"text or json. Logs go to standard error."`
}

// Help is shown below the usage.
func (serveCommand) Help() string {
	return `Without any setting it serves the domain localhost from ./godwit-data with a certificate it makes itself. It prints one line for each
listener, "listening NAME ADDRESS", one for the web client, "page URL", and then "ready".

  godwit serve
  godwit serve --domain chat.example.org --tls-cert chain.pem --tls-key key.pem
  godwit serve --print-config > godwit.toml && godwit serve --config godwit.toml

SIGTERM ends it in order, SIGHUP reads the certificate again.`
}

// Run implements the command.
func (c *serveCommand) Run(ctx context.Context, s streams, k *kong.Context) error {
	if c.PrintConfig {
		return printConfig(s.out, k)
	}
	log, err := newLogger(s.err, c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	n, err := c.start(ctx, s.out, log)
	if err != nil {
		return err
	}
	if n.first {
		welcome(s.err, c.Data, n)
	}
	if n.page != "" {
		fmt.Fprintln(s.out, "page", n.page)
	}
	fmt.Fprintln(s.out, "ready")
	hup, stop := hangups()
	defer stop()
	for {
		select {
		case <-hup:
			if err := n.cert.reload(); err != nil {
				log.Error("the old certificate stays", "error", err)
			} else {
				log.Info("the certificate was read again")
			}
		case err := <-n.failed:
			n.stop(c.ShutdownTimeout)
			return err
		case <-ctx.Done():
			log.Info("stopping")
			return n.stop(c.ShutdownTimeout)
		}
	}
}

func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("unknown log level %q", level)
	}
	options := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}

// start brings the server up: data, certificate, rooms, listeners. On failure everything that was started is stopped.
func (c *serveCommand) start(ctx context.Context, out io.Writer, log *slog.Logger) (n *node, err error) {
	domain, err := parseDomain(c.Domain)
	if err != nil {
		return nil, err
	}
	n = &node{log: log, out: out, domain: domain.Domain(), failed: make(chan error, 8)}
	n.background, n.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			n.stop(time.Second)
			n = nil
		}
	}()
	if err = makeData(c.Data); err != nil {
		return n, err
	}
	if n.lock, err = lockData(c.Data); err != nil {
		return n, err
	}
	_, statErr := os.Stat(filepath.Join(c.Data, databaseFile))
	n.first = errors.Is(statErr, os.ErrNotExist)
	var st server.Store
	if n.db, st, err = openStore(ctx, c.Data); err != nil {
		return n, err
	}
	if err = n.prepare(c, domain); err != nil {
		return n, err
	}
	n.guard = newGuard(c.MaxFailures, c.MaxGuesses, log)
	if n.server, err = server.New(ctx, c.serverConfig(domain, st, n, log)); err != nil {
		return n, err
	}
	return n, n.listen(ctx, c, st)
}

// prepare reads or makes the files beside the database.
func (n *node) prepare(c *serveCommand, domain jid.JID) (err error) {
	switch before, err := rememberDomain(c.Data, n.domain); {
	case err != nil:
		return fmt.Errorf("the data directory can not be used: %w", err)
	case before != "":
		n.log.Warn("this data was served for another domain before, whose accounts can not sign in now", "before", before, "now", n.domain)
	}
	if n.cert, err = loadCertificate(c.TLSCert, c.TLSKey, c.Data, n.domain); err != nil {
		return err
	}
	switch {
	case n.cert.made && !n.first:
		n.log.Warn("a new certificate was made, with a new authority; clients that were given the old one need it", "file", n.cert.cert)
	case !n.cert.covers(n.domain, time.Now()):
		n.log.Warn("clients will refuse the certificate: it is not for this domain, or not valid now", "file", n.cert.cert, "domain", n.domain)
	}
	return nil
}

func (c *serveCommand) serverConfig(domain jid.JID, st server.Store, n *node, log *slog.Logger) server.Config {
	policy, _ := introduce.ParsePolicy(c.Introduce) // checked by the flag's enum
	return server.Config{
		Domain: domain, Store: st, Log: log, Program: program(),
		AllowPlain: c.AuthPlain, Guard: n.guard, Introduce: policy,
		Invite: invite.Policy(c.Invite), InvitePage: invitePage(n.pageAddress), TokenLife: c.TokenLife,
		Register: c.Register == "open", RegisterRate: stream.Rate{Burst: c.MaxRegistered, Every: register.DefaultRate.Every},
		ArchiveDefault: store.ArchiveDefault(c.ArchiveDefault), ArchiveKeep: c.ArchiveKeep, InboxKeep: c.InboxKeep,
		Accounts: account.Limits{
			Resources: c.MaxSessions, RosterItems: c.MaxContacts, InboxEntries: c.MaxInbox, ResumeTimeout: c.ResumeTimeout,
		},
		HandshakeLimit: c.HandshakeLimit,
		Services:       n.services,
		Removed:        n.withdraw,
	}
}

// welcome tells whoever started the server for the first time what to do next. It goes to standard error: standard output is for programs.
func welcome(w io.Writer, data string, n *node) {
	flag := ""
	if data != defaultData {
		flag = " --data " + shellQuote(data)
	}
	fmt.Fprintf(w, `
This is a new server for %[1]s. Add people, in another terminal:

    godwit user add%[2]s alice@%[1]s
    godwit user add%[2]s bob@%[1]s

`, n.domain, flag)
	if n.page != "" {
		fmt.Fprintf(w, "They can use any XMPP client, or a browser: %s\n\n", n.page)
	}
	if n.cert.own {
		fmt.Fprintf(w, "Its certificate is one it made itself: %s\nClients trust it when they are given that file, or accept it when they ask.\n", n.cert.cert)
		if n.page != "" {
			fmt.Fprintf(w, "How browsers and phones come to trust it says %strust. The fingerprint there must be\n%s\n", n.page, web.Fingerprint(n.cert.authority.cert))
		}
		fmt.Fprintln(w)
	}
}

// shellQuote quotes a word where a shell would take it apart.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:@%,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// tlsConfig is what all TLS listeners share.
func (n *node) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: n.cert.get}
}

// listenError explains why a listener could not be opened.
func listenError(name, address string, err error) error {
	switch {
	case isAddrInUse(err):
		return fmt.Errorf("the port for %s (%s) is in use by another program; choose another with --listen-%s, or \"off\"", name, address, name)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("not allowed to listen on %s for %s; choose another port with --listen-%s", address, name, name)
	}
	return fmt.Errorf("can not listen on %s for %s: %w", address, name, err)
}

func splitPort(a net.Addr) (host string, port uint16) {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.String(), uint16(a.Port)
	case *net.UDPAddr:
		return a.IP.String(), uint16(a.Port)
	}
	return strings.TrimSpace(a.String()), 0
}
