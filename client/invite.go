package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/command"
	"godwit/xep/dataform"
	"godwit/xep/datetime"
	"godwit/xep/pars"
)

// Nodes of the commands of XEP-0401 §3.
const (
	nodeInvite  = "urn:xmpp:invite#invite"
	nodeAccount = "urn:xmpp:invite#create-account"
)

// Invite makes an invitation (XEP-0401). A stanza error is the server's word:
// forbidden where accounts may not invite to that, resource-constraint where too many
// invitations are open.
func (c *Client) Invite(ctx context.Context, kind InvitationKind) (i Invitation, err error) {
	node := map[InvitationKind]string{InviteContact: nodeInvite, InviteAccount: nodeAccount}[kind]
	if node == "" {
		return Invitation{}, fmt.Errorf("%w: there is no invitation of kind %q; there are contact and account", ErrInvalid, kind)
	}
	err = c.ask(ctx, func(k *core, done func(error)) {
		k.command(command.Command{Node: node, Action: command.Execute}, func(v command.Command, err error) {
			if err == nil && v.Status == command.Executing {
				form := dataform.Form{Type: dataform.TypeSubmit, Fields: []dataform.Field{{Var: "username", Values: []string{""}}, {Var: "roster-subscription", Values: []string{"1"}}}}
				k.command(command.Command{Node: node, Session: v.Session, Action: command.Complete, Form: &form}, func(v command.Command, err error) {
					if err == nil {
						i, err = invitationOf(v)
					}
					done(err)
				})
				return
			}
			if err == nil {
				i, err = invitationOf(v)
			}
			done(err)
		})
	})
	if err != nil {
		return Invitation{}, err
	}
	return i, nil
}

// command executes a command of the server (XEP-0050).
func (k *core) command(q command.Command, answer func(command.Command, error)) {
	k.request(k.server(), stanza.Set, q.Encode, func(s *stanza.Stanza, err error) {
		if err != nil {
			answer(command.Command{}, err)
			return
		}
		n, _ := s.Child(command.NS, "command")
		answer(command.Parse(n))
	})
}

var errNoInvitation = errors.New("client: the server answered without an invitation")

func invitationOf(v command.Command) (Invitation, error) {
	if v.Status != command.Completed || v.Form == nil {
		return Invitation{}, errNoInvitation
	}
	i := Invitation{URI: v.Form.Value("uri"), URL: v.Form.Value("landing-url")}
	if _, err := pars.ParseURI(i.URI); err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", errNoInvitation, err)
	}
	for _, name := range []string{"expire", "expiry"} {
		if t, err := datetime.Parse(v.Form.Value(name)); err == nil {
			i.Expires = t
		}
	}
	return i, nil
}

// InvitationURI is what the xmpp: URI of an invitation says.
type InvitationURI = pars.Invitation

// ParseInvitation reads the xmpp: URI of an invitation (XEP-0401, XEP-0445).
func ParseInvitation(uri string) (InvitationURI, error) { return pars.ParseURI(uri) }

// UseInvitation asks for the contact that an invitation comes from, and shows it
// (XEP-0379 §3.4): if it is good, both see each other at once and nobody is asked.
// uri is an xmpp: URI. It returns whom the invitation is from.
func (c *Client) UseInvitation(ctx context.Context, uri string) (from jid.JID, err error) {
	i, err := pars.ParseURI(uri)
	if err != nil || i.Register || i.With.Local() == "" {
		return jid.JID{}, fmt.Errorf("%w: %w", ErrInvalid, errors.Join(pars.ErrURI, err))
	}
	return i.With, c.call(ctx, func(k *core) error { return k.subscribe(i.With, i.Name, nil, i.Token) })
}

// RegisterConfig says which account to make, where and how.
type RegisterConfig struct {
	// JID is the account to make, a bare address.
	JID      jid.JID
	Password string
	// Token is that of an invitation (XEP-0445); "" registers where everybody may.
	Token string
	// Dialer opens a link to the account's server, as Config.Dialer does.
	Dialer link.Dialer
	// AllowUnencrypted permits a server without TLS, which then reads the password.
	AllowUnencrypted bool
	Timeout          time.Duration // 30 s
}

// Errors of Register, beside stanza errors and those of the link.
var (
	// ErrNameTaken: somebody has the address, or it is reserved.
	ErrNameTaken = WithCode("conflict", errors.New("client: this user name is taken"))
	// ErrBadInvitation: the invitation is not known, used up or has expired.
	ErrBadInvitation = WithCode("bad-invitation", errors.New("client: the invitation is not known, used up or has expired"))
	// ErrNotInvited: accounts are made by invitation there, or not at all from outside.
	ErrNotInvited = WithCode("not-allowed", errors.New("client: this server makes accounts by invitation only"))
)

// Register makes an account (XEP-0077), in bounded time. The password is sent inside TLS
// and nowhere else. It fails with one of the errors above, a stanza error of the server
// (not-acceptable for a name or password that cannot be, resource-constraint for too many
// registrations), or that of the link.
func Register(ctx context.Context, cfg RegisterConfig) error {
	switch {
	case cfg.JID.Local() == "" || !cfg.JID.IsBare():
		return fmt.Errorf("%w: %q is not the address of an account", ErrInvalid, cfg.JID)
	case cfg.Password == "":
		return fmt.Errorf("%w: the password is empty", ErrInvalid)
	case cfg.Dialer == nil:
		return fmt.Errorf("%w: no dialer", ErrInvalid)
	}
	number(&cfg.Timeout, 30*time.Second)
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	l, err := cfg.Dialer.Dial(ctx, cfg.JID.Domain())
	if err != nil {
		return err
	}
	err = stream.Register(ctx, l, &stream.Registration{
		Account: cfg.JID, Password: cfg.Password, Token: cfg.Token, AllowUnencrypted: cfg.AllowUnencrypted,
	})
	switch {
	case errors.Is(err, stream.ErrBadToken):
		return ErrBadInvitation
	case errors.Is(err, stream.ErrNoRegistration), refused(err, "not-allowed", "service-unavailable", "forbidden"):
		return ErrNotInvited
	case refused(err, "conflict"):
		return ErrNameTaken
	case refused(err, "item-not-found") && cfg.Token != "":
		return ErrBadInvitation
	}
	return err
}
