package register

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/pars"
	"godwit/xep/register"
	"godwit/xmlstream"
)

// DefaultRate is how many accounts one address may ask for: a family at once, then one every ten minutes.
var DefaultRate = stream.Rate{Burst: 5, Every: 10 * time.Minute}

// MaxUsername bounds the local part of a new account, in bytes; addresses allow more (RFC 7622 §3.3), but nobody wants to read or type it.
const MaxUsername = 64

// Accounts is what this room does with accounts. The functions block until what they did is durable, and are safe for concurrent use.
type Accounts interface {
	// Exists reports whether there is an account.
	Exists(ctx context.Context, who jid.JID) (bool, error)
	// Create fails with store.ErrExists or sasl.ErrPassword.
	Create(ctx context.Context, who jid.JID, password string) error
	// IsPassword reports whether it is the account's.
	IsPassword(ctx context.Context, who jid.JID, password string) (bool, error)
	// SetPassword fails with store.ErrNotFound or sasl.ErrPassword. Whatever else signs in to the account does not any more.
	SetPassword(ctx context.Context, who jid.JID, password string) error
	// Remove deletes the account and all that belongs to it. It fails with store.ErrNotFound.
	Remove(ctx context.Context, who jid.JID) error
}

// Invitations let people in who have one (XEP-0445). Safe for concurrent use.
type Invitations interface {
	// Check reports whether a token is good for making an account now.
	Check(ctx context.Context, token string) (bool, error)
	// Free reports whether the address is not reserved for whoever has another token; "" is no token.
	Free(ctx context.Context, who jid.JID, token string) (bool, error)
	// Create makes an account with a token that was checked, however long ago, and makes contacts of whom it makes contacts. It fails with
	// store.ErrExists, sasl.ErrPassword, store.ErrNotFound when the token is used up, or a *stanza.Error.
	Create(ctx context.Context, token string, who jid.JID, password string) error
}

// Sessions are asked and ended by this room; *account.Registry does it.
type Sessions interface {
	// Proof is how the client of a session signed in last, and where it is.
	Proof(s *account.Session) (sasl.Mechanism, netip.Addr)
	// EndOthers ends the sessions of the account of one that stays.
	EndOthers(stays *account.Session, why *stream.Error)
	EndAll(owner jid.JID, why *stream.Error)
}

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Registered atomic.Int64 // accounts made
	Invited    atomic.Int64 // of them, by invitation
	Refused    atomic.Int64 // registrations refused
	Limited    atomic.Int64 // registrations beyond the rate of an address
	Removed    atomic.Int64 // accounts given up by their owners
}

// Config says what is allowed. Invitations and Guard may be nil.
type Config struct {
	Domain   jid.JID
	Accounts Accounts
	Sessions Sessions
	// Open lets strangers make accounts, and owners give theirs up in band.
	Open bool
	// Rate bounds what one address may register, and how many invitations it may try; DefaultRate.
	Rate        stream.Rate
	Invitations Invitations
	// Guard is told of passwords that are tried, as at sign-in.
	Guard stream.AuthGuard
	Now   func() time.Time // time.Now outside tests
	Log   *slog.Logger
}

// Room answers requests in jabber:iq:register. Its fields are constant.
type Room struct {
	cfg      Config
	limit    *stream.AddressRate
	tries    *stream.AddressRate // of invitations that were none
	Counters Counters
}

var _ stream.Registrar = (*Room)(nil)

// New returns the room.
func New(cfg Config) *Room {
	if cfg.Rate == (stream.Rate{}) {
		cfg.Rate = DefaultRate
	}
	tries := stream.Rate{Burst: triesPerAccount * cfg.Rate.Burst, Every: cfg.Rate.Every / triesPerAccount}
	return &Room{cfg: cfg, limit: stream.NewAddressRate(cfg.Rate, cfg.Now), tries: stream.NewAddressRate(tries, cfg.Now)}
}

// triesPerAccount is how many times somebody may mistype an invitation for each account that may be made.
const triesPerAccount = 4

// Features implements [stream.Registrar].
func (room *Room) Features(e *xmlstream.Encoder) {
	if room.cfg.Open {
		register.Feature{}.Encode(e)
	}
	if room.cfg.Invitations != nil {
		pars.Feature{}.Encode(e)
	}
}

// form is what is asked for (§3.1).
var form = register.Query{
	Instructions: "Choose a user name and a password.",
	Username:     register.Give(""), Password: register.Give(""),
}

// Apply implements [stream.Registrar].
func (room *Room) Apply(ctx context.Context, who *stream.Applicant, q *stanza.Stanza) *stanza.Stanza {
	answer, err := room.apply(ctx, who, q)
	if err == nil {
		return q.Result(answer)
	}
	room.Counters.Refused.Add(1)
	var refused *stanza.Error
	if !errors.As(err, &refused) {
		room.cfg.Log.Error("a registration failed", "address", who.Remote.String(), "error", err)
		refused = stanza.ErrInternalServerError()
	}
	return q.ErrorReply(refused)
}

func (room *Room) apply(ctx context.Context, who *stream.Applicant, q *stanza.Stanza) (handler.Answer, error) {
	if n, ok := q.Child(pars.NS, "preauth"); ok && q.Type == stanza.Set {
		return nil, room.present(ctx, who, n)
	}
	n, ok := q.Child(register.NS, "query")
	if !ok {
		return nil, stanza.ErrBadRequest()
	}
	r, err := register.Parse(n)
	if err != nil {
		return nil, err
	}
	token, _ := who.Pass.(string)
	if token == "" && !room.cfg.Open {
		return nil, stanza.ErrNotAllowed().WithText("accounts are made by invitation here")
	}
	if q.Type == stanza.Get {
		return form.Encode, nil
	}
	if r.Remove { // §3.2: whoever has no account yet has none to remove
		return nil, stanza.ErrUnexpectedRequest()
	}
	account, err := room.newAccount(r)
	if err != nil {
		return nil, err
	}
	if !room.limit.Take(who.Remote) { // before anything is looked up or computed
		return nil, room.limited("registration", who.Remote)
	}
	if err := room.free(ctx, account, token); err != nil {
		return nil, err
	}
	if token != "" {
		err = room.cfg.Invitations.Create(ctx, token, account, r.Password.Value)
	} else {
		err = room.cfg.Accounts.Create(ctx, account, r.Password.Value)
	}
	switch {
	case errors.Is(err, store.ErrExists):
		return nil, taken()
	case errors.Is(err, store.ErrNotFound): // used up since it was presented
		who.Pass = nil
		return nil, badInvitation()
	case err != nil:
		return nil, passwordError(err)
	}
	room.Counters.Registered.Add(1)
	if token != "" {
		room.Counters.Invited.Add(1)
	}
	room.cfg.Log.Info("account registered", "account", account.String(), "address", who.Remote.String(), "invited", token != "")
	return nil, nil
}

// free fails if the address cannot be had.
func (room *Room) free(ctx context.Context, account jid.JID, token string) error {
	switch there, err := room.cfg.Accounts.Exists(ctx, account); {
	case err != nil:
		return err
	case there:
		return taken()
	}
	if room.cfg.Invitations == nil {
		return nil
	}
	free, err := room.cfg.Invitations.Free(ctx, account, token)
	if err == nil && !free {
		return taken()
	}
	return err
}

func taken() error { return stanza.ErrConflict().WithText("this user name is taken") }

func badInvitation() error {
	return stanza.ErrItemNotFound().WithText("this invitation is not known, used up or has expired")
}

func (room *Room) limited(what string, from netip.Addr) error {
	room.Counters.Limited.Add(1)
	room.cfg.Log.Warn(what+" refused: too many from this address", "address", from.String())
	return stanza.ErrResourceConstraint().WithText("too many registrations from this address; try again later")
}

// present notes an invitation for what follows on the same stream (XEP-0445 §4). That it expires meanwhile does not matter then.
func (room *Room) present(ctx context.Context, who *stream.Applicant, n xmlstream.Node) error {
	p, err := pars.Parse(n)
	if err != nil {
		return err
	}
	if room.cfg.Invitations == nil {
		return stanza.ErrServiceUnavailable()
	}
	who.Pass = nil
	if !room.tries.Take(who.Remote) {
		return room.limited("invitation", who.Remote)
	}
	good, err := room.cfg.Invitations.Check(ctx, p.Token)
	if err != nil {
		return err
	}
	if !good {
		return badInvitation()
	}
	who.Pass = p.Token
	return nil
}

// newAccount is the address that a registration asks for (§3.1: what is missing is not-acceptable).
func (room *Room) newAccount(r register.Query) (jid.JID, error) {
	if r.Username.Value == "" || r.Password.Value == "" {
		return jid.JID{}, stanza.ErrNotAcceptable().WithText("a user name and a password are needed")
	}
	who, err := jid.New(r.Username.Value, room.cfg.Domain.Domain(), "")
	if err != nil || len(who.Local()) > MaxUsername {
		return jid.JID{}, stanza.ErrNotAcceptable().WithText("this can not be a user name")
	}
	return who, nil
}

func passwordError(err error) error {
	if errors.Is(err, sasl.ErrPassword) {
		return stanza.ErrNotAcceptable().WithText("this password can not be used: it is too long or has characters that can not be typed everywhere")
	}
	return err
}

// Register adds the handlers for owners of accounts. Requests go to the server or to nobody, which is the account itself.
func (room *Room) Register(t *handler.Table) {
	t.Register(register.NS, "query", stanza.Get, handler.Server|handler.Self, room.current)
	t.Register(register.NS, "query", stanza.Set, handler.Server|handler.Self, room.change)
}

// current tells that the account is registered. Nobody knows its password any more.
func (room *Room) current(_ context.Context, r *handler.Request) (handler.Answer, error) {
	if _, err := register.Parse(r.Payload); err != nil {
		return nil, err
	}
	return register.Query{Registered: true, Username: register.Give(r.Account.Local()), Password: register.Give("")}.Encode, nil
}

// change sets a new password (§3.3) or removes the account (§3.2).
func (room *Room) change(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	q, err := register.Parse(r.Payload)
	if err != nil {
		return nil, err
	}
	proof, from := room.cfg.Sessions.Proof(r.Session)
	if q.Remove {
		if !room.cfg.Open {
			return nil, stanza.ErrNotAllowed().WithText("accounts are removed by the operator here")
		}
		if proof.ForTokens() {
			return nil, stanza.ErrForbidden().WithText("sign in with the password to remove the account")
		}
		return room.remove(ctx, r)
	}
	c := register.Change{Username: q.Username.Value, Password: q.Password.Value}
	if q.Change != nil {
		c = *q.Change
	}
	if c.Username == "" || c.Password == "" { // an empty password must never be set
		return nil, stanza.ErrBadRequest().WithText("a user name and a password are needed")
	}
	named, err := jid.New(strings.TrimSuffix(c.Username, "@"+room.cfg.Domain.Domain()), room.cfg.Domain.Domain(), "")
	if err != nil || named != r.Account {
		return nil, stanza.ErrNotAllowed().WithText("only the password of one's own account can be changed")
	}
	// A session that was let in by a token has not shown that it is its owner's who sits there: a token is left in browsers, and stolen from them.
	if proof.ForTokens() || c.OldPassword != "" {
		if err := room.confirm(ctx, r.Account, from, c.OldPassword); err != nil {
			return nil, err
		}
	}
	switch err := room.cfg.Accounts.SetPassword(ctx, r.Account, c.Password); {
	case errors.Is(err, store.ErrNotFound):
		return nil, stanza.ErrRegistrationRequired()
	case err != nil:
		return nil, passwordError(err)
	}
	// Whoever changes a password may do so because somebody else knows the old one: what was opened with it ends. Streams that wait to be
	// resumed end too, and tokens are worth nothing. The session at hand has shown that it is its owner's.
	room.cfg.Sessions.EndOthers(r.Session, &stream.Error{Condition: stream.Reset, Text: "the password was changed"})
	room.cfg.Log.Info("password changed by its owner", "account", r.Account.String())
	return nil, nil
}

// confirm checks the password there is. Trying costs what a sign-in costs.
func (room *Room) confirm(ctx context.Context, who jid.JID, from netip.Addr, old string) error {
	again := &handler.Refusal{
		Err:     stanza.ErrNotAuthorized().WithType(stanza.Modify).WithText("the password until now is needed, and must be right"),
		Payload: register.Query{AskOld: true}.Encode,
	}
	if old == "" {
		return again
	}
	if g := room.cfg.Guard; g != nil && !g.Allow(from, who) {
		return stanza.ErrResourceConstraint().WithText("too many passwords were tried; try again later")
	}
	right, err := room.cfg.Accounts.IsPassword(ctx, who, old)
	if err != nil {
		return err
	}
	var wrong error
	if !right {
		wrong = &sasl.Error{Condition: sasl.NotAuthorized, Detail: "the password until now is wrong"}
	}
	if room.cfg.Guard != nil {
		room.cfg.Guard.Report(from, who, sasl.Plain, wrong)
	}
	if !right {
		return again
	}
	return nil
}

func (room *Room) remove(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	switch err := room.cfg.Accounts.Remove(ctx, r.Account); {
	case errors.Is(err, store.ErrNotFound):
		return nil, stanza.ErrRegistrationRequired()
	case err != nil:
		return nil, err
	}
	room.Counters.Removed.Add(1)
	room.cfg.Log.Info("account removed by its owner", "account", r.Account.String())
	r.Afterwards(func() {
		room.cfg.Sessions.EndAll(r.Account, &stream.Error{Condition: stream.NotAuthorized, Text: "this account was removed"})
	})
	return nil, nil
}
