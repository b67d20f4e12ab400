package peer

import (
	"fmt"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xmlstream"
)

// Key names a session: session ids are unique only together with the peer.
type Key struct {
	Peer jid.JID // full
	SID  string
}

// Role tells the two sides of a session apart.
type Role uint8

// The roles.
const (
	Initiator Role = iota + 1 // sends session-initiate, opens the stream
	Responder
)

func (r Role) String() string {
	switch r {
	case Initiator:
		return "initiator"
	case Responder:
		return "responder"
	}
	return "invalid"
}

// Reason tells why a session ended.
type Reason struct {
	// Condition of XEP-0166 §7.4, such as jingle.Success; or TieBreak.
	Condition string
	// Remote: the peer said so.
	Remote bool
	// Err has details, when there are any.
	Err error
}

// TieBreak is the condition of a session that gave way to one that the peer
// offered at the same time. It never travels as a reason.
const TieBreak = "tie-break"

func (r Reason) String() string {
	text := r.Condition
	if r.Remote {
		text = "peer: " + text
	}
	if r.Err != nil {
		text = fmt.Sprintf("%s (%v)", text, r.Err)
	}
	return text
}

// Op is one thing the owner of a Machine must do. Ops are done in their order.
type Op interface{ op() }

type (
	// OpSend sends a stanza.
	OpSend struct{ Stanza *stanza.Stanza }
	// OpAnswer makes the responder's half of a session, or the half that answers
	// another transport of the peer's, and then calls Machine.Answered or
	// Machine.Failed. A half that is there is closed before.
	OpAnswer struct {
		Key       Key
		Transport string // its namespace
		Remote    xmlstream.Node
		Addresses Addresses
	}
	// OpReplace closes the half that is there, makes the offering half of another
	// transport, and then calls Machine.Reoffer or Machine.Failed.
	OpReplace struct {
		Key       Key
		Transport string // its namespace
		Addresses Addresses
	}
	// OpRemote hands the answer's <transport/> to the half that offered it.
	OpRemote struct {
		Key    Key
		Remote xmlstream.Node
	}
	// OpInfo hands over the <transport/> of a transport-info.
	OpInfo struct {
		Key    Key
		Remote xmlstream.Node
	}
	// OpEnd ends a session; its half of the transport is to be closed.
	OpEnd struct {
		Key    Key
		Reason Reason
	}
)

func (OpSend) op()    {}
func (OpAnswer) op()  {}
func (OpReplace) op() {}
func (OpRemote) op()  {}
func (OpInfo) op()    {}
func (OpEnd) op()     {}

// terminate is the payload of a session-terminate.
func terminate(sid string, r Reason, alternative string) jingle.Jingle {
	reason := &jingle.Reason{Condition: r.Condition, Alternative: alternative}
	return jingle.Jingle{Action: jingle.SessionTerminate, SID: sid, Reason: reason}
}
