package linktest

import (
	"net"
	"net/netip"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/xmlstream"
)

// Options are the bounds a test asks a link to have; zero fields are the link's
// defaults.
type Options struct {
	MaxQueued    int
	WriteTimeout time.Duration
	CloseTimeout time.Duration
}

// Config makes a byte stream's configuration of the options, with the limits of
// an authenticated peer.
func (o Options) Config() bytestream.Config {
	l := xmlstream.DefaultLimits()
	return bytestream.Config{
		Kind: link.Memory, Limits: &l,
		Local: netip.MustParseAddrPort("192.0.2.1:5222"), Remote: netip.MustParseAddrPort("192.0.2.2:40000"),
		MaxQueued: o.MaxQueued, WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout,
	}
}

// Pipe joins two links in memory, without encryption. Nothing is buffered
// between them beyond their own queues.
func Pipe(o Options) (a, b link.Link) {
	x, y := net.Pipe()
	return bytestream.New(x, o.Config()), bytestream.New(y, o.Config())
}

// Secured is a link that appears to be encrypted.
type Secured struct {
	link.Link
	Info     link.TLSInfo
	Bindings map[string][]byte
}

// TLS implements link.Secured.
func (s *Secured) TLS() link.TLSInfo { return s.Info }

// ChannelBinding implements link.Secured.
func (s *Secured) ChannelBinding(kind string) ([]byte, bool) {
	b, ok := s.Bindings[kind]
	return b, ok
}

// SecurePipe joins two links in memory that appear to be encrypted and share
// channel-binding data.
func SecurePipe(o Options) (a, b *Secured) { return secured(Pipe(o)) }

func secured(x, y link.Link) (a, b *Secured) {
	info := link.TLSInfo{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", PeerVerified: true}
	data := map[string][]byte{
		link.TLSExporter:       []byte("exported keying material of 32 B"),
		link.TLSServerEndPoint: []byte("hash of the certificate, 32 byte"),
	}
	return &Secured{x, info, data}, &Secured{y, info, data}
}
