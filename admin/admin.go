// Package admin is the operator's surface of a running server: metrics, health, profiles and the list of sessions over HTTP, on a loopback
// listener and on a socket in the data directory that only its owner can open.
//
// It reads what the rooms count and calls what they offer; no protocol logic may enter. It is the only room that imports Prometheus' client.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"godwit/jid"
	"godwit/server"
	"godwit/server/account"
)

// Source is the running server as this room sees it.
type Source struct {
	Server *server.Server
	// SignIns returns totals of attempts to sign in that failed.
	SignIns func() SignInFailures
	// STUN returns totals of the STUN server; nil when there is none.
	STUN func() STUN
	// TURN returns totals of the relay; nil when there is none.
	TURN func() TURN
	// Shared returns totals of the port that several protocols share; nil when there is none.
	Shared func() Shared
	// HTTP returns totals of the HTTP face; nil when there is none.
	HTTP func() HTTP
	// Page returns where browsers find the server; "" if nowhere.
	Page func() string
	// Removed is called when an account was removed from the store by another process.
	Removed func(jid.JID)
	// Changed is called when the sessions of an account shall end because another process changed its password.
	Changed func(jid.JID)
	// Ready is checked by /readyz: nil when the server can do its work.
	Ready func(context.Context) error
}

// SignInFailures is what the guard of sign-ins counted.
type SignInFailures struct {
	Wrong   int64 // wrong password or no such account
	Limited int64 // refused because of many failures before
	Others  int64 // malformed, given up, or the data could not be read
}

// STUN is what the STUN server counted.
type STUN struct {
	Requests, Answered, Limited, Malformed uint64
}

// TURN is what the relay counted.
type TURN struct {
	Live, Users           int    // allocations now, and accounts that have some
	Allocations           uint64 // made
	BytesIn, BytesOut     uint64 // payload relayed from peers, and to peers
	PacketsIn, PacketsOut uint64
	Challenged            uint64 // requests without credentials
	Errors                uint64 // datagrams the system did not send or receive
	// Refused are requests refused and datagrams dropped, by reason.
	Refused map[string]uint64
}

// Shared is what the shared port counted.
type Shared struct {
	Pending int64             // connections that have not said yet what they are
	Served  map[string]uint64 // handed to their protocol, by protocol
	Closed  map[string]uint64 // closed before that, by reason
}

// HTTP is what the HTTP face counted.
type HTTP struct {
	Requests  map[string]uint64 // by what they were for
	Responses map[string]uint64 // by the first digit of their status: "2xx"
	Pending   int64             // connections of the https port that have not finished their handshake
	Closed    map[string]uint64 // connections of that port closed before a request, by reason
}

// Surface serves HTTP. Its fields are constant.
type Surface struct {
	public, control *http.Server
	draining        atomic.Bool
}

// New makes the surface. What stands on the control socket only (sessions, changes) is not on the network listener.
func New(src Source, log *slog.Logger) (*Surface, error) {
	s := &Surface{}
	registry, err := newRegistry(src)
	if err != nil {
		return nil, err
	}
	errors := slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	public := http.NewServeMux()
	public.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: errors, EnableOpenMetrics: true}))
	public.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	public.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { s.ready(w, r, src) })
	public.HandleFunc("GET /debug/pprof/", pprof.Index)
	public.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	public.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	public.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	control := http.NewServeMux()
	control.HandleFunc("GET /sessions", func(w http.ResponseWriter, _ *http.Request) { sessions(w, src) })
	control.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		at := ""
		if src.Page != nil {
			at = src.Page()
		}
		text(w, http.StatusOK, at)
	})
	control.HandleFunc("POST /removed", func(w http.ResponseWriter, r *http.Request) { about(w, r, src.Removed) })
	control.HandleFunc("POST /changed", func(w http.ResponseWriter, r *http.Request) { about(w, r, src.Changed) })
	s.public = &http.Server{Handler: public, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: errors}
	s.control = &http.Server{Handler: control, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: errors}
	return s, nil
}

// ServePublic serves metrics, health and profiles until Close.
func (s *Surface) ServePublic(l net.Listener) error { return served(s.public.Serve(l)) }

// ServeControl serves the control socket until Close.
func (s *Surface) ServeControl(l net.Listener) error { return served(s.control.Serve(l)) }

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Drain makes /readyz say no, so that nobody new is sent here.
func (s *Surface) Drain() { s.draining.Store(true) }

// Close ends both.
func (s *Surface) Close() error { return errors.Join(s.public.Close(), s.control.Close()) }

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body + "\n"))
}

func (s *Surface) ready(w http.ResponseWriter, r *http.Request, src Source) {
	if s.draining.Load() {
		text(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := src.Ready(ctx); err != nil {
		text(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(w, http.StatusOK, "ready")
}

// Sessions is the answer to GET /sessions.
type Sessions struct {
	Sessions []account.Info `json:"sessions"`
}

func sessions(w http.ResponseWriter, src Source) {
	all := src.Server.Accounts.Sessions()
	if all == nil {
		all = []account.Info{}
	}
	slices.SortFunc(all, func(a, b account.Info) int { return strings.Compare(a.JID.String(), b.JID.String()) })
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Sessions{all})
}

// about calls f with the account that the request names.
func about(w http.ResponseWriter, r *http.Request, f func(jid.JID)) {
	who, err := jid.Parse(r.URL.Query().Get("jid"))
	if err != nil {
		text(w, http.StatusBadRequest, err.Error())
		return
	}
	f(who.Bare())
	text(w, http.StatusOK, "ok")
}
