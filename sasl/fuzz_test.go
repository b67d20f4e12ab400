package sasl

import (
	"bytes"
	"errors"
	"testing"
)

// Each end is walked into each of its states and then fed whatever the fuzzer thinks of.

func FuzzServer(f *testing.F) {
	for _, s := range []string{
		"n,,n=alice,r=abc", "y,a=alice@example.com,n=al=2Cice,r=abc", "p=tls-exporter,,n=alice,r=abc,x=y", "n,,m=1,n=a,r=b",
		"c=biws,r=abc,p=AAAA", "c=biws,r=abc,x=1,p=" + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "a\x00alice\x00x", ",,,", "",
	} {
		f.Add(uint8(0), []byte(s))
		f.Add(uint8(1), []byte(s))
		f.Add(uint8(3), []byte(s))
		f.Add(uint8(4), []byte(s))
		f.Add(uint8(5), []byte(s))
		f.Add(uint8(8), []byte(s))
	}
	cb := boundTo(TLSExporter)
	cfg := serverConfig(cb, true)
	f.Fuzz(func(t *testing.T, pick uint8, in []byte) {
		m := []Mechanism{ScramSHA256, ScramSHA256Plus, ScramSHA512, Plain}[pick%4]
		s := mustServer(t, m, cfg)
		switch first := pick / 4 % 3; {
		case first == 1 && m.Plus():
			_, _, _ = s.Next([]byte("p=tls-exporter,,n=alice,r=abc"))
		case first == 1 && m != Plain:
			_, _, _ = s.Next([]byte("n,,n=alice,r=abc"))
		case first == 2:
			_, _, _ = s.Next(nil)
		}
		challenge, done, err := s.Next(in)
		var e *Error
		switch {
		case err != nil && (!errors.As(err, &e) || done || challenge != nil || s.Username() != ""):
			t.Fatalf("error %v beside %q, %v, %q", err, challenge, done, s.Username())
		case done && m != Plain:
			t.Fatalf("%q authenticates", in)
		case done && !bytes.HasSuffix(in, []byte("\x00pencil")) && !bytes.Contains(in, []byte("\x00p=ss")):
			t.Fatalf("%q authenticates", in)
		case done != (s.Username() != ""):
			t.Fatalf("done is %v and the user %q", done, s.Username())
		}
	})
}

func FuzzClient(f *testing.F) {
	for _, s := range []string{
		"r=NONCEx,s=QSXCR+Q6sek8bf92,i=4096", "r=NONCEx,s=QSXCR+Q6sek8bf92,i=4096,h=AAAA", "r=NONCEx,s=QSXC,i=99999999999",
		"m=1,r=NONCEx", "v=AAAA", "e=other-error", "v=,x=", ",,", "",
	} {
		f.Add(false, []byte(s))
		f.Add(true, []byte(s))
	}
	offer := NewOffer(nil, false)
	f.Fuzz(func(t *testing.T, proven bool, in []byte) {
		c := mustClient(t, clientConfig(nil, offer)).(*scramClient)
		c.nonce = func() string { return "NONCE" }
		if _, err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if proven {
			if _, _, err := c.Next([]byte("r=NONCEx,s=QSXCR+Q6sek8bf92,i=4096")); err != nil {
				t.Fatal(err)
			}
		} else if first, err := parseServerFirst(string(in)); err == nil && first.iterations > MinIterations {
			return // right, but too slow to fuzz
		}
		resp, done, err := c.Next(in)
		if done || (err != nil && resp != nil) {
			t.Fatalf("%q: %q, %v, %v", in, resp, done, err)
		}
		if c.Finish(in) == nil || c.Finish(nil) == nil {
			t.Fatalf("%q passes for a server's proof", in)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "p=x,a=b,n=c=3D,r=d,e=f", "r=abc,s=QSXC,i=4096,h=abc", "c=biws,r=a,p=AAAA", "v=AAAA", "e=x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := parseClientFirst(s); err == nil {
			if m.header+m.bare != s || m.nonce == "" {
				t.Fatalf("%q: %+v", s, m)
			}
			if back, err := decodeName(encodeName(m.username)); err != nil || back != m.username {
				t.Fatalf("%q does not survive its encoding: %q, %v", m.username, back, err)
			}
		}
		if m, err := parseServerFirst(s); err == nil && m.iterations > 0 {
			if again, err := parseServerFirst(m.String()); err != nil || again.nonce != m.nonce || !bytes.Equal(again.salt, m.salt) ||
				again.iterations != m.iterations || again.hash != m.hash {
				t.Fatalf("%q: %+v, then %+v, %v", s, m, again, err)
			}
		}
		if m, err := parseClientFinal(s); err == nil && len(m.withoutProof) >= len(s) {
			t.Fatalf("%q: %+v", s, m)
		}
		_, _, _ = parseServerFinal(s)
	})
}

func BenchmarkServerExchange(b *testing.B) {
	cfg := serverConfig(nil, false)
	b.ReportAllocs()
	for b.Loop() {
		s, err := NewServer(ScramSHA256, cfg)
		if err != nil {
			b.Fatal(err)
		}
		_, _, _ = s.Next([]byte("n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL"))
		sc := s.(*scramServer)
		_, _, _ = s.Next([]byte("c=biws,r=" + sc.whole + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
	}
}

func BenchmarkDerive(b *testing.B) {
	for _, h := range Hashes() {
		b.Run(string(h), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Derive(h, "pencil", []byte("0123456789abcdef"), DefaultIterations)
			}
		})
	}
}
