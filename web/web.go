package web

import (
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
)

// SocketPath is where the WebSocket is.
const SocketPath = "/xmpp-websocket"

// Config says what is served. It is read-only once in use.
type Config struct {
	// Page holds the built web client, with index.html on top. nil is a program
	// that was built without: a page says so.
	Page fs.FS
	// WebSocket serves SocketPath; nil when there is none.
	WebSocket http.Handler
	// Mounts are handlers of other rooms, by pattern as of http.ServeMux, such as
	// "/upload/" or "GET /invite/{token}". The headers set before they are called are
	// those of the page; a handler may replace them by stricter ones.
	Mounts map[string]http.Handler
	// Address is the "host" or "host:port" by which the world reaches this
	// handler; what XEP-0156 announces to whoever came by a name that is not the
	// server's own.
	Address string
	// Own reports whether a host, without port, is a name or an address of this
	// server. nil knows only that of Address.
	Own func(host string) bool
	// Trust describes the server's own authority; nil when its certificate is one
	// that everybody trusts.
	Trust *Trust
	// Strict has browsers insist on HTTPS from now on (RFC 6797). Only with a
	// certificate that everybody trusts.
	Strict bool
	// Count, if not nil, is told about each request: what it was for (one of
	// Classes), and the status it was answered with.
	Count func(class string, status int)
	// Logger gets defects; nil is silence.
	Logger *slog.Logger
}

// Classes are what requests are for, as Config.Count names them.
var Classes = []string{"page", "websocket", "discovery", "trust", "mount", "unknown"}

// handler is what New makes.
type handler struct {
	cfg Config
	mux *http.ServeMux
	log *slog.Logger
}

// New makes the handler. It panics when two patterns of Mounts contradict each
// other, which is a mistake in the program.
func New(cfg Config) http.Handler {
	h := &handler{cfg: cfg, mux: http.NewServeMux(), log: cfg.Logger}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.cfg.Own == nil {
		known := hostOf(cfg.Address)
		h.cfg.Own = func(host string) bool { return known != "" && strings.EqualFold(host, known) }
	}
	h.handle("/", "page", newPage(cfg.Page))
	h.handle(hostMetaPath, "discovery", http.HandlerFunc(h.hostMeta))
	h.handle(hostMetaPath+".json", "discovery", http.HandlerFunc(h.hostMeta))
	h.handle("/trust", "trust", http.HandlerFunc(h.trust))
	h.handle("/trust/{file}", "trust", http.HandlerFunc(h.trustFile))
	if cfg.WebSocket != nil {
		h.handle(SocketPath, "websocket", cfg.WebSocket)
	}
	for pattern, m := range cfg.Mounts {
		h.handle(pattern, "mount", m)
	}
	return h
}

// handle serves a pattern and counts what it answers.
func (h *handler) handle(pattern, class string, to http.Handler) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if h.cfg.Count == nil {
			to.ServeHTTP(w, r)
			return
		}
		s := &statusWriter{ResponseWriter: w}
		defer func() {
			if class == "page" && s.status == http.StatusNotFound {
				class = "unknown"
			}
			h.cfg.Count(class, s.answered())
		}()
		to.ServeHTTP(s, r)
	})
}

// ServeHTTP implements http.Handler. A defect costs the request and no more.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		defect := recover()
		if defect == nil {
			return
		}
		if defect == http.ErrAbortHandler {
			panic(defect) // the handler's way to break off
		}
		h.log.Error("a defect while answering a request", "path", r.URL.Path, "defect", defect, "stack", string(debug.Stack()))
		panic(http.ErrAbortHandler) // closes the connection, without a word of ours about it
	}()
	if !hosts.MatchString(r.Host) {
		http.Error(w, "The Host of this request is none.", http.StatusBadRequest)
		return
	}
	h.protect(w.Header(), r.Host)
	h.mux.ServeHTTP(w, r)
}

// statusWriter remembers the status that was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController and WebSockets reach what is below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) answered() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// hosts are Host headers that may appear in what is answered: a name or an address,
// and perhaps a port.
var hosts = regexp.MustCompile(`^([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)

// hostOf is the name or address in "host" or "host:port", without brackets.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
}
