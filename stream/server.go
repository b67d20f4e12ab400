package stream

import (
	"context"
	"net/netip"
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/xep/archive"
	"godwit/xep/fast"
	"godwit/xmlstream"
)

// Authenticator finds what is needed to check a sign-in.
type Authenticator interface {
	// Lookup returns the stored keys of a user of a served domain: an empty map
	// and no error for an unknown one, who then fails exactly like a wrong
	// password. An error becomes temporary-auth-failure; a *sasl.Error
	// (account-disabled …) together with keys is told to whoever proves the
	// password. user is the normalised local part. It must be safe for
	// concurrent use and may block for a bounded time.
	Lookup(ctx context.Context, domain, user string) (map[sasl.Hash]sasl.Credentials, error)
}

// AuthGuard limits how often credentials may be tried. Implementations are
// shared by all connections and safe for concurrent use; AuthLimiter is one.
type AuthGuard interface {
	// Allow is asked once an attempt says whose account it wants, before
	// credentials are looked up. False refuses it as temporary-auth-failure.
	Allow(remote netip.Addr, account jid.JID) bool
	// Report tells how an attempt ended. err is nil for success, otherwise it
	// says for the log why it failed; account is zero when the attempt ended
	// before it was known.
	Report(remote netip.Addr, account jid.JID, mechanism sasl.Mechanism, err error)
}

// Tokens keeps what clients sign in with instead of a password (XEP-0484). Its methods are called by goroutines that run Accept; they must be safe
// for concurrent use and may block for a bounded time.
type Tokens interface {
	// Lookup returns what the client may present for the account with that mechanism: none for an account, a client or a mechanism that is not
	// known. agent is the id of its <user-agent/>. An error becomes temporary-auth-failure.
	Lookup(ctx context.Context, account jid.JID, agent string, m sasl.Mechanism) ([]HeldToken, error)
	// Use notes that a token was proven. It fails when the token is not to be accepted after all: a *sasl.Error is a refusal, any other error
	// becomes temporary-auth-failure. Two uses with the same count must not both succeed, however close together they come (XEP-0484 §3.4).
	// renew says that the client should be given a new token.
	Use(ctx context.Context, u TokenUse) (renew bool, err error)
	// Issue makes a token for a client that has authenticated. It must be durable when Issue returns. A failure costs the client its token,
	// not its sign-in, and has been logged.
	Issue(ctx context.Context, r TokenRequest) (fast.Token, error)
}

// HeldToken is a token as the server knows it.
type HeldToken struct {
	sasl.Token
	Key []byte // names it for TokenUse; not sent
}

// TokenUse is a sign-in with a token.
type TokenUse struct {
	Account    jid.JID
	Agent      string
	Remote     netip.Addr
	Key        []byte // of HeldToken
	Count      uint32 // 0 when the client did not count
	Invalidate bool   // it is to be worth nothing from now on
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Account   jid.JID
	Agent     UserAgent
	Remote    netip.Addr
	Mechanism sasl.Mechanism
	// Password: the client has proven the password, and not another token.
	Password bool
}

// SMRequest is a request to acknowledge, and perhaps to resume later.
type SMRequest struct {
	Resume bool
	Max    time.Duration // preferred time to keep the session, 0 = none given
}

// SMGrant answers an SMRequest.
type SMGrant struct {
	// ID is empty when the session can not be resumed; else from
	// NewResumeID, bound by the Binder to this account.
	ID  string
	Max time.Duration // how long the session is kept, 0 = not told
}

// BindRequest asks for a resource for an authenticated client.
type BindRequest struct {
	// Stream is the new stream; its Peer() tells who asks. It may be kept and used for sending at once: what is sent before
	// sign-in ends is held back and follows the answer.
	Stream *Stream
	// Resource the client wishes (legacy bind), or "". Not yet validated.
	Resource string
	// Bind2: the rest is meaningful. Offline messages are then not to be sent,
	// the client asks its archive (XEP-0386 §3.2).
	Bind2 bool
	Tag   string // wished prefix of the resource, or ""
	// Carbons are wanted from the first stanza on (XEP-0280).
	Carbons bool
	// Inactive: the session begins inactive (XEP-0352).
	Inactive bool
	// Other holds inline requests this package does not know.
	Other []xmlstream.Node
}

// Bound answers a BindRequest.
type Bound struct {
	JID jid.JID
	// Metadata describes the archive at the moment of binding, for Bind 2
	// (XEP-0386 §3.2); may be nil.
	Metadata *archive.Metadata
}

// Binder is the caller's registry of sessions. Its methods are called by the
// goroutine that runs Accept or Read, at most one at a time per stream, and may
// block for a bounded time.
type Binder interface {
	// Bind gives the client a full JID and applies the caller's conflict
	// policy. An error that is a *stanza.Error is sent as it is (conflict,
	// bad-request, resource-constraint …), any other becomes
	// internal-server-error. With Bind2, earlier sessions of the same
	// UserAgent.ID should end (XEP-0386 §3.2).
	Bind(ctx context.Context, r BindRequest) (Bound, error)
	// EnableSM is asked after Bind when the client wants acknowledgements.
	// A *stanza.Error refuses.
	EnableSM(ctx context.Context, s *Stream, r SMRequest) (SMGrant, error)
	// Resume finds the session of previd, which must belong to account, takes
	// it from the stream it may still be on (Close(Conflict), Detach) and
	// returns its acknowledgement state and full JID. The account to compare
	// with is s.Peer().Account. It fails with *ResumeError or any other error
	// (then the client is told item-not-found).
	// The new stream s may be kept and used for sending as with Bind.
	Resume(ctx context.Context, s *Stream, previd string) (Resumed, error)
}

// Resumed is a session found by Binder.Resume.
type Resumed struct {
	JID        jid.JID
	Management *Management
}

// ResumeError refuses a resumption.
type ResumeError struct {
	// Err is the condition sent; item-not-found when nil.
	Err *stanza.Error
	// H, if HasH, is how many stanzas of the ended session were handled, so
	// that the client need not send those again (XEP-0198 §5).
	H    uint32
	HasH bool
}

func (e *ResumeError) Error() string { return "the session can not be resumed" }

// Registrar makes accounts for clients that have none (XEP-0077 §3.1).
type Registrar interface {
	// Features writes what is announced to those who have not authenticated.
	Features(e *xmlstream.Encoder)
	// Apply answers a request with a payload in jabber:iq:register, or <preauth/>
	// of XEP-0445, that a client makes before it is authenticated. q is addressed
	// to the domain it wants to register with and has no from. The answer is a
	// result or an error. It may block for a bounded time and must be safe for
	// concurrent use.
	Apply(ctx context.Context, who *Applicant, q *stanza.Stanza) *stanza.Stanza
}

// Applicant is who registers: one for each stream, used by one goroutine at a time.
type Applicant struct {
	Remote netip.Addr
	// Pass is what the Registrar notes about the stream from one request to the next.
	Pass any
}

// ServerConfig says how a server receives clients. It is read-only once in use
// and shared by all streams.
type ServerConfig struct {
	// Domain is hosted here. Required.
	Domain jid.JID
	// Serves, if not nil, reports whether some other domain is hosted here too.
	Serves        func(domain jid.JID) bool
	Authenticator Authenticator // required
	Binder        Binder        // required
	Guard         AuthGuard     // nil: attempts are bounded per stream only
	Tokens        Tokens        // nil: there are none

	// AllowUnencrypted permits sign-in without TLS, for tests and for links
	// through a trusted proxy. SASL2 and PLAIN are not offered even then.
	AllowUnencrypted bool
	// Mechanisms, if not nil, are the only ones offered, -PLUS included.
	Mechanisms []sasl.Mechanism
	// AllowPlain offers PLAIN beside the SCRAM family, inside TLS only.
	AllowPlain bool
	// Register, if not nil, is offered to clients before they authenticate,
	// wherever they may sign in.
	Register Registrar
	// DecoySecret keeps the salts of unknown users stable: at least 16 bytes,
	// secret, the same for the lifetime of the domain. Required.
	DecoySecret []byte

	// Features adds stream features after authentication: roster versioning,
	// subscription pre-approval, capabilities. May be nil.
	Features func(p *Peer, e *xmlstream.Encoder)
	// InlineFeatures are further feature names Bind 2 may switch on; the
	// requests reach the Binder in BindRequest.Other.
	InlineFeatures []string
	NoSM           bool // do not offer XEP-0198

	// HandshakeTimeout bounds everything until a resource is bound; 30 s.
	HandshakeTimeout time.Duration
	// MaxAuthAttempts per stream; 5 (RFC 6120 §6.4.5 recommends 2 to 5).
	MaxAuthAttempts int
	// PreAuthLimits until authenticated, Limits afterwards; defaults of
	// package xmlstream.
	PreAuthLimits, Limits *xmlstream.Limits
	// MaxUnacked bounds what waits for acknowledgement, in bytes; 4 MiB.
	MaxUnacked int
	// RequestAckEvery asks the client for an acknowledgement after so many
	// stanzas; 16. Silence is the owner's: Stream.RequestAck.
	RequestAckEvery int
}
