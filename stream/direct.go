package stream

import (
	"context"

	"godwit/jid"
	"godwit/link"
	"godwit/xmlstream"
)

// DirectConfig says who is at the two ends of a direct link.
type DirectConfig struct {
	// Local and Remote are full JIDs, as agreed in the introduction.
	Local, Remote jid.JID
	// Initiator opens the stream; the other end answers.
	Initiator       bool
	Lang            string
	Limits          *xmlstream.Limits
	MaxUnacked      int // bytes; DefaultMaxUnacked
	RequestAckEvery int // stanzas; 16
}

// Direct opens the stream between two clients on a link whose layer below has
// authenticated both (the peer's key was pinned by the introduction). There is
// no TLS, SASL or binding here: headers are exchanged and must name exactly
// these two, and acknowledgements (XEP-0198) are always enabled, without
// resumption. The context bounds the exchange. On failure the link is closed.
//
// On the wire: the initiator sends its header and <enable/> at once; the other
// end answers with its header, <stream:features/> listing <sm/>, and <enabled/>.
func Direct(ctx context.Context, l link.Link, cfg DirectConfig) (*Stream, error) {
	panic("unwritten")
}
