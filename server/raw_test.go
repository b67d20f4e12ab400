package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/jid"
	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/linktest"
	"godwit/sasl"
	"godwit/server"
	"godwit/store"
	"godwit/store/memory"
	"godwit/xep/version"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "pencil"

var keys = sync.OnceValue(func() map[store.Hash]store.Credentials {
	all := make(map[store.Hash]store.Credentials)
	for _, h := range sasl.Hashes() {
		c, err := sasl.Derive(h, password, []byte("salt"), sasl.MinIterations)
		if err != nil {
			panic(err)
		}
		all[store.Hash(h)] = store.Credentials(c)
	}
	return all
})

// defects collects what the server logs as errors: there must be none, whatever clients send.
type defects struct {
	mu   sync.Mutex
	text strings.Builder
}

func (d *defects) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *defects) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

type world struct {
	*server.Server
	store *memory.Store
	log   *defects
}

// newWorld starts a server on a store in memory with the accounts named.
func newWorld(t testing.TB, set func(*server.Config), accounts ...string) *world {
	w := &world{store: memory.New(), log: &defects{}}
	cfg := server.Config{
		Domain: jid.MustParse("localhost"), Program: version.Version{Name: "test"}, AllowPlain: true,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelError})),
		Store: server.Store{
			Accounts: w.store.Accounts(), Rosters: w.store.Roster(), Archive: w.store.Archive(), Inbox: w.store.Inbox(),
			LastSeen: w.store.LastSeen(), Blocklist: w.store.Blocklist(), PubSub: w.store.PubSub(), Secrets: w.store.Secrets(), Grants: w.store.Grants(), Invitations: w.store.Invitations(), Uploads: w.store.Uploads(), Commits: w.store,
		},
	}
	if set != nil {
		set(&cfg)
	}
	var err error
	if w.Server, err = server.New(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, name := range accounts {
		w.create(t, name)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Error("the server does not stop: ", err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
		if bad := w.log.String(); bad != "" {
			t.Errorf("the server logged errors:\n%s", bad)
		}
	})
	return w
}

func (w *world) create(t testing.TB, name string) {
	t.Helper()
	a := store.Account{JID: jid.MustParse(name + "@localhost"), Credentials: keys(), Created: time.Now()}
	if err := w.store.Accounts().Create(context.Background(), a); err != nil {
		t.Fatal(err)
	}
}

// remove deletes an account and all it left.
func (w *world) remove(t testing.TB, name string) {
	t.Helper()
	j := jid.MustParse(name + "@localhost")
	if err := w.store.Accounts().Remove(context.Background(), j); err != nil {
		t.Fatal(err)
	}
	w.AccountRemoved(j)
}

// raw is a client that is nothing but bytes.
type raw struct {
	net.Conn
	buf  []byte        // read and not asked for
	gone chan struct{} // the server is done with the connection
	jid  string
}

func (w *world) dial() *raw {
	ours, theirs := net.Pipe()
	cfg := linktest.Options{}.Config()
	cfg.Limits = nil
	l := &linktest.Secured{Link: bytestream.New(theirs, cfg), Info: link.TLSInfo{Version: "TLS 1.3"}}
	r := &raw{Conn: ours, gone: make(chan struct{})}
	go func() {
		defer close(r.gone)
		w.Serve(l)
		<-l.Done()
	}()
	return r
}

func (r *raw) say(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(r, text); err != nil {
		t.Fatalf("%q could not be said: %v", text, err)
	}
}

// until reads up to a marker, and returns what was read with it.
func (r *raw) until(t testing.TB, marker string) string {
	t.Helper()
	for {
		if i := bytes.Index(r.buf, []byte(marker)); i >= 0 {
			i += len(marker)
			text := string(r.buf[:i])
			r.buf = append([]byte(nil), r.buf[i:]...)
			return text
		}
		var chunk [4096]byte
		n, err := r.Read(chunk[:])
		r.buf = append(r.buf, chunk[:n]...)
		if err != nil && !bytes.Contains(r.buf, []byte(marker)) {
			t.Fatalf("%q did not come but %v, after %q", marker, err, r.buf)
		}
	}
}

const header = `<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`

func (r *raw) authenticate(t testing.TB, user string) {
	t.Helper()
	r.say(t, header)
	r.until(t, "</stream:features>")
	r.say(t, `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>`+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))+`</auth>`)
	r.until(t, "<success")
	r.until(t, ">")
	r.say(t, header)
	r.until(t, "</stream:features>")
}

// connect signs in and binds.
func (w *world) connect(t testing.TB, user, resource string) *raw {
	t.Helper()
	r := w.dial()
	r.authenticate(t, user)
	if resource != "" {
		resource = "<resource>" + resource + "</resource>"
	}
	r.say(t, `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>`+resource+`</bind></iq>`)
	text := r.until(t, "</iq>")
	_, text, _ = strings.Cut(text, "<jid>")
	r.jid, _, _ = strings.Cut(text, "</jid>")
	return r
}

// ping waits until the server has dealt with everything said before, and returns what came until then.
func (r *raw) ping(t testing.TB, id string) string {
	t.Helper()
	r.say(t, `<iq type='get' to='localhost' id='`+id+`'><ping xmlns='urn:xmpp:ping'/></iq>`)
	text := r.until(t, `id='`+id+`'`)
	return text + r.until(t, ">")
}

// cut ends the connection and waits for the server to notice.
func (r *raw) cut() {
	r.Close()
	<-r.gone
}

// waitStored waits until so many messages have been stored.
func (w *world) waitStored(t testing.TB, n int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.Pipeline.Counters.Stored.Load() < n {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("too little was stored")
		}
	}
}

var mustParse = jid.MustParse
