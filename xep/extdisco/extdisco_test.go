package extdisco_test

import (
	"strings"
	"testing"
	"time"

	"godwit/xep/extdisco"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:xmpp:extdisco:2'`

func TestServices(t *testing.T) {
	type row = codectest.Row[extdisco.Services]
	service := func(attrs string) string { return `<services` + ns + `><service ` + attrs + `/></services>` }
	codectest.Table(t, extdisco.ParseServices,
		row{Why: "all services, please", XML: `<services` + ns + `/>`, Want: extdisco.Services{}},
		row{Why: "those of one type", XML: `<services` + ns + ` type='turn'/>`, Want: extdisco.Services{Type: "turn"}},
		row{Why: "a STUN server", XML: service(`host='192.0.2.1' port='3478' transport='udp' type='stun'`),
			Want: extdisco.Services{Services: []extdisco.Service{{Type: extdisco.STUN, Host: "192.0.2.1", Port: 3478, Transport: "udp"}}}},
		row{Why: "a TURN server with credentials", XML: service(`action='add' expires='2026-11-23T07:00:00Z' host='turn.a.example' name='Relay' password='p' port='5349' restricted='true' transport='tcp' type='turns' username='u'`),
			Want: extdisco.Services{Services: []extdisco.Service{{Type: extdisco.TURNS, Host: "turn.a.example", Port: 5349, Transport: "tcp", Name: "Relay", Username: "u", Password: "p",
				Restricted: true, Expires: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), Action: extdisco.Add}}}},
		row{Why: "the usual port", XML: service(`host='::1' type='stun'`), Want: extdisco.Services{Services: []extdisco.Service{{Type: "stun", Host: "::1"}}}},
		row{Why: "no host", XML: service(`type='stun'`), Err: "bad-request"},
		row{Why: "no type", XML: service(`host='h'`), Err: "bad-request"},
		row{Why: "a port beyond all ports", XML: service(`type='stun' host='h' port='65536'`), Err: "bad-request"},
		row{Why: "an expiry that is no time", XML: service(`type='stun' host='h' expires='soon'`), Err: "bad-request"},
		row{Why: "an action that is none", XML: service(`type='stun' host='h' action='move'`), Err: "bad-request"},
		row{Why: "restricted: perhaps", XML: service(`type='stun' host='h' restricted='perhaps'`), Err: "bad-request"},
		row{Why: "a host without end", XML: service(`type='stun' host='` + strings.Repeat("h", 256) + `'`), Err: "not-acceptable"},
		row{Why: "a password without end", XML: service(`type='stun' host='h' password='` + strings.Repeat("p", 2000) + `'`), Err: "not-acceptable"},
		row{Why: "an older version", XML: `<services xmlns='urn:xmpp:extdisco:1'/>`, Err: "bad-request"},
	)
	s, err := extdisco.ParseServices(codectest.Node(t, `<services`+ns+`>`+strings.Repeat(`<service type='stun' host='h'/>`, 1000)+`</services>`))
	if err != nil || len(s.Services) != extdisco.MaxServices {
		t.Errorf("%d services, %v", len(s.Services), err)
	}
}

func TestCredentials(t *testing.T) {
	type row = codectest.Row[extdisco.Credentials]
	codectest.Table(t, extdisco.ParseCredentials,
		row{Why: "request", XML: `<credentials` + ns + `><service host='turn.a.example' type='turn'/></credentials>`,
			Want: extdisco.Credentials{Services: []extdisco.Service{{Type: "turn", Host: "turn.a.example"}}}},
		row{Why: "answer", XML: `<credentials` + ns + `><service host='turn.a.example' password='p' type='turn' username='u'/></credentials>`,
			Want: extdisco.Credentials{Services: []extdisco.Service{{Type: "turn", Host: "turn.a.example", Username: "u", Password: "p"}}}},
		row{Why: "services are not credentials", XML: `<services` + ns + `/>`, Err: "bad-request"},
	)
}
