package web_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"godwit/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const home = "chat.example.org"

var bundle = fstest.MapFS{
	"index.html":              {Data: []byte("<!doctype html>")},
	"index.html.br":           {Data: []byte("br of index")},
	"sw.js":                   {Data: []byte("// sw")},
	"app-ABCD1234.js":         {Data: []byte("app")},
	"app-ABCD1234.js.br":      {Data: []byte("br of app")},
	"app-ABCD1234.js.gz":      {Data: []byte("gz of app")},
	"core-0123456789ab.wasm":  {Data: []byte("\x00asm")},
	"manifest.webmanifest":    {Data: []byte("{}")},
	"icons/icon.png":          {Data: []byte("png")},
	"big-AAAAAAAA.wasm.br":    {Data: []byte("only br")},
	"style.css":               {Data: []byte("a{}")},
	"strange.bin":             {Data: []byte("<html>")},
	"secret/../../etc/passwd": {Data: []byte("never")},
}

func page() web.Config {
	files := fstest.MapFS{}
	for name, f := range bundle {
		if !strings.Contains(name, "..") {
			files[name] = f
		}
	}
	return web.Config{
		Page: files, Address: home,
		WebSocket: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "socket") }),
	}
}

// ask has a handler answer one request.
func ask(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "https://"+home+path, nil)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	const forever, ask0 = "public, max-age=31536000, immutable", "no-cache"
	h := web.New(page())
	for _, tt := range []struct {
		path, accept                       string
		status                             int
		body, contentType, encoding, cache string
	}{
		{"/", "", 200, "<!doctype html>", "text/html; charset=utf-8", "", ask0},
		{"/", "gzip, deflate, br, zstd", 200, "br of index", "text/html; charset=utf-8", "br", ask0},
		{"/index.html", "gzip", 200, "<!doctype html>", "text/html; charset=utf-8", "", ask0},
		{"/sw.js", "br", 200, "// sw", "text/javascript; charset=utf-8", "", ask0},
		{"/app-ABCD1234.js", "gzip, br", 200, "br of app", "text/javascript; charset=utf-8", "br", forever},
		{"/app-ABCD1234.js", "GZIP;q=0.5", 200, "gz of app", "text/javascript; charset=utf-8", "gzip", forever},
		{"/app-ABCD1234.js", "br;q=0, *", 200, "gz of app", "text/javascript; charset=utf-8", "gzip", forever},
		{"/app-ABCD1234.js", "br; q=0.000, gzip;q=nonsense", 200, "app", "text/javascript; charset=utf-8", "", forever},
		{"/app-ABCD1234.js", "identity", 200, "app", "text/javascript; charset=utf-8", "", forever},
		{"/core-0123456789ab.wasm", "", 200, "\x00asm", "application/wasm", "", forever},
		{"/manifest.webmanifest", "", 200, "{}", "application/manifest+json", "", ask0},
		{"/icons/icon.png", "", 200, "png", "image/png", "", ask0},
		{"/big-AAAAAAAA.wasm", "br", 200, "only br", "application/wasm", "br", forever},
		{"/big-AAAAAAAA.wasm", "", 406, "", "text/plain; charset=utf-8", "", forever},
		{"/strange.bin", "", 200, "<html>", "application/octet-stream", "", ask0},
		{"/app-ABCD1234.js.br", "br", 404, "", "text/plain; charset=utf-8", "", ""},
		{"/nothing", "", 404, "", "text/plain; charset=utf-8", "", ""},
		{"/icons/", "", 404, "", "text/plain; charset=utf-8", "", ""},
		{"/icons", "", 404, "", "text/plain; charset=utf-8", "", ""},
	} {
		r := ask(h, "GET", tt.path, "Accept-Encoding", tt.accept)
		got := body(t, r)
		if r.StatusCode != tt.status || tt.body != "" && got != tt.body || r.Header.Get("Content-Type") != tt.contentType ||
			r.Header.Get("Content-Encoding") != tt.encoding || tt.status == 200 && r.Header.Get("Cache-Control") != tt.cache {
			t.Errorf("%s (%s): %d %q %v", tt.path, tt.accept, r.StatusCode, got, r.Header)
		}
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	h := web.New(page())
	first := ask(h, "GET", "/", "Accept-Encoding", "br")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatal(first.Header)
	}
	if r := ask(h, "GET", "/", "Accept-Encoding", "br", "If-None-Match", tag); r.StatusCode != http.StatusNotModified {
		t.Error(r.Status)
	}
	if r := ask(h, "GET", "/", "If-None-Match", tag); r.StatusCode != http.StatusOK {
		t.Error("the tag of the compressed file stands for the plain one: ", r.Status)
	}
	if r := ask(h, "HEAD", "/"); r.StatusCode != http.StatusOK || body(t, r) != "" || r.Header.Get("Content-Length") != "15" {
		t.Error(r)
	}
}

// Nothing but the files of the bundle can be had, however the path is written.
func TestNoWayOutOfTheBundle(t *testing.T) {
	server := httptest.NewServer(web.New(page()))
	defer server.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	for _, path := range []string{
		"/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/icons/../../etc/passwd", "//etc/passwd", "/icons/..\\..\\x",
		"/setup/..%u002f", "/.", "/icons/.", "/index.html%00.js", "/index.html/", "/./index.html.br", "/%2findex.html",
	} {
		r, err := http.NewRequest("GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = path
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(path, err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", path, text)
		}
		if at := answer.Header.Get("Location"); strings.HasPrefix(at, "//") || strings.Contains(at, "://") {
			t.Errorf("%s leads to %s", path, at)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	c := page()
	c.Strict = true
	c.Mounts = map[string]http.Handler{
		"/upload/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "sandbox")
			w.WriteHeader(http.StatusTeapot)
		}),
	}
	h := web.New(c)
	for _, path := range []string{"/", "/nothing", "/xmpp-websocket", "/.well-known/host-meta", "/trust", "/trust/page.css", "/upload/x"} {
		r := ask(h, "GET", path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"X-Frame-Options": "DENY", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		csp := r.Header.Get("Content-Security-Policy")
		if strings.HasPrefix(path, "/upload/") {
			if csp != "sandbox" || r.StatusCode != http.StatusTeapot {
				t.Errorf("a handler of another room can not be stricter: %q, %s", csp, r.Status)
			}
			continue
		}
		for _, want := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval';", "connect-src 'self' wss://" + home + " blob:",
			"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: %q lacks %q", path, csp, want)
			}
		}
		for _, never := range []string{"unsafe-inline", "'unsafe-eval'", "*", "http:"} {
			if strings.Contains(csp, never) {
				t.Errorf("%s: %q has %q", path, csp, never)
			}
		}
	}
	c.Strict = false
	if got := ask(web.New(c), "GET", "/").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS without a certificate that everybody trusts: %q", got)
	}
}

// What a browser calls us by must not become part of a header as something else.
func TestHostsThatAreNone(t *testing.T) {
	h := web.New(page())
	for _, host := range []string{"", "a b", "a;script-src *", "a'", "a/b", "a@b", "a:x", "a:1;", "[::1", "[::1]x", "[fe80::1%25eth0]:1", "a\r\nb", "ä.example", strings.Repeat("a", 301), "a,b", "*", "::1"} {
		r := ask(h, "GET", "/.well-known/host-meta", "Host", host)
		if r.StatusCode != http.StatusBadRequest || r.Header.Get("Content-Security-Policy") != "" {
			t.Errorf("%q: %s %v", host, r.Status, r.Header)
		}
	}
	for _, host := range []string{"a", "A.Example:5443", "[::1]:5443", "[::1]", "192.0.2.1:1", "xn--bcher-kva.example"} {
		if r := ask(h, "GET", "/", "Host", host); r.StatusCode != http.StatusOK {
			t.Errorf("%q: %s", host, r.Status)
		}
	}
}

func TestHostMeta(t *testing.T) {
	c := page()
	c.Address = home + ":5443"
	c.Own = func(host string) bool { return host == "192.168.1.5" || host == home }
	h := web.New(c)
	for host, want := range map[string]string{
		home:               "wss://" + home + "/xmpp-websocket",
		"192.168.1.5:5443": "wss://192.168.1.5:5443/xmpp-websocket",
		"evil.example":     "wss://" + home + ":5443/xmpp-websocket", // a cache must not send others there
	} {
		r := ask(h, "GET", "/.well-known/host-meta.json", "Host", host)
		var got struct {
			Links []struct{ Rel, Href string }
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || len(got.Links) != 1 || got.Links[0].Href != want ||
			got.Links[0].Rel != "urn:xmpp:alt-connections:websocket" {
			t.Errorf("%s: %+v, %v", host, got, err)
		}
		if r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Content-Type") != "application/json" {
			t.Error(r.Header)
		}
		x := ask(h, "GET", "/.well-known/host-meta", "Host", host)
		if text := body(t, x); !strings.Contains(text, "<Link rel='urn:xmpp:alt-connections:websocket' href='"+want+"'/>") ||
			!strings.HasPrefix(x.Header.Get("Content-Type"), "application/xrd+xml") || x.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v %s", host, x.Header, text)
		}
	}
	if r := ask(h, "POST", "/.well-known/host-meta"); r.StatusCode != http.StatusMethodNotAllowed {
		t.Error(r.Status)
	}
	if r := ask(h, "OPTIONS", "/.well-known/host-meta.json"); r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error(r.Status, r.Header)
	}
	c.WebSocket = nil
	if r := ask(web.New(c), "GET", "/.well-known/host-meta"); r.StatusCode != http.StatusNotFound {
		t.Error(r.Status)
	}
}

func TestPageThatWasNotBuilt(t *testing.T) {
	for name, c := range map[string]web.Config{"nil": {Address: home}, "empty": {Address: home, Page: fstest.MapFS{}}} {
		h := web.New(c)
		en, zh := ask(h, "GET", "/"), ask(h, "GET", "/", "Accept-Language", "fr, zh-Hans-CN;q=0.9, en;q=0.1")
		if text := body(t, en); en.StatusCode != http.StatusOK || !strings.Contains(text, "make") || en.Header.Get("Content-Language") != "en" {
			t.Errorf("%s: %s %s", name, en.Status, text)
		}
		if text := body(t, zh); !strings.Contains(text, "网页") || !strings.Contains(text, `<html lang="zh-CN">`) {
			t.Errorf("%s: %s", name, text)
		}
		if r := ask(h, "GET", "/x"); r.StatusCode != http.StatusNotFound {
			t.Error(r.Status)
		}
	}
}

func authority(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Godwit test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestTrust(t *testing.T) {
	cert := authority(t)
	c := page()
	c.Trust = &web.Trust{Authority: func() *x509.Certificate { return cert }, Names: func() []string { return []string{home, "<b>"} }}
	h := web.New(c)
	for _, tt := range []struct {
		path, accept, agent string
		want                []string
	}{
		{"/trust", "en", "Mozilla (Windows NT)", []string{web.Fingerprint(cert), "in three steps", "<details open><summary>Windows", "&lt;b&gt;", `lang="en"`}},
		{"/trust", "zh-CN,en;q=0.5", "Mozilla (iPhone)", []string{web.Fingerprint(cert), "三步", "<details open><summary>iPhone", `lang="zh-CN"`}},
		{"/trust?lang=zh-CN", "en", "", []string{"三步"}},
		{"/trust?lang=en", "zh", "", []string{"in three steps"}},
		{"/trust?lang=%22%3E%3Cscript%3E", "", "<script>", []string{"in three steps"}},
	} {
		r := ask(h, "GET", tt.path, "Accept-Language", tt.accept, "User-Agent", tt.agent)
		text := body(t, r)
		for _, want := range tt.want {
			if r.StatusCode != http.StatusOK || !strings.Contains(text, want) {
				t.Errorf("%s (%s): %s, without %q", tt.path, tt.accept, r.Status, want)
			}
		}
		if strings.Contains(text, "<script") {
			t.Error("a script: ", tt.path)
		}
	}
	der := ask(h, "GET", "/trust/godwit-ca.crt")
	if text := body(t, der); text != string(cert.Raw) || der.Header.Get("Content-Type") != "application/x-x509-ca-cert" {
		t.Error(der.Header)
	}
	text := body(t, ask(h, "GET", "/trust/godwit-ca.pem"))
	if block, rest := pem.Decode([]byte(text)); block == nil || len(rest) > 0 || block.Type != "CERTIFICATE" || !bytes.Equal(block.Bytes, cert.Raw) {
		t.Error(text)
	}
	if r := ask(h, "GET", "/trust/page.css"); r.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Error(r.Header)
	}
	if r := ask(h, "GET", "/trust/key.pem"); r.StatusCode != http.StatusNotFound {
		t.Error(r.Status)
	}
	c.Trust = nil
	h = web.New(c)
	if text := body(t, ask(h, "GET", "/trust")); !strings.Contains(text, "nothing to do") {
		t.Error(text)
	}
	if r := ask(h, "GET", "/trust/godwit-ca.crt"); r.StatusCode != http.StatusNotFound {
		t.Error(r.Status)
	}
}

func TestCountsAndDefects(t *testing.T) {
	type one struct {
		class  string
		status int
	}
	got := map[one]int{}
	c := page()
	c.Count = func(class string, status int) { got[one{class, status}]++ }
	c.Mounts = map[string]http.Handler{
		"GET /invite/{token}": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a defect") }),
	}
	h := web.New(c)
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("a defect did not end the request")
			}
		}()
		ask(h, "GET", "/invite/abc")
	}()
	for _, path := range []string{"/", "/nothing", "/trust", "/.well-known/host-meta", "/xmpp-websocket"} {
		ask(h, "GET", path)
	}
	for _, want := range []one{{"page", 200}, {"unknown", 404}, {"trust", 200}, {"discovery", 200}, {"websocket", 200}} {
		if got[want] != 1 {
			t.Errorf("%+v: %d", want, got[want])
		}
	}
}

func FuzzRequest(f *testing.F) {
	h := web.New(page())
	f.Add("/", home, "br;q=1, *;q=0", "zh-CN")
	f.Add("/trust?lang=en", "[::1]:5443", "gzip", "")
	f.Add("/.well-known/host-meta", "a b", "*", "fr")
	f.Fuzz(func(t *testing.T, path, host, encoding, language string) {
		r := httptest.NewRequest("GET", "https://"+home+"/", nil)
		r.URL.Path, r.Host = path, host
		r.Header.Set("Accept-Encoding", encoding)
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for name, values := range w.Result().Header {
			for _, v := range values {
				if strings.ContainsAny(v, "\r\n") {
					t.Errorf("%s: %q", name, v)
				}
			}
		}
	})
}
