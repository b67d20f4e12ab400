package client_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/peer"
	"godwit/stanza"
	"godwit/xep/extdisco"
	"godwit/xmlstream"
)

// nowhere is a transport that never gets anywhere.
type nowhere struct{}

func (nowhere) Namespace() string { return "urn:example:nowhere" }

func (nowhere) Offer(peer.Params) (peer.Session, error) { return nil, errors.New("nowhere") }

func (nowhere) Answer(peer.Params, xmlstream.Node) (peer.Session, error) {
	return nil, errors.New("nowhere")
}

// Credentials for relays are renewed before they expire, also when the server
// fails to answer once, and in a session that was resumed meanwhile.
func TestServicesAreRenewed(t *testing.T) {
	const lifetime = 12 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := newScripted(t)
		var asked []time.Duration
		s.lie = func(s *scripted, q *stanza.Stanza) bool {
			if name, _ := q.Payload(); name.Space != extdisco.NS {
				return false
			}
			asked = append(asked, time.Since(begun))
			if len(asked) == 2 {
				s.send(q.ErrorReply(stanza.ErrInternalServerError()).String())
				return true
			}
			s.send(fmt.Sprintf(`<iq xmlns='jabber:client' type='result' id='%s' from='localhost' to='%s'><services xmlns='urn:xmpp:extdisco:2'>`+
				`<service type='stun' host='h'/><service type='turn' host='h' username='u%d' password='p' expires='%s'/></services></iq>`,
				q.ID, aliceR, len(asked), time.Now().Add(lifetime).UTC().Format(time.RFC3339)))
			return true
		}
		var got []string
		u := start(t, s, func(c *client.Config) {
			c.Transports = []peer.Transport{nowhere{}}
			c.Services = func(all []extdisco.Service) { got = append(got, all[1].Username) }
		})
		time.Sleep(lifetime + time.Hour)
		s.cut()
		time.Sleep(lifetime)
		synctest.Wait()
		u.stop()
		const renewed, again = lifetime * 3 / 4, lifetime*3/4 + 5*time.Minute
		want := []time.Duration{0, renewed, again, again + renewed}
		if len(asked) < len(want) {
			t.Fatalf("asked at %v, want about %v", asked, want)
		}
		for i, w := range want {
			if d := asked[i] - w; d < -2*time.Second || d > 2*time.Second {
				t.Errorf("asked at %v, want about %v", asked, want)
				break
			}
		}
		if fmt.Sprint(got) != "[u1 u3 u4]" {
			t.Errorf("handed over: %v", got)
		}
	})
}
