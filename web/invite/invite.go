package invite

import (
	"context"
	_ "embed" // the page is a file
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rsc.io/qr"

	"godwit/web"
)

// Invitation is what the page shows.
type Invitation struct {
	From     string // address of who invites; "" for whoever runs the server
	URI      string // xmpp:…
	Register bool   // an account can be made with it
	Contact  bool   // whoever uses it becomes a contact of From
	UsedUp   bool
	Expires  time.Time
}

// ErrUnknown: there is no such invitation, or it is gone.
var ErrUnknown = errors.New("invite: no such invitation")

// Config is what the page needs.
type Config struct {
	// Domain is the server's, for people to read.
	Domain string
	// Client: the web client is served too, so that there is something to open.
	Client bool
	// Look finds an invitation by its token, or fails with ErrUnknown. It must be safe
	// for concurrent use and may block for a bounded time.
	Look func(ctx context.Context, token string) (Invitation, error)
	Now  func() time.Time // time.Now
	Log  *slog.Logger
}

// MaxToken bounds a token in bytes; a longer one is none.
const MaxToken = 256

type handler struct{ cfg Config }

// New returns the handler. The path's value "token" (http.Request.PathValue) is the
// invitation's.
func New(cfg Config) http.Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &handler{cfg}
}

//go:embed page.html
var pageText string

// words is a text in English and in Chinese.
func words(chinese bool, en, zh string) string {
	if chinese {
		return zh
	}
	return en
}

var page = template.Must(template.New("invite").Funcs(template.FuncMap{"t": words}).Parse(pageText))

// State is how an invitation stands.
type state string

// The states.
const (
	good    state = "good"
	usedUp  state = "used"
	expired state = "expired"
	unknown state = "unknown"
)

// view is what the page is made of.
type view struct {
	Zh       bool
	Lang     string
	Self     string // path of the page
	Domain   string
	State    state
	From     string
	Register bool
	Contact  bool
	Open     string // the web client with this invitation; "" without one
	URI      template.URL
	URIText  string
	Until    string
	QR       *picture
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this page can be read only", http.StatusMethodNotAllowed)
		return
	}
	token := r.PathValue("token")
	i, err := Invitation{}, ErrUnknown
	if token != "" && len(token) <= MaxToken {
		i, err = h.cfg.Look(r.Context(), token)
	}
	if err != nil && !errors.Is(err, ErrUnknown) {
		h.cfg.Log.Error("an invitation could not be looked up", "error", err)
		http.Error(w, "The invitation can not be looked up at the moment.", http.StatusServiceUnavailable)
		return
	}
	v, status := h.view(r, token, i, err == nil)
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Language", v.Lang)
	head.Set("Cache-Control", "no-store") // the address is a secret
	head.Set("X-Robots-Tag", "noindex, nofollow")
	head.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	if err := page.Execute(w, v); err != nil {
		h.cfg.Log.Debug("nobody read the page of an invitation to its end", "error", err)
	}
}

// view decides what is shown, and the status to answer with.
func (h *handler) view(r *http.Request, token string, i Invitation, found bool) (view, int) {
	v := view{Zh: web.Chinese(r), Lang: "en", Self: "/invite/" + url.PathEscape(token), Domain: h.cfg.Domain, State: good, From: i.From, Register: i.Register, Contact: i.Contact}
	if v.Zh {
		v.Lang = "zh-CN"
	}
	switch {
	case !found:
		v.State = unknown
		return v, http.StatusNotFound
	case i.UsedUp:
		v.State = usedUp
	case !i.Expires.After(h.cfg.Now()):
		v.State = expired
	}
	if v.State != good {
		return v, http.StatusGone
	}
	v.Until = i.Expires.UTC().Format("2006-01-02 15:04 UTC")
	v.URI, v.URIText = template.URL(i.URI), i.URI // made by the server, and always xmpp:
	if !strings.HasPrefix(i.URI, "xmpp:") {
		v.URI = ""
	}
	if h.cfg.Client && i.Register {
		v.Open = "/#/invite/" + url.PathEscape(token)
	}
	var err error
	if v.QR, err = draw(i.URI); err != nil {
		h.cfg.Log.Warn("an invitation can not be drawn", "error", err)
	}
	return v, http.StatusOK
}

// picture is a QR code as the path of an SVG: with attributes only, no style, which the
// policy would forbid.
type picture struct {
	Size int    // in modules, with the quiet zone
	Path string // of the dark modules
}

// quiet is the margin scanners need (ISO/IEC 18004 §9.1), in modules.
const quiet = 4

func draw(text string) (*picture, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
			}
			x += max(run, 1)
		}
	}
	return &picture{Size: code.Size + 2*quiet, Path: b.String()}, nil
}
