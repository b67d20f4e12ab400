package clientaccess_test

import (
	"strings"
	"testing"
	"time"

	"godwit/xep/clientaccess"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:xmpp:cam:0'`

func TestClients(t *testing.T) {
	type row = codectest.Row[clientaccess.Clients]
	one := func(s string) string { return `<clients` + ns + `>` + s + `</clients>` }
	whole := clientaccess.Client{ID: "z1", Connected: true, Session: true, Password: true, Fast: true, Permission: clientaccess.Unrestricted,
		FirstSeen: time.Date(2023, 4, 6, 14, 26, 8, 0, time.UTC), LastSeen: time.Date(2023, 4, 6, 14, 37, 25, 0, time.UTC),
		Software: "Gajim", URI: "https://gajim.org/", Device: "Juliet's laptop", Current: true, Address: "192.0.2.1"}
	codectest.Table(t, clientaccess.ParseClients,
		row{Why: "none", XML: `<clients` + ns + `/>`},
		row{Why: "all that can be said", XML: one(`<client connected='true' id='z1' type='session'><first-seen>2023-04-06T14:26:08Z</first-seen><last-seen>2023-04-06T14:37:25Z</last-seen>` +
			`<auth><password/><fast/></auth><permission status='unrestricted'/><user-agent><software>Gajim</software><uri>https://gajim.org/</uri><device>Juliet's laptop</device></user-agent>` +
			`<seen xmlns='urn:godwit:client-seen:0' address='192.0.2.1' current='true'/></client>`),
			Want: clientaccess.Clients{Clients: []clientaccess.Client{whole}}},
		row{Why: "as little as there must be", XML: one(`<client connected='false' id='h' type='access'><auth><grant/></auth><permission status='normal'/></client>`),
			Want: clientaccess.Clients{Clients: []clientaccess.Client{{ID: "h", Grant: true, Permission: clientaccess.Normal}}}},
		row{Why: "no id", XML: one(`<client connected='false' type='access'/>`), Err: "bad-request"},
		row{Why: "no time", XML: one(`<client id='a'><last-seen>yesterday</last-seen></client>`), Err: "bad-request"},
		row{Why: "no truth", XML: one(`<client id='a' connected='perhaps'/>`), Err: "bad-request"},
	)
	many, err := clientaccess.ParseClients(codectest.Node(t, one(strings.Repeat(`<client id='a'/>`, clientaccess.MaxClients+1))))
	if err != nil || len(many.Clients) != clientaccess.MaxClients {
		t.Errorf("%d clients, %v", len(many.Clients), err)
	}
}

func TestRequests(t *testing.T) {
	type row = codectest.Row[clientaccess.Revoke]
	codectest.Table(t, clientaccess.ParseRevoke,
		row{Why: "one", XML: `<revoke` + ns + ` id='a'/>`, Want: clientaccess.Revoke{ID: "a"}},
		row{Why: "nobody", XML: `<revoke` + ns + `/>`, Err: "bad-request"},
		row{Why: "an id without end", XML: `<revoke` + ns + ` id='` + strings.Repeat("a", clientaccess.MaxText+1) + `'/>`, Err: "not-acceptable"},
	)
	codectest.Table(t, clientaccess.ParseList, codectest.Row[clientaccess.List]{Why: "the question", XML: `<list` + ns + `/>`})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<clients` + ns + `><client connected='true' id='z1' type='session'><auth><password/></auth><permission status='normal'/></client></clients>`))
	f.Add([]byte(`<revoke` + ns + ` id='a'/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{
			"clients": codectest.Of(clientaccess.ParseClients), "revoke": codectest.Of(clientaccess.ParseRevoke), "list": codectest.Of(clientaccess.ParseList),
		})
	})
}
