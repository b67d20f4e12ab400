package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/archive"
	"godwit/server/deliver"
	"godwit/server/disco"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/roster"
	"godwit/xmlstream"
)

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Links    atomic.Int64 // taken, ever
	Pending  atomic.Int64 // signing in now
	SignedIn atomic.Int64 // sign-ins that succeeded
	Failed   atomic.Int64 // links that ended before a resource was bound
	Errors   atomic.Int64 // streams this end closed with a stream error
}

func (s *Server) streamConfig(salt []byte, room *disco.Room) stream.ServerConfig {
	cfg := stream.ServerConfig{
		Serves:           func(d jid.JID) bool { return d == s.cfg.Domain },
		Authenticator:    authenticator{s.cfg.Store, s.cfg.Domain},
		Binder:           binder{s.Accounts, s},
		Guard:            s.cfg.Guard,
		Tokens:           s.Devices,
		Register:         s.Registration,
		AllowUnencrypted: s.cfg.AllowUnencrypted,
		AllowPlain:       s.cfg.AllowPlain,
		DecoySecret:      salt,
		HandshakeTimeout: s.cfg.HandshakeLimit,
		Limits:           s.cfg.StanzaLimits,
		MaxUnacked:       s.cfg.MaxUnackedBytes,
		Features: func(_ *stream.Peer, e *xmlstream.Encoder) {
			roster.Versioning{}.Encode(e)
			roster.PreApproval{}.Encode(e)
			room.Caps().Encode(e)
		},
	}
	return cfg
}

// Serve runs one client's connection from its first byte to its last. It returns when the connection is over; callers run it on a goroutine
// of its own.
func (s *Server) Serve(l link.Link) {
	if !s.enter() {
		l.Abort()
		return
	}
	defer s.sessions.Done()
	s.Counters.Links.Add(1)
	log := s.cfg.Log.With("address", l.RemoteAddr().String(), "transport", string(l.Kind()))
	defer func() {
		if p := recover(); p != nil {
			log.Error("defect while serving a connection", "panic", p, "stack", string(debug.Stack()))
			l.Abort()
		}
	}()
	s.Counters.Pending.Add(1)
	out, err := stream.Accept(s.life, l, &s.streams)
	s.Counters.Pending.Add(-1)
	if err != nil {
		s.Counters.Failed.Add(1)
		log.Info("no session was made", "cause", err)
		return
	}
	sess := s.Accounts.SessionOf(out)
	if sess == nil { // replaced in the meantime
		out.Close(&stream.Error{Condition: stream.Conflict})
		return
	}
	s.Counters.SignedIn.Add(1)
	cause := errors.New("server: defect while serving the session")
	defer func() { s.Accounts.Lost(sess, out, cause) }() // also after a panic: a session without a reader would stay for ever
	cause = s.read(out, sess, log.With("session", sess.Log, "jid", sess.JID.String()))
}

// read handles what a session sends until its stream ends, and tells why it ended.
func (s *Server) read(out *stream.Stream, sess *account.Session, log *slog.Logger) error {
	line := deliver.NewLine(sess, out)
	defer line.Drain() // what was taken is dealt with before the connection counts as over
	asked := out.Peer().UserAgent.Software != ""
	work := context.WithoutCancel(s.life) // what was taken is not to fail because the server is being stopped
	for {
		ev, err := out.Read()
		if err != nil {
			s.logEnd(log, err)
			return err
		}
		switch ev.Kind {
		case stream.StanzaEvent:
			if bad := s.Pipeline.Handle(work, line, ev); bad != nil {
				s.Counters.Errors.Add(1)
				log.Info("stream closed", "error", bad)
				out.Close(bad)
				return bad
			}
			if !asked && ev.Stanza.Kind == stanza.Presence && ev.Stanza.To.IsZero() {
				asked = true
				s.asker.ask(sess)
			}
		case stream.AckedEvent:
			s.Accounts.Acked(sess, ev.Acked)
		}
	}
}

func (s *Server) logEnd(log *slog.Logger, err error) {
	var own *stream.Error
	switch {
	case errors.Is(err, io.EOF):
		log.Debug("stream ended")
	case errors.As(err, &own) && !own.Remote:
		s.Counters.Errors.Add(1)
		log.Info("stream closed", "error", err)
	default:
		log.Info("stream lost", "cause", err)
	}
}

// authenticator finds credentials in the store.
type authenticator struct {
	store  Store
	domain jid.JID
}

// Lookup implements [stream.Authenticator].
func (a authenticator) Lookup(ctx context.Context, _, user string) (map[sasl.Hash]sasl.Credentials, error) {
	who, err := jid.New(user, a.domain.Domain(), "")
	if err != nil {
		return nil, nil // no such account can exist
	}
	return a.store.credentials(ctx, who)
}

// binder is the registry of accounts, which also tells new sessions about their archive (XEP-0386 §3.2, XEP-0313 §5).
type binder struct {
	*account.Registry
	server *Server
}

// Bind implements [stream.Binder].
func (b binder) Bind(ctx context.Context, q stream.BindRequest) (stream.Bound, error) {
	bound, err := b.Registry.Bind(ctx, q)
	if err == nil {
		err = b.holds(ctx, q.Stream)
	}
	if err != nil || !q.Bind2 {
		return bound, err
	}
	m, err := archive.Metadata(ctx, b.server.cfg.Store.Archive, bound.JID.Bare())
	if err != nil {
		b.server.cfg.Log.Error("the ends of an archive could not be read", "account", bound.JID.Bare().String(), "error", err)
		return bound, nil
	}
	bound.Metadata = &m
	return bound, nil
}

// Resume implements [stream.Binder].
func (b binder) Resume(ctx context.Context, s *stream.Stream, previd string) (stream.Resumed, error) {
	r, err := b.Registry.Resume(ctx, s, previd)
	if err == nil {
		err = b.holds(ctx, s)
	}
	return r, err
}

// holds makes sure that a session which was let in by a token has not lost its access meanwhile: whoever takes it away ends the sessions there
// are, and this one may just not have been there yet.
func (b binder) holds(ctx context.Context, s *stream.Stream) error {
	p := s.Peer()
	if !p.Mechanism.ForTokens() || p.TokenGone {
		return nil
	}
	there, err := b.server.Devices.Holds(ctx, p.Account, p.UserAgent.ID)
	if err == nil && there {
		return nil
	}
	b.Registry.EndWhere(p.Account, func(i account.Info) bool { return i.Address == p.Remote && i.Agent == p.UserAgent.ID },
		&stream.Error{Condition: stream.NotAuthorized, Text: "this device was signed out"})
	if err != nil {
		return err
	}
	return stanza.ErrNotAuthorized()
}

// housekeeping intervals.
const (
	sweepEvery = 10 * time.Minute
	sweepBatch = 1000
)

// housekeep removes what is too old to keep, a little at a time.
func (s *Server) housekeep() {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-t.C:
			s.sweep()
			s.tidyFiles()
		case <-s.tidy:
			s.tidyFiles()
		}
	}
}

// tidyFiles removes files that nobody may have any more.
func (s *Server) tidyFiles() {
	if s.Upload != nil {
		s.Upload.Sweep(s.life)
	}
}

func (s *Server) sweep() {
	for what, purge := range map[string]func(context.Context, int) (int, error){"tokens": s.Devices.Purge, "invitations": s.Invitations.Purge} {
		for s.life.Err() == nil {
			n, err := purge(s.life, sweepBatch)
			if err != nil {
				s.cfg.Log.Error("what has expired could not be removed", "what", what, "error", err)
			}
			if n < sweepBatch {
				break
			}
		}
	}
	for s.life.Err() == nil {
		n, err := s.cfg.Store.Inbox.Expire(s.life, time.Now(), sweepBatch)
		if err != nil {
			s.cfg.Log.Error("expired messages could not be removed", "error", err)
		}
		if n < sweepBatch {
			break
		}
	}
	for s.cfg.ArchiveKeep > 0 && s.life.Err() == nil {
		n, err := s.cfg.Store.Archive.Purge(s.life, time.Now().Add(-s.cfg.ArchiveKeep), sweepBatch)
		if err != nil {
			s.cfg.Log.Error("old messages could not be removed from the archive", "error", err)
		}
		if n < sweepBatch {
			break
		}
	}
}
