package server

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"godwit/bus"
	"godwit/bus/local"
	"godwit/jid"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/archive"
	"godwit/server/blocking"
	"godwit/server/capabilities"
	"godwit/server/carbons"
	"godwit/server/deliver"
	"godwit/server/deposit"
	"godwit/server/devices"
	"godwit/server/disco"
	"godwit/server/handler"
	"godwit/server/info"
	"godwit/server/introduce"
	"godwit/server/invite"
	"godwit/server/pubsub"
	"godwit/server/register"
	"godwit/server/roster"
	"godwit/server/services"
	"godwit/server/upload"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/caps"
)

// Server runs the sessions of one domain. Its fields are constant after New; the rooms own their state.
type Server struct {
	cfg      Config
	Accounts *account.Registry
	Pipeline *deliver.Pipeline
	Gate     *introduce.Gate
	// Nodes is what accounts publish about themselves.
	Nodes *pubsub.Room
	// Registration lets in who may register, and has owners change their password.
	Registration *register.Room
	Devices      *devices.Room
	Invitations  *invite.Room
	// Upload is nil where nobody may put files on the server.
	Upload   *upload.Room
	policy   *archive.Policy
	bus      bus.Bus
	streams  stream.ServerConfig
	asker    *asker
	software *capabilities.Room
	started  time.Time
	Counters Counters

	life     context.Context // ends when the server stops
	stop     context.CancelFunc
	mu       sync.Mutex     // guards stopping, and with it the first Add of sessions
	stopping bool           // nobody is let in any more
	sessions sync.WaitGroup // connections being served, and the housekeeper
	tidy     chan struct{}  // asks the housekeeper to remove files at once
}

// New puts a server together. It serves nobody until it is given links.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	salt, err := cfg.Store.Secrets.Ensure(ctx, "scram-decoy-salt", 32)
	if err != nil {
		return nil, err
	}
	highest, err := cfg.Store.Archive.Highest(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, started: time.Now(), tidy: make(chan struct{}, 1)}
	s.life, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.Accounts = account.NewRegistry(account.Config{
		Domain: cfg.Domain, Accounts: cfg.Store.Accounts, Rosters: cfg.Store.Rosters, Inbox: cfg.Store.Inbox,
		LastSeen: cfg.Store.LastSeen, Blocklist: cfg.Store.Blocklist, Commits: cfg.Store.Commits, Log: cfg.Log, Limits: cfg.Accounts, AckDeadline: cfg.AckDeadline,
		InboxKeep: cfg.InboxKeep,
		Route:     func(st *stanza.Stanza) { s.Pipeline.Route(st) },
		Notice:    func(st *stanza.Stanza, node string) { s.Pipeline.Notice(st, node) },
		Watcher:   s,
		Invited: func(ctx context.Context, owner jid.JID, token string) bool {
			return s.Invitations.Accept(ctx, owner, token)
		},
	})
	s.software = capabilities.New(cfg.Domain, s.Accounts)
	s.Nodes = pubsub.New(pubsub.Config{Store: cfg.Store.PubSub, Accounts: s.Accounts, Limits: cfg.Nodes, Now: time.Now, Log: cfg.Log})
	s.bus = local.New(s.Accounts.Deliver)
	s.Gate = introduce.NewGate(cfg.Introduce, s.Accounts, cfg.Log)
	s.policy = archive.NewPolicy(cfg.Store.Archive, s.Accounts, cfg.ArchiveDefault, cfg.Log)
	s.asker = newAsker(cfg.Domain, s.Accounts)
	if err := s.openAccess(ctx); err != nil {
		return nil, err
	}
	if cfg.Upload != nil {
		c := *cfg.Upload
		c.Uploads, c.Log = cfg.Store.Uploads, cfg.Log
		if s.Upload, err = upload.New(c); err != nil {
			return nil, err
		}
	}
	table := handler.NewTable(cfg.Log)
	s.Pipeline = deliver.New(deliver.Config{
		Domain: cfg.Domain, Accounts: s.Accounts, Commits: cfg.Store.Commits, Archiver: s.policy, Introduce: s.Gate,
		Handlers: table, Bus: s.bus, Answer: s.answer, Started: highest, Log: cfg.Log,
	})
	caps, err := s.register(table)
	if err != nil {
		return nil, err
	}
	s.streams = s.streamConfig(salt, caps)
	s.sessions.Go(s.housekeep)
	return s, nil
}

// register lists the rooms that answer requests, and with them what the server announces.
func (s *Server) register(t *handler.Table) (*disco.Room, error) {
	roster.Register(t, s.Accounts)
	carbons.Register(t, s.Accounts)
	blocking.Register(t, s.Accounts)
	s.Nodes.Register(t)
	archive.Register(t, s.cfg.Store.Archive, s.policy, s.Accounts)
	deposit.Register(t, s.Accounts, s.cfg.Store.Commits, s.policy, func(st *stanza.Stanza) *stanza.Stanza {
		return deliver.Sanitise(st, s.cfg.Domain)
	})
	services.Register(t, s.cfg.Services)
	info.Register(t, s.cfg.Program, s.started, s.Accounts)
	s.Registration.Register(t)
	s.Devices.Register(t)
	s.Invitations.RegisterHandlers(t)
	if s.Upload != nil {
		s.Upload.Register(t)
	}
	room, err := disco.New(s.features(), s.cfg.Program.Name, s.Accounts, s.Nodes)
	if err != nil {
		return nil, err
	}
	room.Register(t)
	return room, nil
}

// enter lets a connection in unless the server is being stopped.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.sessions.Add(1)
	return true
}

// Stop ends all sessions in order: clients are told, what they were owed is kept, and nothing is accepted any more. It returns when all are
// gone and what they sent is dealt with, so that the store may be closed, or when the context ends.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.Accounts.Shutdown()
	s.stop()              // whoever is signing in gives up …
	s.Accounts.Shutdown() // … or got in before that
	done := make(chan struct{})
	go func() {
		s.sessions.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.Nodes.Close()
	s.Accounts.Quiesce()
	return s.bus.Close()
}

// AccountRemoved ends the sessions of an account that is no more.
func (s *Server) AccountRemoved(owner jid.JID) {
	s.EndAll(owner, &stream.Error{Condition: stream.NotAuthorized, Text: "this account was removed"})
}

// EndAll implements [register.Sessions] for an account that was removed.
func (s *Server) EndAll(owner jid.JID, why *stream.Error) {
	s.Accounts.EndAll(owner, why)
	s.Nodes.Removed(owner)
	if s.cfg.Removed != nil {
		s.cfg.Removed(owner)
	}
	select {
	case s.tidy <- struct{}{}: // the files that belonged to it
	default:
	}
}

// EndOthers implements [register.Sessions].
func (s *Server) EndOthers(stays *account.Session, why *stream.Error) {
	s.Accounts.EndOthers(stays, why)
}

// answer takes what a session answers to the server's own questions.
func (s *Server) answer(from *account.Session, st *stanza.Stanza) {
	if !s.software.Answer(from, st) {
		s.asker.answer(from, st)
	}
}

// Announced implements [account.Watcher].
func (s *Server) Announced(from *account.Session, c caps.Caps) { s.software.Announced(from, c) }

// Following implements [account.Watcher].
func (s *Server) Following(from *account.Session, f *account.Follows) { s.Nodes.Following(from, f) }

// Proof implements [register.Sessions].
func (s *Server) Proof(of *account.Session) (sasl.Mechanism, netip.Addr) { return s.Accounts.Proof(of) }
