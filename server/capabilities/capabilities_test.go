package capabilities

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
	"godwit/xep/caps"
	"godwit/xep/disco"
	"godwit/xep/pubsub"
)

// world stands for the sessions and for the clock.
type world struct {
	*Room
	asked  map[*account.Session][]*stanza.Stanza
	told   map[*account.Session]*account.Follows
	counts int // of tellings
	timers []func()
}

func newWorld() *world {
	w := &world{asked: map[*account.Session][]*stanza.Stanza{}, told: map[*account.Session]*account.Follows{}}
	w.Room = New(jid.MustParse("localhost"), w)
	w.after = func(d time.Duration, f func()) *time.Timer {
		w.timers = append(w.timers, f)
		return time.NewTimer(d) // only to be stopped
	}
	return w
}

func (w *world) Give(s *account.Session, st *stanza.Stanza, _ bool) {
	w.asked[s] = append(w.asked[s], st)
}

func (w *world) Follow(s *account.Session, _ caps.Caps, f *account.Follows) {
	w.told[s] = f
	w.counts++
}

func session(name string) *account.Session {
	return &account.Session{JID: jid.MustParse(name + "@localhost/x")}
}

// software describes itself.
func software(follows ...string) disco.Info {
	info := disco.Info{Identities: []disco.Identity{{Category: "client", Type: "pc", Name: "T"}}, Features: []string{disco.InfoNS}}
	for _, node := range follows {
		info.Features = append(info.Features, node+pubsub.Notify)
	}
	return info
}

func announcement(t *testing.T, info disco.Info) caps.Caps {
	t.Helper()
	ver, err := caps.Compute(info, caps.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	return caps.Caps{Node: "https://t.example", Hash: caps.SHA1, Ver: ver}
}

// answer has a session answer the last question it was asked.
func (w *world) answer(t *testing.T, s *account.Session, info disco.Info) {
	t.Helper()
	if len(w.asked[s]) == 0 {
		t.Fatalf("%s was not asked", s.JID)
	}
	q := w.asked[s][len(w.asked[s])-1]
	if !w.Answer(s, stanza.Build(stanza.IQ, stanza.Result, q.From, s.JID, q.ID, info.Encode)) {
		t.Fatalf("the answer of %s was not taken", s.JID)
	}
}

func TestOneAnswerForAll(t *testing.T) {
	w := newWorld()
	info := software("a", "b")
	c := announcement(t, info)
	first, second, third := session("a"), session("b"), session("c")
	w.Announced(first, c)
	w.Announced(second, caps.Caps{Node: "elsewhere", Hash: c.Hash, Ver: c.Ver})
	if len(w.asked[first]) != 1 || len(w.asked[second]) != 0 {
		t.Fatalf("asked: %v", w.asked)
	}
	q := w.asked[first][0]
	n, _ := q.Child(disco.InfoNS, "query")
	if q.Type != stanza.Get || q.From.String() != "localhost" || n.Attr("node") != c.Query() {
		t.Errorf("question %s", q)
	}
	w.answer(t, first, info)
	w.Announced(third, c)
	for _, s := range []*account.Session{first, second, third} {
		if f := w.told[s]; !f.Has("a") || !f.Has("b") || f.Has("c") {
			t.Errorf("%s follows %v", s.JID, f)
		}
	}
	if len(w.asked[second])+len(w.asked[third]) != 0 || len(w.open)+len(w.asking) != 0 {
		t.Errorf("asked %v, open %d", w.asked, len(w.open))
	}
}

// TestPoisoning: what does not bear out its hash holds for nobody else (XEP-0115 §5.4, §8.2), nor does what came without a hash.
func TestPoisoning(t *testing.T) {
	w := newWorld()
	honest := software("a")
	c := announcement(t, honest)
	mallory, bob, carol := session("mallory"), session("bob"), session("carol")
	w.Announced(mallory, c)
	w.Announced(bob, c)
	w.Announced(carol, c)
	w.answer(t, mallory, software("everything"))
	if f := w.told[mallory]; !f.Has("everything") {
		t.Error("a client is not believed about itself")
	}
	if _, told := w.told[bob]; told {
		t.Error("a false answer was believed about somebody else")
	}
	w.answer(t, bob, honest) // who waited is asked instead
	for _, s := range []*account.Session{bob, carol} {
		if f := w.told[s]; !f.Has("a") || f.Has("everything") {
			t.Errorf("%s follows %v", s.JID, f)
		}
	}
	legacy := caps.Caps{Node: "old", Ver: "1.0"}
	w.Announced(mallory, legacy)
	w.answer(t, mallory, software("everything"))
	w.Announced(session("dave"), legacy)
	if len(w.young)+len(w.old) != 1 {
		t.Errorf("%d kinds are known, want the honest one", len(w.young)+len(w.old))
	}
	unknown := caps.Caps{Node: "new", Hash: "sha-9", Ver: "x"}
	w.Announced(mallory, unknown)
	w.answer(t, mallory, software("everything"))
	if len(w.young)+len(w.old) != 1 {
		t.Error("a hash nobody can check was believed")
	}
}

func TestOnlyAnswersCount(t *testing.T) {
	w := newWorld()
	info := software("a")
	s, other := session("a"), session("b")
	w.Announced(s, announcement(t, info))
	id := w.asked[s][0].ID
	for what, st := range map[*account.Session]*stanza.Stanza{
		s:     stanza.Build(stanza.IQ, stanza.Result, jid.MustParse("localhost"), s.JID, "caps-1", info.Encode),
		other: stanza.Build(stanza.IQ, stanza.Result, jid.MustParse("localhost"), other.JID, id, info.Encode),
	} {
		if w.Answer(what, st) {
			t.Errorf("%s took part unasked", what.JID)
		}
	}
	if w.counts != 0 {
		t.Error("somebody was told something")
	}
	w.answer(t, s, info)
	if w.Answer(s, stanza.Build(stanza.IQ, stanza.Result, jid.MustParse("localhost"), s.JID, id, info.Encode)) {
		t.Error("answered twice")
	}
}

func TestNoAnswer(t *testing.T) {
	w := newWorld()
	info := software("a")
	c := announcement(t, info)
	silent, refusing, honest := session("a"), session("b"), session("c")
	for _, s := range []*account.Session{silent, refusing, honest} {
		w.Announced(s, c)
	}
	w.timers[0]() // the first was given up
	q := w.asked[refusing][0]
	w.Answer(refusing, stanza.Build(stanza.IQ, stanza.ErrorType, q.From, refusing.JID, q.ID, stanza.ErrServiceUnavailable().Encode))
	w.answer(t, honest, info)
	if w.counts != 1 || !w.told[honest].Has("a") {
		t.Errorf("told: %v", w.told)
	}
	w.timers[0]() // late: nothing happens
	if len(w.open)+len(w.asking) != 0 {
		t.Error("questions stay open")
	}
}

// TestLastCounts: a session that announces something else is asked about that, and who waited for it is asked instead.
func TestLastCounts(t *testing.T) {
	w := newWorld()
	one, two := software("a"), software("b")
	s, other := session("a"), session("b")
	w.Announced(s, announcement(t, one))
	w.Announced(other, announcement(t, one))
	old := w.asked[s][0].ID
	w.Announced(s, announcement(t, two))
	if w.Answer(s, stanza.Build(stanza.IQ, stanza.Result, jid.MustParse("localhost"), s.JID, old, one.Encode)) {
		t.Error("an old question was answered")
	}
	w.answer(t, s, two)
	if !w.told[s].Has("b") {
		t.Error("the new answer does not count")
	}
	w.answer(t, other, one)
	if !w.told[other].Has("a") {
		t.Error("who waited was forgotten")
	}
}

func TestBounds(t *testing.T) {
	w := newWorld()
	s := session("a")
	for i := range 3 * maxKnown {
		info := software(fmt.Sprint("n", i))
		w.Announced(s, announcement(t, info))
		w.answer(t, s, info)
		if i%100 == 0 {
			w.Announced(s, announcement(t, software("n0"))) // used again and again: stays
		}
	}
	if n := len(w.young) + len(w.old); n > maxKnown {
		t.Errorf("%d kinds are remembered", n)
	}
	if _, known := w.get(announcement(t, software("n0"))); !known {
		t.Error("what is used most was forgotten")
	}
	many := make([]string, 3*maxFollows)
	for i := range many {
		many[i] = fmt.Sprint("n", i)
	}
	if f := follows(software(many...)); !f.Has("n0") || f.Has(fmt.Sprint("n", maxFollows)) {
		t.Error("one client follows everything")
	}
	if f := follows(software(strings.Repeat("n", pubsub.MaxNode+1), "")); f != nil {
		t.Errorf("bad names are followed: %v", f)
	}
	long := strings.Repeat("n", pubsub.MaxNode-5)
	if f := follows(software(long+"0", long+"1", long+"2", long+"3", long+"4", long+"5", long+"6", long+"7", long+"8", long+"9")); f.Has(long + "9") {
		t.Error("names without end")
	}
}
