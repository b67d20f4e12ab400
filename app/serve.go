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
	"godwit/store"
)

// serveCommand holds the flags of `godwit serve`. The tag toml is the key in the configuration file.
type serveCommand struct {
	Config      string `type:"existingfile" placeholder:"FILE" help:"Read settings from this TOML file."`
	PrintConfig bool   `help:"Print a configuration file with every setting, its meaning and its default, and exit."`

	Data   string `toml:"data" default:"./godwit-data" placeholder:"DIR" help:"Directory with accounts, messages and the certificate. Made if it is not there."`
	Domain string `toml:"domain" default:"localhost" placeholder:"NAME" help:"The part of everybody's address after the @."`

	ListenC2S    string `name:"listen-c2s" toml:"listen.c2s" default:":5222" placeholder:"ADDRESS" help:"Clients with STARTTLS. \"off\" disables a listener, port 0 picks one."`
	ListenC2STLS string `name:"listen-c2s-tls" toml:"listen.c2s-tls" default:":5223" placeholder:"ADDRESS" help:"Clients with TLS from the first byte (XEP-0368)."`
	ListenSTUN   string `name:"listen-stun" toml:"listen.stun" default:":3478" placeholder:"ADDRESS" help:"STUN over UDP and TCP, by which clients learn how they look from outside."`
	ListenAdmin  string `name:"listen-admin" toml:"listen.admin" default:"127.0.0.1:5280" placeholder:"ADDRESS" help:"Metrics and health over HTTP. Keep it on loopback or a private network."`

	TLSCert string `name:"tls-cert" toml:"tls.cert" placeholder:"FILE" help:"Certificate chain in PEM. Without one the server makes its own and keeps it in the data directory. Read again on SIGHUP."`
	TLSKey  string `name:"tls-key" toml:"tls.key" placeholder:"FILE" help:"The certificate's key in PEM."`

	AuthPlain bool `name:"auth-plain" toml:"auth.plain" help:"Also offer PLAIN, inside TLS only, for clients that know no SCRAM. They send the password itself."`

	Introduce string `toml:"policy.introduce" default:"contacts" enum:"contacts,anyone,off" help:"Between whom the server passes offers of a direct connection: contacts, anyone or off."`

	ArchiveDefault string        `toml:"archive.default" default:"always" enum:"always,never,roster" help:"What the archive keeps for accounts that did not choose: always, never or roster (contacts only)."`
	ArchiveKeep    time.Duration `toml:"archive.keep" default:"0s" placeholder:"DURATION" help:"Remove archived messages older than this, such as 8760h. 0s keeps them."`
	InboxKeep      time.Duration `toml:"archive.inbox-keep" default:"0s" placeholder:"DURATION" help:"Remove messages that waited longer than this for somebody absent. 0s keeps them."`

	MaxConnections  int           `toml:"limits.connections" default:"100000" number:"1" placeholder:"N" help:"Connections at once."`
	MaxPerAddress   int           `toml:"limits.connections-per-address" default:"20000" number:"1" placeholder:"N" help:"Connections at once from one IPv4 address or IPv6 /64 network."`
	MaxSessions     int           `toml:"limits.sessions-per-account" default:"20" number:"1" placeholder:"N" help:"Sessions at once of one account."`
	MaxContacts     int           `toml:"limits.contacts" default:"5000" number:"1" placeholder:"N" help:"Contacts of one account."`
	MaxInbox        int           `toml:"limits.inbox" default:"2000" number:"1" placeholder:"N" help:"Messages that wait for one absent account."`
	ResumeTimeout   time.Duration `toml:"limits.resume" default:"5m" placeholder:"DURATION" help:"How long a session that lost its connection can be resumed (XEP-0198)."`
	HandshakeLimit  time.Duration `toml:"limits.sign-in" default:"30s" placeholder:"DURATION" help:"How long signing in may take."`
	ShutdownTimeout time.Duration `toml:"limits.shutdown" default:"10s" placeholder:"DURATION" help:"How long stopping waits for connections to end in order."`

	LogLevel  string `toml:"log.level" default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
	LogFormat string `toml:"log.format" default:"text" enum:"text,json" help:"text or json. Logs go to standard error."`
}

// Help is shown below the usage.
func (serveCommand) Help() string {
	return `Without any setting it serves the domain localhost from ./godwit-data with a certificate it makes itself. It prints one line for each
listener, "listening NAME ADDRESS", and then "ready".

  godwit serve
  godwit serve --domain chat.example.org --tls-cert chain.pem --tls-key key.pem
  godwit serve --print-config > godwit.toml && godwit serve --config godwit.toml

SIGTERM ends it in order, SIGHUP reads the certificate again.`
}

// Run implements the command.
func (c *serveCommand) Run(ctx context.Context, s streams, k *kong.Context) error {
	if c.PrintConfig {
		return printConfig(s.out, k.Selected().Flags)
	}
	log, err := newLogger(s.err, c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	n, err := c.start(ctx, s.out, log)
	if err != nil {
		return err
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
	domain, err := jid.Parse(c.Domain)
	if err != nil || domain != domain.DomainJID() {
		return nil, usagef("%q is not a domain", c.Domain)
	}
	_, statErr := os.Stat(filepath.Join(c.Data, databaseFile))
	first := errors.Is(statErr, os.ErrNotExist)
	n = &node{log: log, out: out, failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			n.stop(time.Second)
			n = nil
		}
	}()
	var st server.Store
	if n.db, st, err = openStore(ctx, c.Data); err != nil {
		return n, err
	}
	if n.cert, err = loadCertificate(c.TLSCert, c.TLSKey, c.Data, domain.Domain()); err != nil {
		return n, err
	}
	if n.server, err = server.New(ctx, c.serverConfig(domain, st, n, log)); err != nil {
		return n, err
	}
	if err = n.listen(ctx, c, st); err != nil {
		return n, err
	}
	if first {
		welcome(out, c.Data, domain, n.cert)
	}
	return n, nil
}

func (c *serveCommand) serverConfig(domain jid.JID, st server.Store, n *node, log *slog.Logger) server.Config {
	policy, _ := introduce.ParsePolicy(c.Introduce) // checked by the flag's enum
	return server.Config{
		Domain: domain, Store: st, Log: log, Program: program(),
		AllowPlain: c.AuthPlain, Introduce: policy,
		ArchiveDefault: store.ArchiveDefault(c.ArchiveDefault), ArchiveKeep: c.ArchiveKeep, InboxKeep: c.InboxKeep,
		Accounts: account.Limits{
			Resources: c.MaxSessions, RosterItems: c.MaxContacts, InboxEntries: c.MaxInbox, ResumeTimeout: c.ResumeTimeout,
		},
		HandshakeLimit: c.HandshakeLimit,
		Services:       n.services,
	}
}

// welcome tells whoever started the server for the first time what to do next.
func welcome(out io.Writer, data string, domain jid.JID, cert *certificate) {
	flag := ""
	if data != "./godwit-data" {
		flag = " --data " + data
	}
	fmt.Fprintf(out, `
This is a new server for %[1]s. Add people, in another terminal:

    godwit user add%[2]s alice@%[1]s
    godwit user add%[2]s bob@%[1]s

`, domain, flag)
	if cert.own {
		fmt.Fprintf(out, "Its certificate is one it made itself: %s\nClients trust it when they are given that file, or accept it when they ask.\n\n", cert.cert)
	}
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
