package ws

import "testing"

func TestOrigins(t *testing.T) {
	o := Origins{
		Own:     func(h string) bool { return h == "chat.example.org" || h == "localhost" },
		Allowed: []string{"https://web.example.org", "http://127.0.0.1:8080/"},
	}
	for _, tt := range []struct {
		why, origin, host string
		want              bool
	}{
		{"the own page", "https://chat.example.org", "chat.example.org", true},
		{"on the usual port, said or not", "https://chat.example.org", "chat.example.org:443", true},
		{"on another port", "https://chat.example.org:5443", "chat.example.org:5443", true},
		{"whatever the case", "https://CHAT.example.org:5443", "chat.example.ORG:5443", true},
		{"another port's page", "https://chat.example.org:8443", "chat.example.org:5443", false},
		{"another name of this server", "https://localhost:5443", "chat.example.org:5443", false},
		{"plain HTTP of the same name", "http://chat.example.org:5443", "chat.example.org:5443", false},
		{"by address", "https://192.168.1.5:5443", "192.168.1.5:5443", true},
		{"by IPv6 address", "https://[2001:db8::1]:5443", "[2001:db8::1]:5443", true},
		{"by another address", "https://192.168.1.6:5443", "192.168.1.5:5443", false},
		{"a name that was made to lead here", "https://rebound.example:5443", "rebound.example:5443", false},
		{"somebody else's", "https://evil.example", "chat.example.org", false},
		{"somebody else's that looks like ours", "https://chat.example.org.evil.example", "chat.example.org", false},
		{"ours as a user", "https://chat.example.org@evil.example", "chat.example.org", false},
		{"no origin to speak of", "null", "chat.example.org", false},
		{"empty", "", "chat.example.org", false},
		{"an extension", "chrome-extension://abcdef", "chat.example.org", false},
		{"allowed", "https://web.example.org", "chat.example.org", true},
		{"allowed, exactly", "https://web.example.org:444", "chat.example.org", false},
		{"allowed without TLS, for those who develop", "http://127.0.0.1:8080", "chat.example.org", true},
		{"with a path", "https://chat.example.org/x", "chat.example.org", false},
		{"no URL", "https://%zz", "chat.example.org", false},
	} {
		if got := o.allow([]string{tt.origin}, tt.host); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
	if !o.allow(nil, "anything") {
		t.Error("a client that is no browser was refused")
	}
	if (Origins{}).allow([]string{"https://a.example"}, "a.example") {
		t.Error("a name nobody knows")
	}
}

func FuzzHostMeta(f *testing.F) {
	for _, seed := range []string{
		`{"links":[{"rel":"urn:xmpp:alt-connections:websocket","href":"wss://b.example/ws"}]}`, `{"links":[]}`, `[]`, `{"links":7}`,
		"<?xml version='1.0'?>\n<XRD xmlns='" + nsXRD + "'><Link rel='" + relation + "' href='wss://b.example/ws'/></XRD>",
		"<XRD xmlns='" + nsXRD + "'><Subject>x</Subject><Link/></XRD>", "<?xml", "<!-- x --><XRD/>", "<html/>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, parse := range []func([]byte) ([]string, error){parseJSON, parseXRD} {
			if found, err := parse(document); err != nil && len(found) > 0 {
				t.Errorf("%q and %v", found, err)
			}
		}
	})
}
