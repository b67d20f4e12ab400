package client

import (
	"slices"
	"time"

	"godwit/stanza"
	"godwit/xep/extdisco"
)

// Pauses between questions for services. Credentials for a relay are asked for
// again when three quarters of their time are over, so that whoever was offline
// for a while still has some.
const (
	servicesLeast = 30 * time.Second // whatever the server says
	servicesRetry = 5 * time.Minute  // after a failure, and while there is no connection
)

// askServices asks where STUN and TURN are (XEP-0215 §3.1).
func (k *core) askServices() {
	k.request(k.server(), stanza.Get, extdisco.Services{}.Encode, k.inSession(k.servicesKnown))
}

// servicesKnown takes the STUN and TURN servers.
func (k *core) servicesKnown(s *stanza.Stanza, err error) {
	if err != nil {
		k.log.Info("the server offers no STUN", "error", err)
		if k.relays { // it did before: what it gave will expire
			k.after(&k.services, servicesRetry, k.renewServices)
		}
		return
	}
	n, _ := s.Child(extdisco.NS, "services")
	services, err := extdisco.ParseServices(n)
	if err != nil {
		k.log.Warn("the server's list of services is unreadable", "error", err)
		return
	}
	k.relaysKnown(slices.ContainsFunc(services.Services, func(s extdisco.Service) bool {
		return s.Type == extdisco.TURN || s.Type == extdisco.TURNS
	}))
	k.timers.stop(&k.services)
	if wait, ok := servicesDue(services.Services, time.Now()); ok {
		k.after(&k.services, wait, k.renewServices)
	}
	if k.cfg.Services != nil {
		k.cfg.Services(services.Services)
	}
}

// renewServices asks again before the credentials expire. Without a connection
// it waits for one: a new session asks anyway, a resumed one does not.
func (k *core) renewServices() {
	if !k.online() {
		k.after(&k.services, servicesRetry, k.renewServices)
		return
	}
	k.askServices()
}

// servicesDue is how long to wait before asking for services again; never if none
// of them expires.
func servicesDue(services []extdisco.Service, now time.Time) (wait time.Duration, ok bool) {
	for _, s := range services {
		if s.Expires.IsZero() {
			continue
		}
		if w := max(servicesLeast, s.Expires.Sub(now)/4*3); !ok || w < wait {
			wait, ok = w, true
		}
	}
	return wait, ok
}
