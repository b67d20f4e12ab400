package web

import (
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // the pages are files
	"encoding/pem"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// Trust is what people need to trust a server whose certificate no public
// authority has signed.
type Trust struct {
	// Authority is the certificate to be trusted: that of the server's own
	// authority. It is asked for each time and must be safe for concurrent use.
	Authority func() *x509.Certificate
	// Names are whom the authority may speak for, for people to read.
	Names func() []string
}

// Names of what can be had below /trust/.
const (
	authorityDER = "godwit-ca.crt" // phones offer to install what is called so
	authorityPEM = "godwit-ca.pem"
	styleSheet   = "page.css"
)

var (
	//go:embed static/page.css
	pageStyle []byte
	//go:embed static/trust.html
	trustPage string
	//go:embed static/missing.html
	missingPage string

	functions       = template.FuncMap{"t": func(l lang, en, zh string) string { return words{en, zh}.in(l) }}
	trustTemplate   = template.Must(template.New("trust").Funcs(functions).Parse(trustPage))
	missingTemplate = template.Must(template.New("missing").Funcs(functions).Parse(missingPage))
)

// trustData is what the page is made of.
type trustData struct {
	Lang        lang
	Tag         string
	Host        string
	Own         bool // the certificate is the server's own
	Fingerprint string
	Until       string
	Names       []string
	DER, PEM    string
	First       string // the platform to open, by what the browser says of itself
}

// trust explains how to trust this server.
func (h *handler) trust(w http.ResponseWriter, r *http.Request) {
	if !read(w, r) {
		return
	}
	l := langOf(r)
	d := trustData{Lang: l, Tag: l.tag(), Host: r.Host, DER: authorityDER, PEM: authorityPEM, First: platformOf(r.UserAgent())}
	if t := h.cfg.Trust; t != nil {
		cert := t.Authority()
		d.Own, d.Fingerprint, d.Until = true, Fingerprint(cert), cert.NotAfter.UTC().Format("2006-01-02")
		if t.Names != nil {
			d.Names = t.Names()
		}
	}
	show(w, trustTemplate, l, http.StatusOK, d)
}

// show answers with a page made here.
func show(w http.ResponseWriter, t *template.Template, l lang, status int, data any) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", l.tag())
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	_ = t.Execute(w, data) // fails only when nobody reads any more
}

// trustFile gives away the certificate, and what the page looks like.
func (h *handler) trustFile(w http.ResponseWriter, r *http.Request) {
	if !read(w, r) {
		return
	}
	header, name := w.Header(), r.PathValue("file")
	switch {
	case name == styleSheet:
		header.Set("Content-Type", mediaTypes[".css"])
		header.Set("Cache-Control", "max-age=3600")
		_, _ = w.Write(pageStyle)
	case h.cfg.Trust != nil && name == authorityDER:
		header.Set("Content-Type", "application/x-x509-ca-cert") // what has phones offer to install it
		header.Set("Content-Disposition", `attachment; filename="`+authorityDER+`"`)
		header.Set("Cache-Control", "no-cache")
		_, _ = w.Write(h.cfg.Trust.Authority().Raw)
	case h.cfg.Trust != nil && name == authorityPEM:
		header.Set("Content-Type", "application/x-pem-file")
		header.Set("Content-Disposition", `attachment; filename="`+authorityPEM+`"`)
		header.Set("Cache-Control", "no-cache")
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: h.cfg.Trust.Authority().Raw})
	default:
		http.NotFound(w, r)
	}
}

// Fingerprint is the SHA-256 fingerprint of a certificate as systems show it.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// platformOf guesses from the name of a browser which section of the page its user
// needs. Nothing depends on it.
func platformOf(agent string) string {
	switch {
	case strings.Contains(agent, "iPhone"), strings.Contains(agent, "iPad"):
		return "ios"
	case strings.Contains(agent, "Android"):
		return "android"
	case strings.Contains(agent, "Firefox"):
		return "firefox"
	case strings.Contains(agent, "Windows"):
		return "windows"
	case strings.Contains(agent, "Mac OS"):
		return "macos"
	}
	return "linux"
}

// missing says that the program was built without the web client, and what to do.
func missing(w http.ResponseWriter, r *http.Request) {
	if !read(w, r) {
		return
	}
	if r.URL.Path != "/" && r.URL.Path != "/index.html" {
		http.NotFound(w, r)
		return
	}
	l := langOf(r)
	show(w, missingTemplate, l, http.StatusOK, struct {
		Lang      lang
		Tag, Host string
	}{l, l.tag(), r.Host})
}
