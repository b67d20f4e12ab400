package services_test

import (
	"log/slog"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/server/handler"
	"godwit/server/services"
	"godwit/stanza"
	"godwit/xep/extdisco"
	"godwit/xmlstream"
)

// ask puts one question to the room, as the session of an account.
func ask(t *testing.T, source services.Source, account, payload string, target handler.Target) string {
	t.Helper()
	table := handler.NewTable(slog.New(slog.DiscardHandler))
	services.Register(table, source)
	el, err := xmlstream.ParseElement([]byte(`<iq xmlns='jabber:client' from='a@localhost/x' to='localhost' type='get' id='1'>`+payload+`</iq>`), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	q, stErr := stanza.FromElement(&el)
	if stErr != nil {
		t.Fatal(stErr)
	}
	return table.Answer(t.Context(), &handler.Request{IQ: q, Target: target, Account: jid.MustParse(account)}).String()
}

func TestWhoGetsCredentials(t *testing.T) {
	const all = `<services xmlns='urn:xmpp:extdisco:2'/>`
	const one = `<credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='h'/></credentials>`
	var told []jid.JID
	source := func(account jid.JID) []extdisco.Service {
		told = append(told, account)
		return []extdisco.Service{{Type: "turn", Host: "h", Username: "for " + account.String(), Password: "p", Restricted: true}}
	}
	for _, payload := range []string{all, one} {
		for account, want := range map[string]string{"a@localhost": "for a@localhost", "b@localhost": "for b@localhost", "localhost": "<forbidden"} {
			if got := ask(t, source, account, payload, handler.Server); !strings.Contains(got, want) {
				t.Errorf("%s: %s", account, got)
			}
		}
		for _, target := range []handler.Target{handler.Self, handler.Other} {
			if got := ask(t, source, "a@localhost", payload, target); !strings.Contains(got, "<service-unavailable") {
				t.Errorf("not to the server: %s", got)
			}
		}
	}
	for _, who := range told {
		if who != who.Bare() || who.Local() == "" {
			t.Errorf("credentials are made for %v", who)
		}
	}
}

func TestNothingIsOffered(t *testing.T) {
	if got := ask(t, nil, "a@localhost", `<services xmlns='urn:xmpp:extdisco:2'/>`, handler.Server); !strings.Contains(got, "type='result'") || strings.Contains(got, "<service ") {
		t.Error(got)
	}
	if got := ask(t, nil, "a@localhost", `<credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='h'/></credentials>`, handler.Server); !strings.Contains(got, "<item-not-found") {
		t.Error(got)
	}
}
