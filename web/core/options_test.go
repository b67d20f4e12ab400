package main

import (
	"testing"

	"godwit/client"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		why, text, code string
		open            bool
	}{
		{"a page over HTTPS", `{"jid":"a@b.example","url":"wss://b.example:5443/xmpp-websocket"}`, "", false},
		{"on this machine", `{"jid":"a@localhost/x","url":"ws://localhost:5280/xmpp-websocket"}`, "", true},
		{"by number", `{"jid":"a@localhost","url":"ws://127.0.0.1:5280/"}`, "", true},
		{"by number of IPv6", `{"jid":"a@localhost","url":"ws://[::1]:5280/"}`, "", true},
		{"without TLS elsewhere", `{"jid":"a@b.example","url":"ws://b.example/xmpp-websocket"}`, "insecure", false},
		{"a name that only looks local", `{"jid":"a@b.example","url":"ws://localhost.b.example/"}`, "insecure", false},
		{"another scheme", `{"jid":"a@b.example","url":"https://b.example/"}`, "insecure", false},
		{"no account", `{"jid":"b.example","url":"wss://b.example/"}`, "invalid", false},
		{"no address", `{"jid":"@","url":"wss://b.example/"}`, "invalid", false},
	} {
		p, err := parse(c.text)
		if client.Code(err) != c.code || err == nil && p.open != c.open {
			t.Errorf("%s: %v, open %v", c.why, err, p.open)
		}
	}
	if _, err := parse("{"); err == nil {
		t.Error("half an object was taken")
	}
}

func TestEachAccountHasADatabase(t *testing.T) {
	a, _ := parse(`{"jid":"A@b.example/one","url":"wss://b.example/"}`)
	b, _ := parse(`{"jid":"a@b.example/two","url":"wss://b.example/"}`)
	c, _ := parse(`{"jid":"c@b.example","url":"wss://b.example/"}`)
	if a.database() != b.database() || a.database() == c.database() {
		t.Errorf("%s %s %s", a.database(), b.database(), c.database())
	}
}
