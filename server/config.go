package server

import (
	"errors"
	"log/slog"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/server/introduce"
	"godwit/server/invite"
	"godwit/server/pubsub"
	"godwit/server/register"
	"godwit/server/upload"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/extdisco"
	"godwit/xep/version"
	"godwit/xmlstream"
)

// Store is everything the server remembers, one contract per concept.
type Store struct {
	Accounts    store.Accounts
	Rosters     store.Roster
	Archive     store.Archive
	Inbox       store.Inbox
	LastSeen    store.LastSeen
	Blocklist   store.Blocklist
	PubSub      store.PubSub
	Secrets     store.Secrets
	Grants      store.Grants
	Invitations store.Invitations
	Uploads     store.Uploads // needed with Config.Upload only
	Commits     store.Committer
}

// Config says what a server is. Fields without a default are required.
type Config struct {
	Domain  jid.JID // a domain, such as example.org
	Store   Store
	Log     *slog.Logger
	Program version.Version // what the server says it is

	// AllowPlain offers PLAIN beside the SCRAM family, inside TLS only.
	AllowPlain bool
	// AllowUnencrypted permits signing in without TLS. For tests.
	AllowUnencrypted bool
	Guard            stream.AuthGuard // may be nil
	// Register lets strangers make accounts, and people remove theirs (XEP-0077). Whoever has an invitation to it may make an account in any case.
	Register bool
	// RegisterRate bounds what one address may register; default: register.DefaultRate.
	RegisterRate stream.Rate
	// Invite is what accounts may invite to; default: contacts.
	Invite invite.Policy
	// InvitePage returns the address of the page that explains an invitation, or "". May be nil. Safe for concurrent use.
	InvitePage func(token string) string
	// TokenLife is how long clients stay signed in that are not used (XEP-0484); default: devices.DefaultLife.
	TokenLife time.Duration

	Introduce      introduce.Policy     // default: contacts
	ArchiveDefault store.ArchiveDefault // default: always
	ArchiveKeep    time.Duration        // messages older than this are removed; 0 keeps them
	InboxKeep      time.Duration        // the same for messages that wait for an absent account; 0 keeps them
	Accounts       account.Limits
	Nodes          pubsub.Limits
	HandshakeLimit time.Duration // until a resource is bound; 30 s
	StanzaLimits   *xmlstream.Limits
	// MaxUnackedBytes bounds what waits for one client's acknowledgement; 1.5 MiB. All of it is written at once when a session is resumed, so it
	// must be less than links queue.
	MaxUnackedBytes int
	// AckDeadline is how long a client may take to answer a request for acknowledgement before its connection counts as dead; 60 s.
	AckDeadline time.Duration

	// Upload lets accounts put files on the server (XEP-0363); nil does not. Its store and log are the server's.
	Upload *upload.Config

	// Services are announced to an account (XEP-0215), with credentials made for it. May be nil. Safe for concurrent use.
	Services func(account jid.JID) []extdisco.Service
	// Removed is told that an account is no more, once its sessions have ended, so that what it was given beside them can be withdrawn. May
	// be nil. Safe for concurrent use.
	Removed func(account jid.JID)
}

func (c *Config) check() error {
	switch {
	case c.Domain.Domain() == "" || c.Domain != c.Domain.DomainJID():
		return errors.New("server: the domain is missing or has a local part or resource")
	case c.Log == nil:
		return errors.New("server: there is no logger")
	case c.Store.Accounts == nil || c.Store.Rosters == nil || c.Store.Archive == nil || c.Store.Inbox == nil ||
		c.Store.LastSeen == nil || c.Store.Blocklist == nil || c.Store.PubSub == nil || c.Store.Secrets == nil ||
		c.Store.Grants == nil || c.Store.Invitations == nil || c.Store.Commits == nil:
		return errors.New("server: the store is not complete")
	case c.Upload != nil && c.Store.Uploads == nil:
		return errors.New("server: the store keeps no uploads")
	}
	if c.Introduce == "" {
		c.Introduce = introduce.Contacts
	}
	if c.ArchiveDefault == "" {
		c.ArchiveDefault = store.ArchiveAlways
	}
	if c.RegisterRate == (stream.Rate{}) {
		c.RegisterRate = register.DefaultRate
	}
	if c.MaxUnackedBytes == 0 {
		c.MaxUnackedBytes = 3 << 19
	}
	return nil
}
