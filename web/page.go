package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mediaTypes are the types of the files there are. Whatever else is in the bundle
// is given away as bytes.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
	".json": "application/json", ".map": "application/json", ".txt": "text/plain; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".ico": "image/x-icon", ".woff2": "font/woff2",
	".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav",
}

// encodings are what files may be compressed with beforehand, best first, and the
// ending of the compressed file.
var encodings = []struct{ name, ending string }{{"br", ".br"}, {"gzip", ".gz"}}

// A page serves the files of a bundle. All it ever serves is known when it is made:
// a path is looked up, never opened.
type page struct {
	bundle fs.FS
	assets map[string]*asset
}

// An asset is one file.
type asset struct {
	contentType string
	immutable   bool
	plain       version
	compressed  map[string]version // by encoding
}

// A version is a file of the bundle: the asset in one encoding.
type version struct {
	name string // "" is none
	tag  string // ETag
}

// newPage reads a bundle. One that is not there, can not be read or has no
// index.html is one that is absent.
func newPage(bundle fs.FS) http.Handler {
	if bundle == nil {
		return http.HandlerFunc(missing)
	}
	p := &page{bundle: bundle, assets: map[string]*asset{}}
	err := fs.WalkDir(bundle, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return p.add(bundle, name)
	})
	if err != nil || p.assets["index.html"] == nil {
		return http.HandlerFunc(missing)
	}
	return p
}

func (p *page) add(bundle fs.FS, name string) error {
	data, err := fs.ReadFile(bundle, name)
	if err != nil {
		return err
	}
	v := version{name: name, tag: tagOf(data)}
	for _, e := range encodings {
		if of, found := strings.CutSuffix(name, e.ending); found {
			p.asset(of).compressed[e.name] = v
			return nil
		}
	}
	p.asset(name).plain = v
	return nil
}

func (p *page) asset(name string) *asset {
	a := p.assets[name]
	if a == nil {
		a = &asset{contentType: mediaTypes[path.Ext(name)], immutable: hashed.MatchString(path.Base(name)), compressed: map[string]version{}}
		if a.contentType == "" {
			a.contentType = "application/octet-stream"
		}
		p.assets[name] = a
	}
	return a
}

// hashed are names that hold a hash of what is inside, as esbuild makes them and as
// hexadecimal digits: such a file never changes.
var hashed = regexp.MustCompile(`[-.]([0-9A-Z]{8}|[0-9a-f]{8,64})\.`)

func tagOf(data []byte) string {
	sum := sha256.Sum256(data)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// ServeHTTP implements http.Handler.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !read(w, r) {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	a := p.assets[name]
	if a == nil {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Cache-Control", "no-cache") // ask each time; the answer is short
	if a.immutable {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	v := a.plain
	if len(a.compressed) > 0 {
		header.Set("Vary", "Accept-Encoding")
		if encoding := choose(a, r.Header.Values("Accept-Encoding")); encoding != "" {
			header.Set("Content-Encoding", encoding)
			v = a.compressed[encoding]
		}
	}
	if v.name == "" {
		http.Error(w, "This file is there only compressed.", http.StatusNotAcceptable)
		return
	}
	p.send(w, r, v)
}

// send answers with one file, or the part that was asked for, or that it is the
// one the browser has.
func (p *page) send(w http.ResponseWriter, r *http.Request, v version) {
	f, err := p.bundle.Open(v.name)
	if err != nil {
		http.Error(w, "This file can not be read.", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	content, ok := f.(io.ReadSeeker)
	if !ok { // not so with files of a program or of a disk
		data, err := io.ReadAll(f)
		if err != nil {
			http.Error(w, "This file can not be read.", http.StatusInternalServerError)
			return
		}
		content = bytes.NewReader(data)
	}
	w.Header().Set("ETag", v.tag)
	http.ServeContent(w, r, "", time.Time{}, content)
}

// choose picks the best encoding that the browser takes; "" is none (RFC 9110
// §12.5.3).
func choose(a *asset, accept []string) string {
	accepted := map[string]bool{}
	for _, one := range strings.Split(strings.Join(accept, ","), ",") {
		name, parameters, _ := strings.Cut(one, ";")
		accepted[strings.ToLower(strings.TrimSpace(name))] = !refused(parameters)
	}
	for _, e := range encodings {
		if _, there := a.compressed[e.name]; !there {
			continue
		}
		if yes, said := accepted[e.name]; yes || !said && accepted["*"] {
			return e.name
		}
	}
	return ""
}

// refused reports whether the weight among parameters is 0.
func refused(parameters string) bool {
	return slices.ContainsFunc(strings.Split(parameters, ";"), func(p string) bool {
		weight, found := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(p), " ", ""), "q=")
		if !found {
			return false
		}
		q, err := strconv.ParseFloat(weight, 64)
		return err != nil || !(q > 0)
	})
}
