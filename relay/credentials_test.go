package relay

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func testKeys(t testing.TB, secret string) *keys {
	t.Helper()
	k, err := newKeys([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCredentialsComeBack(t *testing.T) {
	k := testKeys(t, "0123456789abcdef")
	expires := time.Unix(1_900_000_000, 0)
	long := strings.Repeat("a", 2000) + "@example.org"
	for _, account := range []string{"", "alice@example.org", "阿丽思@例子", strings.Repeat("x", maxSealed), long} {
		name := k.username(account, expires)
		if len(name) > maxUsername {
			t.Errorf("%d bytes of user name", len(name))
		}
		if len(account) > 4 && strings.Contains(name, account[:4]) {
			t.Errorf("the network can read the account in %q", name)
		}
		got, until, ok := k.open(name)
		if !ok || got != nameOf(account) || !until.Equal(expires) {
			t.Errorf("%q came back as %q, %v, %v", account, got, until, ok)
		}
		if _, _, ok := testKeys(t, "another secret of 16").open(name); ok {
			t.Errorf("%q: another server took it", account)
		}
		if k.secretOf(name) == testKeys(t, "another secret of 16").secretOf(name) {
			t.Error("another server knows the password")
		}
		for i := range name {
			changed := []byte(name)
			changed[i] ^= 1
			if _, _, ok := k.open(string(changed)); ok {
				t.Fatalf("%q with byte %d changed was taken", name, i)
			}
		}
	}
	if nameOf(long) == nameOf(long+"x") {
		t.Error("long accounts share a quota")
	}
	a, b := k.username("alice", expires), k.username("alice", expires.Add(time.Second))
	if strings.Contains(b, strings.TrimPrefix(a, "1900000000:")[:8]) {
		t.Error("two names show that they are of one user")
	}
}

func FuzzOpen(f *testing.F) {
	k := testKeys(f, "0123456789abcdef")
	f.Add(k.username("alice@example.org", time.Unix(1_900_000_000, 0)))
	f.Add("1900000000:")
	f.Add(":")
	f.Add("9999999999999999999:AAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, name string) {
		if account, expires, ok := k.open(name); ok && k.username(account, expires) != name {
			t.Fatalf("%q was taken, and is not what we make", name)
		}
	})
}

func TestNonces(t *testing.T) {
	n := newNonces()
	at, now := netip.MustParseAddrPort("192.0.2.1:4000"), time.Unix(1_900_000_000, 0)
	nonce := n.issue(at, now)
	tests := []struct {
		why   string
		nonce string
		from  string
		after time.Duration
		want  bool
	}{
		{"at once", nonce, "192.0.2.1:4000", 0, true},
		{"within the hour", nonce, "192.0.2.1:4000", 59 * time.Minute, true},
		{"later", nonce, "192.0.2.1:4000", 62 * time.Minute, false},
		{"before it was made", nonce, "192.0.2.1:4000", -2 * time.Minute, false},
		{"from another port", nonce, "192.0.2.1:4001", 0, false},
		{"from another address", nonce, "192.0.2.2:4000", 0, false},
		{"in the mapped form of the same", nonce, "[::ffff:192.0.2.1]:4000", 0, true},
		{"cut", nonce[1:], "192.0.2.1:4000", 0, false},
		{"nothing", "", "192.0.2.1:4000", 0, false},
		{"another server's", newNonces().issue(at, now), "192.0.2.1:4000", 0, false},
	}
	for _, test := range tests {
		if got := n.valid(test.nonce, netip.MustParseAddrPort(test.from), now.Add(test.after)); got != test.want {
			t.Errorf("%s: %v", test.why, got)
		}
	}
}

// TestUnpredictable looks at what an attacker would like to guess: nonces and
// the ports of relayed addresses (no two alike, no pattern a histogram shows).
func TestUnpredictable(t *testing.T) {
	n, now := newNonces(), time.Now()
	seen := map[string]bool{}
	var bits [8 * nonceSeal]int
	const samples = 4000
	for i := range samples {
		nonce := n.issue(netip.AddrPortFrom(client4.Addr(), uint16(i)), now)
		if seen[nonce] {
			t.Fatal("two clients got one nonce")
		}
		seen[nonce] = true
		raw := decoded(t, nonce)[nonceStamp:]
		for bit := range bits {
			bits[bit] += int(raw[bit/8] >> (bit % 8) & 1)
		}
	}
	for bit, ones := range bits {
		if ones < samples/2-samples/10 || ones > samples/2+samples/10 {
			t.Errorf("bit %d of nonces is set %d times of %d", bit, ones, samples)
		}
	}
	var buckets [16]int
	steps := map[int]int{}
	last := 0
	for range samples {
		port := randomBelow(16384)
		buckets[port/1024]++
		steps[port-last]++
		last = port
	}
	for i, count := range buckets {
		if count < samples/16/2 || count > samples/16*2 {
			t.Errorf("%d ports of %d in sixteenth %d", count, samples, i)
		}
	}
	for step, count := range steps {
		if count > 20 {
			t.Errorf("the step %d occurred %d times", step, count)
		}
	}
}

func TestCredentialsAreChecked(t *testing.T) {
	config := turnConfig()
	config.CredentialLifetime = time.Hour
	server, udp, _ := serve(t, config, "127.0.0.1")
	foreign := New(Config{Secret: []byte("another secret of another server"), Realm: "godwit"})
	now := time.Now()
	tests := []struct {
		why    string
		make   func() (string, string)
		code   int
		reason Reason
	}{
		{"ours", func() (string, string) { u, p, _ := server.Credentials("alice", now); return u, p }, 0, 0},
		{"of a minute ago", func() (string, string) { u, p, _ := server.Credentials("alice", now.Add(-time.Minute)); return u, p }, 0, 0},
		{"expired", func() (string, string) { u, p, _ := server.Credentials("alice", now.Add(-time.Hour)); return u, p }, 401, ReasonExpired},
		{"foreign", func() (string, string) { u, p, _ := foreign.Credentials("alice", now); return u, p }, 401, ReasonCredentials},
		{"a wrong password", func() (string, string) { u, _, _ := server.Credentials("alice", now); return u, "secret" }, 401, ReasonCredentials},
		{"somebody else's password", func() (string, string) {
			u, _, _ := server.Credentials("alice", now)
			_, p, _ := server.Credentials("mallory", now)
			return u, p
		}, 401, ReasonCredentials},
		{"a name in the clear", func() (string, string) { return "1900000000:alice", "secret" }, 401, ReasonCredentials},
		{"an expiry put off", func() (string, string) {
			u, p, _ := server.Credentials("alice", now.Add(-2*time.Hour))
			return "9" + u[1:], p
		}, 401, ReasonCredentials},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			r := server.testRaw(t, "udp", udp.String(), "").greet()
			r.username, r.password = test.make()
			before := server.Stats().Refusals[test.reason]
			if got := codeOf(r.exchange(r.signed(stun.MethodAllocate, udpTransport))); got != test.code {
				t.Errorf("%d, want %d", got, test.code)
			}
			if test.reason != 0 && server.Stats().Refusals[test.reason] != before+1 {
				t.Errorf("counted as %v", server.Stats().Refusals)
			}
		})
	}
}

func TestExpiredCredentialsKeepAnAllocation(t *testing.T) {
	config := turnConfig()
	config.CredentialLifetime = 4 * time.Second
	server, udp, _ := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	start := time.Now()
	var expires time.Time
	// Made so that little is left of them.
	r.username, r.password, expires = server.Credentials("alice", start.Add(-2*time.Second))
	r.allocate()
	for time.Now().Before(expires) {
		time.Sleep(10 * time.Millisecond) // the clock is what is waited for
	}
	if code, _ := r.request(stun.MethodRefresh); code != 0 {
		t.Errorf("keeping: %d", code)
	}
	if got := codeOf(r.exchange(r.signed(stun.MethodAllocate, udpTransport))); got != 401 {
		t.Errorf("allocating anew: %d", got)
	}
}

func TestRevoke(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	alice := server.testRaw(t, "udp", udp.String(), "alice").greet()
	bob := server.testRaw(t, "udp", udp.String(), "bob").greet()
	alice.allocate()
	bob.allocate()
	server.Revoke("alice", time.Now())
	if code, _ := bob.request(stun.MethodRefresh); code != 0 {
		t.Errorf("bob suffers: %d", code)
	}
	if got := server.Stats().Live; got != 1 {
		t.Errorf("%d allocations live", got)
	}
	if got := codeOf(alice.exchange(alice.signed(stun.MethodAllocate, udpTransport))); got != 401 {
		t.Errorf("old credentials: %d", got)
	}
	server.testRaw(t, "udp", udp.String(), "alice").greet().allocate() // new ones are good
}

func TestStaleNonce(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	stale := r.nonce
	r.nonce = stun.NewNonce(newNonces().issue(client4, time.Now()))
	m := r.exchange(r.signed(stun.MethodAllocate, udpTransport))
	if codeOf(m) != 438 || r.nonce.GetFrom(m) != nil {
		t.Fatalf("%d", codeOf(m))
	}
	if r.nonce.String() == stale.String() {
		t.Log("within one minute the nonce is the same")
	}
	r.allocate()
	// Another client overheard it.
	other := server.testRaw(t, "udp", udp.String(), "alice")
	other.realm, other.nonce = r.realm, r.nonce
	if got := codeOf(other.exchange(other.signed(stun.MethodAllocate, udpTransport))); got != 438 {
		t.Errorf("a nonce of somebody else: %d", got)
	}
}

func TestConfigCheck(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for why, config := range map[string]Config{
		"a short secret":       {Secret: []byte("short")},
		"ports upside down":    {MinPort: 2, MaxPort: 1},
		"half a range":         {MaxPort: 1},
		"no public address":    {Public: []Mapping{{Local: four}}},
		"families mixed":       {Public: []Mapping{{Local: four, Public: six}}},
		"an address of no one": {Public: []Mapping{{Public: netip.IPv4Unspecified()}}},
	} {
		if config.Check() == nil {
			t.Errorf("%s was accepted", why)
		}
	}
	good := Config{Secret: testSecret, MinPort: 1, MaxPort: 1, Public: []Mapping{{Public: four}, {Local: six, Public: six}}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	if u, p, _ := New(Config{}).Credentials("alice", time.Now()); u != "" || p != "" {
		t.Error("credentials without a secret")
	}
}
