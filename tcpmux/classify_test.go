package tcpmux

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

const stunHeader = "\x00\x01\x00\x00\x21\x12\xa4\x42"

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		why, head string
		want      beginning
	}{
		{"nothing yet", "", undecided},
		{"XMPP begins with its declaration", "<?xml version='1.0'?>", beginsXMPP},
		{"or with the header at once", "<", beginsXMPP},
		{"not with space: a declaration must come first (RFC 6120 §4.4)", " <stream:stream>", beginsUnknown},
		{"a ClientHello", "\x16\x03\x01\x02\x00\x01", beginsTLS},
		{"its first byte is enough; TLS judges the rest", "\x16", beginsTLS},
		{"a TLS alert begins nothing", "\x15\x03\x01", beginsUnknown},
		{"application data of a connection that is gone", "\x17\x03\x03", beginsUnknown},
		{"SSL 2", "\x80\x2e\x01\x03\x01", beginsUnknown},
		{"a Binding request", stunHeader + "123456789012", beginsSTUN},
		{"an Allocate request", "\x00\x03\x00\x24\x21\x12\xa4\x42", beginsSTUN},
		{"the cookie decides, so what comes before it is not enough", stunHeader[:7], undecided},
		{"the first byte of a header", "\x00", undecided},
		{"and of a response, which TURN judges", "\x01", undecided},
		{"another cookie: RFC 3489, or none of it", "\x00\x01\x00\x00\x21\x12\xa4\x43", beginsUnknown},
		{"the first wrong byte of the cookie decides", "\x00\x01\x00\x00\x22", beginsUnknown},
		{"ChannelData can not come first", "\x40\x00\x00\x04abcd", beginsUnknown},
		{"zeroes, as scanners send them", strings.Repeat("\x00", 8), beginsUnknown},
		{"a request", "GET / HTTP/1.1\r\n", beginsHTTP},
		{"the longest methods", "OPTIONS * HTTP/1.1", beginsHTTP},
		{"a proxy's", "CONNECT x:443 HTTP/1.1", beginsHTTP},
		{"half a method", "OPTIONS", undecided},
		{"P may be POST, PUT or PATCH", "P", undecided},
		{"PU is PUT", "PUT ", beginsHTTP},
		{"methods are in capitals (RFC 9110 §9.1)", "get / HTTP/1.1", beginsUnknown},
		{"HTTP/2 comes by ALPN only (RFC 9113 §3.3)", "PRI * HTTP/2.0", beginsUnknown},
		{"no method", "GETTER /", beginsUnknown},
		{"SSH", "SSH-2.0-x\r\n", beginsUnknown},
		{"the PROXY protocol is not spoken here", "PROXY TCP4 ", beginsUnknown},
		{"SMTP", "EHLO x\r\n", beginsUnknown},
		{"RDP", "\x03\x00\x00\x13\x0e\xe0", beginsUnknown},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := classify([]byte(tt.head)); got != tt.want {
				t.Errorf("%q: %d, want %d", tt.head, got, tt.want)
			}
		})
	}
}

// FuzzClassify: maxHead bytes decide, and what was decided stays so whatever follows and however it arrives.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{"", "<", "\x16\x03\x01", stunHeader, "GET / ", "OPTIONS ", "PATCH", "\x01\x01\x00\x00\x21\x12", "PRI * "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 4*maxHead)]
		final := classify(data)
		if len(data) >= maxHead && final == undecided {
			t.Fatalf("%q is not decided", data)
		}
		decided := undecided
		for n := range len(data) + 1 {
			b := classify(data[:n])
			if decided != undecided && b != decided {
				t.Fatalf("%q is %d, and %q is %d", data[:n-1], decided, data[:n], b)
			}
			decided = b
		}
		// Byte by byte, look takes what it needs and what follows is read again.
		c := &script{Reader: iotest.OneByteReader(bytes.NewReader(data))}
		head, b, err := look(c)
		if b != final && (b == undecided || final != undecided) || (b == undecided) != (err != nil) {
			t.Fatalf("look: %d, %v; classify: %d", b, err, final)
		}
		tr := &transport{Conn: c, head: head}
		all, err := io.ReadAll(tr)
		if err != nil || !bytes.Equal(all, data) {
			t.Fatalf("%q was read as %q, %v", data, all, err)
		}
	})
}

type script struct {
	net.Conn
	io.Reader
}

func (s *script) Read(b []byte) (int, error) { return s.Reader.Read(b) }

func TestLookKeepsTheErrorForLater(t *testing.T) {
	broken := errors.New("broken")
	c := &script{Reader: io.MultiReader(strings.NewReader("GE"), iotest.ErrReader(broken))}
	if head, b, err := look(c); !errors.Is(err, broken) || b != undecided || string(head) != "GE" {
		t.Errorf("%q %d %v", head, b, err)
	}
	// Bytes that come with an error are bytes.
	c = &script{Reader: iotest.DataErrReader(strings.NewReader("<"))}
	if _, b, err := look(c); b != beginsXMPP || err != nil {
		t.Errorf("%d %v", b, err)
	}
}

func TestALPN(t *testing.T) {
	for _, name := range protocols {
		if _, ok := byALPN(name); !ok {
			t.Errorf("%s is offered and leads nowhere", name)
		}
	}
	for _, name := range []string{"", "xmpp-server", "acme-tls/1", "H2"} {
		if k, ok := byALPN(name); ok {
			t.Errorf("%q leads to %v", name, k)
		}
	}
	for b, want := range map[beginning]bool{beginsXMPP: true, beginsSTUN: true, beginsHTTP: true, beginsTLS: false, beginsUnknown: false} {
		if _, ok := byBytes(b); ok != want {
			t.Errorf("inside TLS, %d is served: %v", b, ok)
		}
	}
}
