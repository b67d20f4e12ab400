package sasl

import (
	"strings"
	"testing"
)

// TestVectors holds both ends against the published exchanges. The servers in them do not send the hash of
// XEP-0474, so ours is put where it would stand without it.
func TestVectors(t *testing.T) {
	for _, tc := range []struct {
		why                          string
		hash                         Hash
		nonce                        string
		first, challenge, final, end string
	}{
		{
			"RFC 5802 §5", SHA1, "fyko+d2lbbFgONRv9qkxdawL",
			"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
		},
		{
			"RFC 7677 §3", SHA256, "rOprNGfwEbeRWgbNEkqO",
			"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		},
	} {
		c := &scramClient{
			cfg: &ClientConfig{Username: "user", Password: "pencil"}, hash: tc.hash, gs2: gs2{flag: 'n'},
			nonce: func() string { return tc.nonce },
		}
		if got, err := c.Start(); err != nil || string(got) != tc.first {
			t.Errorf("%s: client starts with %q, %v", tc.why, got, err)
		}
		if got, done, err := c.Next([]byte(tc.challenge)); err != nil || done || string(got) != tc.final {
			t.Errorf("%s: client answers %q, %v", tc.why, got, err)
		}
		if err := c.Finish([]byte(tc.end)); err != nil {
			t.Errorf("%s: client ends with %v", tc.why, err)
		}

		first, err := parseServerFirst(tc.challenge)
		if err != nil || first.String() != tc.challenge {
			t.Fatalf("%s: the server's first message becomes %q, %v", tc.why, first, err)
		}
		credentials, err := Derive(tc.hash, "pencil", first.salt, first.iterations)
		if err != nil {
			t.Fatal(err)
		}
		s := &scramServer{
			hash: tc.hash, state: serverSentSalt, binding: []byte("n,,"), whole: first.nonce, claimed: "user",
			account: found{credentials: credentials, hash: tc.hash, real: true},
			said:    strings.TrimPrefix(tc.first, "n,,") + "," + tc.challenge,
		}
		if got, done, err := s.Next([]byte(tc.final)); err != nil || !done || string(got) != tc.end || s.Username() != "user" {
			t.Errorf("%s: server ends with %q, %v", tc.why, got, err)
		}
	}
}

// TestDowngradeHashVector is the full example of XEP-0474 0.5 §5.3, with -PLUS and an extension from the client.
func TestDowngradeHashVector(t *testing.T) {
	offer := Offer{
		Mechanisms: []Mechanism{ScramSHA1, ScramSHA1Plus},
		Bindings:   []BindingType{TLSServerEndPoint, TLSExporter},
	}
	credentials, err := Derive(SHA1, "pencil", unbase64(t, "QSXCR+Q6sek8bf92"), 4096)
	if err != nil {
		t.Fatal(err)
	}
	s := mustServer(t, ScramSHA1Plus, &ServerConfig{
		Domain: "example.org", Offer: offer, DecoySecret: testSecret,
		ChannelBinding: func(kind string) ([]byte, bool) { return []byte("THIS IS FAKE CB DATA"), kind == "tls-exporter" },
		Lookup:         func(string) (map[Hash]Credentials, error) { return map[Hash]Credentials{SHA1: credentials}, nil },
	})
	s.(*scramServer).nonce = func() string { return "a09117a6-ac50-4f2f-93f1-93799c2bddf6" }
	const both = "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6"
	challenge, _, err := s.Next([]byte("p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6"))
	if want := "r=" + both + ",s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08="; err != nil || string(challenge) != want {
		t.Fatalf("challenge %q, %v; want %q", challenge, err, want)
	}
	end, done, err := s.Next([]byte("c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,r=" + both +
		",x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4="))
	if err != nil || !done || string(end) != "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c=" || s.Username() != "user" {
		t.Fatalf("end %q, %v", end, err)
	}
}
