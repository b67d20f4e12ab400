package register

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/register"
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
	// SetPassword fails with store.ErrNotFound or sasl.ErrPassword.
	SetPassword(ctx context.Context, who jid.JID, password string) error
	// Remove deletes the account and all that belongs to it. It fails with store.ErrNotFound.
	Remove(ctx context.Context, who jid.JID) error
}

// Sessions are ended by this room; *account.Registry does it.
type Sessions interface {
	// EndOthers ends the sessions of the account of one that stays.
	EndOthers(stays *account.Session, why *stream.Error)
	EndAll(owner jid.JID, why *stream.Error)
}

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Registered atomic.Int64 // accounts made
	Refused    atomic.Int64 // registrations refused
	Limited    atomic.Int64 // registrations beyond the rate of an address
	Removed    atomic.Int64 // accounts given up by their owners
}

// Room answers requests in jabber:iq:register. Its fields are constant.
type Room struct {
	domain   jid.JID
	accounts Accounts
	sessions Sessions
	limit    *stream.AddressRate
	log      *slog.Logger
	Counters Counters
}

var _ stream.Registrar = (*Room)(nil)

// New returns the room for a domain. now is the clock, time.Now outside tests.
func New(domain jid.JID, a Accounts, s Sessions, rate stream.Rate, now func() time.Time, log *slog.Logger) *Room {
	return &Room{domain: domain, accounts: a, sessions: s, limit: stream.NewAddressRate(rate, now), log: log}
}

// form is what is asked for (§3.1).
var form = register.Query{
	Instructions: "Choose a user name and a password.",
	Username:     register.Give(""), Password: register.Give(""),
}

// Apply implements [stream.Registrar].
func (room *Room) Apply(ctx context.Context, remote netip.Addr, q *stanza.Stanza) *stanza.Stanza {
	answer, err := room.apply(ctx, remote, q)
	if err == nil {
		return q.Result(answer)
	}
	room.Counters.Refused.Add(1)
	var refused *stanza.Error
	if !errors.As(err, &refused) {
		room.log.Error("a registration failed", "address", remote.String(), "error", err)
		refused = stanza.ErrInternalServerError()
	}
	return q.ErrorReply(refused)
}

func (room *Room) apply(ctx context.Context, remote netip.Addr, q *stanza.Stanza) (handler.Answer, error) {
	n, ok := q.Child(register.NS, "query")
	if !ok {
		return nil, stanza.ErrBadRequest()
	}
	r, err := register.Parse(n)
	if err != nil {
		return nil, err
	}
	if q.Type == stanza.Get {
		return form.Encode, nil
	}
	if r.Remove { // §3.2: whoever has no account yet has none to remove
		return nil, stanza.ErrUnexpectedRequest()
	}
	who, err := room.newAccount(r)
	if err != nil {
		return nil, err
	}
	if !room.limit.Take(remote) { // before anything is looked up or computed
		room.Counters.Limited.Add(1)
		room.log.Warn("registration refused: too many from this address", "address", remote.String())
		return nil, stanza.ErrResourceConstraint().WithText("too many registrations from this address; try again later")
	}
	switch taken, err := room.accounts.Exists(ctx, who); {
	case err != nil:
		return nil, err
	case taken:
		return nil, stanza.ErrConflict().WithText("this user name is taken")
	}
	switch err := room.accounts.Create(ctx, who, r.Password.Value); {
	case errors.Is(err, store.ErrExists):
		return nil, stanza.ErrConflict().WithText("this user name is taken")
	case err != nil:
		return nil, passwordError(err)
	}
	room.Counters.Registered.Add(1)
	room.log.Info("account registered", "account", who.String(), "address", remote.String())
	return nil, nil
}

// newAccount is the address that a registration asks for (§3.1: what is missing is not-acceptable).
func (room *Room) newAccount(r register.Query) (jid.JID, error) {
	if r.Username.Value == "" || r.Password.Value == "" {
		return jid.JID{}, stanza.ErrNotAcceptable().WithText("a user name and a password are needed")
	}
	who, err := jid.New(r.Username.Value, room.domain.Domain(), "")
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
	if q.Remove {
		return room.remove(ctx, r)
	}
	if !q.Username.Given || q.Password.Value == "" { // an empty password must never be set
		return nil, stanza.ErrBadRequest().WithText("a user name and a password are needed")
	}
	named, err := jid.New(q.Username.Value, room.domain.Domain(), "")
	if err != nil || named != r.Account {
		return nil, stanza.ErrNotAllowed().WithText("only the password of one's own account can be changed")
	}
	switch err := room.accounts.SetPassword(ctx, r.Account, q.Password.Value); {
	case errors.Is(err, store.ErrNotFound):
		return nil, stanza.ErrRegistrationRequired()
	case err != nil:
		return nil, passwordError(err)
	}
	// Whoever changes a password may do so because somebody else knows the old one: what was opened with it ends. Streams that wait to be
	// resumed end too. The session at hand has shown that it is its owner's.
	room.sessions.EndOthers(r.Session, &stream.Error{Condition: stream.Reset, Text: "the password was changed"})
	room.log.Info("password changed by its owner", "account", r.Account.String())
	return nil, nil
}

func (room *Room) remove(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	switch err := room.accounts.Remove(ctx, r.Account); {
	case errors.Is(err, store.ErrNotFound):
		return nil, stanza.ErrRegistrationRequired()
	case err != nil:
		return nil, err
	}
	room.Counters.Removed.Add(1)
	room.log.Info("account removed by its owner", "account", r.Account.String())
	r.Afterwards(func() {
		room.sessions.EndAll(r.Account, &stream.Error{Condition: stream.NotAuthorized, Text: "this account was removed"})
	})
	return nil, nil
}
