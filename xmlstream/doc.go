// Package xmlstream reads and writes the XML that XMPP allows: a strict, bounded, incremental tokenizer (Reader,
// ParseElement), the canonical form everything is forwarded in (Element), a small tree for payloads off the hot path
// (Node) and an encoder that knows namespace scope (Encoder).
//
// What XMPP allows is less than XML (RFC 6120 §11): no DTD, comment, processing instruction or entity other than the
// five predefined ones, UTF-8 only. Whatever else is not namespace-well-formed is refused as well, so that no two
// parsers downstream can disagree about a stanza. Only canonical bytes leave the Reader, never the sender's own.
//
// # Canonical form
//
//   - Elements carry no prefix; an element whose namespace differs from its parent's has xmlns='…' as its first attribute.
//   - Attributes keep the sender's order. One in a namespace has a prefix ns1, ns2 … declared on that very element, right
//     before its first use; xml:lang and its like stay xml:.
//   - Values are single-quoted; in them & < > ' TAB LF CR are escaped, in text & < > CR. A raw '>' therefore always ends a tag.
//   - An element without content is <x/>; CDATA sections have become text; there is no XML declaration.
//
// The bytes inside an element thus depend on nothing outside but that element's namespace. Parsing canonical bytes and
// writing them again gives the same bytes.
//
// What may not enter: knowledge of stanzas, addresses, extensions, sockets or time.
package xmlstream
