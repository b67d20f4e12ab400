// Package services tells clients where STUN and TURN are, and with what credentials (XEP-0215). It knows addresses and whom it tells them;
// serving them, and making the credentials, belongs to package relay.
//
// Only accounts of this server get an answer, each its own credentials. There are no pushes: what is offered changes only when the server
// starts anew, which ends all sessions, and a client that needs credentials beyond their expiry asks again.
package services

import (
	"context"

	"godwit/jid"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/xep/extdisco"
)

// Source returns what is offered to an account now, with credentials made for it where a service is restricted. It must be safe for concurrent
// use. nil offers nothing.
type Source func(account jid.JID) []extdisco.Service

// Register adds the handlers of this room.
func Register(t *handler.Table, source Source) {
	r := room{source}
	t.Register(extdisco.NS, "services", stanza.Get, handler.Server, r.services)
	t.Register(extdisco.NS, "credentials", stanza.Get, handler.Server, r.credentials)
}

type room struct{ source Source }

// offered is what whoever asks may use. A request to the server itself is always about the account whose session it came from.
func (r room) offered(q *handler.Request) ([]extdisco.Service, error) {
	if q.Account.Local() == "" || q.Target != handler.Server {
		return nil, stanza.ErrForbidden()
	}
	if r.source == nil {
		return nil, nil
	}
	return r.source(q.Account.Bare()), nil
}

// services answers XEP-0215 §3.1 and §3.2.
func (r room) services(_ context.Context, q *handler.Request) (handler.Answer, error) {
	asked, err := extdisco.ParseServices(q.Payload)
	if err != nil {
		return nil, err
	}
	all, err := r.offered(q)
	if err != nil {
		return nil, err
	}
	out := extdisco.Services{Type: asked.Type}
	for _, s := range all {
		if asked.Type == "" || s.Type == asked.Type {
			out.Services = append(out.Services, s)
		}
	}
	return out.Encode, nil
}

// credentials answers XEP-0215 §3.3. Several services match when the request names no port and no transport.
func (r room) credentials(_ context.Context, q *handler.Request) (handler.Answer, error) {
	asked, err := extdisco.ParseCredentials(q.Payload)
	if err != nil {
		return nil, err
	}
	if len(asked.Services) != 1 {
		return nil, stanza.ErrBadRequest().WithText("credentials are asked for one service at a time")
	}
	all, err := r.offered(q)
	if err != nil {
		return nil, err
	}
	want := asked.Services[0]
	var out extdisco.Credentials
	for _, s := range all {
		if s.Type == want.Type && s.Host == want.Host && (want.Port == 0 || s.Port == want.Port) && (want.Transport == "" || s.Transport == want.Transport) {
			out.Services = append(out.Services, s)
		}
	}
	if out.Services == nil {
		return nil, stanza.ErrItemNotFound()
	}
	return out.Encode, nil
}
