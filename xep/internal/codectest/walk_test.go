package codectest_test

import (
	"testing"

	"godwit/xep/archive"
	"godwit/xep/bind"
	"godwit/xep/bind2"
	"godwit/xep/blocking"
	"godwit/xep/caps"
	"godwit/xep/carbons"
	"godwit/xep/channelbinding"
	"godwit/xep/chatstates"
	"godwit/xep/clientstate"
	"godwit/xep/dataform"
	"godwit/xep/delay"
	"godwit/xep/deposit"
	"godwit/xep/disco"
	"godwit/xep/displayed"
	"godwit/xep/entitytime"
	"godwit/xep/extdisco"
	"godwit/xep/filesharing"
	"godwit/xep/filetransfer"
	"godwit/xep/forward"
	"godwit/xep/hashes"
	"godwit/xep/hints"
	"godwit/xep/ibb"
	"godwit/xep/internal/codectest"
	"godwit/xep/last"
	"godwit/xep/markers"
	"godwit/xep/oob"
	"godwit/xep/ping"
	"godwit/xep/pubsub"
	"godwit/xep/reach"
	"godwit/xep/receipts"
	"godwit/xep/register"
	"godwit/xep/roster"
	"godwit/xep/rsm"
	"godwit/xep/sasl1"
	"godwit/xep/sasl2"
	"godwit/xep/session"
	"godwit/xep/sm"
	"godwit/xep/stanzaid"
	"godwit/xep/upload"
	"godwit/xep/version"
	"godwit/xmlstream"
)

// parsers is every parse function of a payload that a stranger can send.
var parsers = map[string]codectest.Parser{
	"archive.Query":     codectest.Of(archive.ParseQuery),
	"archive.Result":    codectest.Of(archive.ParseResult),
	"archive.Fin":       codectest.Of(archive.ParseFin),
	"archive.Metadata":  codectest.Of(archive.ParseMetadata),
	"archive.Prefs":     codectest.Of(archive.ParsePrefs),
	"bind":              codectest.Of(bind.Parse),
	"bind2.Feature":     codectest.Of(bind2.ParseFeature),
	"bind2.Bind":        codectest.Of(bind2.ParseBind),
	"bind2.Bound":       codectest.Of(bind2.ParseBound),
	"blocking.List":     codectest.Of(blocking.ParseList),
	"blocking.Command":  codectest.Of(blocking.ParseCommand),
	"caps":              codectest.Of(caps.Parse),
	"carbons.Copy":      codectest.Of(carbons.Parse),
	"carbons.Command":   codectest.Of(carbons.ParseCommand),
	"channelbinding":    codectest.Of(channelbinding.Parse),
	"chatstates":        codectest.Of(chatstates.Parse),
	"clientstate":       codectest.Of(clientstate.Parse),
	"dataform":          codectest.Of(dataform.Parse),
	"delay":             codectest.Of(delay.Parse),
	"deposit.Batch":     codectest.Of(deposit.Parse),
	"deposit.Result":    codectest.Of(deposit.ParseResult),
	"disco.Info":        codectest.Of(disco.ParseInfo),
	"disco.Items":       codectest.Of(disco.ParseItems),
	"displayed":         codectest.Of(displayed.Parse),
	"entitytime":        codectest.Of(entitytime.Parse),
	"extdisco.Services": codectest.Of(extdisco.ParseServices),
	"extdisco.Creds":    codectest.Of(extdisco.ParseCredentials),
	"filesharing":       codectest.Of(filesharing.Parse),
	"filesharing.From":  codectest.Of(filesharing.ParseSources),
	"filesharing.To":    codectest.Of(filesharing.ParseAttachTo),
	"filetransfer":      codectest.Of(filetransfer.ParseDescription),
	"filetransfer.Got":  codectest.Of(filetransfer.ParseReceived),
	"filetransfer.Sum":  codectest.Of(filetransfer.ParseChecksum),
	"forward":           codectest.Of(forward.Parse),
	"hashes":            codectest.Of(hashes.Parse),
	"hints":             codectest.Of(hints.Parse),
	"ibb.Open":          codectest.Of(ibb.ParseOpen),
	"ibb.Transport":     codectest.Of(ibb.ParseTransport),
	"ibb.Data":          codectest.Of(ibb.ParseData),
	"ibb.Close":         codectest.Of(ibb.ParseClose),
	"oob":               codectest.Of(oob.Parse),
	"last":              codectest.Of(last.Parse),
	"markers.Markable":  codectest.Of(markers.ParseMarkable),
	"markers.Displayed": codectest.Of(markers.ParseDisplayed),
	"ping":              codectest.Of(ping.Parse),
	"pubsub.Request":    codectest.Of(pubsub.Parse),
	"pubsub.Owner":      codectest.Of(pubsub.ParseOwner),
	"pubsub.Event":      codectest.Of(pubsub.ParseEvent),
	"reach":             codectest.Of(reach.Parse),
	"receipts.Request":  codectest.Of(receipts.ParseRequest),
	"receipts.Received": codectest.Of(receipts.ParseReceived),
	"register.Query":    codectest.Of(register.Parse),
	"register.Feature":  codectest.Of(register.ParseFeature),
	"roster.Query":      codectest.Of(roster.Parse),
	"rsm.Request":       codectest.Of(rsm.ParseRequest),
	"rsm.Result":        codectest.Of(rsm.ParseResult),
	"sasl1":             codectest.Of(sasl1.Parse),
	"sasl2":             codectest.Of(sasl2.Parse),
	"session":           codectest.Of(session.Parse),
	"sm":                codectest.Of(sm.Parse),
	"stanzaid.Origin":   codectest.Of(stanzaid.ParseOrigin),
	"stanzaid.Stanza":   codectest.Of(stanzaid.ParseStanza),
	"upload.Request":    codectest.Of(upload.ParseRequest),
	"upload.Slot":       codectest.Of(upload.ParseSlot),
	"version":           codectest.Of(version.Parse),
}

const (
	message = `<message xmlns='jabber:client' from='alice@a.example/r' to='bob@b.example/s' type='chat' id='m1'><body>hi</body>` +
		`<origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>`
	forwarded = `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-23T06:12:00Z'/>` + message + `</forwarded>`
	form      = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>` +
		`<field var='with'><value>bob@b.example</value></field><field var='start'><value>2026-06-07T00:00:00Z</value></field>` +
		`<field var='ids'><value>1</value><value>2</value></field><field var='include-groupchat'><value>1</value></field></x>`
	set = `<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/><after>a</after><index>3</index></set>`
)

// seeds has one of each element, so that mutation begins within every codec.
var seeds = []string{
	`<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline' id='a'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/png</media-type><name>x</name><size>3</size><width>4</width><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AQID</hash><range offset='1'/></file><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/x'/><jinglepub xmlns='urn:xmpp:jinglepub:1' from='a@b/c' id='9'/></sources></file-sharing>`,
	`<sources xmlns='urn:xmpp:sfs:0' id='a'><url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/x'/></sources>`,
	`<attach-to xmlns='urn:xmpp:message-attaching:1' id='m'/>`,
	`<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'><file><name>x</name><date>2026-01-01T00:00:00Z</date><size>3</size><hash-used xmlns='urn:xmpp:hashes:2' algo='sha-256'/></file></description>`,
	`<received xmlns='urn:xmpp:jingle:apps:file-transfer:5' creator='initiator' name='f'/>`,
	`<checksum xmlns='urn:xmpp:jingle:apps:file-transfer:5' creator='initiator' name='f'><file><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AQID</hash></file></checksum>`,
	`<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AQID</hash>`,
	`<open xmlns='http://jabber.org/protocol/ibb' block-size='4096' sid='a' stanza='message'/>`,
	`<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='a'/>`,
	`<data xmlns='http://jabber.org/protocol/ibb' seq='1' sid='a'>AQID</data>`,
	`<close xmlns='http://jabber.org/protocol/ibb' sid='a'/>`,
	`<x xmlns='jabber:x:oob'><url>https://a.example</url><desc>d</desc></x>`,
	`<request xmlns='urn:xmpp:http:upload:0' content-type='image/png' filename='a.png' size='12'/>`,
	`<slot xmlns='urn:xmpp:http:upload:0'><put url='https://u.example/a'><header name='Cookie'>a=b</header></put><get url='https://u.example/a'/></slot>`,
	`<query xmlns='urn:xmpp:mam:2' queryid='q' node='n'>` + form + set + `<flip-page/></query>`,
	`<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>` + forwarded + `</result>`,
	`<fin xmlns='urn:xmpp:mam:2' complete='true' stable='false'><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>1</first><last>9</last><count>9</count></set></fin>`,
	`<metadata xmlns='urn:xmpp:mam:2'><start id='1' timestamp='2026-01-01T00:00:00Z'/><end id='9' timestamp='2026-11-23T00:00:00.5Z'/></metadata>`,
	`<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>bob@b.example</jid></always><never><jid>eve@b.example/x</jid></never></prefs>`,
	`<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource><jid>alice@a.example/r</jid></bind>`,
	`<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/></inline></bind>`,
	`<bind xmlns='urn:xmpp:bind:0'><tag>T</tag><enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='1' max='60'/><inactive xmlns='urn:xmpp:csi:0'/></bind>`,
	`<blocklist xmlns='urn:xmpp:blocking'><item jid='bob@b.example'/></blocklist>`,
	`<block xmlns='urn:xmpp:blocking'><item jid='bob@b.example/r'/><item jid='b.example'/></block>`,
	`<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/><metadata xmlns='urn:xmpp:mam:2'/></bound>`,
	`<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v='/>`,
	`<sent xmlns='urn:xmpp:carbons:2'>` + forwarded + `</sent>`,
	`<enable xmlns='urn:xmpp:carbons:2'/>`,
	`<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>`,
	`<composing xmlns='http://jabber.org/protocol/chatstates'/>`,
	`<inactive xmlns='urn:xmpp:csi:0'/>`,
	`<x xmlns='jabber:x:data' type='result'><title>T</title><instructions>I</instructions><reported><field var='n' label='L'/></reported><item><field var='n'><value>1</value></field></item></x>`,
	`<x xmlns='jabber:x:data' type='form'><field var='c' type='list-multi'><desc>D</desc><required/><option label='O'><value>o</value></option><validate xmlns='http://jabber.org/protocol/xdata-validate'><open/></validate></field></x>`,
	`<delay xmlns='urn:xmpp:delay' from='a.example' stamp='2026-11-23T08:12:00+02:00'>why</delay>`,
	`<deposit xmlns='urn:godwit:deposit:0'><item direction='sent'>` + forwarded + `</item></deposit>`,
	`<deposited xmlns='urn:godwit:deposit:0'><item sender='alice@a.example' origin-id='m1' id='7'/><item sender='bob@b.example' origin-id='m2'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></item></deposited>`,
	`<query xmlns='http://jabber.org/protocol/disco#info' node='n'><identity category='client' type='pc' name='G' xml:lang='en'/><feature var='f'/>` + form + `</query>`,
	`<query xmlns='http://jabber.org/protocol/disco#items'><item jid='a.example' node='n' name='N'/></query>`,
	`<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>2026-11-23T17:58:35Z</utc></time>`,
	`<services xmlns='urn:xmpp:extdisco:2' type='turn'><service action='add' expires='2026-11-23T07:00:00Z' host='h' name='N' password='p' port='5349' restricted='1' transport='tcp' type='turns' username='u'/></services>`,
	`<credentials xmlns='urn:xmpp:extdisco:2'><service host='h' type='turn'/></credentials>`,
	forwarded,
	`<no-store xmlns='urn:xmpp:hints'/>`,
	`<query xmlns='jabber:iq:last' seconds='903'>Heading home</query>`,
	`<markable xmlns='urn:xmpp:chat-markers:0'/>`,
	`<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>`,
	`<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='alice@a.example' id='28'/></displayed>`,
	`<ping xmlns='urn:xmpp:ping'/>`,
	`<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='i'><x xmlns='urn:example'>v</x></item></publish><publish-options>` + form + `</publish-options></pubsub>`,
	`<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='n'><affiliation jid='bob@b.example' affiliation='member'/></affiliations></pubsub>`,
	`<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item id='i'><x xmlns='urn:example'/></item><retract id='j'/></items></event>`,
	`<reach xmlns='urn:godwit:reach:0' class='symmetric' ipv6='yes' mapped='pcp'><address ip='198.51.100.7' port='61234'/></reach>`,
	`<request xmlns='urn:xmpp:receipts'/>`,
	`<received xmlns='urn:xmpp:receipts' id='m1'/>`,
	`<query xmlns='jabber:iq:register'><registered/><instructions>I</instructions><username>u</username><password> p </password></query>`,
	`<query xmlns='jabber:iq:register'><remove/></query>`,
	`<register xmlns='http://jabber.org/features/iq-register'/>`,
	`<query xmlns='jabber:iq:roster' ver='8'><item jid='bob@b.example' name='Bob' subscription='both' ask='subscribe' approved='1'><group>A</group><group>B</group></item></query>`,
	set,
	`<set xmlns='http://jabber.org/protocol/rsm'><first index='0'>1</first><last>9</last><count>9</count></set>`,
	`<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>`,
	`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>`,
	`<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cj0x</challenge>`,
	`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</success>`,
	`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/><text>no</text></failure>`,
	`<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'/></inline></authentication>`,
	`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response><user-agent id='D4565fa7-4d72-4749-b3d3-740edbf87770'><software>G</software><device>d</device></user-agent><resume xmlns='urn:xmpp:sm:3' h='5' previd='s'/><bind xmlns='urn:xmpp:bind:0'/></authenticate>`,
	`<success xmlns='urn:xmpp:sasl:2'><additional-data>dj0x</additional-data><authorization-identifier>alice@a.example/r</authorization-identifier><failed xmlns='urn:xmpp:sm:3' h='3'/><bound xmlns='urn:xmpp:bind:0'/></success>`,
	`<failure xmlns='urn:xmpp:sasl:2'><aborted xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><why xmlns='urn:example' a:b='c' xmlns:a='urn:a'/><text>no</text></failure>`,
	`<continue xmlns='urn:xmpp:sasl:2'><additional-data/><tasks><task>T</task></tasks><text>more</text></continue>`,
	`<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>`,
	`<a xmlns='urn:xmpp:sm:3' h='4294967295'/>`,
	`<r xmlns='urn:xmpp:sm:3'/>`,
	`<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true' max='60' location='h:5222'/>`,
	`<resumed xmlns='urn:xmpp:sm:3' h='21' previd='s'/>`,
	`<failed xmlns='urn:xmpp:sm:3' h='0'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>t</text></failed>`,
	`<handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/>`,
	`<origin-id xmlns='urn:xmpp:sid:0' id='m1'/>`,
	`<stanza-id xmlns='urn:xmpp:sid:0' id='28' by='alice@a.example'/>`,
	`<query xmlns='jabber:iq:version'><name>G</name><version>1</version><os>L</os></query>`,
}

// TestSeedsReachEveryParser keeps the seeds honest: each parser takes one of
// them, and each is taken by a parser.
func TestSeedsReachEveryParser(t *testing.T) {
	reached := make(map[string]bool)
	for _, seed := range seeds {
		taken := false
		for name, parse := range parsers {
			if _, err := parse(codectest.Node(t, seed)); err == nil {
				taken, reached[name] = true, true
			}
		}
		if !taken {
			t.Errorf("no parser takes %s", seed)
		}
		codectest.Walk(t, []byte(seed), parsers)
	}
	for name := range parsers {
		if !reached[name] {
			t.Errorf("no seed for %s", name)
		}
	}
}

// FuzzCodecs walks any element through every parser.
func FuzzCodecs(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { codectest.Walk(t, data, parsers) })
}

// FuzzRosterSet is apart because it reads one item out of a query.
func FuzzRosterSet(f *testing.F) {
	f.Add([]byte(`<query xmlns='jabber:iq:roster'><item jid='bob@b.example' name='Bob'><group>A</group></item></query>`))
	f.Add([]byte(`<query xmlns='jabber:iq:roster'><item jid='bob@b.example' subscription='remove'/></query>`))
	parser := map[string]codectest.Parser{"roster.ParseSet": func(n xmlstream.Node) (codectest.Codec, error) {
		item, err := roster.ParseSet(n)
		return roster.Query{Items: []roster.Item{item}}, err
	}}
	f.Fuzz(func(t *testing.T, data []byte) { codectest.Walk(t, data, parser) })
}
