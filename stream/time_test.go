package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/linktest"
	"godwit/sasl"
	"godwit/stream"
)

// Whoever does not sign in is gone after exactly the configured time, wherever
// he stopped, and is told why.
func TestHandshakeTimeout(t *testing.T) {
	for _, said := range []string{"", header, header + "<auth xmlns='" + nsSASL + "' mechanism='SCRAM-SHA-1'>" + scramFirst + "</auth>", header + "<iq><que"} {
		synctest.Test(t, func(t *testing.T) {
			x, y := net.Pipe()
			l := bytestream.New(y, bytestream.Config{})
			heard := make(chan string)
			go func() {
				b, _ := io.ReadAll(x)
				heard <- string(b)
			}()
			go io.WriteString(x, said)
			begin := time.Now()
			sc := serverConfig(&registry{})
			sc.AllowUnencrypted = true
			_, err := stream.Accept(context.Background(), l, sc)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 30*time.Second {
				t.Errorf("after %q: %v, %v", said, err, time.Since(begin))
			}
			<-l.Done()
			if got := <-heard; !strings.Contains(got, streamError("connection-timeout")) || !strings.Contains(got, "<stream:stream ") {
				t.Errorf("after %q heard %q", said, got)
			}
			x.Close()
		})
	}
}

// A byte now and then does not buy time.
func TestHandshakeDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		l := bytestream.New(y, bytestream.Config{})
		go io.Copy(io.Discard, x)
		go func() {
			for {
				if _, err := x.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		begin := time.Now()
		_, err := stream.Accept(context.Background(), l, serverConfig(&registry{}))
		if err == nil || time.Since(begin) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		<-l.Done()
		x.Close()
		time.Sleep(2 * time.Second) // virtual: the dripping ends
	})
}

func TestShutdownDuringSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		l := bytestream.New(y, bytestream.Config{})
		heard := make(chan string)
		go func() {
			b, _ := io.ReadAll(x)
			heard <- string(b)
		}()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		if _, err := stream.Accept(ctx, l, serverConfig(&registry{})); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if got := <-heard; !strings.Contains(got, streamError("system-shutdown")) {
			t.Errorf("heard %q", got)
		}
		<-l.Done()
		x.Close()
	})
}

// The time for signing in does not end a session that was made in time.
func TestSessionOutlivesHandshakeTimeout(t *testing.T) {
	keys()
	synctest.Test(t, func(t *testing.T) {
		a, b := linktest.SecurePipe(linktest.Options{})
		e := join(t, a, b, clientConfig(), serverConfig(&registry{}))
		if e.clientErr != nil {
			t.Fatal(e.clientErr)
		}
		time.Sleep(time.Hour)
		talk(t, e)
		for _, l := range []link.Link{a, b} {
			l.Abort()
			<-l.Done()
		}
	})
}

func TestConnectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		l := bytestream.New(y, bytestream.Config{})
		go io.Copy(io.Discard, x)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		if _, _, err := stream.Connect(ctx, l, clientConfig()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		<-l.Done()
		x.Close()
	})
}

func TestAuthLimiter(t *testing.T) {
	now := time.Unix(0, 0)
	var told []error
	l := stream.NewAuthLimiter(stream.Rate{Burst: 3, Every: time.Second}, stream.Rate{Burst: 5, Every: time.Minute}, func() time.Time { return now })
	l.Failed = func(_ netip.Addr, _ jid.JID, _ sasl.Mechanism, err error) { told = append(told, err) }
	home, evil, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	wrong := errors.New("wrong")
	attempt := func(from netip.Addr, err error) bool {
		if !l.Allow(from, alice) {
			return false
		}
		l.Report(from, alice, sasl.Plain, err)
		return true
	}
	for range 100 {
		if !attempt(home, nil) {
			t.Fatal("success costs nothing")
		}
	}
	for i := range 4 {
		if ok := attempt(evil, wrong); ok != (i < 3) {
			t.Errorf("failed attempt %d from one address: %v", i, ok)
		}
	}
	if len(told) != 3 {
		t.Errorf("told about %d failures", len(told))
	}
	now = now.Add(time.Second)
	if !attempt(evil, wrong) || attempt(evil, wrong) {
		t.Error("one more after a second")
	}
	if !attempt(other, wrong) || attempt(other, wrong) {
		t.Error("the account has five")
	}
	if !attempt(home, nil) {
		t.Error("the owner is locked out by strangers")
	}
	now = now.Add(time.Minute)
	if !attempt(other, nil) {
		t.Error("a minute later the account has one more")
	}
	for range 5 { // before the account is known, only the address pays
		l.Report(evil, jid.JID{}, "", wrong)
	}
	if l.Allow(evil, jid.MustParse("bob@b.example")) {
		t.Error("malformed attempts are free")
	}
}

// Many people behind one address sign in at the same moment: none of them has an answer yet when the last one asks.
func TestAuthLimiterAtTheSameMoment(t *testing.T) {
	now := time.Unix(0, 0)
	l := stream.NewAuthLimiter(stream.Rate{}, stream.Rate{}, func() time.Time { return now })
	office := netip.MustParseAddr("127.0.0.1")
	who := func(i int) jid.JID { return jid.MustParse(fmt.Sprintf("u%d@b.example", i)) }
	for i := range 2000 {
		if !l.Allow(office, who(i)) {
			t.Fatalf("number %d was refused", i)
		}
	}
	for i := range 2000 {
		l.Report(office, who(i), sasl.ScramSHA256, nil)
	}
	if !l.Allow(office, alice) {
		t.Error("success costs the address something")
	}
}

// As many guesses at the same moment put the address into debt, for a bounded time, and leave those alone that signed in from it before.
func TestAuthLimiterDebt(t *testing.T) {
	now := time.Unix(0, 0)
	l := stream.NewAuthLimiter(stream.Rate{Burst: 2, Every: time.Second}, stream.Rate{}, func() time.Time { return now })
	evil := netip.MustParseAddr("192.0.2.2")
	bob, wrong := jid.MustParse("bob@b.example"), &sasl.Error{Condition: sasl.NotAuthorized}
	l.Allow(evil, bob)
	l.Report(evil, bob, sasl.Plain, nil)
	guess := func(i int) jid.JID { return jid.MustParse(fmt.Sprintf("u%d@b.example", i)) }
	for i := range 5000 {
		l.Allow(evil, guess(i))
	}
	for i := range 5000 {
		l.Report(evil, guess(i), sasl.Plain, wrong)
	}
	if l.Allow(evil, alice) {
		t.Error("thousands of guesses cost nothing")
	}
	if !l.Allow(evil, bob) {
		t.Error("a neighbour who signed in before is locked out")
	}
	now = now.Add(5 * time.Minute)
	if l.Allow(evil, alice) {
		t.Error("five minutes are enough for thousands of guesses")
	}
	now = now.Add(time.Hour)
	if !l.Allow(evil, alice) {
		t.Error("the debt is not bounded")
	}
}

// A neighbour's bucket holds too: a password can not be guessed without bound from where its owner once signed in.
func TestAuthLimiterTrustIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := stream.NewAuthLimiter(stream.Rate{}, stream.Rate{Burst: 3, Every: time.Minute}, func() time.Time { return now })
	home := netip.MustParseAddr("192.0.2.1")
	l.Allow(home, alice)
	l.Report(home, alice, sasl.Plain, nil)
	n := 0
	for range 100 {
		if l.Allow(home, alice) {
			n++
			l.Report(home, alice, sasl.Plain, &sasl.Error{Condition: sasl.NotAuthorized})
		}
	}
	if n != 3 {
		t.Errorf("%d guesses, want 3", n)
	}
}

func TestAuthLimiterOwnFaults(t *testing.T) {
	now := time.Unix(0, 0)
	for _, tt := range []struct {
		why string
		err error
	}{
		{"the database failed", &sasl.Error{Condition: sasl.TemporaryAuthFailure, Cause: errors.New("disk")}},
		{"the limiter itself refused it", &sasl.Error{Condition: sasl.TemporaryAuthFailure, Cause: stream.ErrTooOften}},
		{"a client knows only old channel bindings", &sasl.Error{Condition: sasl.NotAuthorized, Cause: sasl.ErrBindingType}},
	} {
		l := stream.NewAuthLimiter(stream.Rate{Burst: 2, Every: time.Hour}, stream.Rate{Burst: 200, Every: time.Hour}, func() time.Time { return now })
		home := netip.MustParseAddr("192.0.2.1")
		for range 100 {
			if !l.Allow(home, alice) {
				t.Errorf("%s: it is counted as a guess", tt.why)
				break
			}
			l.Report(home, alice, sasl.ScramSHA256Plus, tt.err)
		}
	}
}

func TestAuthLimiterIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := stream.NewAuthLimiter(stream.Rate{}, stream.Rate{}, func() time.Time { return now })
	for i := range 3 * stream.MaxBuckets {
		a := netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		who := jid.MustParse(fmt.Sprintf("u%d@b.example", i))
		l.Allow(a, who)
		l.Report(a, who, sasl.Plain, map[bool]error{true: errors.New("wrong")}[i%2 == 0])
		now = now.Add(time.Microsecond)
	}
	if n := l.Len(); n > stream.MaxBuckets {
		t.Errorf("%d are remembered", n)
	}
}

func TestAddressRate(t *testing.T) {
	now := time.Unix(0, 0)
	l := stream.NewAddressRate(stream.Rate{Burst: 2, Every: time.Minute}, func() time.Time { return now })
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if !l.Take(a) || !l.Take(b) || l.Take(a) {
		t.Error("two for one network, not more")
	}
	if !l.Take(netip.MustParseAddr("2001:db8:1::1")) {
		t.Error("another network has its own")
	}
	if now = now.Add(time.Minute); !l.Take(b) || l.Take(b) {
		t.Error("one more after a minute")
	}
}

// The limiter sits in front of the database.
func TestGuardRefuses(t *testing.T) {
	sc := serverConfig(&registry{})
	sc.Guard = stream.NewAuthLimiter(stream.Rate{Burst: 1, Every: time.Hour}, stream.Rate{}, time.Now)
	sc.MaxAuthAttempts = 10
	k := talkTo(t, stHeader, func(c *stream.ServerConfig) { reg := c.Binder; *c = *sc; c.Binder = reg })
	bad := strings.Replace(auth1, plainAlice, "AGFsaWNlAHdyb25n", 1)
	if !k.say(bad, failure("not-authorized")) || !k.say(auth1, failure("temporary-auth-failure")) {
		t.Error(k.heard())
	}
}
