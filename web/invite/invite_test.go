package invite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"
)

func TestPage(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 0, 0, time.UTC)
	all := map[string]Invitation{
		"alice":    {From: "alice@b.example", URI: "xmpp:alice@b.example?roster;preauth=alice;ibr=y", Register: true, Contact: true, Expires: now.Add(time.Hour)},
		"contact":  {From: "alice@b.example", URI: "xmpp:alice@b.example?roster;preauth=contact", Contact: true, Expires: now.Add(time.Hour)},
		"operator": {URI: "xmpp:b.example?register;preauth=operator", Register: true, Expires: now.Add(time.Hour)},
		"used":     {From: "alice@b.example", URI: "xmpp:x", Register: true, UsedUp: true, Expires: now.Add(time.Hour)},
		"late":     {From: "alice@b.example", URI: "xmpp:x", Register: true, Expires: now},
		"evil":     {From: `"><script>alert(1)</script>@b.example`, URI: "javascript:alert(1)", Register: true, Contact: true, Expires: now.Add(time.Hour)},
	}
	h := New(Config{Domain: "b.example", Client: true, Now: func() time.Time { return now }, Look: func(_ context.Context, token string) (Invitation, error) {
		if token == "broken" {
			return Invitation{}, errors.New("disk at /var/secret")
		}
		if i, ok := all[token]; ok {
			return i, nil
		}
		return Invitation{}, ErrUnknown
	}})
	mux := http.NewServeMux()
	mux.Handle("/invite/{token}", h)
	get := func(path, lang string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Language", lang)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		why, path, lang string
		status          int
		has, not        []string
	}{
		{"from somebody, to anybody", "/invite/alice", "en", 200, []string{"<strong>alice@b.example</strong>", `href="/#/invite/alice"`, `href="xmpp:alice@b.example?roster;preauth=alice;ibr=y"`, "<svg ", "2030-01-02 04:04 UTC", `lang="en"`}, nil},
		{"in Chinese", "/invite/alice", "zh-CN,zh;q=0.9", 200, []string{`lang="zh-CN"`, "想和您聊天", "打开网页客户端"}, []string{"would like"}},
		{"in Chinese when asked", "/invite/alice?lang=zh-CN", "en", 200, []string{`lang="zh-CN"`}, nil},
		{"to people with an account", "/invite/contact", "en", 200, []string{"Add the contact"}, []string{"/#/invite/"}},
		{"from the operator", "/invite/operator", "en", 200, []string{"You may make an account on", "b.example"}, []string{"alice"}},
		{"used up", "/invite/used", "en", 410, []string{"used already"}, []string{"xmpp:", "<svg", "alice"}},
		{"expired", "/invite/late", "en", 410, []string{"has expired"}, []string{"xmpp:", "<svg"}},
		{"none", "/invite/guess", "en", 404, []string{"not known here"}, []string{"xmpp:"}},
		{"none, without end", "/invite/" + strings.Repeat("a", MaxToken+1), "en", 404, []string{"not known here"}, nil},
		{"when the store is broken", "/invite/broken", "en", 503, nil, []string{"secret"}},
		{"names that are code", "/invite/evil", "en", 200, []string{"&lt;script&gt;"}, []string{"<script", `href="javascript`}},
	} {
		w := get(c.path, c.lang)
		body := w.Body.String()
		if w.Code != c.status {
			t.Errorf("%s: %d", c.why, w.Code)
		}
		for _, s := range c.has {
			if !strings.Contains(body, s) {
				t.Errorf("%s: no %s in\n%s", c.why, s, body)
			}
		}
		for _, s := range append(c.not, "<script", "style=", "http://www.google", "onclick") {
			if strings.Contains(body, s) {
				t.Errorf("%s: there is %s", c.why, s)
			}
		}
		if c.status != 503 && (w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Robots-Tag") == "") {
			t.Errorf("%s: %v", c.why, w.Header())
		}
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/invite/alice", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

// The picture has the dark modules of the code and no others.
func TestDraw(t *testing.T) {
	const text = "xmpp:alice@b.example?roster;preauth=N6XB7LBHO336URZXY7K5OHOGTM;ibr=y"
	p, err := draw(text)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := qr.Encode(text, qr.M)
	dark := 0
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				dark++
			}
		}
	}
	drawn := 0
	for _, run := range strings.Split(strings.TrimSuffix(p.Path, "z"), "z") {
		var x, y, n, back int
		if _, err := sscan(run, &x, &y, &n, &back); err != nil || n != back || x < quiet || y < quiet {
			t.Fatalf("%q: %v", run, err)
		}
		for i := range n {
			if !code.Black(x-quiet+i, y-quiet) {
				t.Fatalf("a light module is dark at %d,%d", x+i, y)
			}
		}
		drawn += n
	}
	if drawn != dark || p.Size != code.Size+2*quiet {
		t.Errorf("%d of %d modules, size %d", drawn, dark, p.Size)
	}
	if _, err := draw(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that no code holds")
	}
}

func sscan(run string, x, y, n, back *int) (int, error) {
	return fmt.Sscanf(run, "M%d %dh%dv1h-%d", x, y, n, back)
}
