package headless

// Set keeps a setting. It is answered by a "setting" event.
type Set struct {
	Head
	// Name is share-address, deposit, route, receipts, typing, mute, notify-online, draft,
	// or one that begins with "ui." and means nothing to the client.
	Name  string `json:"name"`
	Value string `json:"value"`          // at most 4 KiB; empty takes the choice back
	With  string `json:"with,omitempty"` // the chat it is for; else the account's
}

// AskSettings asks what was chosen.
type AskSettings struct {
	Head
	With string `json:"with,omitempty"` // one chat; else everything
}
