package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/sasl"
	"godwit/server"
	"godwit/server/account"
	"godwit/server/introduce"
	"godwit/server/invite"
	"godwit/store"
	"godwit/store/sqlite"
	"godwit/xep/extdisco"
	"godwit/xep/version"
	"godwit/xmlstream"

	"godwit/link/bytestream"
)

// password is everybody's.
const password = "correct horse battery staple"

// dialed is a new connection to a target.
type dialed struct {
	conn   io.ReadWriteCloser
	secure bool
	gone   <-chan struct{}
}

// target is the server that scripts run against.
type target interface {
	domain() string
	// user is the local part behind an account's name in scripts.
	user(name string) string
	addAccount(name string) error
	dial(o options) (*dialed, error)
	channelBinding(kind string) []byte
	// configure takes the settings of the script's server line, before the server starts; errNotOurs if they can not be made.
	configure(o options) error
	restart() error
	// counter tells a number the server counts, for scripts that check that something is counted.
	counter(name string) (int64, error)
	removeAccount(name string) error
	close() error
}

var errNotOurs = errors.New("this server can not be told to do that")

// local is this project's server on a store of its own; connections are pipes in memory that look encrypted.
type local struct {
	path     string
	settings options
	log      *slog.Logger

	mu    sync.Mutex
	store *sqlite.Store
	srv   *server.Server
}

func newLocal(dir string, log io.Writer) *local {
	return &local{path: dir + "/server.db", log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
}

const localDomain = "localhost"

func (l *local) domain() string          { return localDomain }
func (l *local) user(name string) string { return name }

func (l *local) configure(o options) error {
	if l.srv != nil {
		return errors.New("the server has been started")
	}
	l.settings = o
	return nil
}

// running returns the server, started when first needed.
func (l *local) running() (*server.Server, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.srv != nil {
		return l.srv, nil
	}
	db, err := sqlite.Open(context.Background(), l.path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	cfg, err := l.config(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	srv, err := server.New(context.Background(), cfg)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.store, l.srv = db, srv
	return srv, nil
}

func (l *local) config(db *sqlite.Store) (server.Config, error) {
	cfg := server.Config{
		Domain: jid.MustParse(localDomain), Log: l.log, Program: version.Version{Name: "Godwit", Version: "script"},
		Store: server.Store{
			Accounts: db.Accounts(), Rosters: db.Roster(), Archive: db.Archive(), Inbox: db.Inbox(), LastSeen: db.LastSeen(), Blocklist: db.Blocklist(), PubSub: db.PubSub(), Secrets: db.Secrets(), Grants: db.Grants(), Invitations: db.Invitations(), Commits: db,
		},
		AllowUnencrypted: true,
		Services: func(account jid.JID) []extdisco.Service {
			return []extdisco.Service{
				{Type: "stun", Host: "stun.localhost", Port: 3478, Transport: "udp"},
				{Type: "turn", Host: "turn.localhost", Port: 3478, Transport: "udp", Restricted: true,
					Username: account.String(), Password: "secret", Expires: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)},
				{Type: "turn", Host: "turn.localhost", Port: 3478, Transport: "tcp", Restricted: true,
					Username: account.String(), Password: "secret", Expires: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)},
			}
		},
	}
	for key, value := range l.settings {
		var err error
		switch key {
		case "resume":
			cfg.Accounts.ResumeTimeout, err = time.ParseDuration(value)
		case "resources":
			cfg.Accounts.Resources, err = strconv.Atoi(value)
		case "contacts":
			cfg.Accounts.RosterItems, err = strconv.Atoi(value)
		case "requests":
			cfg.Accounts.Requests, err = strconv.Atoi(value)
		case "directed":
			cfg.Accounts.Directed, err = strconv.Atoi(value)
		case "inbox":
			cfg.Accounts.InboxEntries, err = strconv.Atoi(value)
		case "blocked":
			cfg.Accounts.Blocked, err = strconv.Atoi(value)
		case "introduce":
			cfg.Introduce, err = introduce.ParsePolicy(value)
		case "archive":
			cfg.ArchiveDefault = store.ArchiveDefault(value)
		case "register":
			cfg.Register, cfg.RegisterRate.Every = true, time.Hour
			cfg.RegisterRate.Burst, err = strconv.Atoi(value)
		case "invite":
			cfg.Invite, err = invite.ParsePolicy(value)
			cfg.InvitePage = func(token string) string { return token } // so that scripts have it by itself
		case "plain":
			cfg.AllowPlain = true
		case "stanza":
			limits := xmlstream.DefaultLimits()
			limits.StanzaBytes, err = strconv.Atoi(value)
			cfg.StanzaLimits = &limits
		default:
			err = errors.New("unknown setting")
		}
		if err != nil {
			return cfg, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	return cfg, nil
}

// keys are derived once: that is slow, and everybody has the same password.
var keys = sync.OnceValues(func() (map[store.Hash]store.Credentials, error) {
	all := make(map[store.Hash]store.Credentials)
	for _, h := range sasl.Hashes() {
		c, err := sasl.Derive(h, password, []byte("the same salt for all"), sasl.MinIterations)
		if err != nil {
			return nil, err
		}
		all[store.Hash(h)] = store.Credentials(c)
	}
	return all, nil
})

func (l *local) addAccount(name string) error {
	if _, err := l.running(); err != nil {
		return err
	}
	k, err := keys()
	if err != nil {
		return err
	}
	return l.store.Accounts().Create(context.Background(), store.Account{JID: jid.MustParse(name + "@" + localDomain), Credentials: k, Created: time.Now()})
}

func (l *local) removeAccount(name string) error {
	who := jid.MustParse(name + "@" + localDomain)
	if err := l.store.Accounts().Remove(context.Background(), who); err != nil {
		return err
	}
	l.srv.AccountRemoved(who)
	return nil
}

var bindings = map[string][]byte{
	link.TLSExporter:       []byte("exported keying material of 32 B"),
	link.TLSServerEndPoint: []byte("hash of the certificate, 32 byte"),
}

func (l *local) channelBinding(kind string) []byte { return bindings[kind] }

func (l *local) dial(o options) (*dialed, error) {
	srv, err := l.running()
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	cfg := linktest.Options{}.Config()
	cfg.Limits = nil // those before authentication
	var end link.Link = bytestream.New(theirs, cfg)
	_, plain := o["notls"]
	if !plain {
		end = &linktest.Secured{Link: end, Info: link.TLSInfo{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256"}, Bindings: bindings}
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		srv.Serve(end)
		<-end.Done()
	}()
	return &dialed{conn: ours, secure: !plain, gone: gone}, nil
}

func (l *local) restart() error {
	if err := l.close(); err != nil {
		return err
	}
	_, err := l.running()
	return err
}

func (l *local) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.srv == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := errors.Join(l.srv.Stop(ctx), l.store.Close())
	l.srv, l.store = nil, nil
	return err
}

func (l *local) counter(name string) (int64, error) {
	var a *account.Counters = &l.srv.Accounts.Counters
	switch name {
	case "introductions.passed":
		return l.srv.Gate.Counters.Passed.Load(), nil
	case "introductions.refused":
		return l.srv.Gate.Counters.Refused.Load(), nil
	case "duplicates":
		return l.srv.Pipeline.Counters.Duplicates.Load(), nil
	case "sessions":
		return a.Sessions.Load(), nil
	case "hibernating":
		return a.Hibernating.Load(), nil
	case "tokens.issued":
		return l.srv.Devices.Counters.Issued.Load(), nil
	case "tokens.used":
		return l.srv.Devices.Counters.Used.Load(), nil
	case "resumed":
		return a.Resumed.Load(), nil
	}
	return 0, fmt.Errorf("no counter is called %s", name)
}
