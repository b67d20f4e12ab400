package app

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"godwit/client"
	"godwit/client/path"
	"godwit/link"
	"godwit/peer"
	"godwit/peer/quic"
)

// TestDataChannelsCarryAConversation plays the story of two people whose clients have no QUIC in common, and of two whose network lets none
// through: they fall down the ladder. Messages arrive once and in order, and the server carries none of those sent on the link.
func TestDataChannelsCarryAConversation(t *testing.T) {
	for _, test := range []struct {
		why        string
		transports func(t *testing.T, ours []peer.Transport) []peer.Transport
	}{
		{"the only transport", func(_ *testing.T, ours []peer.Transport) []peer.Transport { return ours[1:] }},
		{"QUIC is dropped", func(t *testing.T, ours []peer.Transport) []peer.Transport {
			deaf, err := quic.New(quic.Config{Loopback: true, Firewall: func(netip.AddrPort) bool { return false }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = deaf.Close() })
			return []peer.Transport{deaf, ours[1]}
		}},
	} {
		t.Run(test.why, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			d := &demo{t: newTeller(io.Discard), dir: t.TempDir(), log: slog.New(slog.DiscardHandler)}
			d.tune = func(cfg *client.Config) {
				cfg.Transports = test.transports(t, cfg.Transports)
				cfg.Times.Introduction = 5 * time.Second
			}
			defer func() {
				if err := d.close(); err != nil {
					t.Error(err)
				}
			}()
			for _, scene := range []func(context.Context) error{d.startServer, d.signIn, d.befriend, d.firstWords} {
				if err := scene(ctx); err != nil {
					t.Fatal(err)
				}
			}
			for _, a := range []*actor{d.alice, d.bob} {
				e, err := await(ctx, a, "the direct link", func(e client.LinkChanged) bool { return e.State == client.LinkUp })
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind != link.DirectDataChannel {
					t.Errorf("%s's link: %+v", a.name, e)
				}
			}
			for flight := 1; ; flight++ { // see flyDirect
				if err := d.settle(ctx, path.ViaLink); err != nil {
					t.Fatal(err)
				}
				before := d.node.server.Pipeline.Counters.Messages.Load()
				paths, err := d.chatter(ctx, 100, "channel", nil)
				if err != nil {
					t.Fatal(err)
				}
				carried := d.node.server.Pipeline.Counters.Messages.Load() - before
				if carried == 0 && paths[path.Direct] == 200 {
					break
				}
				if flight == flights {
					t.Fatalf("the server carried %d, %v were seen by path", carried, paths)
				}
			}
			_, up := d.alice.state()
			t.Logf("the link was up %v after the first message", short(up.Sub(d.hello)))
		})
	}
}
