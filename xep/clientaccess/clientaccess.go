package clientaccess

import (
	"time"

	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace, and the feature a server announces.
const NS = "urn:xmpp:cam:0"

// SeenNS is the namespace of <seen/>, with which this project's server says
// more about a client than XEP-0494 has words for. Others ignore it.
const SeenNS = "urn:godwit:client-seen:0"

// Bounds on what is read.
const (
	MaxClients = 256
	MaxText    = 1024 // bytes; longer texts are cut
)

// List is <list/>, the question (§3.1).
type List struct{}

// ParseList reads <list/>.
func ParseList(n xmlstream.Node) (List, error) { return List{}, wire.Expect(n, NS, "list") }

// Encode writes <list/>.
func (List) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "list") }

// Revoke is <revoke/> (§3.2).
type Revoke struct{ ID string }

// ParseRevoke reads <revoke/>.
func ParseRevoke(n xmlstream.Node) (Revoke, error) {
	if err := wire.Expect(n, NS, "revoke"); err != nil {
		return Revoke{}, err
	}
	id, err := wire.Required(n, "id")
	if err == nil && len(id) > MaxText {
		err = wire.NotAcceptable("the id is longer than %d bytes", MaxText)
	}
	return Revoke{ID: id}, err
}

// Encode writes <revoke/>.
func (r Revoke) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "revoke")
	e.Attr("id", r.ID)
	e.End()
}

// PasswordResetRequired is the application-specific condition of a refusal: the client knows the password (§3.2).
var PasswordResetRequired = xmlstream.NewNode(NS, "password-reset-required")

// Permission is how much a client may do (§3.1).
type Permission string

// The permissions.
const (
	Unrestricted Permission = "unrestricted"
	Normal       Permission = "normal" // not what guards the account, such as its password
	Restricted   Permission = "restricted"
)

// Client is one entry of the answer (§3.1).
type Client struct {
	ID        string
	Connected bool
	// Session: it has, or had, a session; else only access.
	Session               bool
	FirstSeen, LastSeen   time.Time // zero when not told
	Password, Grant, Fast bool      // how it is known to have signed in, or may
	Permission            Permission
	Software, URI, Device string
	// Current and Address are in <seen/>: it is the client that asks, and where it came from last.
	Current bool
	Address string
}

// Clients is the answer.
type Clients struct{ Clients []Client }

// ParseClients reads <clients/>. More than MaxClients are left out.
func ParseClients(n xmlstream.Node) (Clients, error) {
	if err := wire.Expect(n, NS, "clients"); err != nil {
		return Clients{}, err
	}
	var all Clients
	for c := range n.Elements() {
		if c.Name != (xmlstream.Name{Space: NS, Local: "client"}) || len(all.Clients) == MaxClients {
			continue
		}
		v, err := parseClient(c)
		if err != nil {
			return Clients{}, err
		}
		all.Clients = append(all.Clients, v)
	}
	return all, nil
}

func parseClient(n xmlstream.Node) (Client, error) {
	r, err := ParseRevoke(xmlstream.NewNode(NS, "revoke", xmlstream.A("id", n.Attr("id")))) // the same rules for ids
	if err != nil {
		return Client{}, err
	}
	c := Client{ID: r.ID, Session: n.Attr("type") == "session"}
	if c.Connected, err = wire.Bool(n, "connected"); err != nil {
		return Client{}, err
	}
	for k := range n.Elements() {
		if k.Name.Space == SeenNS && k.Name.Local == "seen" {
			if c.Current, err = wire.Bool(k, "current"); err != nil {
				return Client{}, err
			}
			c.Address = wire.Cut(k.Attr("address"), MaxText)
		}
		if k.Name.Space != NS {
			continue
		}
		switch k.Name.Local {
		case "first-seen":
			c.FirstSeen, err = moment(k)
		case "last-seen":
			c.LastSeen, err = moment(k)
		case "auth":
			_, c.Password = k.Child(NS, "password")
			_, c.Grant = k.Child(NS, "grant")
			_, c.Fast = k.Child(NS, "fast")
		case "permission":
			c.Permission = Permission(wire.Cut(k.Attr("status"), MaxText))
		case "user-agent":
			c.Software, c.URI, c.Device = text(k, "software"), text(k, "uri"), text(k, "device")
		}
		if err != nil {
			return Client{}, err
		}
	}
	return c, nil
}

func text(n xmlstream.Node, local string) string {
	c, _ := n.Child(NS, local)
	return wire.Cut(c.InnerText(), MaxText)
}

func moment(n xmlstream.Node) (time.Time, error) {
	t, err := datetime.Parse(n.InnerText())
	if err != nil {
		return time.Time{}, wire.Bad("<%s/> is no time: %s", n.Name.Local, wire.Quote(n.InnerText()))
	}
	return t, nil
}

// Encode writes <clients/>.
func (v Clients) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "clients")
	for _, c := range v.Clients {
		c.encode(e)
	}
	e.End()
}

func (c Client) encode(e *xmlstream.Encoder) {
	kind, connected := "access", "false"
	if c.Session {
		kind = "session"
	}
	if c.Connected {
		connected = "true"
	}
	e.Start(NS, "client")
	e.Attr("connected", connected)
	e.Attr("id", c.ID)
	e.Attr("type", kind)
	if !c.FirstSeen.IsZero() {
		e.Leaf(NS, "first-seen", datetime.Format(c.FirstSeen))
	}
	if !c.LastSeen.IsZero() {
		e.Leaf(NS, "last-seen", datetime.Format(c.LastSeen))
	}
	e.Start(NS, "auth")
	for _, a := range []struct {
		there bool
		local string
	}{{c.Password, "password"}, {c.Grant, "grant"}, {c.Fast, "fast"}} {
		if a.there {
			wire.Empty(e, NS, a.local)
		}
	}
	e.End()
	e.Start(NS, "permission")
	e.Attr("status", string(c.Permission))
	e.End()
	if c.Software != "" || c.URI != "" || c.Device != "" {
		e.Start(NS, "user-agent")
		wire.OptionalLeaf(e, NS, "software", c.Software)
		wire.OptionalLeaf(e, NS, "uri", c.URI)
		wire.OptionalLeaf(e, NS, "device", c.Device)
		e.End()
	}
	if c.Current || c.Address != "" {
		e.Start(SeenNS, "seen")
		wire.OptionalAttr(e, "address", c.Address)
		if c.Current {
			e.Attr("current", "true")
		}
		e.End()
	}
	e.End()
}
