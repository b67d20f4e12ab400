package extdisco

import (
	"math"
	"strconv"
	"time"

	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the elements and the name of the feature.
const NS = "urn:xmpp:extdisco:2"

// MaxServices bounds the services that are read; more are left out.
const MaxServices = 64

// Bounds on text in bytes.
const (
	maxHost       = 255
	maxCredential = 1024
)

// Types of service that Godwit knows (XEP-0215 §8.3).
const (
	STUN  = "stun"
	STUNS = "stuns"
	TURN  = "turn"
	TURNS = "turns"
)

// Action tells what a push does to a service; empty counts as add.
type Action string

// The actions.
const (
	Add    Action = "add"
	Delete Action = "delete"
	Modify Action = "modify"
)

// Service is one service outside XMPP.
type Service struct {
	Type       string // required
	Host       string // name or address; required
	Port       uint16 // 0 is the usual one for the type
	Transport  string // "udp", "tcp"; optional
	Name       string // for people
	Username   string
	Password   string
	Restricted bool      // credentials are needed
	Expires    time.Time // of the credentials; zero when not said
	Action     Action
}

// Services is <services/>: the question, with the type asked for or none for
// all, and its answer (XEP-0215 §3.1, §3.2).
type Services struct {
	Type     string
	Services []Service
}

// Credentials is <credentials/>: the question names one service, the answer
// has it with user name and password (XEP-0215 §3.3).
type Credentials struct{ Services []Service }

// ParseServices reads <services/>.
func ParseServices(n xmlstream.Node) (Services, error) {
	if err := wire.Expect(n, NS, "services"); err != nil {
		return Services{}, err
	}
	list, err := parseList(n)
	return Services{Type: n.Attr("type"), Services: list}, err
}

// ParseCredentials reads <credentials/>.
func ParseCredentials(n xmlstream.Node) (Credentials, error) {
	if err := wire.Expect(n, NS, "credentials"); err != nil {
		return Credentials{}, err
	}
	list, err := parseList(n)
	return Credentials{Services: list}, err
}

func parseList(n xmlstream.Node) ([]Service, error) {
	var list []Service
	for c := range n.Elements() {
		if c.Name.Space != NS || c.Name.Local != "service" || len(list) == MaxServices {
			continue
		}
		s, err := parseService(c)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func parseService(n xmlstream.Node) (Service, error) {
	kind, err := wire.Bounded(n, "type", maxHost)
	if err != nil {
		return Service{}, err
	}
	host, err := wire.Bounded(n, "host", maxHost)
	if err != nil {
		return Service{}, err
	}
	s := Service{
		Type: kind, Host: host, Transport: n.Attr("transport"), Name: n.Attr("name"),
		Username: n.Attr("username"), Password: n.Attr("password"), Action: Action(n.Attr("action")),
	}
	if len(s.Username) > maxCredential || len(s.Password) > maxCredential {
		return Service{}, wire.NotAcceptable("credentials may be %d bytes long", maxCredential)
	}
	switch s.Action {
	case "", Add, Delete, Modify:
	default:
		return Service{}, wire.Bad("<service/> has no action %s", wire.Quote(string(s.Action)))
	}
	if v, ok := n.LookupAttr("", "port"); ok {
		port, ok := wire.Uint(v, math.MaxUint16)
		if !ok {
			return Service{}, wire.Bad("port of <service/> is not a port: %s", wire.Quote(v))
		}
		s.Port = uint16(port)
	}
	if s.Restricted, err = wire.Bool(n, "restricted"); err != nil {
		return Service{}, err
	}
	if v, ok := n.LookupAttr("", "expires"); ok {
		if s.Expires, err = datetime.Parse(v); err != nil {
			return Service{}, wire.Bad("expires of <service/>: %v", err)
		}
	}
	return s, nil
}

// Encode writes <services/>.
func (s Services) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "services")
	wire.OptionalAttr(e, "type", s.Type)
	encodeList(e, s.Services)
	e.End()
}

// Encode writes <credentials/>.
func (c Credentials) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "credentials")
	encodeList(e, c.Services)
	e.End()
}

func encodeList(e *xmlstream.Encoder, list []Service) {
	for _, s := range list {
		s.encode(e)
	}
}

func (s Service) encode(e *xmlstream.Encoder) {
	e.Start(NS, "service")
	wire.OptionalAttr(e, "action", string(s.Action))
	if !s.Expires.IsZero() {
		e.Attr("expires", datetime.Format(s.Expires))
	}
	e.Attr("host", s.Host)
	wire.OptionalAttr(e, "name", s.Name)
	wire.OptionalAttr(e, "password", s.Password)
	if s.Port != 0 {
		e.Attr("port", strconv.Itoa(int(s.Port)))
	}
	if s.Restricted {
		e.Attr("restricted", "true")
	}
	wire.OptionalAttr(e, "transport", s.Transport)
	e.Attr("type", s.Type)
	wire.OptionalAttr(e, "username", s.Username)
	e.End()
}
