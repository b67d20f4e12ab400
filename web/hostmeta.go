package web

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Where XEP-0156 has clients look.
const hostMetaPath = "/.well-known/host-meta"

// relWebSocket is the relation of a WebSocket (XEP-0156 §3).
const relWebSocket = "urn:xmpp:alt-connections:websocket"

// hostMeta tells clients in browsers where the WebSocket is, as XRD or JSON
// (RFC 6415). Anybody may read it from any page (XEP-0156 §3: CORS).
func (h *handler) hostMeta(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if !read(w, r) {
		return
	}
	if h.cfg.WebSocket == nil {
		http.NotFound(w, r)
		return
	}
	header.Set("Cache-Control", "max-age=300")
	header.Set("Vary", "Host")
	where := "wss://" + h.reachedAt(r.Host) + SocketPath
	if strings.HasSuffix(r.URL.Path, ".json") {
		type entry struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		}
		header.Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct {
			Links []entry `json:"links"`
		}{[]entry{{relWebSocket, where}}})
		return
	}
	header.Set("Content-Type", "application/xrd+xml; charset=utf-8")
	// Where is made of a host that was checked: there is nothing in it to escape.
	_, _ = w.Write([]byte("<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n" +
		"  <Link rel='" + relWebSocket + "' href='" + where + "'/>\n</XRD>\n"))
}

// reachedAt is where clients find this handler: where they came to, if that is a
// name of the server's own, else what the configuration says. So nobody can have a
// cache tell others of a server that is not this one.
func (h *handler) reachedAt(host string) string {
	if h.cfg.Address == "" || h.cfg.Own(hostOf(host)) {
		return host
	}
	return h.cfg.Address
}

// read answers methods other than GET and HEAD, and OPTIONS of whoever asks
// before reading from another page. It reports whether to go on.
func read(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "This can only be read.", http.StatusMethodNotAllowed)
	}
	return false
}
