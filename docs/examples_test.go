package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/caps"
	"godwit/xep/datachannel"
	"godwit/xep/delay"
	"godwit/xep/deposit"
	"godwit/xep/disco"
	"godwit/xep/extdisco"
	"godwit/xep/forward"
	"godwit/xep/icequic"
	"godwit/xep/icetransport"
	"godwit/xep/jingle"
	"godwit/xep/reach"
	"godwit/xep/sm"
	"godwit/xep/stanzaid"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"
)

// codecs read what the examples hold, by namespace and name.
var codecs = map[xmlstream.Name]func(xmlstream.Node) error{
	{Space: caps.NS, Local: "c"}:                   func(n xmlstream.Node) error { _, err := caps.Parse(n); return err },
	{Space: disco.InfoNS, Local: "query"}:          func(n xmlstream.Node) error { _, err := disco.ParseInfo(n); return err },
	{Space: extdisco.NS, Local: "services"}:        func(n xmlstream.Node) error { _, err := extdisco.ParseServices(n); return err },
	{Space: reach.NS, Local: "reach"}:              func(n xmlstream.Node) error { _, err := reach.Parse(n); return err },
	{Space: jingle.NS, Local: "jingle"}:            parseJingle,
	{Space: datachannel.NS, Local: "transport"}:    func(n xmlstream.Node) error { _, err := datachannel.Parse(n); return err },
	{Space: icetransport.NS, Local: "transport"}:   func(n xmlstream.Node) error { _, err := icetransport.Parse(n); return err },
	{Space: icequic.NS, Local: "transport"}:        func(n xmlstream.Node) error { _, err := icequic.Parse(n); return err },
	{Space: xmlstreamapp.NS, Local: "description"}: func(n xmlstream.Node) error { _, err := xmlstreamapp.Parse(n); return err },
	{Space: deposit.NS, Local: "deposit"}:          func(n xmlstream.Node) error { _, err := deposit.Parse(n); return err },
	{Space: deposit.NS, Local: "deposited"}:        func(n xmlstream.Node) error { _, err := deposit.ParseResult(n); return err },
	{Space: forward.NS, Local: "forwarded"}:        func(n xmlstream.Node) error { _, err := forward.Parse(n); return err },
	{Space: delay.NS, Local: "delay"}:              func(n xmlstream.Node) error { _, err := delay.Parse(n); return err },
	{Space: stanzaid.NS, Local: "origin-id"}:       func(n xmlstream.Node) error { _, err := stanzaid.ParseOrigin(n); return err },
	{Space: sm.NS, Local: "enable"}:                func(n xmlstream.Node) error { _, err := sm.ParseEnable(n); return err },
	{Space: sm.NS, Local: "enabled"}:               func(n xmlstream.Node) error { _, err := sm.ParseEnabled(n); return err },
	{Space: sm.NS, Local: "a"}:                     func(n xmlstream.Node) error { _, err := sm.ParseHandled(n.Attr("h")); return err },
	{Space: stanza.NSClient, Local: "error"}:       func(n xmlstream.Node) error { _, err := stanza.ParseError(n); return err },
}

// parseJingle also asks of offers and answers what the transports ask of them.
func parseJingle(n xmlstream.Node) error {
	j, err := jingle.Parse(n)
	if err != nil || !slices.Contains([]jingle.Action{jingle.SessionInitiate, jingle.SessionAccept, jingle.TransportReplace, jingle.TransportAccept}, j.Action) {
		return err
	}
	if len(j.Contents) != 1 {
		return fmt.Errorf("%d contents", len(j.Contents))
	}
	transport := j.Contents[0].Transport
	if transport.Name.Space == datachannel.NS {
		_, err = datachannel.ParseFull(transport)
	} else {
		_, err = icequic.ParseFull(transport)
	}
	return err
}

// check runs the codecs over a tree and notes which were used.
func check(n xmlstream.Node, used map[xmlstream.Name]bool) error {
	if parse := codecs[n.Name]; parse != nil {
		used[n.Name] = true
		if err := parse(n); err != nil {
			return fmt.Errorf("<%s/>: %w", n.Name.Local, err)
		}
	}
	for c := range n.Elements() {
		if err := check(c, used); err != nil {
			return err
		}
	}
	return nil
}

func checkElement(el *xmlstream.Element, used map[xmlstream.Name]bool) error {
	if el.Name.Space == stanza.NSClient && slices.Contains([]string{"iq", "message", "presence"}, el.Name.Local) {
		s, err := stanza.FromElement(el)
		if err != nil {
			return err
		}
		if s.From.IsZero() || s.To.IsZero() {
			return errors.New("an example says from whom and to whom it goes")
		}
	}
	n, err := el.Tree()
	if err != nil {
		return err
	}
	return check(n, used)
}

var firstTag = regexp.MustCompile(`^<(iq|message|presence|[a-z]+)`)

// checkExample reads one block: an element, by itself in jabber:client unless it says otherwise, or a whole stream.
func checkExample(block string, used map[xmlstream.Name]bool) error {
	if strings.HasPrefix(block, "<?xml") {
		return checkStream(block, used)
	}
	end := strings.IndexByte(block, '>')
	if end > 0 && !strings.Contains(block[:end], "xmlns=") {
		block = firstTag.ReplaceAllString(block, "<$1 xmlns='"+stanza.NSClient+"'")
	}
	el, err := xmlstream.ParseElement([]byte(strings.TrimSpace(block)), xmlstream.DefaultLimits())
	if err != nil {
		return err
	}
	return checkElement(&el, used)
}

func checkStream(text string, used map[xmlstream.Name]bool) error {
	r := xmlstream.NewReader(strings.NewReader(text), xmlstream.DefaultLimits())
	ended := false
	for {
		token, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && ended:
			return nil
		case err != nil:
			return err
		case token.Kind == xmlstream.StreamEnd:
			ended = true
		case token.Kind == xmlstream.StreamStart:
			if token.Start.Name.Space != stream.NSStreams || token.Start.DefaultNS != stanza.NSClient {
				return fmt.Errorf("not a stream of clients: %v", token.Start)
			}
		default:
			if err := checkElement(&token.Element, used); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

func TestXMLExamplesParse(t *testing.T) {
	used := map[xmlstream.Name]bool{}
	blocks := read(t, "direct-link.md").code["xml"]
	if len(blocks) < 12 {
		t.Fatalf("only %d examples were found", len(blocks))
	}
	for i, block := range blocks {
		if err := checkExample(block, used); err != nil {
			t.Errorf("example %d: %v\n%s", i+1, err, block)
		}
	}
	for name := range codecs {
		if !used[name] {
			t.Errorf("no example has <%s xmlns='%s'/>", name.Local, name.Space)
		}
	}
	for _, bad := range []string{
		"<iq type='get' id='1' from='a@b/c' to='d@e'>",
		"<iq type='get' from='a@b/c' to='d@e'/>",
		"<iq type='set' id='1' from='a@b/c' to='d@e/f'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='1'/></iq>",
		"<deposited xmlns='urn:godwit:deposit:0'><item/></deposited>",
	} {
		if checkExample(bad, map[xmlstream.Name]bool{}) == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}

// TestNamespacesAreThoseOfTheCode: what the page names is what the program says.
func TestNamespacesAreThoseOfTheCode(t *testing.T) {
	known := []string{icequic.NS, xmlstreamapp.NS, jingle.NS, deposit.NS, reach.NS, "urn:godwit:introduce:0"}
	text := read(t, "direct-link.md").whole
	for _, ns := range known {
		if !strings.Contains(text, "`"+ns+"`") {
			t.Errorf("direct-link.md does not name %s", ns)
		}
	}
	for _, ns := range regexp.MustCompile(`urn:godwit:[a-z:-]+:\d+`).FindAllString(text, -1) {
		if !slices.Contains(known, ns) {
			t.Errorf("direct-link.md names %s", ns)
		}
	}
}

func TestJSONExamplesParse(t *testing.T) {
	for _, block := range read(t, "headless.md").code["json"] {
		for line := range strings.Lines(block) {
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Errorf("%v: %s", err, line)
			}
		}
	}
}
