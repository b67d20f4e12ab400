package sasl

import (
	"testing"

	"github.com/xdg-go/scram"
)

// The library these tests hold our ends against was written independently. It ignores the hash of XEP-0474 as an
// unknown extension, which RFC 5802 §5.1 demands of every client.

func libraryHash(h Hash) scram.HashGeneratorFcn {
	return map[Hash]scram.HashGeneratorFcn{SHA1: scram.SHA1, SHA256: scram.SHA256, SHA512: scram.SHA512}[h]
}

func TestServerWithLibraryClient(t *testing.T) {
	for _, m := range known {
		if m == Plain {
			continue
		}
		for user, password := range map[string]string{"alice": "pencil", "ünal": "p=ss,wörd"} {
			var cb ChannelBinding
			if m.Plus() {
				cb = boundTo(TLSExporter, TLSServerEndPoint)
			}
			s := mustServer(t, m, serverConfig(cb, false))
			client, err := libraryHash(m.Hash()).NewClient(user, password, "")
			if err != nil {
				t.Fatal(err)
			}
			conv := client.NewConversationAdvertisingChannelBinding()
			if m.Plus() {
				data, _ := cb("tls-exporter")
				conv = client.NewConversationWithChannelBinding(scram.ChannelBinding{Type: scram.ChannelBindingTLSExporter, Data: data})
			}
			text, err := conv.Step("")
			for done := false; err == nil && !done; {
				var challenge []byte
				if challenge, done, err = s.Next([]byte(text)); err == nil {
					text, err = conv.Step(string(challenge))
				}
			}
			if err != nil || !conv.Valid() || s.Username() != user {
				t.Errorf("%s as %s: %v, valid %v, user %q", m, user, err, conv.Valid(), s.Username())
			}
		}
	}
}

func TestClientWithLibraryServer(t *testing.T) {
	for _, m := range known {
		if m == Plain {
			continue
		}
		credentials, err := Derive(m.Hash(), "p=ss,wörd", []byte("some salt"), MinIterations)
		if err != nil {
			t.Fatal(err)
		}
		server, err := libraryHash(m.Hash()).NewServer(func(string) (scram.StoredCredentials, error) {
			return scram.StoredCredentials{
				KeyFactors: scram.KeyFactors{Salt: string(credentials.Salt), Iters: credentials.Iterations},
				StoredKey:  credentials.StoredKey, ServerKey: credentials.ServerKey,
			}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		cfg := ClientConfig{
			Username: "ünal", Domain: "example.com", Password: "p=ss,wörd", AuthzID: "ünal@example.com",
			Offer: Offer{Mechanisms: []Mechanism{m}},
		}
		conv := server.NewConversation()
		if m.Plus() {
			cfg.Offer.Bindings = []BindingType{TLSServerEndPoint}
			cfg.ChannelBinding = boundTo(TLSServerEndPoint)
			data, _ := cfg.ChannelBinding("tls-server-end-point")
			conv = server.NewConversationWithChannelBindingRequired(
				scram.ChannelBinding{Type: scram.ChannelBindingTLSServerEndpoint, Data: data})
		}
		c := mustClient(t, cfg)
		resp, err := c.Start()
		for err == nil && !conv.Done() {
			var challenge string
			if challenge, err = conv.Step(string(resp)); err == nil && !conv.Done() {
				resp, _, err = c.Next([]byte(challenge))
			} else if err == nil {
				err = c.Finish([]byte(challenge))
			}
		}
		if err != nil || !conv.Valid() || conv.Username() != "ünal" || c.Mechanism() != m {
			t.Errorf("%s: %v, valid %v, user %q", m, err, conv.Valid(), conv.Username())
		}
	}
}
