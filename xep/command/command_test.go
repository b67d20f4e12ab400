package command_test

import (
	"strings"
	"testing"

	"godwit/xep/command"
	"godwit/xep/dataform"
	"godwit/xep/internal/codectest"
)

func TestCommand(t *testing.T) {
	type row = codectest.Row[command.Command]
	const ns = ` xmlns='http://jabber.org/protocol/commands'`
	form := dataform.New(dataform.TypeSubmit, "urn:example")
	codectest.Table(t, command.Parse,
		row{Why: "a request", XML: `<command` + ns + ` action='execute' node='config'/>`, Want: command.Command{Node: "config", Action: command.Execute}},
		row{Why: "a stage", XML: `<command` + ns + ` node='config' sessionid='s' status='executing'><actions><complete/></actions></command>`,
			Want: command.Command{Node: "config", Session: "s", Status: command.Executing, Actions: []command.Action{command.Complete}}},
		row{Why: "a form", XML: `<command` + ns + ` node='config' sessionid='s'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:example</value></field></x></command>`,
			Want: command.Command{Node: "config", Session: "s", Form: &form}},
		row{Why: "no node", XML: `<command` + ns + `/>`, Err: "bad-request"},
		row{Why: "no such action", XML: `<command` + ns + ` node='a' action='explode'/>`, Err: "bad-request"},
		row{Why: "no such status", XML: `<command` + ns + ` node='a' status='exploded'/>`, Err: "bad-request"},
		row{Why: "a broken form", XML: `<command` + ns + ` node='a'><x xmlns='jabber:x:data'/></command>`, Err: "bad-request"},
		row{Why: "a node without end", XML: `<command` + ns + ` node='` + strings.Repeat("a", command.MaxText+1) + `'/>`, Err: "not-acceptable"},
	)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<command xmlns='http://jabber.org/protocol/commands' node='config' sessionid='s' status='executing'><actions><complete/></actions></command>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{"command": codectest.Of(command.Parse)})
	})
}
