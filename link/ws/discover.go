package ws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"godwit/xmlstream"
)

// relation is what XEP-0156 (§3) calls a WebSocket in host-meta.
const relation = "urn:xmpp:alt-connections:websocket"

// Bounds of a host-meta document.
const (
	maxHostMeta  = 64 << 10 // bytes
	maxFound     = 4        // WebSockets tried
	maxRedirects = 3
)

// discover asks a domain for its WebSockets, over HTTPS with a certificate for the
// domain: host-meta.json, else host-meta (XEP-0156 §3).
func (d *Dialer) discover(ctx context.Context, domain string) ([]target, error) {
	var errs []error
	for _, form := range []struct {
		path  string
		parse func([]byte) ([]string, error)
	}{
		{"/.well-known/host-meta.json", parseJSON},
		{"/.well-known/host-meta", parseXRD},
	} {
		document, err := d.fetch(ctx, "https://"+bracketed(domain)+form.path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found, err := form.parse(document)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", form.path, err))
			continue
		}
		var targets []target
		for _, address := range found {
			if CheckURL(address) == nil && len(targets) < maxFound {
				targets = append(targets, target{url: address})
			}
		}
		if len(targets) > 0 {
			return targets, nil
		}
		errs = append(errs, fmt.Errorf("%s: no WebSocket with TLS", form.path))
	}
	return nil, fmt.Errorf("asking %s: %w", domain, errors.Join(errs...))
}

// bracketed is a host as URLs have it.
func bracketed(host string) string {
	if bytes.IndexByte([]byte(host), ':') >= 0 {
		return "[" + host + "]"
	}
	return host
}

// fetch gets a document. Redirects may lead anywhere, but over HTTPS only.
func (d *Dialer) fetch(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := d.attempt(ctx)
	defer cancel()
	client := &http.Client{
		Transport: d.transport("", &dialed{}),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects || r.URL.Scheme != "https" {
				return errors.New("a redirect too many, or out of HTTPS")
			}
			return nil
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, answer.Status)
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, maxHostMeta+1))
	if err == nil && len(document) > maxHostMeta {
		err = fmt.Errorf("%s: more than %d bytes", address, maxHostMeta)
	}
	return document, err
}

// parseJSON finds the WebSockets in host-meta.json.
func parseJSON(document []byte) ([]string, error) {
	var meta struct {
		Links []struct{ Rel, Href string }
	}
	if err := json.Unmarshal(document, &meta); err != nil {
		return nil, err
	}
	var found []string
	for _, l := range meta.Links {
		if l.Rel == relation {
			found = append(found, l.Href)
		}
	}
	return found, nil
}

// nsXRD is the namespace of host-meta.
const nsXRD = "http://docs.oasis-open.org/ns/xri/xrd-1.0"

// parseXRD finds them in host-meta. It is read by the parser of XMPP, which is
// stricter than XML: a document with comments or a type is one that tells nothing.
func parseXRD(document []byte) ([]string, error) {
	document = bytes.TrimSpace(bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(document, []byte("<?xml")) {
		_, document, _ = bytes.Cut(document, []byte("?>"))
	}
	limits := xmlstream.DefaultLimits()
	el, err := xmlstream.ParseElement(bytes.TrimSpace(document), limits)
	if err != nil {
		return nil, err
	}
	root, err := el.Tree()
	if err != nil {
		return nil, err
	}
	if root.Name != (xmlstream.Name{Space: nsXRD, Local: "XRD"}) {
		return nil, fmt.Errorf("<%s/> is no host-meta", root.Name)
	}
	var found []string
	for c := range root.Elements() {
		if c.Name == (xmlstream.Name{Space: nsXRD, Local: "Link"}) && c.Attr("rel") == relation {
			found = append(found, c.Attr("href"))
		}
	}
	return found, nil
}
