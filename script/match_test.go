package script

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	known := vars{"bob": "bob@localhost", "id": "7"}
	for _, c := range []struct {
		why, want, got string
		ok             bool
	}{
		{"more may be there", "<message/>", "<message to='x'><body>y</body></message>", true},
		{"another element", "<message/>", "<presence/>", false},
		{"another namespace", "<query xmlns='a'/>", "<query xmlns='b'/>", false},
		{"an attribute given must be there", "<message id='1'/>", "<message/>", false},
		{"and be equal", "<message id='1'/>", "<message id='2'/>", false},
		{"any is not nothing", "<message id='{any}'/>", "<message id=''/>", false},
		{"any within text", "<b>x{any}z</b>", "<b>xyz</b>", true},
		{"any within text that ends differently", "<b>x{any}z</b>", "<b>xyy</b>", false},
		{"an attribute that must not be there", "<message type='{absent}'/>", "<message/>", true},
		{"but is", "<message type='{absent}'/>", "<message type='{absent}'/>", false},
		{"what is known is compared", "<message id='{any:id}'/>", "<message id='8'/>", false},
		{"what is known matches", "<message id='{any:id}'/>", "<message id='7'/>", true},
		{"children in any order", "<m><a/><b/></m>", "<m><b/><a/></m>", true},
		{"one child does not serve twice", "<m><a/><a/></m>", "<m><a/></m>", false},
		{"a child that must not be there", "<m><a expect='absent'/></m>", "<m><b/></m>", true},
		{"but is there", "<m><a expect='absent'/></m>", "<m><a/></m>", false},
		{"a child that must be there twice", "<m><a expect='2'/></m>", "<m><a/><a/></m>", true},
		{"and is there once", "<m><a expect='2'/></m>", "<m><a/></m>", false},
		{"nothing further", "<m expect='only'><a/></m>", "<m><a/><b/></m>", false},
		{"deep down", "<m><a><b>1</b></a></m>", "<m><a><b>2</b></a></m>", false},
	} {
		want, err := parseTrees(c.want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseTrees(c.got)
		if err != nil {
			t.Fatal(err)
		}
		if err := known.match(&want[0], &got[0]); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

func TestMatchRemembersOnlyWhatMatched(t *testing.T) {
	v := vars{}
	want, _ := parseTrees("<m id='{any:x}'><a/></m>")
	got, _ := parseTrees("<m id='1'/><m id='2'><a/></m>")
	if v.match(&want[0], &got[0]) == nil || len(v) != 0 {
		t.Fatalf("a failed match left %v", v)
	}
	if err := v.match(&want[0], &got[1]); err != nil || v["x"] != "2" {
		t.Fatalf("%v, %v", err, v)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"a block without a line", "\t<a/>", "x:1:"},
		{"a block below a line without a colon", "a connects\n\t<a/>", "x:2:"},
		{"a colon without a block", "a sends:\nb connects", "x:1:"},
		{"a colon at the end", "a connects\na sends:", "x:2:"},
		{"an actor without a verb", "alice", "x:1:"},
	} {
		if _, err := Parse("x", c.text); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// TestFailures makes sure that scripts can fail, and say where and by what.
func TestFailures(t *testing.T) {
	const people = "account alice bob\nclient alice/a\nclient bob/b\nalice/a connects\nbob/b comes online\n"
	const sends = people + "alice/a sends:\n\t<message to='{bob}' type='chat'><body>hello</body></message>\n"
	for _, c := range []struct{ why, text, want string }{
		{"something else came", sends + "bob/b receives:\n\t<message><body>bye</body></message>", `x:8: bob/b receives: in <message>: <body> contains "hello", wanted "bye"`},
		{"something came", sends + "bob/b receives nothing", "x:8: bob/b receives nothing: but this came:"},
		{"something was left", sends, "at the end bob/b has something"},
		{"the server hung up", people + "alice/a sends:\n\t<!-- -->\nalice/a receives:\n\t<message/>", "the element is <error"},
		{"an unknown verb", people + "alice/a dances", "x:6: alice/a dances: unknown verb"},
		{"an unknown name", people + "alice/a sends:\n\t<message to='{carol}'/>", "nothing is known as {carol}"},
		{"nobody of that name", "carol/x connects", "x:1: carol/x connects: nobody has that name"},
		{"a count", people + "server counts sessions=3", "sessions is 2"},
	} {
		s, err := Parse("x", c.text)
		if err != nil {
			t.Fatal(err)
		}
		if err := Run(s, t.TempDir(), new(strings.Builder)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}
