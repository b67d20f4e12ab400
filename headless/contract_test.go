package headless

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"godwit/client/cache/memory"
)

// Every event has a name and a tag, every command its head, and every command there is stands in the contract with the struct it is read into.
func TestContract(t *testing.T) {
	for name, v := range EventTypes() {
		typ := reflect.TypeOf(v)
		for field, key := range map[string]string{"Event": "event", "Tag": "tag,omitempty"} {
			f, ok := typ.FieldByName(field)
			if got := strings.TrimSuffix(f.Tag.Get("json"), ",omitempty"); !ok || got != strings.TrimSuffix(key, ",omitempty") {
				t.Errorf("event %s: the field %s is %q", name, field, f.Tag.Get("json"))
			}
		}
		if got := reflect.ValueOf(tagged(v, "x")).FieldByName("Tag").String(); got != "x" || reflect.ValueOf(v).FieldByName("Tag").String() != "" {
			t.Errorf("event %s: tagged with %q", name, got)
		}
	}
	types := CommandTypes()
	for name, v := range types {
		if f, ok := reflect.TypeOf(v).FieldByName("Head"); !ok || !f.Anonymous {
			t.Errorf("command %s has no head", name)
		}
	}
	for _, name := range Commands() {
		if reflect.TypeOf(types[name]) != reflect.TypeOf(table[name].fields) {
			t.Errorf("command %s is read into %T, and the contract says %T", name, table[name].fields, types[name])
		}
	}
}

// A tag comes back in everything that answers, of which done or error is the last.
func TestTags(t *testing.T) {
	store := memory.New()
	defer store.Close()
	out, err := run(t, store, strings.NewReader(`{"cmd":"send","to":"bob@localhost","body":"hi","tag":"s","id":"m1"}
{"cmd":"send","to":"bob@localhost","body":"no id","tag":"s2"}
{"cmd":"send","to":"bob@localhost","body":"untagged"}
{"cmd":"send","to":"bob@localhost","body":"again","tag":"used","id":"m1"}
{"cmd":"roster","tag":"r"}
{"cmd":"roster"}
{"cmd":"dance","tag":"x"}
{"cmd":"subscribe","jid":"bob@localhost","tag":"y"}
{"cmd":"roster","tag":"`+strings.Repeat("z", MaxTag+1)+`"}
{"cmd":"quit","tag":"q"}
`))
	if err != nil {
		t.Fatal(err)
	}
	events, made := map[string][]string{}, ""
	for _, v := range out {
		tag, _ := v["tag"].(string)
		e := fmt.Sprint(v["event"])
		if c, ok := v["code"]; ok {
			e += " " + fmt.Sprint(c)
		}
		events[tag] = append(events[tag], e)
		switch {
		case v["event"] == "done" && tag == "s2":
			made, _ = v["id"].(string)
		case v["event"] == "message" && tag == "s":
			if v["id"] != "m1" || v["own"] != true || v["state"] != "queued" || v["chat"] != "bob@localhost" || v["cursor"] == nil || v["body"] != "hi" {
				t.Errorf("the own message is told as %v", v)
			}
		}
	}
	if made == "" {
		t.Error("the id that was made up is not told")
	}
	for tag, want := range map[string]string{
		"s": "done+message", "s2": "done+message", "used": "error id-used", "r": "roster,done", "x": "error unknown-command",
		"y": "error offline", "q": "done", strings.Repeat("z", MaxTag+1): "",
	} {
		got := strings.Join(events[tag], ",")
		if want == "done+message" && (got == "done,message" || got == "message,done") { // in whichever order
			continue
		}
		if got != want {
			t.Errorf("%.5s is answered by %q, want %q", tag, got, want)
		}
	}
	if n := strings.Count(strings.Join(events[""], ","), "message"); n != 0 {
		t.Errorf("%d messages were told to nobody who asked: %v", n, events[""])
	}
}

// What goes on aside is answered when it is done, and not at all dropped when the client ends.
func TestAside(t *testing.T) {
	out, err := run(t, memory.New(), strings.NewReader(strings.Repeat(`{"cmd":"rename","jid":"bob@localhost","name":"Bob","tag":"t"}`+"\n", 3*maxAside)+`{"cmd":"quit"}`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	answered := 0
	for _, v := range out {
		if v["tag"] == "t" && v["event"] == "error" {
			answered++
		}
	}
	if answered != 3*maxAside {
		b, _ := json.Marshal(out)
		t.Errorf("%d answers of %d: %.500s", answered, 3*maxAside, b)
	}
}
