package sasl

// Client is the client's end of one exchange. It belongs to one goroutine. After an error it stays dead.
type Client interface {
	// Mechanism returns what was chosen among the offer.
	Mechanism() Mechanism
	// Start returns the initial response. It is called once, first.
	Start() ([]byte, error)
	// Next answers a challenge. done means that the mechanism is satisfied with the server; resp (perhaps empty) is
	// still to be sent.
	Next(challenge []byte) (resp []byte, done bool, err error)
	// Finish is called when the server reports success, with the additional data that came along (nil if none did).
	// Only when it returns nil is the server authenticated too: a success that comes too early is ErrServerProof.
	Finish(additional []byte) error
}

// Server is the server's end of one exchange. It belongs to one goroutine. After an error it stays dead.
type Server interface {
	// Mechanism returns the mechanism of this exchange.
	Mechanism() Mechanism
	// Next takes a response. The first one is the initial response; nil (not merely empty) says that the client sent
	// none, and is answered with an empty challenge. When done, the client is authenticated and challenge is the
	// additional data of the success. Errors are *Error.
	Next(response []byte) (challenge []byte, done bool, err error)
	// Username returns the normalised local part of the account once the client is authenticated, and "" before.
	Username() string
}

// maxMessage bounds every message of an exchange in bytes: three parts of 1023 bytes (RFC 4616 §2, RFC 7622) and
// room for nonces and extensions.
const maxMessage = 8 << 10
