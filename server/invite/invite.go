package invite

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/xep/pars"
)

// Policy is what accounts may invite to. The operator may always invite to everything.
type Policy string

// The policies.
const (
	Off      Policy = "off"      // nothing
	Contacts Policy = "contacts" // to become contacts, with an account they have; the default
	Accounts Policy = "accounts" // to make an account here, too
)

// ParsePolicy reads a policy.
func ParsePolicy(s string) (Policy, error) {
	p := Policy(s)
	if !slices.Contains([]Policy{Off, Contacts, Accounts}, p) {
		return "", fmt.Errorf("invite: no policy %q; there are off, contacts and accounts", s)
	}
	return p, nil
}

// Bounds and defaults.
const (
	DefaultLife = 7 * 24 * time.Hour
	MinLife     = time.Minute
	MaxLife     = 366 * 24 * time.Hour
	// DefaultMost is how many invitations of one account may be open at a time.
	DefaultMost = 20
	// keepExpired is how long one that has expired is kept: whoever has presented it may still register (XEP-0445 §4).
	keepExpired = time.Hour
)

// Config says what may be invited to. Domain, Store and Log are required.
type Config struct {
	Domain jid.JID
	Store  store.Invitations
	Policy Policy // Contacts
	// Page returns the address of the page that explains an invitation, or "". May be nil.
	Page func(token string) string
	Life time.Duration // DefaultLife
	Most int           // DefaultMost
	Now  func() time.Time
	Log  *slog.Logger
}

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Made atomic.Int64 // by accounts
	Used atomic.Int64
}

// Room makes and uses invitations. Its fields are constant; it is safe for concurrent use.
type Room struct {
	cfg      Config
	Counters Counters
}

// New returns the room.
func New(cfg Config) (*Room, error) {
	if cfg.Domain.Domain() == "" || cfg.Store == nil || cfg.Log == nil {
		return nil, errors.New("invite: the configuration is not complete")
	}
	if cfg.Policy == "" {
		cfg.Policy = Contacts
	}
	if _, err := ParsePolicy(string(cfg.Policy)); err != nil {
		return nil, err
	}
	if cfg.Life == 0 {
		cfg.Life = DefaultLife
	}
	if cfg.Most == 0 {
		cfg.Most = DefaultMost
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Page == nil {
		cfg.Page = func(string) string { return "" }
	}
	return &Room{cfg: cfg}, nil
}

// Wish is an invitation to make. Zero fields take the default.
type Wish struct {
	// Inviter is who invites; zero for the operator.
	Inviter jid.JID
	// Contact: whoever uses it becomes a contact of Inviter.
	Contact bool
	// Register: an account may be made with it; Account reserves an address.
	Register bool
	Account  jid.JID
	// ToRegister: the URI is one for making an account, although there is a contact too (XEP-0401 §4.4).
	ToRegister bool
	Uses       int // 1
	Life       time.Duration
	// Unbounded: no limit on how many are open. For the operator.
	Unbounded bool
}

// Made is an invitation as it is handed out. It is the only time that the token is seen.
type Made struct {
	Token   string
	URI     string // xmpp:…
	Page    string // https:…, or ""
	Expires time.Time
}

// ErrLife: an invitation lives from a minute to a year.
var ErrLife = errors.New("invite: an invitation is good for a minute at least and a year at most")

// Make makes an invitation. It fails with ErrLife, or as [store.Invitations.Create].
func (r *Room) Make(ctx context.Context, w Wish) (Made, error) {
	if w.Uses == 0 {
		w.Uses = 1
	}
	if w.Life == 0 {
		w.Life = r.cfg.Life
	}
	if w.Life < MinLife || w.Life > MaxLife {
		return Made{}, ErrLife
	}
	most := r.cfg.Most
	if w.Unbounded {
		most = 0
	}
	now := r.cfg.Now()
	token := rand.Text() // 130 bits, in letters and digits
	i := store.Invitation{
		Hash: hash(token), Inviter: w.Inviter, Contact: w.Contact, Register: w.Register, Account: w.Account,
		Created: now, Expires: now.Add(w.Life).Truncate(time.Second), Uses: w.Uses,
	}
	if err := r.cfg.Store.Create(ctx, i, most); err != nil {
		return Made{}, err
	}
	u := r.uri(i, token)
	if w.ToRegister && w.Account.IsZero() {
		u = pars.Invitation{With: r.cfg.Domain, Register: true, Token: token}
	}
	return Made{Token: token, URI: u.String(), Page: r.cfg.Page(token), Expires: i.Expires}, nil
}

// uri is the invitation for programs.
func (r *Room) uri(i store.Invitation, token string) pars.Invitation {
	if i.Contact && i.Account.IsZero() {
		return pars.Invitation{With: i.Inviter, Token: token, InBand: i.Register}
	}
	u := pars.Invitation{With: r.cfg.Domain, Register: true, Token: token}
	if !i.Account.IsZero() {
		u.With = i.Account
	}
	return u
}

// hash is what is stored. A token has more entropy than a hash could lose, so there is no salt.
func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Look returns an invitation, good or not, and its URI. It fails with store.ErrNotFound.
func (r *Room) Look(ctx context.Context, token string) (i store.Invitation, uri string, err error) {
	if token == "" || len(token) > pars.MaxToken {
		return i, "", store.ErrNotFound
	}
	if i, err = r.cfg.Store.Invitation(ctx, hash(token)); err != nil {
		return store.Invitation{}, "", err
	}
	return i, r.uri(i, token).String(), nil
}

// Accept uses an invitation of owner's to become a contact once, and reports whether it was good. It is for [account.Config].
func (r *Room) Accept(ctx context.Context, owner jid.JID, token string) bool {
	i, _, err := r.Look(ctx, token)
	if err != nil || !i.Contact || i.Inviter != owner {
		return false
	}
	if _, err := r.cfg.Store.Redeem(ctx, hash(token), r.cfg.Now()); err != nil {
		return false
	}
	r.Counters.Used.Add(1)
	return true
}

// Check reports whether a token is good for making an account now.
func (r *Room) Check(ctx context.Context, token string) (bool, error) {
	i, _, err := r.Look(ctx, token)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && i.Register && i.Good(r.cfg.Now()), err
}

// Free reports whether an address is not reserved for whoever has another token, and whether this one is for that address.
func (r *Room) Free(ctx context.Context, who jid.JID, token string) (bool, error) {
	var own []byte
	if token != "" {
		own = hash(token)
		i, _, err := r.Look(ctx, token)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		if err == nil && !i.Account.IsZero() && i.Account != who {
			return false, nil
		}
	}
	reserved, err := r.cfg.Store.Reserved(ctx, who, own, r.cfg.Now())
	return !reserved && err == nil, err
}

// Register uses an invitation once to make an account, and returns whom its owner becomes a contact of, zero for nobody. It fails as
// [store.Invitations.Register].
func (r *Room) Register(ctx context.Context, token string, a store.Account) (inviter jid.JID, err error) {
	i, err := r.cfg.Store.Register(ctx, hash(token), a)
	if err != nil {
		return jid.JID{}, err
	}
	r.Counters.Used.Add(1)
	if !i.Contact {
		return jid.JID{}, nil
	}
	return i.Inviter, nil
}

// Purge removes up to max invitations that expired some time ago, and returns how many.
func (r *Room) Purge(ctx context.Context, max int) (int, error) {
	return r.cfg.Store.Purge(ctx, r.cfg.Now().Add(-keepExpired), max)
}
