package stream_test

import (
	"context"
	"strings"
	"testing"

	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/register"
	"godwit/xmlstream"
)

// registrar answers every request with its payload and remembers whom it was for.
type registrar struct{ asked []string }

func (r *registrar) Features(e *xmlstream.Encoder) { register.Feature{}.Encode(e) }

func (r *registrar) Apply(_ context.Context, _ *stream.Applicant, q *stanza.Stanza) *stanza.Stanza {
	r.asked = append(r.asked, q.Type+" "+q.To.String()+q.From.String())
	if q.Type == stanza.Set {
		return q.ErrorReply(stanza.ErrConflict())
	}
	return q.Result(nil)
}

func TestRegistration(t *testing.T) {
	const feature = "<register xmlns='http://jabber.org/features/iq-register'/>"
	const ask = "<iq type='get' id='r1' to='b.example'><query xmlns='jabber:iq:register'/></iq>"
	const apply = "<iq type='set' id='r2'><query xmlns='jabber:iq:register'><username>carol</username><password>p</password></query></iq>"
	for _, tt := range []struct {
		why         string
		open        bool
		state       state
		input, want string
		ends        bool
	}{
		{"not offered", false, stStart, header, "</mechanisms><authentication", false},
		{"the feature", true, stStart, header, feature + "</stream:features>", false},
		{"no feature before TLS: the password would be readable", true, state{"", false, nil}, header, "</starttls></stream:features>", false},
		{"asking what is needed", true, stHeader, ask, "<iq from='b.example' id='r1' type='result'/>", false},
		{"applying", true, stHeader, apply, "<conflict ", false},
		{"signing in afterwards on the same stream", true, stHeader, apply + auth1, "<success", false},
		{"asking where nobody may register", false, stHeader, ask, streamError("not-authorized"), true},
		{"asking before TLS", true, stPlain, ask, streamError("not-authorized"), true},
		{"asking another domain", true, stHeader, strings.ReplaceAll(ask, "b.example", "c.example"), streamError("not-authorized"), true},
		{"asking an account", true, stHeader, strings.ReplaceAll(ask, "b.example", "alice@b.example"), streamError("not-authorized"), true},
		{"an answer nobody asked for", true, stHeader, strings.ReplaceAll(ask, "get", "result"), streamError("not-authorized"), true},
		{"another request", true, stHeader, bindIQ, streamError("not-authorized"), true},
		{"a request without an id", true, stHeader, strings.ReplaceAll(ask, " id='r1'", ""), streamError("not-authorized"), true},
		{"asking in the middle of an exchange", true, stScram1, ask, streamError("policy-violation"), true},
		{"more than may be said before authentication", true, stHeader, strings.Repeat(ask, 600), streamError("policy-violation"), true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := &registrar{}
			k := talkTo(t, tt.state, func(c *stream.ServerConfig) {
				if tt.open {
					c.Register = r
				}
			})
			mark := tt.want
			if tt.ends {
				mark = ""
			}
			if !k.say(tt.input, mark) || !strings.Contains(k.heard(), tt.want) {
				t.Errorf("want %q, heard %.500q", tt.want, k.heard())
			}
		})
	}
	r := &registrar{}
	k := talkTo(t, stHeader, func(c *stream.ServerConfig) { c.Register = r })
	k.say(ask, "<iq")
	k.say(apply, "<conflict")
	if got := strings.Join(r.asked, ","); got != "get b.example,set b.example" {
		t.Error(got)
	}
	if heard := k.heard(); strings.Contains(heard, "<password>") {
		t.Error("the password comes back: ", heard)
	}
}
