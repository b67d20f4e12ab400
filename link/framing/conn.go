package framing

import "errors"

// ErrTooLong is what ReadMessage fails with when a message is longer than asked
// for. The connection goes on.
var ErrTooLong = errors.New("framing: the message is too long")

// ErrTooLarge ends a link on which an element is to be sent that is larger than
// the other side takes in one message (Config.MaxMessage).
var ErrTooLarge = errors.New("framing: the stanza is larger than the other side takes in one message")

// Code says why a connection is closed, as WebSocket has it (RFC 6455 §7.4.1).
type Code uint16

// The codes a Link closes with.
const (
	Normal Code = 1000 // the stream ended in order
)

// Conn carries messages, each whole, reliably and in order. A Link owns its
// Conn and calls ReadMessage from one goroutine at a time and WriteMessage from
// one at a time; everything else comes from any goroutine at any time.
type Conn interface {
	// ReadMessage waits for the next message; what it returns is the caller's. A
	// message of more than most bytes fails with ErrTooLong, having been read no
	// further than that; what is left of it is skipped by the next call. Any
	// other error means that nothing comes any more. After the other end has
	// closed, what had arrived before is read first.
	ReadMessage(most int) ([]byte, error)
	// WriteMessage hands a message over, waiting until there is room for it, and
	// keeps no reference to it.
	WriteMessage(message []byte) error
	// Close hands over what was written, says goodbye in the carrier's own way,
	// waits for the answer, and releases the carrier. No ReadMessage and no
	// WriteMessage waits while it is called. The Link bounds it by Abort.
	Close(code Code) error
	// Abort releases the carrier at once, whatever is still to be sent, and
	// returns when that is done. ReadMessage, WriteMessage and Close that wait
	// return with an error. Idempotent.
	Abort()
}
