package stream_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/jid"
	"godwit/link/linktest"
	"godwit/sasl"
	"godwit/stream"
	"godwit/xep/fast"
)

const agentID = "d4565fa7-4d72-4749-b3d3-740edbf87770"

// tokens is a keeper of alice's tokens.
type tokens struct {
	mu     sync.Mutex
	held   map[string]sasl.Mechanism // by secret
	count  map[string]uint32
	renew  bool
	broken bool
	uses   []stream.TokenUse
	asked  []stream.TokenRequest
}

func keeper(m sasl.Mechanism, secrets ...string) *tokens {
	k := &tokens{held: map[string]sasl.Mechanism{}, count: map[string]uint32{}}
	for _, s := range secrets {
		k.held[s] = m
	}
	return k
}

func (k *tokens) Lookup(_ context.Context, who jid.JID, agent string, m sasl.Mechanism) (list []stream.HeldToken, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return nil, errors.New("the database is on fire")
	}
	if who != alice || agent != agentID {
		return nil, nil
	}
	for secret, for_ := range k.held {
		if for_ == m {
			t := stream.HeldToken{Token: sasl.Token{Secret: secret}, Key: []byte(secret)}
			if secret == "stale" {
				t.Refusal = &sasl.Error{Condition: sasl.CredentialsExpired}
			}
			list = append(list, t)
		}
	}
	return list, nil
}

func (k *tokens) Use(_ context.Context, u stream.TokenUse) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	secret := string(u.Key)
	if u.Count > 0 && u.Count <= k.count[secret] {
		return false, &sasl.Error{Condition: sasl.NotAuthorized, Detail: "replayed"}
	}
	k.count[secret] = max(k.count[secret], u.Count)
	k.uses = append(k.uses, u)
	if u.Invalidate {
		delete(k.held, secret)
	}
	return k.renew, nil
}

func (k *tokens) Issue(_ context.Context, r stream.TokenRequest) (fast.Token, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, r)
	if k.broken {
		return fast.Token{}, errors.New("the database is on fire")
	}
	secret := fmt.Sprintf("issued %d", len(k.asked))
	k.held[secret] = r.Mechanism
	return fast.Token{Token: secret, Expiry: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
}

func TestTokenLife(t *testing.T) {
	k := keeper("")
	sc, cc := serverConfig(&registry{}), clientConfig()
	sc.Tokens, cc.WantToken = k, true
	first := joinSecure(t, cc, sc).session
	if first.Token == nil || first.TokenUsed || first.Token.Mechanism != sasl.HTSHA256Exporter || first.Token.Expires.Year() != 2030 || !k.asked[0].Password {
		t.Fatalf("with the password: %+v", first.Token)
	}
	if first.Pin.Mechanism != sasl.ScramSHA512Plus {
		t.Errorf("pinned %s", first.Pin.Mechanism)
	}
	cc.Token, cc.Password, cc.Pin = first.Token, "", first.Pin
	cc.Token.Count = 1
	e := joinSecure(t, cc, sc)
	if s := e.session; s.Token != nil || !s.TokenUsed || s.TokenRefused || s.Pin != first.Pin || s.JID.Bare() != alice {
		t.Errorf("with the token: %+v", s)
	}
	if p := e.server.Peer(); p.Mechanism != sasl.HTSHA256Exporter || p.ChannelBinding != "tls-exporter" || p.UserAgent.ID != agentID {
		t.Errorf("the server saw %+v", p)
	}
	k.renew, cc.Token.Count = true, 2
	next := joinSecure(t, cc, sc).session
	if next.Token == nil || next.Token.Secret == first.Token.Secret || next.Token.Mechanism != first.Token.Mechanism || k.asked[1].Password {
		t.Errorf("renewed: %+v", next.Token)
	}
	cc.Token.Count = 3
	if s := joinSecure(t, cc, sc).session; !s.TokenUsed { // the old one is good until the new one is used: nobody knows whether that arrived
		t.Error("the old token was not taken beside the new one")
	}
}

func TestTokenRefused(t *testing.T) {
	for _, c := range []struct {
		why      string
		token    stream.Token
		password string
		spoil    func(*stream.ServerConfig, *tokens)
		want     string // the condition, "" for a sign-in
		refused  bool
	}{
		{"then the password", stream.Token{Secret: "wrong", Mechanism: sasl.HTSHA256None}, password, nil, "", true},
		{"and no password", stream.Token{Secret: "wrong", Mechanism: sasl.HTSHA256None}, "", nil, "not-authorized", false},
		{"of another mechanism", stream.Token{Secret: "good", Mechanism: sasl.HTSHA256Exporter}, "", nil, "not-authorized", false},
		{"an expired one", stream.Token{Secret: "stale", Mechanism: sasl.HTSHA256None}, "", nil, "credentials-expired", false},
		{"counted twice", stream.Token{Secret: "good", Mechanism: sasl.HTSHA256None, Count: 5}, "", func(_ *stream.ServerConfig, k *tokens) { k.count["good"] = 5 }, "not-authorized", false},
		{"no answer about it is no refusal", stream.Token{Secret: "good", Mechanism: sasl.HTSHA256None}, password, func(_ *stream.ServerConfig, k *tokens) { k.broken = true }, "temporary-auth-failure", false},
		{"where there are none", stream.Token{Secret: "good", Mechanism: sasl.HTSHA256None}, password, func(c *stream.ServerConfig, _ *tokens) { c.Tokens = nil }, "", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			k := keeper(sasl.HTSHA256None, "good", "stale")
			sc, cc := serverConfig(&registry{}), clientConfig()
			sc.Tokens, cc.Token, cc.Password = k, &c.token, c.password
			if c.spoil != nil {
				c.spoil(sc, k)
			}
			a, b := linktest.SecurePipe(linktest.Options{})
			e := join(t, a, b, cc, sc)
			var auth *stream.AuthError
			switch errors.As(e.clientErr, &auth); {
			case c.want == "" && (e.clientErr != nil || e.session.TokenUsed || e.session.TokenRefused != c.refused):
				t.Errorf("%v, %+v", e.clientErr, e.session)
			case c.want != "" && (auth == nil || string(auth.Condition) != c.want || auth.Token == auth.Temporary()):
				t.Errorf("%v, want %s", e.clientErr, c.want)
			}
		})
	}
	sc, cc := serverConfig(&registry{}), clientConfig()
	cc.Token, cc.Password = &stream.Token{Secret: "good", Mechanism: sasl.HTSHA256None}, ""
	a, b := linktest.SecurePipe(linktest.Options{})
	if e := join(t, a, b, cc, sc); !errors.Is(e.clientErr, stream.ErrTokenUseless) {
		t.Errorf("no tokens and no password: %v", e.clientErr)
	}
}

// counting counts what an AuthGuard is told.
type counting struct {
	mu              sync.Mutex
	asked, good, no int
}

func (g *counting) Allow(netip.Addr, jid.JID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	return g.no < 2
}

func (g *counting) Report(_ netip.Addr, _ jid.JID, _ sasl.Mechanism, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.good++
	} else {
		g.no++
	}
}

func TestTokenWire(t *testing.T) {
	proof := func(secret string) string {
		c, err := sasl.NewTokenClient(sasl.TokenClientConfig{Username: "alice", Domain: "b.example", Token: secret, Mechanism: sasl.HTSHA256None})
		if err != nil {
			t.Fatal(err)
		}
		first, _ := c.Start()
		return base64.StdEncoding.EncodeToString(first)
	}
	auth := func(mechanism, secret, rest string) string {
		return "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + mechanism + "'><initial-response>" + proof(secret) + "</initial-response>" + rest + "</authenticate>"
	}
	const agent = "<user-agent id='" + agentID + "'/>"
	const ft = "<fast xmlns='urn:xmpp:fast:0'/>"
	for _, c := range []struct{ why, input, want string }{
		{"a token", auth("HT-SHA-256-NONE", "good", agent+ft), "<success"},
		{"without <fast/>", auth("HT-SHA-256-NONE", "good", agent), "<malformed-request"},
		{"without a client", auth("HT-SHA-256-NONE", "good", ft), "<malformed-request"},
		{"by another client", auth("HT-SHA-256-NONE", "good", "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87771'/>"+ft), "<not-authorized"},
		{"<fast/> with a password", auth("SCRAM-SHA-256", "good", agent+ft), "<invalid-mechanism"},
		{"with a mechanism the connection has not", auth("HT-SHA-256-UNIQ", "good", agent+ft), "<invalid-mechanism"},
		{"in the older profile", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='HT-SHA-256-NONE'>" + proof("good") + "</auth>", "<invalid-mechanism"},
	} {
		k := talkTo(t, stHeader, func(sc *stream.ServerConfig) { sc.Tokens = keeper(sasl.HTSHA256None, "good") })
		if !k.say(c.input, c.want) {
			t.Errorf("%s: want %s, heard %.500q", c.why, c.want, k.heard())
		}
	}
	k := talkTo(t, stStart, func(sc *stream.ServerConfig) { sc.Tokens = keeper("") })
	if !k.say(header, "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast>") || strings.Contains(k.heard(), "0rtt") {
		t.Errorf("the feature: %q", k.heard())
	}
	// Failed tokens count as failed passwords do, and are held up like them.
	g, held := &counting{}, keeper(sasl.HTSHA256None, "good")
	k = talkTo(t, stHeader, func(sc *stream.ServerConfig) { sc.Tokens, sc.Guard = held, g })
	k.say(auth("HT-SHA-256-NONE", "bad", agent+ft), "<not-authorized")
	k.say(auth("HT-SHA-256-NONE", "bad", agent+ft), "<not-authorized")
	if !k.say(auth("HT-SHA-256-NONE", "good", agent+ft), "<temporary-auth-failure") || g.no != 3 || g.asked != 3 || len(held.uses) != 0 {
		t.Errorf("guard asked %d times, told of %d failures; %d uses", g.asked, g.no, len(held.uses))
	}
	// Signed out for good.
	held = keeper(sasl.HTSHA256None, "good")
	out := auth("HT-SHA-256-NONE", "good", agent+"<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>")
	held.renew = true
	k = talkTo(t, stHeader, func(sc *stream.ServerConfig) { sc.Tokens = held })
	if !k.say(out, "<success") || strings.Contains(k.heard(), "<token") || !held.uses[0].Invalidate {
		t.Errorf("invalidated: %q", k.heard())
	}
	k = talkTo(t, stHeader, func(sc *stream.ServerConfig) { sc.Tokens = held })
	if !k.say(out, "<not-authorized") {
		t.Errorf("once more: %q", k.heard())
	}
}
