package sasl

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestEveryMechanism(t *testing.T) {
	for _, m := range known {
		for _, authzid := range []string{"", "alice@example.com", "ALICE@Example.com"} {
			cb := boundTo(TLSExporter, TLSServerEndPoint)
			if !m.Plus() {
				cb = nil
			}
			cfg := serverConfig(cb, true)
			cfg.Offer.Mechanisms = []Mechanism{m}
			client := clientConfig(cb, cfg.Offer)
			client.AuthzID, client.AllowPlain = authzid, true
			c, s := mustClient(t, client), mustServer(t, m, cfg)
			if c.Mechanism() != m || s.Mechanism() != m || s.Username() != "" {
				t.Errorf("%s: %s and %s before the exchange", m, c.Mechanism(), s.Mechanism())
			}
			if cerr, serr := run(c, s); cerr != nil || serr != nil || s.Username() != "alice" {
				t.Errorf("%s: client %v, server %v, user %q", m, cerr, serr, s.Username())
			}
			if _, _, err := s.Next([]byte{}); err == nil {
				t.Errorf("%s: the server goes on after the end", m)
			}
			if err := c.Finish(nil); !errors.Is(err, ErrFinished) {
				t.Errorf("%s: the client goes on after the end: %v", m, err)
			}
		}
	}
}

func TestNoInitialResponse(t *testing.T) {
	for _, m := range []Mechanism{ScramSHA256, Plain} {
		cfg := serverConfig(nil, true)
		cfg.Offer.Mechanisms = []Mechanism{m}
		s := mustServer(t, m, cfg)
		challenge, done, err := s.Next(nil)
		if err != nil || done || challenge == nil || len(challenge) != 0 {
			t.Errorf("%s: prompt is %q, %v, %v", m, challenge, done, err)
		}
		client := clientConfig(nil, cfg.Offer)
		client.AllowPlain = true
		if cerr, serr := run(mustClient(t, client), s); cerr != nil || serr != nil {
			t.Errorf("%s: client %v, server %v", m, cerr, serr)
		}
		s = mustServer(t, m, cfg)
		_, _, _ = s.Next(nil)
		_, _, err = s.Next(nil)
		wantCondition(t, "prompted twice", err, MalformedRequest)
	}
}

func TestServerRefuses(t *testing.T) {
	disabled := fail(AccountDisabled, "")
	for _, tc := range []struct {
		why    string
		change func(*ServerConfig, *ClientConfig)
		want   Condition
	}{
		{"wrong password", func(_ *ServerConfig, c *ClientConfig) { c.Password = "pencils" }, NotAuthorized},
		{"unknown user", func(_ *ServerConfig, c *ClientConfig) { c.Username = "mallory" }, NotAuthorized},
		{"account without usable credentials", func(s *ServerConfig, _ *ClientConfig) {
			s.Lookup = func(string) (map[Hash]Credentials, error) {
				return map[Hash]Credentials{SHA1: {}, SHA256: {}, SHA512: {}}, nil
			}
		}, NotAuthorized},
		{"database away", func(s *ServerConfig, _ *ClientConfig) {
			s.Lookup = func(string) (map[Hash]Credentials, error) { return nil, errors.New("disk") }
		}, TemporaryAuthFailure},
		{"database away with something in hand", func(s *ServerConfig, _ *ClientConfig) {
			inner := s.Lookup
			s.Lookup = func(u string) (map[Hash]Credentials, error) { c, _ := inner(u); return c, errors.New("disk") }
		}, TemporaryAuthFailure},
		{"an error with a condition but no credentials to prove anything by", func(s *ServerConfig, _ *ClientConfig) {
			s.Lookup = func(string) (map[Hash]Credentials, error) { return nil, disabled }
		}, TemporaryAuthFailure},
		{"disabled account, right password", func(s *ServerConfig, _ *ClientConfig) {
			inner := s.Lookup
			s.Lookup = func(u string) (map[Hash]Credentials, error) { c, _ := inner(u); return c, disabled }
		}, AccountDisabled},
		{"disabled account, wrong password: nothing is told", func(s *ServerConfig, c *ClientConfig) {
			inner := s.Lookup
			s.Lookup = func(u string) (map[Hash]Credentials, error) { c, _ := inner(u); return c, disabled }
			c.Password = "x"
		}, NotAuthorized},
	} {
		for _, m := range []Mechanism{ScramSHA1, ScramSHA256, ScramSHA512, Plain} {
			s := serverConfig(nil, true)
			s.Offer.Mechanisms = []Mechanism{m}
			c := clientConfig(nil, s.Offer)
			c.AllowPlain = true
			tc.change(s, &c)
			server := mustServer(t, m, s)
			cerr, serr := run(mustClient(t, c), server)
			if cerr != nil {
				t.Errorf("%s by %s: the client stops first: %v", tc.why, m, cerr)
				continue
			}
			wantCondition(t, tc.why+" by "+string(m), serr, tc.want)
			if server.Username() != "" {
				t.Errorf("%s by %s: a user name is set", tc.why, m)
			}
		}
	}
}

// TestAuthzid: one account must never get the session of another, in any mechanism.
func TestAuthzid(t *testing.T) {
	for _, m := range known {
		for authzid, want := range map[string]Condition{
			"":                    "",
			"alice@example.com":   "",
			"bob@example.com":     InvalidAuthzid,
			"alice@example.net":   InvalidAuthzid,
			"alice@example.com/r": InvalidAuthzid,
			"example.com":         InvalidAuthzid,
			"alice":               InvalidAuthzid,
			"@":                   InvalidAuthzid,
			"alice@example.com@x": InvalidAuthzid,
		} {
			cb := boundTo(TLSExporter)
			cfg := serverConfig(cb, true)
			s := mustServer(t, m, cfg)
			flag := "n"
			if m.Plus() {
				flag = "p=tls-exporter"
			}
			a := ""
			if authzid != "" {
				a = "a=" + authzid
			}
			message := flag + "," + a + ",n=alice,r=nonce"
			if m == Plain {
				message = authzid + "\x00alice\x00pencil"
			}
			_, _, err := s.Next([]byte(message))
			if want == "" {
				if err != nil {
					t.Errorf("%s with %q: %v", m, authzid, err)
				}
				continue
			}
			wantCondition(t, string(m)+" with "+authzid, err, want)
		}
	}
	if _, err := NewClient(ClientConfig{Username: "alice", Domain: "b", AuthzID: "bob@b", Offer: NewOffer(nil, false)}); err == nil {
		t.Error("the client asks for somebody else's account")
	}
}

func TestMalformedFirstMessages(t *testing.T) {
	for _, tc := range []struct {
		why, message string
		want         Condition
	}{
		{"nothing", "", MalformedRequest},
		{"no gs2 header", "n=alice,r=x", MalformedRequest},
		{"bad flag", "x,,n=alice,r=x", MalformedRequest},
		{"flag with no type", "p=,,n=alice,r=x", MalformedRequest},
		{"bound without -PLUS", "p=tls-exporter,,n=alice,r=x", MalformedRequest},
		{"authzid without a=", "n,alice,n=alice,r=x", MalformedRequest},
		{"empty authzid", "n,a=,n=alice,r=x", MalformedRequest},
		{"bad escape in authzid", "n,a==,n=alice,r=x", MalformedRequest},
		{"mandatory extension", "n,,m=1,n=alice,r=x", MalformedRequest},
		{"mandatory extension at the end", "n,,n=alice,r=x,m=1", MalformedRequest},
		{"bad escape in the name", "n,,n=al=ice,r=x", MalformedRequest},
		{"empty name", "n,,n=,r=x", MalformedRequest},
		{"no nonce", "n,,n=alice", MalformedRequest},
		{"empty nonce", "n,,n=alice,r=", MalformedRequest},
		{"nonce with a space", "n,,n=alice,r=a b", MalformedRequest},
		{"nonce beyond ASCII", "n,,n=alice,r=é", MalformedRequest},
		{"nonce too long", "n,,n=alice,r=" + strings.Repeat("x", maxNonce+1), MalformedRequest},
		{"name twice", "n,,n=alice,r=x,n=bob", MalformedRequest},
		{"NUL", "n,,n=al\x00ice,r=x", MalformedRequest},
		{"bad UTF-8", "n,,n=al\xffice,r=x", MalformedRequest},
		{"huge", "n,,n=alice,r=x,x=" + strings.Repeat("x", maxMessage), MalformedRequest},
		{"name that no address can have", "n,,n=al ice,r=x", NotAuthorized},
		{"a whole address as name", "n,,n=alice@example.com,r=x", NotAuthorized},
		{"optional extension is fine", "n,,n=alice,r=x,x=y", ""},
		{"capitals in the name are folded", "n,,n=ALICE,r=x", ""},
	} {
		s := mustServer(t, ScramSHA256, serverConfig(nil, false))
		_, _, err := s.Next([]byte(tc.message))
		if tc.want != "" {
			wantCondition(t, tc.why, err, tc.want)
			_, _, err = s.Next([]byte("n,,n=alice,r=x"))
			wantCondition(t, tc.why+", again after the error", err, Aborted)
		} else if err != nil {
			t.Errorf("%s: %v", tc.why, err)
		}
	}
	for _, message := range []string{"", "\x00", "\x00\x00", "\x00a\x00", "\x00\x00b", "a\x00b\x00c\x00d", "\x00al\xffice\x00b"} {
		s := mustServer(t, Plain, serverConfig(nil, true))
		_, _, err := s.Next([]byte(message))
		wantCondition(t, "PLAIN "+message, err, MalformedRequest)
	}
}

func TestTamperedFinalMessage(t *testing.T) {
	for _, tc := range []struct {
		why    string
		change func(string) string
		want   Condition
	}{
		{"empty", func(string) string { return "" }, MalformedRequest},
		{"proof missing", func(s string) string { return s[:strings.Index(s, ",p=")] }, MalformedRequest},
		{"proof not last", func(s string) string { return s + ",x=y" }, MalformedRequest},
		{"proof too short", func(s string) string { return s[:strings.Index(s, ",p=")] + ",p=AAAA" }, MalformedRequest},
		{"proof not base64", func(s string) string { return s[:len(s)-3] + "***" }, MalformedRequest},
		{"base64 with stray bits", func(s string) string { return strings.Replace(s, "c=biws", "c=bix=", 1) }, MalformedRequest},
		{"line break in base64", func(s string) string { return strings.Replace(s, "c=bi", "c=b\ni", 1) }, MalformedRequest},
		{"other nonce", func(s string) string { return strings.Replace(s, ",r=", ",r=x", 1) }, NotAuthorized},
		{"other gs2 header", func(s string) string { return strings.Replace(s, "c=biws", "c=eSws", 1) }, NotAuthorized},
		{"extension put in on the way", func(s string) string { return strings.Replace(s, ",p=", ",x=y,p=", 1) }, NotAuthorized},
		{"mandatory extension", func(s string) string { return strings.Replace(s, ",p=", ",m=y,p=", 1) }, MalformedRequest},
	} {
		cfg := serverConfig(nil, false)
		s, c := mustServer(t, ScramSHA512, cfg), mustClient(t, clientConfig(nil, cfg.Offer))
		first, _ := c.Start()
		challenge, _, err := s.Next(first)
		if err != nil {
			t.Fatal(err)
		}
		final, _, err := c.Next(challenge)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Next([]byte(tc.change(string(final))))
		wantCondition(t, tc.why, err, tc.want)
	}
}

// TestProofOverAnotherNonce: a client that knows the password signs a nonce of its own making. The signature is
// right, but it must not pass, or old exchanges could be replayed.
func TestProofOverAnotherNonce(t *testing.T) {
	cfg := serverConfig(nil, false)
	s := mustServer(t, ScramSHA256, cfg).(*scramServer)
	if _, _, err := s.Next([]byte("n,,n=alice,r=x")); err != nil {
		t.Fatal(err)
	}
	c := s.account.credentials
	k, err := deriveKeys(SHA256, "pencil", c.Salt, c.Iterations)
	if err != nil {
		t.Fatal(err)
	}
	final := func(nonce string) []byte {
		text := "c=biws,r=" + nonce
		proof := mac(SHA256, k.stored, s.said+","+text)
		subtle.XORBytes(proof, proof, k.client)
		return []byte(text + ",p=" + base64.StdEncoding.EncodeToString(proof))
	}
	again := *s
	_, _, err = s.Next(final("other"))
	wantCondition(t, "another nonce", err, NotAuthorized)
	if _, done, err := again.Next(final(again.whole)); err != nil || !done {
		t.Errorf("the right nonce: %v", err)
	}
}

func TestClientRefuses(t *testing.T) {
	for _, tc := range []struct {
		why    string
		change func(string) string
		want   error
	}{
		{"nothing", func(string) string { return "" }, ErrChallenge},
		{"nonce not continued", func(s string) string { return "r=x" + s[2:] }, ErrChallenge},
		{"nonce not extended", func(s string) string { return s[:2+32] + s[strings.Index(s, ",s="):] }, ErrChallenge},
		{"mandatory extension", func(s string) string { return "m=x," + s }, ErrChallenge},
		{"empty salt", func(s string) string { return strings.Replace(s, ",s=", ",s=,x=", 1) }, ErrChallenge},
		{"salt twice", func(s string) string { return s + ",s=AAAA" }, ErrChallenge},
		{"few iterations", func(s string) string { return strings.Replace(s, "i=4096", "i=4095", 1) }, ErrIterations},
		{"a million and one", func(s string) string { return strings.Replace(s, "i=4096", "i=1000001", 1) }, ErrIterations},
		{"2^31", func(s string) string { return strings.Replace(s, "i=4096", "i=2147483648", 1) }, ErrIterations},
		{"more than fits", func(s string) string { return strings.Replace(s, "i=4096", "i=99999999999999999999", 1) }, ErrIterations},
		{"zero", func(s string) string { return strings.Replace(s, "i=4096", "i=0", 1) }, ErrChallenge},
		{"negative", func(s string) string { return strings.Replace(s, "i=4096", "i=-4096", 1) }, ErrChallenge},
		{"other hash of the offer", func(s string) string { return s[:len(s)-4] + "AAA=" }, ErrDowngrade},
	} {
		cfg := serverConfig(nil, false)
		s, c := mustServer(t, ScramSHA512, cfg), mustClient(t, clientConfig(nil, cfg.Offer))
		first, _ := c.Start()
		challenge, _, err := s.Next(first)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Next([]byte(tc.change(string(challenge)))); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.why, err, tc.want)
		}
		if _, _, err := c.Next(challenge); !errors.Is(err, ErrFinished) {
			t.Errorf("%s: the client goes on after the error: %v", tc.why, err)
		}
	}
}

// TestServerMustProveItself: a success without the right signature is worth nothing.
func TestServerMustProveItself(t *testing.T) {
	reach := func(steps int) Client {
		cfg := serverConfig(nil, false)
		s, c := mustServer(t, ScramSHA512, cfg), mustClient(t, clientConfig(nil, cfg.Offer))
		if steps > 0 {
			first, _ := c.Start()
			challenge, _, _ := s.Next(first)
			if steps > 1 {
				_, _, _ = c.Next(challenge)
			}
		}
		return c
	}
	for _, tc := range []struct {
		why   string
		steps int
		data  string
		want  error
	}{
		{"success before anything", 0, "", ErrServerProof},
		{"success right after the name", 1, "", ErrServerProof},
		{"signature right after the name", 1, "v=AAAA", ErrServerProof},
		{"success without a signature", 2, "", ErrServerProof},
		{"wrong signature", 2, "v=AAAA", ErrServerProof},
		{"no signature at all", 2, "x=y", ErrChallenge},
		{"an error beside success", 2, "e=other-error", fail(NotAuthorized, "")},
	} {
		err := reach(tc.steps).Finish([]byte(tc.data))
		if e, ok := tc.want.(*Error); ok {
			wantCondition(t, tc.why, err, e.Condition)
		} else if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.why, err, tc.want)
		}
	}
}

// TestSignatureInChallenge: a server may send its signature before the success (RFC 6120 §6.4.5).
func TestSignatureInChallenge(t *testing.T) {
	cfg := serverConfig(nil, false)
	s, c := mustServer(t, ScramSHA512, cfg), mustClient(t, clientConfig(nil, cfg.Offer))
	first, _ := c.Start()
	challenge, _, _ := s.Next(first)
	final, _, _ := c.Next(challenge)
	end, _, err := s.Next(final)
	if err != nil {
		t.Fatal(err)
	}
	if resp, done, err := c.Next(end); err != nil || !done || resp == nil || len(resp) != 0 {
		t.Fatalf("%q, %v, %v", resp, done, err)
	}
	if err := c.Finish(nil); err != nil {
		t.Fatal(err)
	}
}

func TestDecoysLookReal(t *testing.T) {
	cfg := serverConfig(nil, false)
	salt := func(user string, cfg *ServerConfig) string {
		challenge, _, err := mustServer(t, ScramSHA256, cfg).Next([]byte("n,,n=" + user + ",r=x"))
		if err != nil {
			t.Fatal(err)
		}
		first, err := parseServerFirst(string(challenge))
		if err != nil || first.iterations != MinIterations {
			t.Fatalf("%q: %v", challenge, err)
		}
		return string(first.salt)
	}
	one := salt("nobody", cfg)
	if len(one) != saltSize || one != salt("nobody", cfg) || one != salt("NOBODY", cfg) {
		t.Error("the salt of an unknown user is not stable")
	}
	if one == salt("nobody2", cfg) {
		t.Error("two unknown users share a salt")
	}
	other := *cfg
	other.DecoySecret = slices.Concat(testSecret, []byte("x"))
	if one == salt("nobody", &other) {
		t.Error("the salt does not depend on the secret")
	}
	for _, h := range Hashes() {
		if d := decoy(testSecret, h, "nobody", DefaultIterations); !d.Valid(h) {
			t.Errorf("the decoy for %s differs in shape from real credentials", h)
		}
	}
}

func TestNoncesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		n := newNonce()
		if seen[n] || !validNonce(n) || strings.Contains(n, ",") || len(n) != 32 {
			t.Fatalf("nonce %q", n)
		}
		seen[n] = true
	}
}

func TestServerConfigIsChecked(t *testing.T) {
	cfg := serverConfig(nil, false)
	_, err := NewServer(Plain, cfg)
	wantCondition(t, "not announced", err, InvalidMechanism)
	_, err = NewServer("X-FOO", &ServerConfig{Offer: Offer{Mechanisms: []Mechanism{"X-FOO"}}})
	wantCondition(t, "unknown", err, InvalidMechanism)
	for _, change := range []func(*ServerConfig){
		func(c *ServerConfig) { c.Lookup = nil },
		func(c *ServerConfig) { c.DecoySecret = nil },
		func(c *ServerConfig) { c.DecoyIterations = 1 },
	} {
		bad := *cfg
		change(&bad)
		if _, err := NewServer(ScramSHA256, &bad); err == nil {
			t.Error("a broken configuration is accepted")
		}
	}
}

func TestPlainClient(t *testing.T) {
	begin := func(password string) Client {
		cfg := clientConfig(nil, Offer{Mechanisms: []Mechanism{Plain}})
		cfg.Password, cfg.AllowPlain = password, true
		return mustClient(t, cfg)
	}
	if _, err := begin("a\x00b").Start(); !errors.Is(err, ErrPassword) {
		t.Errorf("a password with NUL: %v", err)
	}
	c := begin("pencil")
	if resp, err := c.Start(); err != nil || string(resp) != "\x00alice\x00pencil" {
		t.Errorf("initial response %q, %v", resp, err)
	}
	if _, err := c.Start(); !errors.Is(err, ErrFinished) {
		t.Errorf("started twice: %v", err)
	}
	if _, _, err := c.Next([]byte("more?")); !errors.Is(err, ErrChallenge) {
		t.Errorf("a challenge: %v", err)
	}
	if err := c.Finish(nil); !errors.Is(err, ErrFinished) {
		t.Errorf("success after a challenge: %v", err)
	}
	c = begin("pencil")
	_, _ = c.Start()
	if err := c.Finish([]byte("v=AAAA")); !errors.Is(err, ErrChallenge) {
		t.Errorf("additional data: %v", err)
	}
}
