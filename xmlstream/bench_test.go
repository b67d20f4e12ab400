package xmlstream

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

const (
	benchHeader = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' ` +
		`to='example.org' version='1.0' xml:lang='en'>`
	benchMessage = `<message to='bob@example.org/phone' from='alice@example.org/laptop' id='5f3c9a7e-1' type='chat'>` +
		`<body>Shall we meet at the harbour at nine, or is that too early for you?</body>` +
		`<active xmlns='http://jabber.org/protocol/chatstates'/>` +
		`<origin-id xmlns='urn:xmpp:sid:0' id='5f3c9a7e-1'/>` +
		`<request xmlns='urn:xmpp:receipts'/></message>`
	benchPresence = `<presence from='alice@example.org/laptop'><show>away</show><priority>5</priority>` +
		`<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://godwit.example' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>` +
		`</presence>`
)

func benchRoster() string {
	var b strings.Builder
	b.WriteString(`<iq to='alice@example.org/laptop' id='r1' type='result'><query xmlns='jabber:iq:roster' ver='17'>`)
	for i := range 100 {
		fmt.Fprintf(&b, `<item jid='contact%d@example.org' name='Contact %d' subscription='both'><group>Friends</group></item>`, i, i)
	}
	return b.String() + `</query></iq>`
}

func benchArchive() string {
	return `<message to='alice@example.org/laptop' from='alice@example.org'>` +
		`<result xmlns='urn:xmpp:mam:2' queryid='f27' id='28482-98726-73623'><forwarded xmlns='urn:xmpp:forward:0'>` +
		`<delay xmlns='urn:xmpp:delay' stamp='2026-07-10T23:08:25Z'/>` + strings.Replace(benchMessage, "<message ", "<message xmlns='jabber:client' ", 1) +
		`</forwarded></result></message>`
}

var benchStanzas = []struct{ name, text string }{
	{"Message", benchMessage},
	{"MessageDoubleQuotes", strings.ReplaceAll(benchMessage, "'", `"`)},
	{"Presence", benchPresence},
	{"Roster100", benchRoster()},
	{"Archive", benchArchive()},
	{"Chinese", strings.Replace(benchMessage, "Shall we meet at the harbour at nine, or is that too early for you?",
		"我们九点钟在港口见面好吗?还是对你来说太早了?如果太早的话,我们可以十点见面。", 1)},
}

// endless gives a header once and then the same stanza over and over.
type endless struct {
	header, stanza string
	at             int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.header != "" {
		n := copy(p, e.header)
		e.header = e.header[n:]
		return n, nil
	}
	n := copy(p, e.stanza[e.at:])
	e.at = (e.at + n) % len(e.stanza)
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	for _, s := range benchStanzas {
		b.Run(s.name, func(b *testing.B) {
			r := NewReader(&endless{header: benchHeader, stanza: s.text}, DefaultLimits())
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(s.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncodingXML does with the standard library what BenchmarkReader does: it reads one whole stanza, token by
// token, without building anything.
func BenchmarkEncodingXML(b *testing.B) {
	for _, s := range benchStanzas {
		b.Run(s.name, func(b *testing.B) {
			d := xml.NewDecoder(&endless{header: benchHeader, stanza: s.text})
			for range 2 {
				if _, err := d.Token(); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(s.text)))
			b.ReportAllocs()
			for b.Loop() {
				for depth := 0; ; {
					t, err := d.Token()
					if err != nil {
						b.Fatal(err)
					}
					switch t.(type) {
					case xml.StartElement:
						depth++
					case xml.EndElement:
						depth--
					}
					if depth == 0 {
						break
					}
				}
			}
		})
	}
}

// BenchmarkEncodingXMLCanonical does with the standard library all of what BenchmarkReader does: it reads a stanza and
// writes it out again in one well-formed piece.
func BenchmarkEncodingXMLCanonical(b *testing.B) {
	for _, s := range benchStanzas {
		b.Run(s.name, func(b *testing.B) {
			d := xml.NewDecoder(&endless{header: benchHeader, stanza: s.text})
			for range 2 {
				if _, err := d.Token(); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(s.text)))
			b.ReportAllocs()
			for b.Loop() {
				var out bytes.Buffer
				e := xml.NewEncoder(&out)
				for depth := 0; ; {
					t, err := d.Token()
					if err != nil {
						b.Fatal(err)
					}
					switch t.(type) {
					case xml.StartElement:
						depth++
					case xml.EndElement:
						depth--
					}
					if err := e.EncodeToken(t); err != nil {
						b.Fatal(err)
					}
					if depth == 0 {
						break
					}
				}
				if err := e.Flush(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseElement(b *testing.B) {
	data := []byte(strings.Replace(benchMessage, "<message ", "<message xmlns='jabber:client' ", 1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseElement(data, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTree(b *testing.B) {
	for _, s := range benchStanzas {
		el, err := ParseElement([]byte(s.text), DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := el.Tree(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	el, err := ParseElement([]byte(benchMessage), DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = el.Append(dst[:0], "")
	}
}

func BenchmarkEncoder(b *testing.B) {
	dst := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		e := NewEncoder(dst, "")
		e.Start("jabber:client", "message").Attr("to", "bob@example.org/phone").Attr("id", "5f3c9a7e-1").Attr("type", "chat")
		e.Leaf("jabber:client", "body", "Shall we meet at the harbour at nine?")
		e.Start("urn:xmpp:sid:0", "origin-id").Attr("id", "5f3c9a7e-1").End()
		e.Leaf("urn:xmpp:receipts", "request", "").End()
		if e.Err() != nil {
			b.Fatal(e.Err())
		}
	}
}
