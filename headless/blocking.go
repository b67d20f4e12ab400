package headless

// Block refuses everything from an address.
type Block struct {
	Head
	JID string `json:"jid"`
}

// Unblock lets an address through again.
type Unblock struct {
	Head
	JID string `json:"jid"`
}

// AskBlocked asks who is blocked.
type AskBlocked struct{ Head }
