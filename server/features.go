package server

import (
	"godwit/server/disco"
	"godwit/server/pubsub"
	"godwit/xep/archive"
	"godwit/xep/blocking"
	"godwit/xep/carbons"
	"godwit/xep/clientaccess"
	"godwit/xep/command"
	"godwit/xep/deposit"
	xdisco "godwit/xep/disco"
	"godwit/xep/entitytime"
	"godwit/xep/extdisco"
	"godwit/xep/last"
	"godwit/xep/ping"
	"godwit/xep/register"
	"godwit/xep/stanzaid"
	"godwit/xep/version"
)

// features is what the rooms of this server can do, for discovery.
func (s *Server) features() disco.Features {
	f := disco.Features{
		Server: []string{
			xdisco.InfoNS, xdisco.ItemsNS, ping.NS, version.NS, entitytime.NS, last.NS, extdisco.NS, carbons.NS, carbons.Rules,
			archive.NS, archive.Extended, stanzaid.NS, deposit.NS, blocking.NS, "jabber:iq:roster", "msgoffline",
		},
		Account: []string{
			xdisco.InfoNS, xdisco.ItemsNS, ping.NS, entitytime.NS, last.NS, carbons.NS, archive.NS, archive.Extended, stanzaid.NS, deposit.NS, blocking.NS,
		},
	}
	f.Server = append(f.Server, pubsub.ServerFeatures()...)
	f.Contact = pubsub.Features()
	f.Account = append(f.Account, f.Contact...)
	f.Server = append(f.Server, register.NS)
	f.Account = append(f.Account, clientaccess.NS)
	if f.Commands = s.Invitations.Commands(); len(f.Commands) > 0 {
		f.Server = append(f.Server, command.NS)
	}
	if s.Upload != nil {
		features, identity, form := s.Upload.Announced()
		f.Server = append(f.Server, features...)
		f.Identities, f.Forms = append(f.Identities, identity), append(f.Forms, form)
	}
	return f
}
