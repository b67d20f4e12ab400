package sasl

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func tokenServer(t testing.TB, m Mechanism, cb ChannelBinding, tokens ...Token) *TokenServer {
	t.Helper()
	s, err := NewTokenServer(m, &TokenServerConfig{
		Domain: "example.com", Offered: TokenMechanisms(cb), ChannelBinding: cb,
		Lookup: func(user string) ([]Token, error) {
			if user == "alice" {
				return tokens, nil
			}
			return nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tokenClientFor(t testing.TB, m Mechanism, cb ChannelBinding, user, token string) Client {
	t.Helper()
	c, err := NewTokenClient(TokenClientConfig{Username: user, Domain: "example.com", Token: token, Mechanism: m, ChannelBinding: cb})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTokenExchange(t *testing.T) {
	all := boundTo(TLSExporter, TLSServerEndPoint, TLSUnique)
	other := func(string) ([]byte, bool) { return []byte("another connection"), true }
	expired := fail(CredentialsExpired, "too old")
	for _, c := range []struct {
		why            string
		mechanism      Mechanism
		client, server ChannelBinding
		user, token    string
		known          []Token
		which          int
		want           Condition
	}{
		{"bound to the exporter", HTSHA256Exporter, all, all, "alice", "t1", []Token{{Secret: "t1"}}, 0, ""},
		{"bound to the certificate", HTSHA256EndPoint, all, all, "alice", "t1", []Token{{Secret: "t1"}}, 0, ""},
		{"bound to the connection", HTSHA256Unique, all, all, "alice", "t1", []Token{{Secret: "t1"}}, 0, ""},
		{"bound to nothing", HTSHA256None, nil, all, "alice", "t1", []Token{{Secret: "t1"}}, 0, ""},
		{"the older of two", HTSHA256None, nil, nil, "Alice", "t1", []Token{{Secret: "t2"}, {Secret: "t1"}}, 1, ""},
		{"another token", HTSHA256None, nil, nil, "alice", "t3", []Token{{Secret: "t2"}, {Secret: "t1"}}, -1, NotAuthorized},
		{"somebody sits in between", HTSHA256Exporter, other, all, "alice", "t1", []Token{{Secret: "t1"}}, -1, NotAuthorized},
		{"an account that is not there", HTSHA256None, nil, nil, "bob", "t1", []Token{{Secret: "t1"}}, -1, NotAuthorized},
		{"an expired token tells who has it", HTSHA256None, nil, nil, "alice", "t1", []Token{{Secret: "t1", Refusal: expired}}, 0, CredentialsExpired},
		{"and nobody else", HTSHA256None, nil, nil, "alice", "t2", []Token{{Secret: "t1", Refusal: expired}}, -1, NotAuthorized},
	} {
		s := tokenServer(t, c.mechanism, c.server, c.known...)
		clientErr, err := run(tokenClientFor(t, c.mechanism, c.client, c.user, c.token), s)
		var got *Error
		errors.As(err, &got)
		switch {
		case c.want == "" && (err != nil || clientErr != nil || s.Username() != "alice"):
			t.Errorf("%s: client %v, server %v", c.why, clientErr, err)
		case c.want != "" && (got == nil || got.Condition != c.want || s.Username() != ""):
			t.Errorf("%s: %v, user %q", c.why, err, s.Username())
		}
		if s.Which() != c.which {
			t.Errorf("%s: token %d", c.why, s.Which())
		}
	}
}

// A server that does not know the token is no server of ours.
func TestTokenServerProof(t *testing.T) {
	c := tokenClientFor(t, HTSHA256None, nil, "alice", "t1")
	if _, err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Finish(hashed("t2", "Responder", nil)); !errors.Is(err, ErrServerProof) {
		t.Errorf("a forged answer: %v", err)
	}
	c = tokenClientFor(t, HTSHA256None, nil, "alice", "t1")
	first, _ := c.Start()
	if err := c.Finish(first[len("alice\x00"):]); !errors.Is(err, ErrServerProof) {
		t.Errorf("our own word echoed: %v", err)
	}
	if err := c.Finish(hashed("t1", "Responder", nil)); !errors.Is(err, ErrFinished) {
		t.Errorf("after that: %v", err)
	}
}

// The proof is HMAC-SHA-256 over the word and the binding; computed by other means.
func TestTokenVector(t *testing.T) {
	c := tokenClientFor(t, HTSHA256None, nil, "alice", "secret-token:fast-Oeie4nmlUoLHXca_YHkjwBEBQuhXZgnOVkPrKQlszBU")
	got, err := c.Start()
	// printf Initiator | openssl dgst -sha256 -hmac secret-token:…
	if want := "616c69636500" + tokenVector; err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v; want %s", got, err, want)
	}
}

func TestTokenMechanisms(t *testing.T) {
	for _, c := range []struct {
		cb   ChannelBinding
		want []Mechanism
	}{
		{nil, []Mechanism{HTSHA256None}},
		{boundTo(TLSServerEndPoint), []Mechanism{HTSHA256EndPoint, HTSHA256None}},
		{boundTo(TLSExporter, TLSServerEndPoint), []Mechanism{HTSHA256Exporter, HTSHA256EndPoint, HTSHA256None}},
	} {
		if got := TokenMechanisms(c.cb); !slices.Equal(got, c.want) {
			t.Errorf("%v instead of %v", got, c.want)
		}
	}
	if m, ok := ChooseTokenMechanism([]Mechanism{HTSHA256None, HTSHA256Exporter}, boundTo(TLSExporter)); !ok || m != HTSHA256Exporter {
		t.Errorf("chose %s", m)
	}
	if m, ok := ChooseTokenMechanism([]Mechanism{HTSHA256Exporter}, nil); ok {
		t.Errorf("chose %s without a connection to bind to", m)
	}
	for _, m := range []Mechanism{HTSHA256None, HTSHA256Exporter, HTSHA256EndPoint, HTSHA256Unique} {
		if !m.ForTokens() || m.Known() || m.Plus() {
			t.Errorf("%s is taken for a mechanism of passwords", m)
		}
	}
	if Plain.ForTokens() {
		t.Error("PLAIN proves no token")
	}
	if _, err := NewTokenServer(HTSHA256Exporter, &TokenServerConfig{Domain: "example.com", Offered: []Mechanism{HTSHA256Exporter}}); !errors.Is(err, fail(InvalidMechanism, "")) {
		t.Errorf("a bound mechanism without a binding: %v", err)
	}
	if _, err := NewTokenClient(TokenClientConfig{Username: "a", Domain: "b", Token: "x", Mechanism: HTSHA256Exporter}); !errors.Is(err, ErrNoMechanism) {
		t.Errorf("a bound mechanism without a binding: %v", err)
	}
}

func FuzzTokenServer(f *testing.F) {
	good, _ := tokenClientFor(f, HTSHA256None, nil, "alice", "t1").Start()
	for _, s := range []string{string(good), "alice\x00", "\x00" + string(good[6:]), string(good) + "x", "alice", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := tokenServer(t, HTSHA256None, nil, Token{Secret: "t1"})
		_, done, err := s.Next(in)
		var e *Error
		switch {
		case err != nil && (!errors.As(err, &e) || done || s.Username() != ""):
			t.Fatalf("error %v, %v, %q", err, done, s.Username())
		case done && string(in[len(in)-32:]) != string(good[6:]):
			t.Fatalf("%q authenticates", in)
		case done != (s.Username() != ""):
			t.Fatalf("done is %v and the user %q", done, s.Username())
		}
	})
}

const tokenVector = "0ec4b022852092be2659ba4d532289d9c1a9ae002933b760e8f8c91974753329"
