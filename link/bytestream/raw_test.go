package bytestream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/linktest"
	"godwit/xmlstream"
)

const clientHeader = "<stream:stream to='b.example' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

// raw gives a link and the bare other end of its transport.
func raw(t testing.TB, o linktest.Options) (net.Conn, *bytestream.Link) {
	x, y := net.Pipe()
	l := bytestream.New(y, o.Config())
	t.Cleanup(func() {
		x.Close()
		l.Abort()
		<-l.Done()
	})
	return x, l
}

func TestDripFeed(t *testing.T) {
	conn, l := raw(t, linktest.Options{})
	const text = clientHeader + " <message><body>äöü</body></message>\n<presence/></stream:stream>"
	go func() {
		for i := range len(text) {
			conn.Write([]byte{text[i]})
		}
	}()
	want := []link.FrameKind{link.Open, link.Element, link.Element, link.Close}
	for i, k := range want {
		f, err := l.Read()
		if err != nil || f.Kind != k {
			t.Fatalf("frame %d is %v, %v instead of %v", i, f.Kind, err, k)
		}
	}
	if _, err := l.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestHeaderIsChecked(t *testing.T) {
	tests := []struct{ name, input, condition string }{
		{"another namespace of the root", "<stream xmlns='jabber:client'>", "invalid-namespace"},
		{"another root element", "<stream:flood xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", "bad-format"},
		{"no content namespace", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", "invalid-namespace"},
		{"the content namespace of servers", "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>", "invalid-namespace"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", ""},
		{"a TLS handshake on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""},
		{"a DTD", "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]>" + clientHeader, "restricted-xml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, l := raw(t, linktest.Options{})
			go conn.Write([]byte(tt.input))
			_, err := l.Read()
			var bad *xmlstream.Error
			if !errors.As(err, &bad) || (tt.condition != "" && bad.Condition != tt.condition) {
				t.Errorf("read: %v, want condition %q", err, tt.condition)
			}
		})
	}
}

func TestEndWithoutClose(t *testing.T) {
	for _, sent := range []string{"", clientHeader, clientHeader + "<message><bo", clientHeader + "<message/>"} {
		conn, l := raw(t, linktest.Options{})
		go func() {
			conn.Write([]byte(sent))
			conn.Close()
		}()
		var err error
		for err == nil {
			_, err = l.Read()
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", len(sent), err)
		}
	}
}

// What follows the element that announces a new layer was put there by somebody
// else, or by a client that does not wait as it must.
func TestInjection(t *testing.T) {
	for _, op := range []string{"restart", "upgrade"} {
		for _, extra := range []string{"<iq/>", "<", "\x16\x03"} {
			t.Run(fmt.Sprintf("%s %q", op, extra), func(t *testing.T) {
				conn, l := raw(t, linktest.Options{})
				go conn.Write([]byte(clientHeader + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + extra))
				for range 2 {
					if _, err := l.Read(); err != nil {
						t.Fatal(err)
					}
				}
				var err error
				if op == "restart" {
					err = l.Restart()
				} else {
					err = l.Upgrade(context.Background(), []byte("<proceed/>"), func(rwc io.ReadWriteCloser) (io.ReadWriteCloser, error) {
						t.Error("the transport was replaced")
						return rwc, nil
					})
				}
				if !errors.Is(err, link.ErrInjected) {
					t.Errorf("got %v", err)
				}
				if _, err := l.Read(); !errors.Is(err, link.ErrInjected) {
					t.Errorf("the link reads on: %v", err)
				}
				if b, _ := io.ReadAll(conn); len(b) > 0 {
					t.Errorf("it still said %q", b)
				}
			})
		}
	}
}

func TestUpgradeReplacesTheTransport(t *testing.T) {
	conn, l := raw(t, linktest.Options{})
	newConn, newSide := net.Pipe()
	go func() {
		io.WriteString(conn, clientHeader+"<starttls/>")
		io.ReadFull(conn, make([]byte, len("<proceed/>")))
		io.WriteString(newConn, clientHeader+"<message/>")
	}()
	for range 2 {
		if _, err := l.Read(); err != nil {
			t.Fatal(err)
		}
	}
	err := l.Upgrade(context.Background(), []byte("<proceed/>"), func(old io.ReadWriteCloser) (io.ReadWriteCloser, error) {
		return newSide, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []link.FrameKind{link.Open, link.Element} {
		if f, err := l.Read(); err != nil || f.Kind != want {
			t.Fatalf("read %v, %v instead of %v", f.Kind, err, want)
		}
	}
	go l.Send([]byte("<presence/>"))
	b := make([]byte, 11)
	if _, err := io.ReadFull(newConn, b); err != nil || string(b) != "<presence/>" {
		t.Errorf("the new transport carries %q, %v", b, err)
	}
}

// A handshake that hangs is ended by Close and by the context.
func TestUpgradeCanBeEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, how := range []string{"close", "context"} {
			x, y := net.Pipe()
			l := bytestream.New(y, linktest.Options{}.Config())
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if how == "close" {
				time.AfterFunc(time.Second, func() { l.Close([]byte("<never/>")) })
			}
			err := l.Upgrade(ctx, nil, func(old io.ReadWriteCloser) (io.ReadWriteCloser, error) {
				_, err := old.Read(make([]byte, 1)) // the peer says nothing
				return nil, err
			})
			want := map[string]error{"close": link.ErrClosed, "context": context.DeadlineExceeded}[how]
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", how, err)
			}
			<-l.Done()
			if b, _ := io.ReadAll(x); len(b) > 0 {
				t.Errorf("%s: %q was said in the middle of a handshake", how, b)
			}
		}
	})
}

// A peer whose transport accepts nothing is given up after WriteTimeout exactly.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		defer x.Close()
		l := bytestream.New(y, linktest.Options{WriteTimeout: 30 * time.Second}.Config())
		begin := time.Now()
		l.Send([]byte("<presence/>"))
		_, err := l.Read()
		if !errors.Is(err, link.ErrWriteTimeout) || time.Since(begin) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		<-l.Done()
	})
}

// What is queued while a write is under way goes out together.
func TestBatching(t *testing.T) {
	x, y := net.Pipe()
	rec := &recorder{Conn: y}
	l := bytestream.New(rec, linktest.Options{}.Config())
	l.Send([]byte("<first/>"))
	one := make([]byte, 1)
	if _, err := io.ReadFull(x, one); err != nil { // the write of <first/> is under way
		t.Fatal(err)
	}
	for range 100 {
		l.Send([]byte("<presence/>"))
	}
	rest := make([]byte, len("<first/>")-1+100*len("<presence/>"))
	if _, err := io.ReadFull(x, rest); err != nil {
		t.Fatal(err)
	}
	l.Abort()
	<-l.Done()
	x.Close()
	if rec.writes != 2 {
		t.Errorf("%d writes for 101 elements", rec.writes)
	}
}

type recorder struct {
	net.Conn
	writes int
}

func (r *recorder) Write(b []byte) (int, error) {
	r.writes++
	return r.Conn.Write(b)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(clientHeader + "<message/></stream:stream>"))
	f.Add([]byte("<?xml version='1.0'?><stream:stream"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, y := net.Pipe()
		l := bytestream.New(y, bytestream.Config{})
		go func() {
			x.Write(data)
			x.Close()
		}()
		for {
			fr, err := l.Read()
			if err != nil {
				break
			}
			if fr.Kind == link.Element && len(fr.Element.Inner) > 10<<10 {
				t.Error("an element beyond the limit")
			}
		}
		l.Abort()
		<-l.Done()
		x.Close()
	})
}

// BenchmarkIdleLink reports what one link costs that waits for its peer.
func BenchmarkIdleLink(b *testing.B) {
	const n = 2000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		links := make([]*bytestream.Link, n)
		peers := make([]net.Conn, n)
		for i := range links {
			x, y := net.Pipe()
			links[i], peers[i] = bytestream.New(y, bytestream.Config{}), x
			go io.Copy(io.Discard, x)
			go x.Write([]byte(clientHeader + "<presence/>"))
			links[i].Read()
			links[i].Read()
			links[i].Send([]byte("<presence/>"))
		}
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/link-and-pipe")
		for i := range links {
			links[i].Abort()
			peers[i].Close()
			<-links[i].Done()
		}
	}
}

// discard is a transport that takes everything.
type discard struct{ io.Reader }

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

func (discard) SetWriteDeadline(time.Time) error { return nil }

func BenchmarkSend(b *testing.B) {
	block, _ := io.Pipe()
	l := bytestream.New(discard{block}, bytestream.Config{MaxQueued: 64 << 20})
	msg := []byte("<message><body>" + strings.Repeat("x", 300) + "</body></message>")
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		for l.Queued() > 32<<20 {
			runtime.Gosched()
		}
		if err := l.Send(msg); err != nil {
			b.Fatal(err)
		}
	}
	l.Abort()
}

// A reader that notices the end while the last words are being flushed must not
// cut them off.
func TestReadDoesNotDisturbClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{read: make(chan struct{}), write: make(chan struct{}), closed: make(chan struct{})}
		l := bytestream.New(s, linktest.Options{}.Config())
		failed := make(chan error)
		go func() {
			_, err := l.Read()
			failed <- err
		}()
		synctest.Wait() // the reader waits for the transport
		l.Close([]byte("<last/>"))
		synctest.Wait() // the flusher too
		close(s.read)
		if err := <-failed; !errors.Is(err, link.ErrClosed) {
			t.Errorf("read: %v", err)
		}
		synctest.Wait()
		select {
		case <-s.closed:
			t.Error("closed before the last words were out")
		default:
		}
		close(s.write)
		<-l.Done()
	})
}

// slow is a transport on which things happen when a test says so.
type slow struct {
	read, write, closed chan struct{}
	said                atomic.Bool
}

func (s *slow) Read(p []byte) (int, error) {
	select {
	case <-s.read:
	case <-s.closed:
		return 0, io.EOF
	}
	if s.said.Swap(true) { // once
		<-s.closed
		return 0, io.EOF
	}
	p[0] = ' '
	return 1, nil
}

func (s *slow) Write(b []byte) (int, error) {
	<-s.write
	return len(b), nil
}

func (s *slow) Close() error {
	close(s.closed)
	return nil
}
