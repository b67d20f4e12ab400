package headless

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/jid"
	"godwit/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere is a network without a server.
type nowhere struct{}

func (nowhere) Dial(context.Context, string) (link.Link, error) { return nil, errors.New("no network") }

// run performs lines and returns what came out.
func run(t *testing.T, store cache.Cache, in io.Reader) ([]map[string]any, error) {
	t.Helper()
	c, err := client.New(client.Config{JID: jid.MustParse("alice@localhost"), Password: "x", Dialer: nowhere{}, Cache: store})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Run(t.Context(), in, w, c, client.English)
		w.Close()
		ended <- err
	}()
	var out []map[string]any
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var v map[string]any
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Errorf("not JSON: %s", lines.Text())
		}
		out = append(out, v)
	}
	return out, <-ended
}

func errorsOf(out []map[string]any) []map[string]any {
	var e []map[string]any
	for _, v := range out {
		if v["event"] == "error" {
			e = append(e, v)
		}
	}
	return e
}

func TestBadInputIsAnsweredAndCostsNothingElse(t *testing.T) {
	for _, tt := range []struct{ why, line, cmd, says string }{
		{"not JSON", `send hello`, "", "JSON object"},
		{"half of it", `{"cmd":"send"`, "", "JSON object"},
		{"not an object", `[1,2]`, "", "JSON object"},
		{"a number for a text", `{"cmd":"send","to":7}`, "send", `"to" must not be a number`},
		{"no command", `{"to":"bob@localhost"}`, "", `"cmd"`},
		{"an unknown command", `{"cmd":"dance"}`, "dance", "no such command"},
		{"no address", `{"cmd":"send","body":"hi","id":"m1"}`, "send", `"to" is missing`},
		{"a broken address", `{"cmd":"send","to":"@@","body":"hi"}`, "send", "no address"},
		{"no body", `{"cmd":"send","to":"bob@localhost"}`, "send", "body"},
		{"no such route", `{"cmd":"send","to":"bob@localhost","body":"hi","route":"pigeon"}`, "send", "pigeon"},
		{"a contact without a connection", `{"cmd":"subscribe","jid":"bob@localhost"}`, "subscribe", "not connected"},
		{"oneself", `{"cmd":"accept","jid":"alice@localhost"}`, "accept", "cannot be a contact"},
		{"no such presence", `{"cmd":"presence","show":"asleep"}`, "presence", "asleep"},
		{"files", `{"cmd":"sendfile","to":"bob@localhost","path":"/etc/passwd"}`, "sendfile", "not part of this build"},
		{"files", `{"cmd":"acceptfile","sid":"x","path":"y"}`, "acceptfile", "not part of this build"},
		{"a line without end", `{"cmd":"send","to":"bob@localhost","body":"` + strings.Repeat("x", MaxLine) + `"}`, "", "longer than"},
		{"a body too long", `{"cmd":"send","to":"bob@localhost","id":"m1","body":"` + strings.Repeat("x", MaxLine/2) + `"}`, "send", "longer than"},
		{"bytes that are no text", "{\"cmd\":\"send\",\"to\":\"bob@localhost\",\"body\":\"\\u0000\"}", "send", "characters"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			out, err := run(t, memory.New(), strings.NewReader(tt.line+"\n"+`{"cmd":"roster"}`+"\n"+`{"cmd":"quit"}`+"\n"))
			if err != nil {
				t.Error(err)
			}
			e := errorsOf(out)
			if len(e) != 1 || !strings.Contains(fmt.Sprint(e[0]["message"]), tt.says) || fmt.Sprint(e[0]["cmd"]) != nilText(tt.cmd) {
				t.Errorf("answered %v", e)
			}
			roster := false
			for _, v := range out {
				roster = roster || v["event"] == "roster"
			}
			if !roster {
				t.Error("the client did not go on")
			}
		})
	}
}

func nilText(s string) string {
	if s == "" {
		return "<nil>"
	}
	return s
}

// The words are those of the language that was asked for, the codes always the same; and without a server nothing carries messages.
func TestLinksInTwoLanguages(t *testing.T) {
	out, err := run(t, memory.New(), strings.NewReader(`{"cmd":"links","with":"bob@localhost"}
{"cmd":"links","with":"bob@localhost","lang":"zh-CN"}
{"cmd":"links","with":"bob@localhost","lang":"fr"}
{"cmd":"quit"}
`))
	if err != nil {
		t.Fatal(err)
	}
	var links []map[string]any
	for _, v := range out {
		if v["event"] == "link" {
			links = append(links, v)
		}
	}
	if len(links) != 2 {
		t.Fatalf("%d answers: %v", len(links), out)
	}
	for i, lang := range []client.Lang{client.English, client.Chinese} {
		l := links[i]
		help, _ := l["help"].([]any)
		for _, h := range help {
			delete(h.(map[string]any), "words")
		}
		words := client.Explanation{Why: client.Why(fmt.Sprint(l["why"]))}.Text(lang)
		if l["words"] != words || l["state"] != "none" || l["path"] != nil || fmt.Sprint(l["why"], l["help"]) != fmt.Sprint(links[0]["why"], links[0]["help"]) {
			t.Errorf("%v: %v, want %q", lang, l, words)
		}
	}
	if e := errorsOf(out); len(e) != 1 || e[0]["cmd"] != "links" || !strings.Contains(fmt.Sprint(e[0]["message"]), "en and zh-CN") {
		t.Errorf("a language there is not is answered by %v", e)
	}
}

func TestQuitKeepsTheOutbox(t *testing.T) {
	store := memory.New()
	defer store.Close()
	var in strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&in, `{"cmd":"send","to":"bob@localhost","body":"%d","id":"m%d","unknown":[1]}`+"\n", i, i)
	}
	in.WriteString(`{"cmd":"quit"}` + "\n" + `{"cmd":"send","to":"bob@localhost","body":"too late","id":"late"}` + "\n")
	out, err := run(t, store, strings.NewReader(in.String()))
	if err != nil || len(errorsOf(out)) != 0 {
		t.Fatalf("%v, %v", errorsOf(out), err)
	}
	var left []cache.OutboxRecord
	for after := int64(0); ; {
		page, err := store.Outbox(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		left = append(left, page...)
		after = page[len(page)-1].Seq
	}
	if len(left) != 1000 {
		t.Fatalf("%d messages are kept", len(left))
	}
	for i, r := range left {
		if r.OriginID != fmt.Sprintf("m%d", i) {
			t.Fatalf("message %d is %s", i, r.OriginID)
		}
	}
}

func TestEndOfInputIsQuit(t *testing.T) {
	store := memory.New()
	defer store.Close()
	out, err := run(t, store, strings.NewReader(`{"cmd":"send","to":"bob@localhost","body":"last line without an end","id":"m1"}`))
	if err != nil || len(errorsOf(out)) != 0 {
		t.Errorf("%v, %v", errorsOf(out), err)
	}
	if _, err := store.OutboxRecord(t.Context(), "m1"); err != nil {
		t.Error(err)
	}
}

func TestHistoryAndUsedIDs(t *testing.T) {
	store := memory.New()
	defer store.Close()
	send := `{"cmd":"send","to":"bob@localhost","body":"hi","id":"m1"}` + "\n"
	if _, err := run(t, store, strings.NewReader(send)); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, store, strings.NewReader(send+`{"cmd":"history","with":"bob@localhost"}`+"\n"+`{"cmd":"links"}`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if e := errorsOf(out); len(e) != 1 || e[0]["id"] != "m1" || e[0]["cmd"] != "send" {
		t.Errorf("answered %v", e)
	}
	found := 0
	for _, v := range out {
		if v["event"] == "message" {
			found++
			if v["id"] != "m1" || v["body"] != "hi" || v["to"] != "bob@localhost" || v["state"] != "queued" || v["history"] != true {
				t.Errorf("history: %v", v)
			}
		}
	}
	if found != 1 {
		t.Errorf("the history has %d messages", found)
	}
}

// deafWriter is an output nobody reads any more.
type deafWriter struct{}

func (deafWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestClosedOutputEndsTheClient(t *testing.T) {
	store := memory.New()
	defer store.Close()
	c, err := client.New(client.Config{JID: jid.MustParse("alice@localhost"), Password: "x", Dialer: nowhere{}, Cache: store})
	if err != nil {
		t.Fatal(err)
	}
	in := strings.NewReader(strings.Repeat(`{"cmd":"roster"}`+"\n", 10))
	if err := Run(t.Context(), in, deafWriter{}, c, client.English); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("ended with %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"cmd":"send","to":"a@b","body":"x"}`, `{}`, `[]`, `{"cmd":1}`, `{"cmd":"presence","show":null}`, "\xff", `{"max":1e999}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for name, zero := range CommandTypes() {
			into := reflect.New(reflect.TypeOf(zero))
			if err := decode(line, into.Interface()); err != nil && (err.Error() == "" || client.Code(err) != "invalid") {
				t.Errorf("%s: an error without words: %v", name, err)
			}
		}
	})
}
