package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/jid"
	"godwit/server/upload"
	"godwit/stanza"
	"godwit/store"
	"godwit/store/memory"
	xep "godwit/xep/upload"
)

// disk keeps blobs in memory and can be full.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte
	full  bool
	open  int // drafts neither committed nor discarded
}

type draft struct {
	d   *disk
	id  string
	buf bytes.Buffer
}

func (d *disk) Create(id string) (upload.Draft, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
	return &draft{d: d, id: id}, nil
}

func (w *draft) Write(p []byte) (int, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.d.full {
		return 0, store.ErrFull
	}
	return w.buf.Write(p)
}

func (w *draft) Commit() error {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.open--
	w.d.files[w.id] = w.buf.Bytes()
	return nil
}

func (w *draft) Discard() {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.open--
}

type content struct{ *bytes.Reader }

func (content) Close() error { return nil }

func (d *disk) Open(id string) (io.ReadSeekCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.files[id]
	if !ok {
		return nil, store.ErrNotFound
	}
	return content{bytes.NewReader(b)}, nil
}

func (d *disk) Remove(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, id)
	return nil
}

func (d *disk) count() (files, open int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.files), d.open
}

type world struct {
	*upload.Room
	disk  *disk
	store *memory.Store
	now   time.Time
}

var (
	alice = jid.MustParse("alice@localhost")
	bob   = jid.MustParse("bob@localhost")
	ctx   = context.Background()
)

func newWorld(t *testing.T, set func(*upload.Config)) *world {
	t.Helper()
	w := &world{disk: &disk{files: map[string][]byte{}}, store: memory.New(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	cfg := upload.Config{Uploads: w.store.Uploads(), Blobs: w.disk, URL: func() string { return "https://localhost:5443/upload/" },
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)}
	if set != nil {
		set(&cfg)
	}
	var err error
	if w.Room, err = upload.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	return w
}

// slot asks for one and returns its id and token.
func (w *world) slot(t *testing.T, who jid.JID, name, kind string, size int64) (id, token string) {
	t.Helper()
	s, err := w.Slot(ctx, who, xep.Request{Filename: name, Size: size, ContentType: kind})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.Put)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(u.Path, "/")[2], u.Query().Get("token")
}

func (w *world) put(t *testing.T, who jid.JID, text string) (id string) {
	t.Helper()
	id, token := w.slot(t, who, "a.txt", "text/plain", int64(len(text)))
	if err := w.Receive(ctx, id, token, int64(len(text)), "text/plain", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSlot(t *testing.T) {
	w := newWorld(t, nil)
	s, err := w.Slot(ctx, alice, xep.Request{Filename: "../très cool.jpg", Size: 3, ContentType: "Image/JPEG; x=y"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Get, "https://localhost:5443/upload/") || !strings.HasSuffix(s.Get, "/tr%C3%A8s%20cool.jpg") || !strings.HasPrefix(s.Put, s.Get+"?token=") {
		t.Errorf("%+v", s)
	}
	again, err := w.Slot(ctx, alice, xep.Request{Filename: "x", Size: 3})
	if err != nil || again.Get == s.Get || len(strings.TrimPrefix(again.Get, "https://localhost:5443/upload/")) < 40 {
		t.Errorf("%+v, %v", again, err)
	}
}

func refusal(t *testing.T, err error) *stanza.Error {
	t.Helper()
	var e *stanza.Error
	if !errors.As(err, &e) {
		t.Fatalf("refused by %v", err)
	}
	return e
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(c *upload.Config) {
		c.MaxSize, c.Quota, c.Burst, c.Every = 100, store.UploadQuota{Bytes: 150, Files: 10}, 5, time.Minute
	})
	_, err := w.Slot(ctx, alice, xep.Request{Filename: "x", Size: 101})
	if max, ok := xep.TooLarge(refusal(t, err)); !ok || max != 100 {
		t.Errorf("too large: %v", err)
	}
	w.slot(t, alice, "x", "", 100)
	w.now = w.now.Add(time.Second)
	_, err = w.Slot(ctx, alice, xep.Request{Filename: "x", Size: 51})
	e := refusal(t, err)
	want := w.now.Add(upload.SlotLife - time.Second).Format(time.RFC3339)
	if e.Condition != "resource-constraint" || e.App.Attr("stamp") != want {
		t.Errorf("over the quota: %v, again at %q, want %q", err, e.App.Attr("stamp"), want)
	}
	w.slot(t, alice, "x", "", 50)
	w.slot(t, bob, "x", "", 100) // has his own
	for range 2 {
		if _, err := w.Slot(ctx, alice, xep.Request{Filename: "x", Size: 0}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.Slot(ctx, alice, xep.Request{Filename: "x", Size: 0})
	if e := refusal(t, err); e.Condition != "resource-constraint" || e.App.Attr("stamp") == "" {
		t.Errorf("too fast: %v", err)
	}
	w.now = w.now.Add(time.Minute)
	if _, err := w.Slot(ctx, alice, xep.Request{Filename: "x", Size: 0}); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	w = newWorld(t, func(c *upload.Config) { c.URL = func() string { return "" } })
	_, err = w.Slot(ctx, alice, xep.Request{Filename: "x", Size: 1})
	if e := refusal(t, err); e.Condition != "service-unavailable" {
		t.Errorf("without HTTPS: %v", err)
	}
}

// A slot is for one file, as it was promised, and for whoever has its token.
func TestSlotReuseAndBrokenPromises(t *testing.T) {
	w := newWorld(t, nil)
	id, token := w.slot(t, alice, "a.txt", "text/plain", 5)
	other, _ := w.slot(t, bob, "b.txt", "", 5)
	for why, c := range map[string]struct {
		id, token, kind, body string
		size                  int64
		want                  error
	}{
		"no token":             {id, "", "text/plain", "hello", 5, upload.ErrUnknown},
		"another's token":      {other, token, "text/plain", "hello", 5, upload.ErrUnknown},
		"a token that is none": {id, "x", "text/plain", "hello", 5, upload.ErrUnknown},
		"no such slot":         {strings.Repeat("a", 40), token, "text/plain", "hello", 5, upload.ErrUnknown},
		"no id":                {"../../etc/passwd", token, "text/plain", "hello", 5, upload.ErrUnknown},
		"another size":         {id, token, "text/plain", "hello!", 6, upload.ErrPromise},
		"another type":         {id, token, "text/html", "hello", 5, upload.ErrPromise},
		"no size":              {id, token, "text/plain", "hello", -1, upload.ErrPromise},
	} {
		if err := w.Receive(ctx, c.id, c.token, c.size, c.kind, strings.NewReader(c.body)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", why, err)
		}
	}
	if err := w.Receive(ctx, id, token, 5, "text/plain; charset=utf-8", strings.NewReader("hello")); err != nil {
		t.Fatalf("as promised: %v", err)
	}
	if err := w.Receive(ctx, id, token, 5, "text/plain", strings.NewReader("HELLO")); !errors.Is(err, upload.ErrUsed) {
		t.Errorf("used again: %v", err)
	}
	f, err := w.Open(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(f.Content); string(b) != "hello" || f.Name != "a.txt" {
		t.Errorf("%q %+v", b, f)
	}
	if _, err := w.Open(ctx, other); !errors.Is(err, upload.ErrUnknown) {
		t.Errorf("a slot can be read: %v", err)
	}
}

func TestWhatDoesNotComeWholeIsNotKept(t *testing.T) {
	w := newWorld(t, func(c *upload.Config) { c.Quota = store.UploadQuota{Bytes: 10, Files: 100} })
	broken := errors.New("connection reset")
	for why, c := range map[string]struct {
		body io.Reader
		full bool
		want error
	}{
		"too little":     {strings.NewReader("12345"), false, upload.ErrShort},
		"too much":       {strings.NewReader("12345678901"), false, upload.ErrPromise},
		"cut off":        {io.MultiReader(strings.NewReader("123"), failing{broken}), false, upload.ErrShort},
		"a full disk":    {strings.NewReader("1234567890"), true, upload.ErrFull},
		"nothing at all": {strings.NewReader(""), false, upload.ErrShort},
	} {
		w.disk.full = c.full
		id, token := w.slot(t, alice, "x", "", 10) // and so the quota was given back
		if err := w.Receive(ctx, id, token, 10, "", c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", why, err)
		}
		if files, open := w.disk.count(); files != 0 || open != 0 {
			t.Errorf("%s: %d files, %d drafts left", why, files, open)
		}
		if _, err := w.Open(ctx, id); !errors.Is(err, upload.ErrUnknown) {
			t.Errorf("%s: can be read: %v", why, err)
		}
	}
	w.disk.full = false
	w.put(t, alice, "0123456789")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestSweep(t *testing.T) {
	w := newWorld(t, func(c *upload.Config) { c.Keep = 24 * time.Hour })
	if err := w.store.Accounts().Create(ctx, store.Account{JID: bob, Created: w.now}); err != nil {
		t.Fatal(err)
	}
	old := w.put(t, alice, "old")
	w.slot(t, alice, "never used", "", 5)
	w.now = w.now.Add(23 * time.Hour)
	fresh, his := w.put(t, alice, "fresh"), w.put(t, bob, "his")
	w.Sweep(ctx)
	if files, _ := w.disk.count(); files != 3 {
		t.Errorf("%d files before the time", files)
	}
	w.now = w.now.Add(time.Hour)
	if _, err := w.Open(ctx, old); !errors.Is(err, upload.ErrUnknown) {
		t.Errorf("an expired file can be read: %v", err)
	}
	w.Sweep(ctx)
	if files, _ := w.disk.count(); files != 2 {
		t.Errorf("%d files, want 2", files)
	}
	if err := w.store.Accounts().Remove(ctx, bob); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Open(ctx, his); !errors.Is(err, upload.ErrUnknown) {
		t.Errorf("a file of nobody can be read: %v", err)
	}
	w.Sweep(ctx)
	if files, _ := w.disk.count(); files != 1 {
		t.Errorf("%d files after the account was removed", files)
	}
	if _, err := w.Open(ctx, fresh); err != nil {
		t.Error(err)
	}
}

func TestAtOnce(t *testing.T) {
	w := newWorld(t, func(c *upload.Config) { c.AtOnce, c.AtOnceAll = 2, 3 })
	type running struct {
		body *io.PipeWriter
		done chan error
	}
	begin := func(who jid.JID) running {
		id, token := w.slot(t, who, "x", "", 1)
		r, body := io.Pipe()
		run := running{body, make(chan error, 1)}
		go func() { run.done <- w.Receive(ctx, id, token, 1, "", r) }()
		return run
	}
	started := func(r running) { // its body is being read
		t.Helper()
		if _, err := r.body.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	a, b := begin(alice), begin(alice)
	started(a)
	started(b)
	id, token := w.slot(t, alice, "x", "", 1)
	if err := w.Receive(ctx, id, token, 1, "", strings.NewReader("x")); !errors.Is(err, upload.ErrBusy) {
		t.Errorf("a third one of the same account: %v", err)
	}
	c := begin(bob)
	started(c)
	id2, token2 := w.slot(t, bob, "x", "", 1)
	if err := w.Receive(ctx, id2, token2, 1, "", strings.NewReader("x")); !errors.Is(err, upload.ErrBusy) {
		t.Errorf("a fourth one of all: %v", err)
	}
	for _, r := range []running{a, b, c} {
		r.body.Close()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	}
	if err := w.Receive(ctx, id, token, 1, "", strings.NewReader("x")); err != nil {
		t.Errorf("whoever was told to wait lost the slot: %v", err)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add("", "", int64(0), "", []byte(nil))
	f.Add(strings.Repeat("a", 40), "t", int64(3), "text/plain", []byte("abc"))
	st := memory.New()
	d := &disk{files: map[string][]byte{}}
	room, err := upload.New(upload.Config{Uploads: st.Uploads(), Blobs: d, URL: func() string { return "https://x/" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, token string, size int64, kind string, body []byte) {
		if err := room.Receive(ctx, id, token, size, kind, bytes.NewReader(body)); err == nil {
			t.Error(fmt.Sprint("taken without a slot: ", id))
		}
		if _, err := room.Open(ctx, id); err == nil {
			t.Error("there is such a file")
		}
	})
}
