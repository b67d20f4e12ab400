package stream

import (
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/xep/archive"
	"godwit/xmlstream"
)

// Pin is what a client remembers about a server it has signed in to, to notice
// when somebody weakens the next connection. The zero value pins nothing.
type Pin struct {
	// TLS: the connection was encrypted and must be again.
	TLS bool
	// Mechanism was used: the weakest to accept. Channel binding counts for
	// more than the hash, so a -PLUS mechanism asks for one again.
	Mechanism sasl.Mechanism
}

// ClientConfig says how a client signs in.
type ClientConfig struct {
	// JID is the account; a resource part is the one wished for in legacy
	// bind and the tag in Bind 2.
	JID      jid.JID
	Password string // may be empty where there is a Token
	// Token, if not nil, is used instead of the password where the server takes it (XEP-0484). If it is refused the password is tried, if there
	// is one. UserAgent.ID must be set, and the same as when the token was issued.
	Token *Token
	// WantToken asks for a token when the password is used; UserAgent.ID must be set. ClientSession.Token has it.
	WantToken bool

	// AllowUnencrypted permits sign-in without TLS; AllowPlain the PLAIN
	// mechanism (never without TLS).
	AllowUnencrypted bool
	AllowPlain       bool
	Pin              Pin

	UserAgent UserAgent
	Tag       string // Bind 2 tag, a short name of the software
	Lang      string

	Carbons  bool // enable carbons inline when the server can (else ClientSession.Carbons is false)
	Inactive bool
	NoSM     bool // do not ask for XEP-0198
	// Resume, when not nil, is the session to continue.
	Resume *Resumption

	Limits          *xmlstream.Limits
	MaxUnacked      int // bytes; 4 MiB
	RequestAckEvery int // stanzas; 16
}

// Token is what a client keeps instead of a password (XEP-0484). It is as secret as a password.
type Token struct {
	Secret    string
	Mechanism sasl.Mechanism // the only one it is good for
	Expires   time.Time
	// Count numbers the attempts with the token, from 1 on, this one included; the caller keeps it. 0 is not sent.
	Count uint32
}

// Resumption is what a client keeps to continue a session. It stays valid
// after a failed attempt.
type Resumption struct {
	ID         string // XEP-0198 SM-ID
	JID        jid.JID
	Management *Management // from Stream.Detach
	Location   string      // where the server would like to be dialled, or ""
	Max        time.Duration
}

// ClientSession is what signing in brought.
type ClientSession struct {
	JID     jid.JID
	Resumed bool
	// Pin to use next time.
	Pin Pin
	// Token is a new token to use from now on instead of any other, or nil.
	Token *Token
	// TokenUsed: it was the token that signed in. TokenRefused: the server did not accept it, and never will; the password signed in.
	TokenUsed, TokenRefused bool
	// SMID is set when the session can be resumed; Max is how long, if the
	// server said so, and Location where it would like to be dialled.
	SMID     string
	Max      time.Duration
	Location string
	Carbons  bool // enabled inline
	// Features as the server listed them after authentication.
	Features xmlstream.Node
	// Metadata describes the archive at the moment of binding, if the server
	// told (XEP-0386 §3.2).
	Metadata *archive.Metadata
	// Unresumed holds what the server had not acknowledged of a session that
	// could not be resumed, in order; the caller resends by its own ids.
	Unresumed []Sent
}
