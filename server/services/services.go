// Package services tells clients where STUN is (XEP-0215), and later rooms where TURN is. It knows addresses only; serving them belongs to
// package relay.
package services

import (
	"context"

	"godwit/server/handler"
	"godwit/stanza"
	"godwit/xep/extdisco"
)

// Register adds the handlers of this room. current returns what is offered now; it must be safe for concurrent use.
func Register(t *handler.Table, current func() []extdisco.Service) {
	t.Register(extdisco.NS, "services", stanza.Get, handler.Server, func(_ context.Context, r *handler.Request) (handler.Answer, error) {
		q, err := extdisco.ParseServices(r.Payload)
		if err != nil {
			return nil, err
		}
		out := extdisco.Services{Type: q.Type}
		for _, s := range current() {
			if q.Type == "" || s.Type == q.Type {
				out.Services = append(out.Services, s)
			}
		}
		return out.Encode, nil
	})
	t.Register(extdisco.NS, "credentials", stanza.Get, handler.Server, func(_ context.Context, r *handler.Request) (handler.Answer, error) {
		q, err := extdisco.ParseCredentials(r.Payload)
		if err != nil {
			return nil, err
		}
		if len(q.Services) != 1 {
			return nil, stanza.ErrBadRequest()
		}
		for _, s := range current() {
			if s.Type == q.Services[0].Type && s.Host == q.Services[0].Host {
				return extdisco.Credentials{Services: []extdisco.Service{s}}.Encode, nil
			}
		}
		return nil, stanza.ErrItemNotFound()
	})
}
