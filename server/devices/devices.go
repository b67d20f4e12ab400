package devices

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"godwit/jid"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/clientaccess"
)

// Sessions are what this room asks about sessions; *account.Registry answers.
type Sessions interface {
	// SessionsOf lists the sessions of an account.
	SessionsOf(owner jid.JID) []account.Info
	// EndWhere ends those sessions of an account that are wanted to end.
	EndWhere(owner jid.JID, want func(account.Info) bool, why *stream.Error)
}

// Register adds the handlers. Only the account itself is answered.
func (r *Room) Register(t *handler.Table) {
	t.Register(clientaccess.NS, "list", stanza.Get, handler.Self, r.list)
	t.Register(clientaccess.NS, "revoke", stanza.Set, handler.Self, r.revoke)
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

// device is one client with all that is known of it.
type device struct {
	clientaccess.Client
	agent    string   // "" when it did not say
	sessions []string // by their ids in the log
	// lastByPassword: the newest proof of it that is known was the password, so it can come back with it.
	lastByPassword bool
}

// devices lists what has access, the one seen last first. asking is the id in the log of the session that asks.
func (r *Room) devices(ctx context.Context, owner jid.JID, asking string) ([]*device, error) {
	grants, err := r.cfg.Grants.Grants(ctx, owner)
	if err != nil {
		return nil, err
	}
	now := r.cfg.Now()
	var all []*device
	byAgent := map[string]*device{}
	for _, g := range grants {
		if g.Expired(now) {
			continue
		}
		d := &device{agent: g.Agent, lastByPassword: g.Password}
		d.Client = clientaccess.Client{ID: g.ID, Session: true, FirstSeen: g.First, LastSeen: g.Last, Password: g.Password, Fast: true,
			Permission: clientaccess.Normal, Software: g.Software, Device: g.Device, Address: g.Address}
		byAgent[g.Agent], all = d, append(all, d)
	}
	for _, s := range r.cfg.Sessions.SessionsOf(owner) {
		d := byAgent[s.Agent]
		if d == nil || s.Agent == "" {
			d = &device{agent: s.Agent}
			d.Client = clientaccess.Client{ID: r.id(owner, cmp.Or(s.Agent, "session "+s.LogID)), Permission: clientaccess.Normal, FirstSeen: s.Since}
			all = append(all, d)
			if s.Agent != "" {
				byAgent[s.Agent] = d
			}
		}
		d.add(s, asking)
	}
	for _, d := range all {
		if d.Password {
			d.Permission = clientaccess.Unrestricted // whoever knows the password can change it
		}
	}
	slices.SortStableFunc(all, func(a, b *device) int { return b.LastSeen.Compare(a.LastSeen) })
	return all[:min(len(all), clientaccess.MaxClients)], nil
}

// add adds a session to its device.
func (d *device) add(s account.Info, asking string) {
	d.sessions = append(d.sessions, s.LogID)
	d.Session = true
	d.Connected = true // XEP-0494 §3.1: also while it waits to be resumed
	d.Current = d.Current || s.LogID == asking
	if !sasl.Mechanism(s.Mechanism).ForTokens() {
		d.Password, d.lastByPassword = true, true
	}
	if !s.Since.Before(d.LastSeen) || d.Software == "" {
		d.LastSeen, d.Address = s.Since, address(s.Address.Addr())
		d.Software, d.Device = cmp.Or(s.Client, d.Software), cmp.Or(s.Device, d.Device)
	}
}

// list answers which clients have access (XEP-0494 §3.1).
func (r *Room) list(ctx context.Context, q *handler.Request) (handler.Answer, error) {
	if _, err := clientaccess.ParseList(q.Payload); err != nil {
		return nil, err
	}
	all, err := r.devices(ctx, q.Account, q.Session.Log)
	if err != nil {
		return nil, err
	}
	var answer clientaccess.Clients
	for _, d := range all {
		answer.Clients = append(answer.Clients, d.Client)
	}
	return answer.Encode, nil
}

// revoke takes a client's tokens away and ends its sessions (XEP-0494 §3.2). A client that last proved the password is signed out just the same, but
// as it can come back, that is what the answer says: password-reset-required. The session that asks may sign itself out; it gets its answer first.
func (r *Room) revoke(ctx context.Context, q *handler.Request) (handler.Answer, error) {
	want, err := clientaccess.ParseRevoke(q.Payload)
	if err != nil {
		return nil, err
	}
	all, err := r.devices(ctx, q.Account, q.Session.Log)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(d *device) bool { return d.ID == want.ID })
	if i < 0 {
		return nil, stanza.ErrItemNotFound()
	}
	d := all[i]
	if d.agent != "" {
		// The token first: a session that is being let in by it finds it gone, see Holds.
		if err := r.cfg.Grants.Revoke(ctx, q.Account, d.agent); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	r.Counters.Revoked.Add(1)
	r.cfg.Log.Info("access of a client taken away by its owner", "account", q.Account.String(), "client", d.Software, "device", d.Device, "by", q.Session.Log,
		"sessions", strings.Join(d.sessions, " "))
	why := &stream.Error{Condition: stream.NotAuthorized, Text: "this device was signed out"}
	owner, asking := q.Account, q.Session.Log
	its := func(s account.Info) bool {
		if d.agent != "" {
			return s.Agent == d.agent
		}
		return slices.Contains(d.sessions, s.LogID)
	}
	r.cfg.Sessions.EndWhere(owner, func(s account.Info) bool { return its(s) && s.LogID != asking }, why)
	q.Afterwards(func() { r.cfg.Sessions.EndWhere(owner, its, why) })
	if d.lastByPassword && !d.Current {
		return nil, stanza.ErrServiceUnavailable().WithApp(clientaccess.PasswordResetRequired).
			WithText("the device was signed out, but it knows the password: change it to keep the device out")
	}
	return nil, nil
}
