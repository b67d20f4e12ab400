package account

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/caps"
)

// Outlet is what a session needs of its stream; *stream.Stream is one. No method waits for the client.
type Outlet interface {
	SendTagged(st *stanza.Stanza, tag uint64) error
	Managed() bool
	// RequestAck asks the client to acknowledge; Unacked is what it has not acknowledged.
	RequestAck() bool
	Unacked() (stanzas, bytes int)
	// Queued is how many bytes wait to be written.
	Queued() int
	Detach() *stream.Management
	Close(err error)
	// Abort cuts the connection; the session may be resumed.
	Abort()
}

// Session is one bound resource of an account, from binding until it ends; it survives its stream while it waits to be resumed.
type Session struct {
	// Constant.
	JID   jid.JID
	Log   string // the id that marks the session in every log line
	Since time.Time
	// owner is where the session's events go.
	owner *Account

	// client is the name and version of the software, as the client told when asked; written once, by anybody.
	client atomic.Pointer[Client]
	// ReadArchive is set once the client has asked its archive; then it needs no copy of what waited in the inbox.
	readArchive atomic.Bool
	lastAck     atomic.Int64 // when the client last acknowledged anything, Unix nanoseconds

	// ———— owned by the account's writer ————
	peer        stream.Peer
	out         Outlet             // nil while hibernating
	hibernating *stream.Management // state while out is nil
	resumeID    string             // "" when the session can not be resumed
	resumeFor   time.Duration
	expiry      *time.Timer // while hibernating
	ended       bool
	ackTimer    *time.Timer // runs while something waits for acknowledgement

	available  bool
	priority   int8
	presence   *stanza.Stanza // the last one broadcast, while available
	reachable  time.Time      // since when it gets what is addressed to the account; zero while it does not
	greeted    bool           // it has been reachable before
	flushing   bool           // it is being handed what waits in the inbox …
	flushed    int64          // … up to this id
	flushSince time.Time      // when that began
	flushTimer *time.Timer    // runs while that waits for the client
	interested bool           // asked for the roster (RFC 6121 §2.2)
	carbons    bool           // XEP-0280
	caps       caps.Caps      // what software it says it is, zero when it does not (XEP-0115)
	follows    *Follows       // what it wants notices of
	blocklist  bool           // asked whom the account has blocked (XEP-0191 §3.2)
	bind2      bool           // catches up from the archive (XEP-0386)
	directed   map[jid.JID]struct{}
}

// Client is the name and version a client tells about itself.
type Client struct{ Name, Version, OS string }

// SetClient records what the client said when asked by XEP-0092. Safe for concurrent use.
func (s *Session) SetClient(c Client) { s.client.Store(&c) }

// ArchiveRead notes that the client catches up from its archive. Safe for concurrent use.
func (s *Session) ArchiveRead() { s.readArchive.Store(true) }

// Owner is the bare address of the session's account.
func (s *Session) Owner() jid.JID { return s.owner.owner }

// eligible: by its presence it gets what is addressed to the account.
func (s *Session) eligible() bool { return s.available && s.priority >= 0 }

// isReachable: it gets what is addressed to the account now, because it has what waited before.
func (s *Session) isReachable() bool { return s.eligible() && !s.flushing }

// room: the client has taken enough of what it was sent to be handed more from the inbox.
func (s *Session) room() bool {
	if s.out == nil {
		return false
	}
	_, unacked := s.out.Unacked()
	return unacked < flushWindow && s.out.Queued() < flushWindow
}

// send hands a stanza to the session's client, or keeps it for the resumption. inbox is the id under which the inbox holds it, or 0.
// Only the account's writer calls it.
func (s *Session) send(st *stanza.Stanza, inbox int64) bool {
	a := s.owner
	if s.ended {
		return false
	}
	var err error
	if s.out != nil {
		err = s.out.SendTagged(st, uint64(inbox))
	} else {
		err = s.hibernating.Push(stream.Sent{Stanza: st, Tag: uint64(inbox), At: time.Now()})
	}
	if err != nil {
		if errors.Is(err, stream.ErrTooManyUnacked) && s.out == nil {
			a.end(s, "too much waits for the lost session")
		}
		return false
	}
	a.registry.Counters.Delivered.Add(1)
	a.expectAck(s)
	if inbox != 0 && s.out != nil && !s.out.Managed() {
		a.forget([]int64{inbox}) // nothing will be acknowledged: what was written counts as delivered
	}
	return true
}

// Info describes a session to an operator.
type Info struct {
	JID         jid.JID        `json:"jid"`
	Address     netip.AddrPort `json:"address"`
	Transport   string         `json:"transport"`
	TLS         string         `json:"tls,omitempty"`
	Cipher      string         `json:"cipher,omitempty"`
	Mechanism   string         `json:"mechanism"`
	Binding     string         `json:"channel_binding,omitempty"`
	Client      string         `json:"client,omitempty"`
	Device      string         `json:"device,omitempty"`
	Since       time.Time      `json:"since"`
	Available   bool           `json:"available"`
	Show        string         `json:"show,omitempty"`
	Priority    int8           `json:"priority"`
	Hibernating bool           `json:"hibernating,omitempty"`
	Resumable   bool           `json:"resumable"`
	Unacked     int            `json:"unacked"`
	LogID       string         `json:"session"`
	// Agent is the id the client's installation gives itself (XEP-0388 §2.3), which is nobody's business but its owner's.
	Agent string `json:"-"`
}

func (s *Session) info() Info {
	i := Info{
		JID: s.JID, Address: s.peer.Remote, Transport: string(s.peer.Kind), TLS: s.peer.TLS.Version, Cipher: s.peer.TLS.Cipher,
		Mechanism: string(s.peer.Mechanism), Binding: s.peer.ChannelBinding, Client: s.peer.UserAgent.Software, Device: s.peer.UserAgent.Device,
		Since: s.Since, Available: s.available, Priority: s.priority, Hibernating: s.out == nil, Resumable: s.resumeID != "", LogID: s.Log, Agent: s.peer.UserAgent.ID,
	}
	if c := s.client.Load(); c != nil && c.Name != "" {
		i.Client = c.Name
		if c.Version != "" {
			i.Client += " " + c.Version
		}
	}
	if s.presence != nil {
		if show, ok := s.presence.Child(nsClient, "show"); ok {
			i.Show = show.InnerText()
		}
	}
	if s.out == nil {
		i.Unacked = s.hibernating.Len()
	} else {
		i.Unacked, _ = s.out.Unacked()
	}
	return i
}

const nsClient = "jabber:client"

// SessionsOf lists the sessions of one account, in order of binding. It waits for the account and must not be called by an account's writer.
func (r *Registry) SessionsOf(owner jid.JID) (all []Info) {
	r.call(owner, func(a *Account) {
		for _, s := range a.sessions {
			all = append(all, s.info())
		}
	})
	return all
}

// EndWhere closes those sessions of an account that are wanted to end, with a stream error that their clients may read. As SessionsOf.
func (r *Registry) EndWhere(owner jid.JID, want func(Info) bool, why *stream.Error) {
	r.call(owner, func(a *Account) {
		for _, s := range a.sessions { // ending one makes a new list
			if s.ended || !want(s.info()) {
				continue
			}
			out := s.out
			a.end(s, why.Error())
			if out != nil {
				out.Close(why)
			}
		}
	})
}

// Sessions lists the sessions of all accounts in memory. It waits for every account in turn.
func (r *Registry) Sessions() []Info {
	var all []Info
	r.each(func(a *Account) {
		for _, s := range a.sessions {
			all = append(all, s.info())
		}
	})
	return all
}
