package server

import (
	"context"
	"time"

	"godwit/jid"
	"godwit/server/devices"
	"godwit/server/invite"
	"godwit/server/register"
	"godwit/store"
)

// openAccess makes the rooms that decide who comes in beside by password: with tokens, by registration and by invitation.
func (s *Server) openAccess(ctx context.Context) error {
	cfg := &s.cfg
	secret, err := cfg.Store.Secrets.Ensure(ctx, "client-tokens", 32)
	if err != nil {
		return err
	}
	s.Devices, err = devices.New(devices.Config{Grants: cfg.Store.Grants, Secret: secret, Sessions: s.Accounts, Life: cfg.TokenLife, Log: cfg.Log})
	if err != nil {
		return err
	}
	s.Invitations, err = invite.New(invite.Config{Domain: cfg.Domain, Store: cfg.Store.Invitations, Policy: cfg.Invite, Page: cfg.InvitePage, Log: cfg.Log})
	if err != nil {
		return err
	}
	s.Registration = register.New(register.Config{
		Domain: cfg.Domain, Accounts: registry{cfg.Store}, Sessions: s, Open: cfg.Register, Rate: cfg.RegisterRate,
		Invitations: invited{s.Invitations, s}, Guard: cfg.Guard, Now: time.Now, Log: cfg.Log,
	})
	return nil
}

// invited is the room of invitations as package register wants it.
type invited struct {
	*invite.Room
	server *Server
}

var _ register.Invitations = invited{}

// Create makes the account, then contacts. Should that fail, the account is there all the same and its owner can ask.
func (i invited) Create(ctx context.Context, token string, who jid.JID, password string) error {
	keys, err := derive(password)
	if err != nil {
		return err
	}
	inviter, err := i.Register(ctx, token, store.Account{JID: who, Created: time.Now(), Credentials: keys})
	if err != nil || inviter.IsZero() {
		return err
	}
	if err := i.server.Accounts.Befriend(inviter, who); err != nil {
		i.server.cfg.Log.Error("whoever invited and who was invited did not become contacts", "account", who.String(), "inviter", inviter.String(), "error", err)
	}
	return nil
}
