package headless

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/jid"
)

// tagged lists what answers a tag: the events, and the last of them.
func answers(out []map[string]any, tag string) (all []map[string]any, last map[string]any) {
	for _, v := range out {
		if v["tag"] == tag {
			all = append(all, v)
			last = v
		}
	}
	return all, last
}

func TestConversation(t *testing.T) {
	store := memory.New()
	defer store.Close()
	// Each run ends when all its commands are done, so the next finds what this one left.
	step := func(lines ...string) []map[string]any {
		t.Helper()
		out, err := run(t, store, strings.NewReader(strings.Join(lines, "\n")+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if e := errorsOf(step(`{"cmd":"send","to":"bob@localhost","body":"Lunch 中午?","id":"m1"}`, `{"cmd":"send","to":"bob@localhost","body":"noon","id":"m2"}`,
		`{"cmd":"send","to":"carol@localhost","body":"hi","id":"m3"}`)); len(e) != 0 {
		t.Fatalf("%v", e)
	}
	out := step(`{"cmd":"send","to":"bob@localhost","body":"at one","replace":"m2","tag":"edit"}`,
		`{"cmd":"send","to":"bob@localhost","body":"the canteen","reply_to":"m1","id":"m4","tag":"reply"}`,
		`{"cmd":"retract","to":"carol@localhost","id":"m3","tag":"retract"}`,
		`{"cmd":"retract","to":"carol@localhost","id":"m1","tag":"wrong chat"}`,
		`{"cmd":"retract","to":"carol@localhost","tag":"no id"}`,
		`{"cmd":"retry","id":"m1","tag":"not failed"}`)
	for tag, want := range map[string]string{"edit": "changed", "reply": "message", "retract": "changed"} {
		all, _ := answers(out, tag)
		if len(all) != 2 || all[0]["event"] == all[1]["event"] {
			t.Errorf("%s: %v", tag, all)
			continue
		}
		for _, v := range all {
			if v["event"] != "done" && v["event"] != want {
				t.Errorf("%s: %v", tag, v)
			}
			if tag == "reply" && v["event"] == "message" && fmt.Sprint(v["reply"]) != "map[body:Lunch 中午? from:alice@localhost id:m1]" {
				t.Errorf("the reply answers %v", v["reply"])
			}
		}
	}
	for tag, code := range map[string]string{"wrong chat": "not-found", "no id": "invalid", "not failed": "not-found"} {
		if _, last := answers(out, tag); last["event"] != "error" || last["code"] != code {
			t.Errorf("%s: %v", tag, last)
		}
	}
	out = step(`{"cmd":"history","with":"bob@localhost","max":2,"tag":"page"}`, `{"cmd":"chats","tag":"chats"}`, `{"cmd":"search","text":"中午","tag":"found"}`,
		`{"cmd":"search","text":"one","with":"bob@localhost","max":1,"tag":"in chat"}`, `{"cmd":"search","text":" ","tag":"nothing"}`,
		`{"cmd":"history","with":"bob@localhost","around":"m2","max":1,"tag":"around"}`, `{"cmd":"history","before":"x","tag":"no cursor"}`,
		`{"cmd":"read","with":"bob@localhost","tag":"read"}`, `{"cmd":"typing","to":"bob@localhost","state":"composing","tag":"typing"}`,
		`{"cmd":"typing","to":"bob@localhost","state":"asleep","tag":"no state"}`)
	page, last := answers(out, "page")
	if len(page) != 3 || page[0]["body"] != "at one" || page[0]["edited"] == nil || page[1]["id"] != "m4" || last["more_before"] != true || page[0]["history"] != true {
		t.Errorf("page: %v", page)
	}
	older := step(fmt.Sprintf(`{"cmd":"history","with":"bob@localhost","before":%q,"tag":"older"}`, page[0]["cursor"]), fmt.Sprintf(`{"cmd":"history","with":"bob@localhost","after":%q,"tag":"newer"}`, page[0]["cursor"]))
	if all, last := answers(older, "older"); len(all) != 2 || all[0]["id"] != "m1" || all[0]["gap"] != true || last["more_after"] != true || last["more_before"] != true {
		t.Errorf("older: %v", all)
	}
	if all, last := answers(older, "newer"); len(all) != 2 || all[0]["id"] != "m4" || last["more_after"] != nil {
		t.Errorf("newer: %v", all)
	}
	chats, _ := answers(out, "chats")
	var list Chats
	b, _ := json.Marshal(chats[0])
	if err := json.Unmarshal(b, &list); err != nil || len(list.Items) != 2 || list.Items[0].Chat != "bob@localhost" || list.Items[0].Last.Body != "the canteen" ||
		list.Items[0].Last.Event != "" || !list.Items[1].Last.Retracted || list.Items[1].Last.Body != "" || list.Items[1].Unread != 0 {
		t.Errorf("chats: %s", b)
	}
	for tag, want := range map[string]string{"found": "m1", "in chat": "m2", "around": "m2"} {
		all, _ := answers(out, tag)
		if s := fmt.Sprint(all); len(all) != 2 || !strings.Contains(s, "id:"+want) {
			t.Errorf("%s: %v", tag, s)
		}
	}
	for tag, code := range map[string]string{"nothing": "invalid", "no cursor": "invalid", "no state": "invalid"} {
		if _, last := answers(out, tag); last["event"] != "error" || last["code"] != code {
			t.Errorf("%s: %v", tag, last)
		}
	}
	for _, tag := range []string{"read", "typing"} {
		if _, last := answers(out, tag); last["event"] != "done" {
			t.Errorf("%s: %v", tag, last)
		}
	}
}

func TestSettingsByCommand(t *testing.T) {
	out, err := run(t, memory.New(), strings.NewReader(`{"cmd":"set","name":"ui.theme","value":"dark","tag":"a"}
{"cmd":"set","name":"mute","value":"on","with":"bob@localhost/x","tag":"b"}
{"cmd":"set","name":"mute","value":"perhaps","with":"bob@localhost","tag":"c"}
{"cmd":"settings","tag":"d"}
{"cmd":"settings","with":"carol@localhost","tag":"e"}
`))
	if err != nil {
		t.Fatal(err)
	}
	if _, last := answers(out, "c"); last["code"] != "invalid" {
		t.Errorf("answered %v", last)
	}
	if all, _ := answers(out, "d"); len(all) != 2 || fmt.Sprint(all[0]["items"]) != "[map[name:ui.theme value:dark] map[name:mute value:on with:bob@localhost]]" {
		t.Errorf("answered %v", all)
	}
	if all, _ := answers(out, "e"); len(all) != 2 || fmt.Sprint(all[0]["items"]) != "[]" {
		t.Errorf("answered %v", all)
	}
	told := 0
	for _, v := range out {
		if v["event"] == "setting" {
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d settings were told to everybody", told)
	}
}

// A quotation is shown as somebody's words only where those words are known; else it is the author's of the reply.
func TestRepliesQuoteWhatWasSaid(t *testing.T) {
	store := memory.New()
	defer store.Close()
	bob, at := jid.MustParse("bob@localhost"), cache.Cursor{}.Time.AddDate(2026, 0, 0)
	in := func(id, body, replyTo, quote string) cache.Message {
		return cache.Message{Chat: bob, Sender: bob, From: bob, OriginID: id, Direction: cache.In, State: cache.StateReceived, Time: at, Body: body,
			Stanza: []byte("<m/>"), ReplyTo: replyTo, ReplyFrom: jid.MustParse("alice@localhost"), Quote: quote}
	}
	carol := in("c1", "a secret of carol's", "", "")
	carol.Chat, carol.Sender, carol.ReplyFrom = jid.MustParse("carol@localhost"), jid.MustParse("carol@localhost"), jid.JID{}
	_, err := cache.Write(t.Context(), store, cache.Batch{Add: []cache.Message{in("b1", "what bob said", "", ""), carol,
		in("b2", "yes", "b1", "> what alice never said\n"), in("b3", "yes", "unknown", "> what alice never said\n"), in("b4", "yes", "c1", "> x\n")}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, store, strings.NewReader(`{"cmd":"history","with":"bob@localhost"}`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range out {
		if v["event"] == "message" {
			got[fmt.Sprint(v["id"])] = fmt.Sprintf("%q %v", v["body"], v["reply"])
		}
	}
	for id, want := range map[string]string{
		"b2": `"yes" map[body:what bob said from:bob@localhost id:b1]`,
		"b3": `"> what alice never said\nyes" map[from:alice@localhost id:unknown]`,
		"b4": `"> x\nyes" map[from:alice@localhost id:c1]`,
	} {
		if got[id] != want {
			t.Errorf("%s is told as %s, want %s", id, got[id], want)
		}
	}
}
