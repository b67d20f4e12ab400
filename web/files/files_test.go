package files_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/jid"
	"godwit/server/upload"
	"godwit/store/blobs"
	"godwit/store/memory"
	"godwit/web/files"
	xep "godwit/xep/upload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type disk struct{ *blobs.Dir }

func (d disk) Create(id string) (upload.Draft, error) { return d.Dir.Create(id) }

type world struct {
	*upload.Room
	server *httptest.Server
	client *http.Client
}

var alice = jid.MustParse("alice@localhost")

func newWorld(t *testing.T, set func(*upload.Config, *files.Config)) *world {
	t.Helper()
	dir, err := blobs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	st := memory.New()
	w := &world{server: httptest.NewUnstartedServer(nil)}
	uc := upload.Config{Uploads: st.Uploads(), Blobs: disk{dir}, URL: func() string { return w.server.URL + files.Path }, Log: slog.New(slog.DiscardHandler)}
	fc := files.Config{Log: uc.Log}
	if set != nil {
		set(&uc, &fc)
	}
	if w.Room, err = upload.New(uc); err != nil {
		t.Fatal(err)
	}
	fc.Store = w.Room
	mux := http.NewServeMux()
	mux.Handle(files.Path, files.New(fc))
	w.server.Config.Handler = mux
	// As the program has it: far too short for files, whose handler sets its own.
	w.server.Config.ReadTimeout, w.server.Config.WriteTimeout = 2*time.Second, 2*time.Second
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	w.client = w.server.Client()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		w.server.Close()
		dir.Close()
		st.Close()
	})
	return w
}

func (w *world) slot(t *testing.T, name, kind string, size int) xep.Slot {
	t.Helper()
	s, err := w.Slot(context.Background(), alice, xep.Request{Filename: name, Size: int64(size), ContentType: kind})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) do(t *testing.T, method, address string, body io.Reader, headers ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, b
}

// put uploads and returns the address.
func (w *world) put(t *testing.T, name, kind string, data []byte) string {
	t.Helper()
	s := w.slot(t, name, kind, len(data))
	if res, b := w.do(t, "PUT", s.Put, bytes.NewReader(data), "Content-Type", kind); res.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", res.Status, b)
	}
	return s.Get
}

var png = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR and so on")

func TestThereAndBack(t *testing.T) {
	w := newWorld(t, nil)
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	address := w.put(t, "年度 报告.bin", "application/x-thing", data)
	res, b := w.do(t, "GET", address, nil)
	if res.StatusCode != 200 || !bytes.Equal(b, data) {
		t.Fatalf("%s, %d bytes", res.Status, len(b))
	}
	if d := res.Header.Get("Content-Disposition"); d != `attachment; filename="__ __.bin"; filename*=UTF-8''%E5%B9%B4%E5%BA%A6%20%E6%8A%A5%E5%91%8A.bin` {
		t.Error(d)
	}
	if res, b := w.do(t, "HEAD", address, nil); res.StatusCode != 200 || res.ContentLength != int64(len(data)) || len(b) != 0 {
		t.Errorf("HEAD: %s, %d", res.Status, res.ContentLength)
	}
	res, b = w.do(t, "GET", address, nil, "Range", "bytes=999990-")
	if res.StatusCode != http.StatusPartialContent || string(b) != "0123456789" || res.Header.Get("Content-Range") != "bytes 999990-999999/1000000" {
		t.Errorf("the rest: %s %q %s", res.Status, b, res.Header.Get("Content-Range"))
	}
	if res, _ := w.do(t, "GET", address, nil, "Range", "bytes=1000000-"); res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond the end: %s", res.Status)
	}
	if res, _ := w.do(t, "GET", address, nil, "If-None-Match", res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified {
		t.Errorf("known already: %s", res.Status)
	}
	if empty := w.put(t, "empty", "", nil); true {
		if res, b := w.do(t, "GET", empty, nil); res.StatusCode != 200 || len(b) != 0 {
			t.Errorf("an empty file: %s %q", res.Status, b)
		}
	}
}

// Nothing that strangers wrote is run in the name of this origin.
func TestNothingIsRun(t *testing.T) {
	w := newWorld(t, nil)
	const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	const html = `<html><script>alert(document.domain)</script></html>`
	for _, c := range []struct {
		name, kind, data string
		want             string
		shown            bool
	}{
		{"a.png", "image/png", string(png), "image/png", true},
		{"a.jpg", "image/jpg", "\xff\xd8\xff\xe0 and so on", "image/jpeg", true},
		{"a.mp4", "video/mp4", "\x00\x00\x00\x18ftypmp42 and so on", "video/mp4", true},
		{"a.mp3", "audio/mpeg", "ID3 and so on", "audio/mpeg", true},
		{"a.svg", "image/svg+xml", svg, "application/octet-stream", false},
		{"a.html", "text/html", html, "application/octet-stream", false},
		{"a.xhtml", "application/xhtml+xml", html, "application/octet-stream", false},
		{"a.xml", "text/xml", svg, "application/octet-stream", false},
		{"a.js", "text/javascript", "alert(1)", "application/octet-stream", false},
		{"a.txt", "text/plain", html, "application/octet-stream", false},
		{"a.pdf", "application/pdf", "%PDF-1.7", "application/octet-stream", false},
		{"page as picture.png", "image/png", html, "application/octet-stream", false},
		{"svg as picture.png", "image/png", svg, "application/octet-stream", false},
		{"gif as png.png", "image/png", "GIF89a" + html, "application/octet-stream", false},
		{"a.html", "image/png", string(png), "image/png", true},
		{`x"; filename="evil.html`, "image/png\r\nX-Evil: 1", string(png), "application/octet-stream", false},
	} {
		kind := strings.NewReplacer("\r", "", "\n", "").Replace(c.kind)
		s := w.slot(t, c.name, c.kind, len(c.data))
		if res, b := w.do(t, "PUT", s.Put, strings.NewReader(c.data), "Content-Type", kind); res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %s %s", c.name, res.Status, b)
		}
		res, _ := w.do(t, "GET", s.Get, nil)
		h := res.Header
		if h.Get("Content-Type") != c.want || strings.HasPrefix(h.Get("Content-Disposition"), "inline;") != c.shown {
			t.Errorf("%s as %s: %s, %s", c.name, c.kind, h.Get("Content-Type"), h.Get("Content-Disposition"))
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") ||
			!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Evil") != "" || h.Get("Access-Control-Allow-Origin") != "*" ||
			h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: headers %v", c.name, h)
		}
		if strings.Count(h.Get("Content-Disposition"), `"`) != 2 {
			t.Errorf("the name leaves its place: %s", h.Get("Content-Disposition"))
		}
	}
}

func TestOtherAddresses(t *testing.T) {
	w := newWorld(t, nil)
	address := w.put(t, "a.png", "image/png", png)
	base := w.server.URL + files.Path
	id := strings.Split(strings.TrimPrefix(address, base), "/")[0]
	for _, bad := range []string{
		base, base + id, base + id + "/", base + id + "/b.png", base + id + "/a.png/", base + id + "/a.png/b", base + id + "/a.png%2f..%2f..", base + strings.ToUpper(id) + "/a.png",
		base + id[:39] + "/a.png", base + id + "0/a.png", base + "%2e%2e/%2e%2e/etc/passwd", base + "..%2f..%2fetc%2fpasswd/a.png", base + "%00/a.png", base + id + "/%00a.png", base + "drafts/" + id,
		base + id[:2] + "%2f" + id[2:] + "/a.png",
	} {
		if res, b := w.do(t, "GET", bad, nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s %q", bad, res.Status, b)
		}
	}
	for _, method := range []string{"POST", "DELETE", "PATCH", "TRACE"} {
		if res, _ := w.do(t, method, address, nil); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, res.Status)
		}
	}
	res, _ := w.do(t, "OPTIONS", address, nil, "Origin", "https://other.example", "Access-Control-Request-Method", "PUT")
	if res.StatusCode != http.StatusNoContent || !strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), "PUT") {
		t.Errorf("asked before a PUT: %s %v", res.Status, res.Header)
	}
}

func TestRefusedUploads(t *testing.T) {
	w := newWorld(t, nil)
	used := w.slot(t, "a", "", 1)
	if res, _ := w.do(t, "PUT", used.Put, strings.NewReader("x")); res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
	fresh := w.slot(t, "a", "image/png", len(png))
	for why, c := range map[string]struct {
		address string
		body    io.Reader
		headers []string
		want    int
	}{
		"used":             {used.Put, strings.NewReader("y"), nil, http.StatusConflict},
		"no token":         {fresh.Get, bytes.NewReader(png), nil, http.StatusForbidden},
		"no such slot":     {strings.Replace(fresh.Put, "/upload/", "/upload/0", 1), bytes.NewReader(png), nil, http.StatusForbidden},
		"shorter":          {fresh.Put, bytes.NewReader(png[1:]), nil, http.StatusBadRequest},
		"another type":     {fresh.Put, bytes.NewReader(png), []string{"Content-Type", "text/html"}, http.StatusBadRequest},
		"no length":        {fresh.Put, io.MultiReader(bytes.NewReader(png)), nil, http.StatusLengthRequired},
		"packed":           {fresh.Put, bytes.NewReader(png), []string{"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"longer than said": {fresh.Put, io.MultiReader(bytes.NewReader(png), bytes.NewReader(png)), nil, http.StatusLengthRequired},
	} {
		if res, b := w.do(t, "PUT", c.address, c.body, c.headers...); res.StatusCode != c.want {
			t.Errorf("%s: %s %s", why, res.Status, b)
		}
	}
	if res, b := w.do(t, "PUT", fresh.Put, bytes.NewReader(png), "Content-Type", "image/png"); res.StatusCode != http.StatusCreated {
		t.Errorf("the slot was lost by refusals: %s %s", res.Status, b)
	}
	if res, b := w.do(t, "GET", used.Get, nil); string(b) != "x" {
		t.Errorf("the second upload changed the first: %s %q", res.Status, b)
	}
}

// Whoever stops sending is let go, and leaves nothing.
func TestSlowSender(t *testing.T) {
	w := newWorld(t, func(_ *upload.Config, c *files.Config) { c.Stall = 200 * time.Millisecond })
	s := w.slot(t, "a", "", 1<<20)
	u, err := url.Parse(s.Put)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1048576\r\n\r\nbeginning", u.RequestURI(), u.Host)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(c)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("the connection stays")
	}
	if !bytes.Contains(answer, []byte(" 408 ")) {
		t.Errorf("%q", answer)
	}
	if res, _ := w.do(t, "GET", s.Get, nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("half a file can be had: %s", res.Status)
	}
}

// Files take longer than the server's own deadlines for pages allow.
func TestLongUpload(t *testing.T) {
	w := newWorld(t, nil)
	s := w.slot(t, "a", "", 6)
	r, body := io.Pipe()
	go func() {
		for i := range 6 {
			time.Sleep(500 * time.Millisecond) // this is the matter of the test: longer than ReadTimeout
			fmt.Fprint(body, i)
		}
		body.Close()
	}()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", s.Put, r)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 6
	res, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Error(res.Status)
	}
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"/upload/", "/upload/../x/y", "/upload/" + strings.Repeat("a", 40) + "/a%2fb", "/upload//", "/upload/%zz/a", "/x"} {
		f.Add(s, "GET")
	}
	dir, err := blobs.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	st := memory.New()
	room, err := upload.New(upload.Config{Uploads: st.Uploads(), Blobs: disk{dir}, URL: func() string { return "https://x/upload/" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	h := files.New(files.Config{Store: room, Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, path, method string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, &http.Request{Method: method, URL: u, Header: http.Header{}, Body: http.NoBody})
		if rec.Code < 400 && method != "OPTIONS" {
			t.Errorf("%s %q: %d", method, path, rec.Code)
		}
	})
}
