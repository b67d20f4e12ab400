package register_test

import (
	"strings"
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/register"
)

func TestQuery(t *testing.T) {
	type row = codectest.Row[register.Query]
	const ns = ` xmlns='jabber:iq:register'`
	long := strings.Repeat("x", register.MaxValue+1)
	codectest.Table(t, register.Parse,
		row{Why: "the question", XML: `<query` + ns + `/>`},
		row{Why: "what is asked for", XML: `<query` + ns + `><instructions>Choose.</instructions><username/><password/></query>`,
			Want: register.Query{Instructions: "Choose.", Username: register.Give(""), Password: register.Give("")}},
		row{Why: "a registration", XML: `<query` + ns + `><username>bill</username><password>Calliope</password></query>`,
			Want: register.Query{Username: register.Give("bill"), Password: register.Give("Calliope")}},
		row{Why: "spaces belong to a password", XML: `<query` + ns + `><password> a  b </password></query>`,
			Want: register.Query{Password: register.Give(" a  b ")}},
		row{Why: "fields nobody asked for are ignored", XML: `<query` + ns + `><username>bill</username><email>b@example.org</email></query>`,
			Want: register.Query{Username: register.Give("bill")}, Out: `<query` + ns + `><username>bill</username></query>`},
		row{Why: "fields of another namespace are none of ours", XML: `<query` + ns + `><username xmlns='urn:example'>bill</username></query>`,
			Out: `<query` + ns + `/>`},
		row{Why: "registered already", XML: `<query` + ns + `><registered/><username>bill</username><password/></query>`,
			Want: register.Query{Registered: true, Username: register.Give("bill"), Password: register.Give("")}},
		row{Why: "a removal", XML: `<query` + ns + `><remove/></query>`, Want: register.Query{Remove: true}},
		row{Why: "a removal with something else (table of §3.2)", XML: `<query` + ns + `><remove/><username>bill</username></query>`, Err: "bad-request"},
		row{Why: "… even of another namespace", XML: `<query` + ns + `><remove/><x xmlns='jabber:x:data'/></query>`, Err: "bad-request"},
		row{Why: "a change with the old password", XML: `<query` + ns + `><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>jabber:iq:register:changepassword</value></field>` +
			`<field var='username'><value>bill</value></field><field var='old_password'><value>theglobe</value></field><field var='password'><value>groundlings</value></field></x></query>`,
			Want: register.Query{Change: &register.Change{Username: "bill", OldPassword: "theglobe", Password: "groundlings"}}},
		row{Why: "a form of another kind is none", XML: `<query` + ns + `><x xmlns='jabber:x:data' type='submit'><field type='hidden' var='FORM_TYPE'><value>urn:example</value></field></x></query>`,
			Out: `<query` + ns + `/>`},
		row{Why: "a form that is none", XML: `<query` + ns + `><x xmlns='jabber:x:data'/></query>`, Err: "bad-request"},
		row{Why: "two passwords", XML: `<query` + ns + `><password>a</password><password>b</password></query>`, Err: "bad-request"},
		row{Why: "a password without end", XML: `<query` + ns + `><password>` + long + `</password></query>`, Err: "not-acceptable"},
		row{Why: "another query", XML: `<query xmlns='jabber:iq:last'/>`, Err: "bad-request"},
	)
}

func TestFeature(t *testing.T) {
	type row = codectest.Row[register.Feature]
	codectest.Table(t, register.ParseFeature,
		row{Why: "offered", XML: `<register xmlns='http://jabber.org/features/iq-register'/>`},
		row{Why: "something else", XML: `<register xmlns='urn:example'/>`, Err: "bad-request"},
	)
}
