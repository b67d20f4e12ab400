package quic

import (
	"context"
	"net"
	"net/netip"
	"time"

	"godwit/peer/guess"
	"godwit/udpmux"
)

// guessAfter is how long ordinary checks have had before a port is guessed.
const guessAfter = time.Second

// guessPort guesses a port of the router that has to be hit, where what both
// sides know of their networks says that nothing else leads to a direct path. A
// relay may carry meanwhile; what is found replaces it like any direct path.
func (s *session) guessPort() {
	s.mu.Lock()
	theirs := s.remote.Reach
	s.mu.Unlock()
	role := guess.RoleOf(s.transport.currentReach(), theirs)
	if role == guess.None || !s.params.Addresses.Reflexive || s.transport.config.Socket != nil {
		return // a simulated network has no more sockets
	}
	timer := time.NewTimer(guessAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.found:
		return
	case <-s.ctx.Done():
		return
	}
	target, ok := s.agent.public()
	if !ok {
		return
	}
	done, ok := s.transport.guesses.Begin(target.Addr(), time.Now())
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	s.helpers.Go(func() {
		select {
		case <-s.found:
			cancel()
		case <-ctx.Done():
		}
	})
	begun := time.Now()
	hit := false
	switch role {
	case guess.Sends:
		sent := guess.Send(ctx, target.Addr(), func(to netip.AddrPort) { _ = s.transport.mux.WriteTo(s.agent.probe(), to) })
		s.transport.log.Debug("peer/quic: guessed ports", "peer", target.Addr(), "sent", sent, "took", time.Since(begun))
	case guess.Opens:
		socket := guess.Open(ctx, guess.Opening{
			Target: target,
			Socket: func() (net.PacketConn, error) { return net.ListenUDP("udp4", nil) },
			Check:  s.agent.probe,
			Ours:   func(packet []byte, _ netip.AddrPort) bool { return s.agent.authentic(packet) },
		})
		hit = socket != nil && s.useGuessed(socket)
		s.transport.log.Debug("peer/quic: opened ports to be guessed", "peer", target, "hit", hit, "took", time.Since(begun))
	}
	select {
	case <-s.found:
		hit = true
	default:
	}
	if !hit && s.ctx.Err() != nil {
		hit = true // it was interrupted: nothing is known
	}
	done(hit)
}

// useGuessed checks from the socket at which a check of the peer has arrived.
func (s *session) useGuessed(socket net.PacketConn) bool {
	mux, err := udpmux.Over(socket, udpmux.Config{Logger: s.transport.log, Firewall: s.transport.config.Firewall})
	if err != nil {
		return false
	}
	s.mu.Lock()
	s.guessed = mux
	s.mu.Unlock()
	if err := s.transport.listenOn(mux); err != nil {
		return false
	}
	local := netip.AddrPortFrom(netip.IPv4Unspecified(), mux.LocalAddr().Port())
	_, err = s.agent.addBase(mux, local, nil)
	return err == nil
}
