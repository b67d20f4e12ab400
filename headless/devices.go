package headless

// AskDevices asks for the devices of the account.
type AskDevices struct{ Head }

// SignOut ends a device's access to the account.
type SignOut struct {
	Head
	ID string `json:"id"` // of the device
}

// SignOutSelf ends this device's access, forgets what it kept, and ends the client.
type SignOutSelf struct{ Head }

// SetPassword changes the account's password.
type SetPassword struct {
	Head
	New string `json:"new"`
}

// MakeInvite makes an invitation.
type MakeInvite struct {
	Head
	Kind string `json:"kind"` // contact, account
}
