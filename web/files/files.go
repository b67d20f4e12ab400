package files

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"godwit/server/upload"
)

// Path is where the handler is mounted.
const Path = "/upload/"

// Store is what the handler needs; *upload.Room is one. Safe for concurrent use.
type Store interface {
	Receive(ctx context.Context, id, token string, size int64, kind string, body io.Reader) error
	Open(ctx context.Context, id string) (upload.File, error)
	Allowed(size int64) time.Duration
}

// Config says how files are taken and given out. Zero fields take the default.
type Config struct {
	Store Store // required
	// Stall is how long a peer may take to send, or take, the next piece; 30 s.
	Stall time.Duration
	// Sent is told how many bytes were given out. May be nil. Safe for concurrent use.
	Sent func(bytes int64)
	Log  *slog.Logger // required
}

// New returns the handler. It expects paths that begin with Path.
func New(cfg Config) http.Handler {
	if cfg.Stall <= 0 {
		cfg.Stall = 30 * time.Second
	}
	if cfg.Sent == nil {
		cfg.Sent = func(int64) {}
	}
	return &handler{cfg}
}

type handler struct{ cfg Config }

// policy forbids everything a browser would do with an answer beyond showing it.
const policy = "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Security-Policy", policy)
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Resource-Policy", "cross-origin") // pages of other origins show these pictures
	head.Set("X-Robots-Tag", "noindex")
	// What it takes to read or write is in the address, nothing in cookies: any page that knows it may.
	head.Set("Access-Control-Allow-Origin", "*")
	id, name, ok := split(r.URL)
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "There is no such file.")
	case r.Method == http.MethodOptions:
		h.options(w)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		h.get(w, r, id, name)
	case r.Method == http.MethodPut:
		h.put(w, r, id)
	default:
		head.Set("Allow", "GET, HEAD, PUT, OPTIONS")
		fail(w, http.StatusMethodNotAllowed, "Files are put and got.")
	}
}

// split takes an address apart: the id, and the name that stands behind it for
// people. Only exactly two segments are an address.
func split(u *url.URL) (id, name string, ok bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), Path)
	if !ok {
		return "", "", false
	}
	id, name, ok = strings.Cut(rest, "/")
	if !ok || id == "" || name == "" || strings.Contains(name, "/") {
		return "", "", false
	}
	name, err := url.PathUnescape(name)
	return id, name, err == nil
}

// options answers what a browser asks before it lets a page of another origin PUT.
func (h *handler) options(w http.ResponseWriter) {
	head := w.Header()
	head.Set("Allow", "GET, HEAD, PUT, OPTIONS")
	head.Set("Access-Control-Allow-Methods", "GET, HEAD, PUT, OPTIONS")
	head.Set("Access-Control-Allow-Headers", "Content-Type, Range")
	head.Set("Access-Control-Max-Age", "7200")
	w.WriteHeader(http.StatusNoContent)
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// put takes a file into its slot.
func (h *handler) put(w http.ResponseWriter, r *http.Request, id string) {
	if r.ContentLength < 0 {
		fail(w, http.StatusLengthRequired, "Say how long the file is.")
		return
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		fail(w, http.StatusUnsupportedMediaType, "Files are taken as they are.")
		return
	}
	c := http.NewResponseController(w)
	body := &paced{r: r.Body, until: time.Now().Add(h.cfg.Store.Allowed(r.ContentLength)), stall: h.cfg.Stall, set: c.SetReadDeadline}
	// Writing the answer is given time beyond that of reading.
	_ = c.SetWriteDeadline(body.until.Add(h.cfg.Stall))
	err := h.cfg.Store.Receive(r.Context(), id, r.URL.Query().Get("token"), r.ContentLength, r.Header.Get("Content-Type"), body)
	_ = c.SetReadDeadline(time.Now().Add(h.cfg.Stall))
	if err == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusCreated)
		return
	}
	// What is still on its way is not wanted: the connection ends behind the answer.
	w.Header().Set("Connection", "close")
	switch {
	case errors.Is(err, upload.ErrUnknown):
		fail(w, http.StatusForbidden, "There is no such slot, or it has expired.")
	case errors.Is(err, upload.ErrUsed):
		fail(w, http.StatusConflict, "The slot was used. Ask for another one.")
	case errors.Is(err, upload.ErrPromise):
		fail(w, http.StatusBadRequest, "This is not what the slot was asked for: size and type must be the same.")
	case errors.Is(err, upload.ErrBusy):
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusTooManyRequests, "Too many uploads at once. Try again in a moment.")
	case errors.Is(err, upload.ErrFull):
		fail(w, http.StatusInsufficientStorage, "The server's disk is full.")
	case errors.Is(err, upload.ErrShort):
		fail(w, http.StatusRequestTimeout, "The file did not come whole, or too slowly.")
	default:
		h.cfg.Log.Error("an upload failed", "error", err)
		fail(w, http.StatusInternalServerError, "The file could not be kept.")
	}
}

// paced reads a body whose next piece must come in time, and all of it before the
// end. It belongs to one request.
type paced struct {
	r     io.Reader
	until time.Time
	stall time.Duration
	set   func(time.Time) error
}

func (p *paced) Read(b []byte) (int, error) {
	next := time.Now().Add(p.stall)
	if p.until.Before(next) {
		next = p.until
	}
	_ = p.set(next) // where deadlines can not be set, the server's own hold
	return p.r.Read(b)
}

// get gives a file out, or a part of it (RFC 9110 §14).
func (h *handler) get(w http.ResponseWriter, r *http.Request, id, name string) {
	f, err := h.cfg.Store.Open(r.Context(), id)
	if err == nil && f.Name != name {
		f.Content.Close()
		err = upload.ErrUnknown // an address is given out whole: nobody gets to choose the end of its name
	}
	switch {
	case errors.Is(err, upload.ErrUnknown):
		fail(w, http.StatusNotFound, "There is no such file, or it has expired.")
		return
	case errors.Is(err, upload.ErrBusy):
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "Try again in a moment.")
		return
	case err != nil:
		h.cfg.Log.Error("a file could not be given out", "error", err)
		fail(w, http.StatusInternalServerError, "The file can not be read.")
		return
	}
	defer f.Content.Close()
	kind, shown, err := typeOf(f.Content, f.Type)
	if err != nil {
		h.cfg.Log.Error("a file could not be read", "error", err)
		fail(w, http.StatusInternalServerError, "The file can not be read.")
		return
	}
	head := w.Header()
	head.Set("Content-Type", kind)
	head.Set("Content-Disposition", disposition(shown, f.Name))
	head.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Accept-Ranges, ETag")
	head.Set("ETag", `"`+id+`"`) // the bytes behind an id never change
	head.Set("Cache-Control", "private, immutable, max-age="+strconv.Itoa(max(0, int(time.Until(f.Expires).Seconds()))))
	out := &measured{ResponseWriter: w, stall: h.cfg.Stall, set: http.NewResponseController(w).SetWriteDeadline}
	http.ServeContent(out, r, "", f.Created, f.Content)
	h.cfg.Sent(out.bytes)
}

// measured counts what goes out, and sees that each piece is taken in time. It
// belongs to one request.
type measured struct {
	http.ResponseWriter
	stall time.Duration
	set   func(time.Time) error
	bytes int64
}

func (m *measured) Write(p []byte) (int, error) {
	_ = m.set(time.Now().Add(m.stall))
	n, err := m.ResponseWriter.Write(p)
	m.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (m *measured) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// disposition says whether a browser may show the file, and what it is called
// (RFC 6266, RFC 8187).
func disposition(shown bool, name string) string {
	how := "attachment"
	if shown {
		how = "inline"
	}
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	return how + `; filename="` + plain + `"; filename*=UTF-8''` + escape(name)
}

// escape is what RFC 8187 §3.2 calls ext-value.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
