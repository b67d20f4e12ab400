package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"godwit/stanza"
	"godwit/xep/clientaccess"
	"godwit/xep/register"
)

// Device is a client that has access to the account (XEP-0494).
type Device struct {
	ID       string // for SignOut
	Name     string // what its user calls it
	Software string
	Address  string // where it came from last; "" when the server does not say
	// First and Last are when it was first and last here; zero when not told.
	First, Last time.Time
	Online      bool // it has a session, perhaps one that waits to be resumed
	Current     bool // it is this one
	Password    bool // it signed in with the password
	Token       bool // it can sign in with a token
}

// ErrKnowsPassword: the device was signed out, but it knows the password and may come
// back with it.
var ErrKnowsPassword = errors.New("client: the device was signed out, but it knows the password: change the password to keep it out")

// Devices asks which clients have access to the account, the one seen last first. A
// server that does not know the question answers with a stanza error.
func (c *Client) Devices(ctx context.Context) (all []Device, err error) {
	err = c.ask(ctx, func(k *core, done func(error)) {
		k.devices(func(list []Device, err error) {
			all = list
			done(err)
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (k *core) devices(answer func([]Device, error)) {
	k.request(k.self, stanza.Get, clientaccess.List{}.Encode, func(s *stanza.Stanza, err error) {
		if err != nil {
			answer(nil, err)
			return
		}
		n, _ := s.Child(clientaccess.NS, "clients")
		v, err := clientaccess.ParseClients(n)
		if err != nil {
			answer(nil, err)
			return
		}
		all := make([]Device, 0, len(v.Clients))
		for _, d := range v.Clients {
			all = append(all, Device{ID: d.ID, Name: d.Device, Software: d.Software, Address: d.Address, First: d.FirstSeen, Last: d.LastSeen,
				Online: d.Connected, Current: d.Current, Password: d.Password, Token: d.Fast})
		}
		answer(all, nil)
	})
}

// SignOut takes a device's access away: its token is worth nothing any more, its
// sessions end. It fails with ErrKnowsPassword when that happened but the device can
// come back; with a stanza error otherwise.
func (c *Client) SignOut(ctx context.Context, id string) error {
	return c.ask(ctx, func(k *core, done func(error)) { k.revoke(id, done) })
}

func (k *core) revoke(id string, done func(error)) {
	k.request(k.self, stanza.Set, clientaccess.Revoke{ID: id}.Encode, func(_ *stanza.Stanza, err error) {
		var e *stanza.Error
		if errors.As(err, &e) && e.App.Name == clientaccess.PasswordResetRequired.Name {
			err = ErrKnowsPassword
		}
		done(err)
	})
}

// SignOutSelf takes this device's access away, forgets the token and ends Run with
// ErrSignedOut. Messages and settings stay in the cache, which is the caller's to
// remove. Without a connection, or on a server that does not know how, the token is
// only forgotten here and the error says why; Run ends all the same.
func (c *Client) SignOutSelf(ctx context.Context) error {
	return c.ask(ctx, func(k *core, done func(error)) {
		finish := func(err error) {
			k.access = access{}
			k.saveToken()
			done(err)
			k.quit(ErrSignedOut)
		}
		if !k.online() {
			finish(ErrOffline)
			return
		}
		k.devices(func(all []Device, err error) {
			if err != nil {
				finish(err)
				return
			}
			for _, d := range all {
				if d.Current {
					k.access.signingOut = true // the server may end the stream before its answer is read
					k.revoke(d.ID, finish)
					return
				}
			}
			finish(nil)
		})
	})
}

// ChangePassword sets a new password for the account (XEP-0077 §3.3). The account's
// other sessions end, and all tokens are worth nothing; this device gets a new one
// by signing in with the new password. old is needed where the session at hand came in
// by a token, and checked wherever it is given: a wrong one is the stanza error
// not-authorized.
func (c *Client) ChangePassword(ctx context.Context, old, password string) error {
	if password == "" {
		return fmt.Errorf("%w: the new password is empty", ErrInvalid)
	}
	return c.ask(ctx, func(k *core, done func(error)) {
		q := register.Query{Username: register.Give(k.self.Local()), Password: register.Give(password)}
		if old != "" {
			q = register.Query{Change: &register.Change{Username: k.self.Local(), OldPassword: old, Password: password}}
		}
		k.request(k.server(), stanza.Set, q.Encode, func(_ *stanza.Stanza, err error) {
			if err == nil {
				k.passwordChanged(password)
			}
			done(err)
		})
	})
}

// passwordChanged goes on with the new password. A token that was there is worth
// nothing any more; signing in once more, by which the session goes on, brings another.
func (k *core) passwordChanged(password string) {
	had := k.access.token != nil
	k.access.password, k.access.token = password, nil
	if had {
		k.saveToken()
		k.later(func() { k.drop(errRenewAccess) })
	}
}

var errRenewAccess = errors.New("the password was changed")

// Invitation is one that was made.
type Invitation struct {
	URI     string // xmpp:…, for clients
	URL     string // of a page for who has no client yet; may be empty
	Expires time.Time
}

// InvitationKind says what somebody is invited to.
type InvitationKind string

// The kinds.
const (
	InviteContact InvitationKind = "contact" // become a contact; an account too where the server lets accounts invite to that
	InviteAccount InvitationKind = "account" // make an account, and become a contact
)
