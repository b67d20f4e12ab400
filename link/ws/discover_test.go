package ws_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"godwit/link/ws"
)

// to has every connection go to this server, and remembers where they wanted to.
func (s *testServer) to(d *ws.Dialer) (wanted *[]string) {
	wanted = &[]string{}
	d.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		*wanted = append(*wanted, address)
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
	return wanted
}

const rel = "urn:xmpp:alt-connections:websocket"

func xrd(links string) string {
	return "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n" + links + "\n</XRD>\n"
}

func TestDiscovery(t *testing.T) {
	for _, tt := range []struct {
		why, json, xrd string
		wanted         string // addresses, in order
	}{
		{"by JSON", `{"links":[{"rel":"other","href":"x"},{"rel":"` + rel + `","href":"wss://example.com:8443/xmpp-websocket"}]}`, "",
			"example.com:443 example.com:8443"},
		{"by XRD", "", xrd("<Link rel='" + rel + "' href='wss://example.com:8443/xmpp-websocket'/>"), "example.com:443 example.com:443 example.com:8443"},
		{"by XRD when JSON has none", `{"links":[]}`, xrd("<Link rel='x'/><Link rel='" + rel + "' href='wss://example.com/xmpp-websocket'/>"),
			"example.com:443 example.com:443 example.com:443"},
		{"what is not encrypted does not count", `{"links":[{"rel":"` + rel + `","href":"ws://example.com:8080/"}]}`, "",
			"example.com:443 example.com:443 example.com:5443"},
		{"the second that is told", `{"links":[{"rel":"` + rel + `","href":"wss://example.com:8443/none"},{"rel":"` + rel + `","href":"wss://example.com/xmpp-websocket"}]}`, "",
			"example.com:443 example.com:8443 example.com:443"},
		{"nothing", "", "", "example.com:443 example.com:443 example.com:5443"},
		{"nonsense", "<", "{", "example.com:443 example.com:443 example.com:5443"},
		{"too much", `{"links":[]}` + strings.Repeat(" ", 65<<10), "<!-- a comment -->" + xrd(""), "example.com:443 example.com:443 example.com:5443"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			s := start(t, ws.Config{})
			serve := func(path, text string) {
				s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
					if text == "" {
						http.NotFound(w, r)
						return
					}
					io.WriteString(w, text)
				})
			}
			serve("/.well-known/host-meta.json", tt.json)
			serve("/.well-known/host-meta", tt.xrd)
			d := &ws.Dialer{TLS: s.trust()}
			wanted := s.to(d)
			a, b := s.connect(t, d)
			end(a, b)
			if got := strings.Join(*wanted, " "); got != tt.wanted {
				t.Errorf("went to %s\ninstead of %s", got, tt.wanted)
			}
		})
	}
}

// Whoever is on the path must not be able to send a client elsewhere.
func TestDiscoveryStaysEncrypted(t *testing.T) {
	s := start(t, ws.Config{})
	s.mux.Handle("/.well-known/", http.RedirectHandler("http://example.com/elsewhere", http.StatusFound))
	d := &ws.Dialer{TLS: s.trust()}
	wanted := s.to(d)
	a, b := s.connect(t, d)
	end(a, b)
	if got := fmt.Sprint(*wanted); strings.Contains(got, ":80 ") {
		t.Error(got)
	}
	other := start(t, ws.Config{})
	other.mux.HandleFunc("/.well-known/host-meta.json", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"links":[{"rel":"`+rel+`","href":"wss://example.com/xmpp-websocket"}]}`)
	})
	d = &ws.Dialer{TLS: other.trust()}
	other.to(d)
	if l, err := d.Dial(t.Context(), "other.example"); err == nil { // its certificate is example.com's
		end(l)
		t.Error("a domain was told of by somebody else")
	}
}

func TestWhereToConnect(t *testing.T) {
	s := start(t, ws.Config{})
	for _, tt := range []struct {
		why    string
		d      ws.Dialer
		domain string
		wanted string // "" means an error
	}{
		{"a URL", ws.Dialer{URL: "wss://127.0.0.1/xmpp-websocket"}, "chat.example", "127.0.0.1:443"},
		{"a URL of another name than the certificate's", ws.Dialer{URL: "wss://wrong.example/xmpp-websocket"}, "example.com", ""},
		{"a URL without TLS", ws.Dialer{URL: "ws://example.com/"}, "example.com", ""},
		{"a URL of something else", ws.Dialer{URL: "https://example.com/"}, "example.com", ""},
		{"a URL where there is nothing", ws.Dialer{URL: "wss://example.com/nothing"}, "example.com", ""},
		{"a host", ws.Dialer{Server: "10.0.0.1"}, "example.com", "10.0.0.1:5443"},
		{"a host with a port", ws.Dialer{Server: "10.0.0.1:8443"}, "example.com", "10.0.0.1:8443"},
		{"an IPv6 address", ws.Dialer{Server: "[::1]:8443"}, "example.com", "[::1]:8443"},
		{"an IPv6 address alone", ws.Dialer{Server: "::1"}, "example.com", "[::1]:5443"},
		{"a host that is not the domain's", ws.Dialer{Server: "example.com"}, "other.example", ""},
		{"a domain that is none", ws.Dialer{}, "a b", ""},
	} {
		d := tt.d
		d.TLS = s.trust()
		wanted := s.to(&d)
		l, err := d.Dial(t.Context(), tt.domain)
		if (err == nil) != (tt.wanted != "") {
			t.Errorf("%s: %v", tt.why, err)
		}
		if err != nil {
			continue
		}
		end(l, s.next(t))
		if got := strings.Join(*wanted, " "); got != tt.wanted {
			t.Errorf("%s: went to %s", tt.why, got)
		}
	}
}
