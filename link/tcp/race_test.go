package tcp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"godwit/link"
)

// internet is a network of scripted hosts: what happens to whoever connects to
// an address. What is not in it never answers.
type internet struct {
	cert  tls.Certificate
	hosts map[string]host

	mu    sync.Mutex
	asked []string // when, and whom
	begun time.Time
	ends  []net.Conn
}

type host struct {
	after   time.Duration
	refuses bool
	tls     []string // protocols of a TLS server; nil takes the connection and says nothing
}

func (i *internet) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	i.mu.Lock()
	i.asked = append(i.asked, fmt.Sprintf("%v %s", time.Since(i.begun), address))
	i.mu.Unlock()
	h, ok := i.hosts[address]
	wait := h.after
	if !ok {
		wait = time.Hour
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(wait):
	}
	if h.refuses {
		return nil, errors.New("refused for the test")
	}
	x, y := net.Pipe()
	i.mu.Lock()
	i.ends = append(i.ends, y)
	i.mu.Unlock()
	if h.tls != nil {
		go tls.Server(y, &tls.Config{Certificates: []tls.Certificate{i.cert}, NextProtos: h.tls}).Handshake()
	}
	return x, nil
}

func (i *internet) close() {
	for _, c := range i.ends {
		c.Close()
	}
}

func selfSigned(t testing.TB, domain string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{domain}, NotAfter: time.Now().AddDate(100, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestRace(t *testing.T) {
	cert := selfSigned(t, "b.example")
	xmpp, web := []string{"xmpp-client"}, []string{"h2", "http/1.1"}
	const plain, direct = "_xmpp-client._tcp.b.example", "_xmpps-client._tcp.b.example"
	two := zone{plain: {srv("one", 1, 1, 0), srv("two", 2, 2, 0)}}
	for _, tt := range []struct {
		why   string
		zone  zone
		mode  Mode
		hosts map[string]host
		kind  link.Kind // of the link; none is an error
		took  time.Duration
		asked string
	}{
		{"the first answers, and no other is asked", nil, Any, map[string]host{"b.example:5222": {after: 900 * time.Millisecond}},
			link.TCP, 900 * time.Millisecond, "0s b.example:5222"},
		{"one that refuses keeps nobody waiting", nil, Any, map[string]host{"b.example:5222": {refuses: true}, "b.example:5223": {tls: xmpp}},
			link.TLS, 0, "0s b.example:5222, 0s b.example:5223"},
		{"a network that drops all but 443", nil, Any, map[string]host{"b.example:443": {after: 100 * time.Millisecond, tls: xmpp}},
			link.TLS, 2100 * time.Millisecond, "0s b.example:5222, 1s b.example:5223, 2s b.example:443"},
		{"a network that refuses all but 443", nil, Any,
			map[string]host{"b.example:5222": {refuses: true}, "b.example:5223": {refuses: true}, "b.example:443": {tls: xmpp}},
			link.TLS, 0, "0s b.example:5222, 0s b.example:5223, 0s b.example:443"},
		{"443 does not wait for a long list", zone{plain: {srv("one", 1, 1, 0), srv("two", 2, 2, 0), srv("three", 3, 3, 0), srv("four", 4, 4, 0)}}, Any,
			map[string]host{"one:443": {after: 50 * time.Millisecond, tls: xmpp}}, link.TLS, 2050 * time.Millisecond,
			"0s one:1, 1s two:2, 2s three:3, 2s one:443"},
		{"DNS says first, and whoever is late may still win", two, Any, map[string]host{"one:1": {after: 2500 * time.Millisecond}},
			link.TCP, 2500 * time.Millisecond, "0s one:1, 1s two:2, 2s one:443, 2s two:443"},
		{"a web server is no XMPP server", nil, Any, map[string]host{"b.example:5222": {refuses: true}, "b.example:5223": {refuses: true}, "b.example:443": {tls: web}},
			"", 0, "0s b.example:5222, 0s b.example:5223, 0s b.example:443"},
		{"nor is one that knows no ALPN", nil, Any, map[string]host{"b.example:5222": {refuses: true}, "b.example:5223": {refuses: true}, "b.example:443": {tls: []string{}}},
			"", 0, "0s b.example:5222, 0s b.example:5223, 0s b.example:443"},
		{"but where DNS sends us ALPN is not asked for", zone{direct: {srv("d", 443, 0, 0)}}, Any, map[string]host{"d:443": {tls: []string{}}},
			link.TLS, 0, "0s d:443"},
		{"STARTTLS only: 443 is not tried", nil, StartTLS, map[string]host{"b.example:443": {tls: xmpp}}, "", 10 * time.Second, "0s b.example:5222"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := &internet{cert: cert, hosts: tt.hosts, begun: time.Now()}
				defer net.close()
				pool := x509.NewCertPool()
				pool.AddCert(cert.Leaf)
				d := Dialer{TLS: &tls.Config{RootCAs: pool}, Resolver: tt.zone, Mode: tt.mode, DialContext: net.DialContext}
				l, err := d.Dial(t.Context(), "b.example")
				if took := time.Since(net.begun); took != tt.took {
					t.Errorf("it took %v, not %v", took, tt.took)
				}
				switch {
				case (err != nil) != (tt.kind == ""):
					t.Error(err)
				case err == nil:
					if l.Kind() != tt.kind {
						t.Errorf("%v, not %v", l.Kind(), tt.kind)
					}
					l.Abort()
					<-l.Done()
				}
				sameTurns(t, net.asked, tt.asked)
			})
		})
	}
}

// sameTurns compares who was asked when; those of one instant in any order.
func sameTurns(t *testing.T, got []string, want string) {
	t.Helper()
	for _, w := range strings.Split(want, ", ") {
		if !strings.Contains(strings.Join(got, ", ")+",", w+",") {
			t.Errorf("%s is missing in %q", w, got)
		}
	}
	if n := strings.Count(want, ", ") + 1; len(got) != n {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// What each said is told when none could be reached.
func TestDialTellsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &internet{hosts: map[string]host{"dead:1": {refuses: true}}, begun: time.Now()}
		d := Dialer{Resolver: zone{"_xmpp-client._tcp.b.example": {srv("dead", 1, 1, 0), srv("slow", 2, 2, 0)}}, Mode: StartTLS, DialContext: net.DialContext}
		_, err := d.Dial(t.Context(), "b.example")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "dead:1: refused for the test") || !strings.Contains(err.Error(), "slow:2") {
			t.Error(err)
		}
		for _, domain := range []string{"", "a b", "-x.example", string(make([]byte, 300))} {
			if _, err := d.Dial(t.Context(), domain); err == nil {
				t.Errorf("domain %q was dialled", domain)
			}
		}
	})
}

// Giving up ends all attempts at once.
func TestDialIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &internet{begun: time.Now()}
		d := Dialer{Resolver: zone{}, DialContext: net.DialContext}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := d.Dial(ctx, "b.example")
		if took := time.Since(net.begun); !errors.Is(err, context.DeadlineExceeded) || took != 1500*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// What helped the last time has its turn sooner.
func TestDialRemembers(t *testing.T) {
	cert := selfSigned(t, "b.example")
	xmpp := []string{"xmpp-client"}
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	dial := func(t *testing.T, d *Dialer, n *internet) (link.Kind, time.Duration) {
		begun := time.Now()
		l, err := d.Dial(t.Context(), "b.example")
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		l.Abort()
		<-l.Done()
		return l.Kind(), took
	}
	t.Run("443", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := &internet{cert: cert, begun: time.Now(), hosts: map[string]host{"b.example:443": {tls: xmpp}}}
			defer n.close()
			d := &Dialer{TLS: &tls.Config{RootCAs: pool}, Resolver: zone{}, DialContext: n.DialContext}
			for i, want := range []time.Duration{2 * time.Second, 250 * time.Millisecond, 250 * time.Millisecond} {
				if _, took := dial(t, d, n); took != want {
					t.Errorf("dial %d took %v, not %v", i+1, took, want)
				}
			}
			n.hosts["b.example:5222"] = host{} // and the ordinary way is taken again as soon as there is one
			if kind, took := dial(t, d, n); kind != link.TCP || took != 0 {
				t.Errorf("%v after %v", kind, took)
			}
		})
	})
	t.Run("a port that only seems to be open", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := &internet{cert: cert, begun: time.Now(), hosts: map[string]host{"b.example:5222": {}, "b.example:443": {after: 300 * time.Millisecond, tls: xmpp}}}
			defer n.close()
			d := &Dialer{TLS: &tls.Config{RootCAs: pool}, Resolver: zone{}, DialContext: n.DialContext}
			if kind, took := dial(t, d, n); kind != link.TCP || took != 0 {
				t.Errorf("first: %v after %v", kind, took)
			}
			if kind, took := dial(t, d, n); kind != link.TLS || took != 300*time.Millisecond {
				t.Errorf("then: %v after %v", kind, took)
			}
		})
	})
}
