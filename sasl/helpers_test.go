package sasl

import (
	"encoding/base64"
	"errors"
	"sync"
	"testing"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// boundTo is a connection with data for the given types.
func boundTo(types ...BindingType) ChannelBinding {
	return func(kind string) ([]byte, bool) {
		for _, t := range types {
			if string(t) == kind {
				return []byte("data of " + kind), true
			}
		}
		return nil, false
	}
}

// testAccounts derives the credentials of the test accounts once, with few iterations to keep the tests quick.
var testAccounts = sync.OnceValue(func() map[string]map[Hash]Credentials {
	all := map[string]map[Hash]Credentials{}
	for user, password := range map[string]string{"alice": "pencil", "ünal": "p=ss,wörd"} {
		all[user] = map[Hash]Credentials{}
		for _, h := range Hashes() {
			c, err := Derive(h, password, []byte("salt of "+user+string(h)), MinIterations)
			if err != nil {
				panic(err)
			}
			all[user][h] = c
		}
	}
	return all
})

func serverConfig(cb ChannelBinding, plain bool) *ServerConfig {
	return &ServerConfig{
		Domain: "example.com", Offer: NewOffer(cb, plain), ChannelBinding: cb, DecoySecret: testSecret,
		DecoyIterations: MinIterations,
		Lookup:          func(username string) (map[Hash]Credentials, error) { return testAccounts()[username], nil },
	}
}

func clientConfig(cb ChannelBinding, o Offer) ClientConfig {
	return ClientConfig{Username: "alice", Domain: "example.com", Password: "pencil", Offer: o, ChannelBinding: cb, SASL2: true}
}

// run drives both ends to the end as a stream would. clientErr and serverErr are where each of them stopped.
func run(c Client, s Server) (clientErr, serverErr error) {
	resp, err := c.Start()
	if err != nil {
		return err, nil
	}
	for range 4 {
		challenge, done, err := s.Next(resp)
		if err != nil {
			return nil, err
		}
		if done {
			return c.Finish(challenge), nil
		}
		if resp, _, err = c.Next(challenge); err != nil {
			return err, nil
		}
	}
	return nil, errors.New("the exchange does not end")
}

func mustServer(t testing.TB, m Mechanism, cfg *ServerConfig) Server {
	t.Helper()
	s, err := NewServer(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClient(t testing.TB, cfg ClientConfig) Client {
	t.Helper()
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantCondition(t testing.TB, why string, err error, want Condition) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Condition != want {
		t.Errorf("%s: %v, want condition %s", why, err, want)
	}
}
