package register_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/register"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
	"godwit/xmlstream"
)

// accounts fails as it is told and remembers what was asked of it, never a password.
type accounts struct {
	exists          bool
	lookup, failing error
	asked           []string
}

func (a *accounts) Exists(_ context.Context, who jid.JID) (bool, error) {
	a.asked = append(a.asked, "exists "+who.String())
	return a.exists, a.lookup
}

func (a *accounts) Create(_ context.Context, who jid.JID, password string) error {
	a.asked = append(a.asked, "create "+who.String())
	return a.failing
}

func (a *accounts) IsPassword(_ context.Context, _ jid.JID, password string) (bool, error) {
	return password == "right", nil
}
func (a *accounts) SetPassword(context.Context, jid.JID, string) error { return a.failing }
func (a *accounts) Remove(context.Context, jid.JID) error              { return a.failing }

type sessions struct{}

func (sessions) Proof(*account.Session) (sasl.Mechanism, netip.Addr) { return sasl.ScramSHA256, home }

func (sessions) EndOthers(*account.Session, *stream.Error) {}
func (sessions) EndAll(jid.JID, *stream.Error)             {}

func request(t *testing.T, inner string) *stanza.Stanza {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte("<iq xmlns='jabber:client' type='set' id='1' to='b.example'><query xmlns='jabber:iq:register'>"+inner+"</query></iq>"), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	st, err := stanza.FromElement(&el)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

var (
	domain = jid.MustParse("b.example")
	home   = netip.MustParseAddr("192.0.2.1")
)

func apply(user, password string) string {
	return "<username>" + user + "</username><password>" + password + "</password>"
}

// open is a room where everybody may register.
func open(a register.Accounts, rate stream.Rate, now func() time.Time) *register.Room {
	return register.New(register.Config{Domain: domain, Accounts: a, Sessions: sessions{}, Open: true, Rate: rate, Now: now, Log: slog.New(slog.DiscardHandler)})
}

func TestApply(t *testing.T) {
	for _, tt := range []struct {
		why   string
		a     accounts
		inner string
		want  string // condition, "" for a result
		asked string
	}{
		{"made", accounts{}, apply("Carol", "p"), "", "exists carol@b.example,create carol@b.example"},
		{"taken: nothing is computed", accounts{exists: true}, apply("carol", "p"), "conflict", "exists carol@b.example"},
		{"taken at the same moment", accounts{failing: store.ErrExists}, apply("carol", "p"), "conflict", "exists carol@b.example,create carol@b.example"},
		{"a password that can not be typed", accounts{failing: sasl.ErrPassword}, apply("carol", "&#x200B;"), "not-acceptable", "exists carol@b.example,create carol@b.example"},
		{"the disk is full", accounts{failing: errors.New("disk full at /var/secret")}, apply("carol", "p"), "internal-server-error", "exists carol@b.example,create carol@b.example"},
		{"the store can not be read", accounts{lookup: errors.New("locked")}, apply("carol", "p"), "internal-server-error", "exists carol@b.example"},
		{"a name with a domain", accounts{}, apply("carol@c.example", "p"), "not-acceptable", ""},
		{"a name that can not be part of an address", accounts{}, apply("car ol", "p"), "not-acceptable", ""},
		{"a very long name", accounts{}, apply(strings.Repeat("c", register.MaxUsername+1), "p"), "not-acceptable", ""},
		{"no name", accounts{}, "<password>p</password>", "not-acceptable", ""},
		{"an empty password", accounts{}, apply("carol", ""), "not-acceptable", ""},
		{"a password without end", accounts{}, apply("carol", strings.Repeat("p", 3000)), "not-acceptable", ""},
		{"two names", accounts{}, apply("carol", "p") + apply("dave", "p"), "bad-request", ""},
		{"a removal by a stranger", accounts{}, "<remove/>", "unexpected-request", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			room := open(&tt.a, register.DefaultRate, time.Now)
			reply := room.Apply(t.Context(), &stream.Applicant{Remote: home}, request(t, tt.inner))
			got := ""
			if e := reply.Err(); e != nil {
				got = e.Condition
			}
			if got != tt.want || strings.Join(tt.a.asked, ",") != tt.asked {
				t.Errorf("%q after %q, want %q after %q", got, tt.a.asked, tt.want, tt.asked)
			}
			if s := reply.String(); strings.Contains(s, "secret") || strings.Contains(s, "<password>") {
				t.Error("the answer tells too much:", s)
			}
			if ok := tt.want == ""; (room.Counters.Registered.Load() == 1) != ok || (room.Counters.Refused.Load() == 1) == ok {
				t.Error("it was counted wrong")
			}
		})
	}
}

// The rate holds per network, and whoever is over it costs neither a look-up nor a derivation.
func TestRate(t *testing.T) {
	now := time.Unix(0, 0)
	a := &accounts{}
	room := open(a, stream.Rate{Burst: 2, Every: time.Minute}, func() time.Time { return now })
	from := func(addr, user string) bool {
		return !room.Apply(t.Context(), &stream.Applicant{Remote: netip.MustParseAddr(addr)}, request(t, apply(user, "p"))).IsError()
	}
	got := []bool{from("2001:db8::1", "a"), from("2001:db8::2", "b"), from("2001:db8::3", "c"), from("192.0.2.1", "d")}
	if !slices.Equal(got, []bool{true, true, false, true}) || room.Counters.Limited.Load() != 1 {
		t.Error(got)
	}
	if slices.Contains(a.asked, "exists c@b.example") {
		t.Error("a look-up for nothing")
	}
	if now = now.Add(time.Minute); !from("2001:db8::3", "c") {
		t.Error("a minute later there is one more")
	}
}

// invitations are good by name: "good" for everybody, "carol" for carol only.
type invitations struct{ created []string }

func (i *invitations) Check(_ context.Context, token string) (bool, error) {
	return token == "good" || token == "carol", nil
}

func (i *invitations) Free(_ context.Context, who jid.JID, token string) (bool, error) {
	return (who.Local() == "carol") == (token == "carol"), nil
}

func (i *invitations) Create(_ context.Context, token string, who jid.JID, _ string) error {
	if who.Local() == "late" {
		return store.ErrNotFound
	}
	i.created = append(i.created, token+" "+who.String())
	return nil
}

func preauth(t *testing.T, token string) *stanza.Stanza {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte("<iq xmlns='jabber:client' type='set' id='1' to='b.example'><preauth xmlns='urn:xmpp:pars:0' token='"+token+"'/></iq>"), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	st, err := stanza.FromElement(&el)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// Who is invited registers where nobody else may; an invitation belongs to the stream it was shown on, and cannot be guessed for long.
func TestInvited(t *testing.T) {
	now := time.Unix(0, 0)
	i := &invitations{}
	room := register.New(register.Config{
		Domain: domain, Accounts: &accounts{}, Sessions: sessions{}, Invitations: i, Rate: stream.Rate{Burst: 2, Every: time.Minute},
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
	condition := func(who *stream.Applicant, q *stanza.Stanza) string {
		if e := room.Apply(t.Context(), who, q).Err(); e != nil {
			return e.Condition
		}
		return ""
	}
	who := &stream.Applicant{Remote: home}
	for _, c := range []struct {
		why  string
		q    *stanza.Stanza
		want string
	}{
		{"without one", request(t, apply("dave", "p")), "not-allowed"},
		{"one that is none", preauth(t, "bad"), "item-not-found"},
		{"and then", request(t, apply("dave", "p")), "not-allowed"},
		{"a good one", preauth(t, "good"), ""},
		{"a reserved name", request(t, apply("carol", "p")), "conflict"},
		{"and then", request(t, apply("dave", "p")), ""},
		{"too many accounts", request(t, apply("erin", "p")), "resource-constraint"},
		{"one that is none takes the good one away", preauth(t, "bad"), "item-not-found"},
		{"and then", request(t, apply("erin", "p")), "not-allowed"},
	} {
		if got := condition(who, c.q); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
	other := &stream.Applicant{Remote: netip.MustParseAddr("198.51.100.1")}
	condition(other, preauth(t, "carol"))
	if got := condition(other, request(t, apply("frank", "p"))); got != "conflict" {
		t.Errorf("another name than the reserved one: %q", got)
	}
	if got := condition(other, request(t, apply("carol", "p"))); got != "" {
		t.Errorf("the reserved one: %q", got)
	}
	if got := strings.Join(i.created, ","); got != "good dave@b.example,carol carol@b.example" || room.Counters.Invited.Load() != 2 {
		t.Error(got)
	}
	third := &stream.Applicant{Remote: netip.MustParseAddr("198.51.101.1")}
	condition(third, preauth(t, "good"))
	if got := condition(third, request(t, apply("late", "p"))); got != "item-not-found" || third.Pass != nil {
		t.Errorf("used up meanwhile: %q, %v", got, third.Pass)
	}
	guesser := netip.MustParseAddr("203.0.113.1")
	tries := 0
	for condition(&stream.Applicant{Remote: guesser}, preauth(t, "guess")) == "item-not-found" { // a new connection each time
		if tries++; tries > 100 {
			t.Fatal("invitations can be guessed without end")
		}
	}
	if got := condition(&stream.Applicant{Remote: guesser}, preauth(t, "good")); tries != 8 || got != "resource-constraint" {
		t.Errorf("%d guesses, then %q", tries, got)
	}
}
