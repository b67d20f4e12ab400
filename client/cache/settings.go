package cache

import (
	"context"

	"godwit/jid"
)

// Names of settings. The account's own are kept under the zero address, a chat's under its bare address.
const (
	SettingRoute   = "route"         // auto, direct, server; per chat and per account
	SettingShare   = "share-address" // contacts, chats, never; per account
	SettingDeposit = "deposit"       // on, off; per account

	SettingReceipts = "receipts"      // on, off: whether others are told what was read; per chat and per account
	SettingTyping   = "typing"        // on, off: whether others are told that the user types; per chat and per account
	SettingMute     = "mute"          // on, off; per chat
	SettingNotify   = "notify-online" // what to do when contacts come online; per chat and per account
	SettingDraft    = "draft"         // what the user was writing; per chat
)

// Bounds of settings and records.
const (
	MaxSettingBytes = 4 << 10
	MaxRecordBytes  = 1 << 20
	MaxNameBytes    = 256
)

// Settings keeps what the user chose.
type Settings interface {
	// Setting returns a value, or "" when none was chosen.
	Setting(ctx context.Context, chat jid.JID, name string) (string, error)
	// SetSetting keeps a value; "" forgets it.
	SetSetting(ctx context.Context, chat jid.JID, name, value string) error
	// SettingsNamed returns all values of that name by address.
	SettingsNamed(ctx context.Context, name string) (map[jid.JID]string, error)
	// AllSettings returns everything that was chosen, in the order of address (as text) and name.
	AllSettings(ctx context.Context) ([]SettingRecord, error)
}

// SettingRecord is one value that was chosen.
type SettingRecord struct {
	Chat  jid.JID // bare; zero for the account
	Name  string
	Value string
}

// Record is a named piece of state that only its owner can read, such as what it takes to resume a session (XEP-0198 §5) or
// the sign-in strength a server has shown before.
type Record struct {
	Name  string
	Value []byte // nil removes it
}

// Records reads pieces of state. Writing goes through [Committer].
type Records interface {
	// Record returns the value, or ErrNotFound.
	Record(ctx context.Context, name string) ([]byte, error)
}
