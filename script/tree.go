package script

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Tree is an element as scripts see it. Reading is left to encoding/xml on purpose: what the server under test writes is judged by a parser
// that shares nothing with it.
type Tree struct {
	Name     xml.Name
	Attrs    []xml.Attr
	Children []Tree
	Text     string // all character data between the children, trimmed
}

const (
	nsClient  = "jabber:client"
	nsStreams = "http://etherx.jabber.org/streams"
	nsSM      = "urn:xmpp:sm:3"
)

var streamName = xml.Name{Space: nsStreams, Local: "stream"}

// attr returns the value of an attribute without namespace.
func (t *Tree) attr(local string) string {
	for _, a := range t.Attrs {
		if a.Name.Space == "" && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

func (t *Tree) child(space, local string) *Tree {
	for i := range t.Children {
		if c := &t.Children[i]; c.Name.Space == space && c.Name.Local == local {
			return c
		}
	}
	return nil
}

func (t *Tree) is(space, local string) bool { return t.Name.Space == space && t.Name.Local == local }

// stanza reports whether the element is counted by stream management.
func (t *Tree) stanza() bool {
	return t.Name.Space == nsClient && (t.Name.Local == "message" || t.Name.Local == "presence" || t.Name.Local == "iq")
}

// head makes a tree without children of a start tag. Declarations of namespaces are no attributes.
func head(start xml.StartElement) Tree {
	t := Tree{Name: start.Name}
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
			t.Attrs = append(t.Attrs, a)
		}
	}
	return t
}

// element reads the rest of an element whose start tag was read.
func element(d *xml.Decoder, start xml.StartElement) (Tree, error) {
	t := head(start)
	var text strings.Builder
	for {
		tok, err := d.Token()
		if err != nil {
			return t, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			c, err := element(d, tok)
			if err != nil {
				return t, err
			}
			t.Children = append(t.Children, c)
		case xml.EndElement:
			t.Text = strings.TrimSpace(text.String())
			return t, nil
		case xml.CharData:
			text.Write(tok)
		default:
			return t, fmt.Errorf("%T in a stanza", tok)
		}
	}
}

// parseTrees reads the elements of a block as if they stood in a stream.
func parseTrees(block string) ([]Tree, error) {
	d := xml.NewDecoder(strings.NewReader("<s xmlns='" + nsClient + "' xmlns:stream='" + nsStreams + "'>" + block + "</s>"))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var all []Tree
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if start, ok := tok.(xml.StartElement); ok {
			t, err := element(d, start)
			if err != nil {
				return nil, err
			}
			all = append(all, t)
		}
	}
}

// String writes the element for people, one child a line, namespaces where they change.
func (t *Tree) String() string {
	var b strings.Builder
	t.write(&b, nsClient, "\t")
	return strings.TrimRight(b.String(), "\n")
}

func (t *Tree) write(b *strings.Builder, inherited, indent string) {
	fmt.Fprintf(b, "%s<%s", indent, t.Name.Local)
	if t.Name.Space != inherited {
		fmt.Fprintf(b, " xmlns='%s'", t.Name.Space)
	}
	for _, a := range t.Attrs {
		name := a.Name.Local
		if a.Name.Space != "" {
			name = "{" + a.Name.Space + "}" + name
		}
		fmt.Fprintf(b, " %s='%s'", name, a.Value)
	}
	switch {
	case len(t.Children) == 0 && t.Text == "":
		b.WriteString("/>\n")
	case len(t.Children) == 0:
		fmt.Fprintf(b, ">%s</%s>\n", t.Text, t.Name.Local)
	default:
		fmt.Fprintf(b, ">%s\n", t.Text)
		for i := range t.Children {
			t.Children[i].write(b, t.Name.Space, indent+"\t")
		}
		fmt.Fprintf(b, "%s</%s>\n", indent, t.Name.Local)
	}
}
