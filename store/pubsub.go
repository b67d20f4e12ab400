package store

import (
	"context"
	"time"

	"godwit/jid"
)

// NodeAccess says who may read a node (XEP-0060 §4.5).
type NodeAccess string

// The access models.
const (
	AccessOpen      NodeAccess = "open"      // everybody
	AccessPresence  NodeAccess = "presence"  // who sees the owner's presence
	AccessRoster    NodeAccess = "roster"    // contacts in some groups of the owner's
	AccessWhitelist NodeAccess = "whitelist" // the owner, and who is named
)

// SendLast says when the newest item is sent on its own (XEP-0060 §16.4.4, pubsub#send_last_published_item).
type SendLast string

// The moments.
const (
	SendNever       SendLast = "never"
	SendOnPresence  SendLast = "on_sub_and_presence"
	SendOnSubscribe SendLast = "on_sub"
)

// NodeConfig is what the owner of a node decides about it (XEP-0060 §16.4.4).
type NodeConfig struct {
	Title           string     `json:"title,omitempty"`
	Description     string     `json:"description,omitempty"`
	Type            string     `json:"type,omitempty"` // namespace of the payloads
	Access          NodeAccess `json:"access"`
	Groups          []string   `json:"groups,omitempty"`  // for AccessRoster
	Members         []jid.JID  `json:"members,omitempty"` // bare addresses that may read in spite of AccessWhitelist and AccessRoster
	Persist         bool       `json:"persist"`           // items are kept
	MaxItems        int        `json:"max_items"`         // items beyond the newest so many go; at least 1
	SendLast        SendLast   `json:"send_last"`
	NotifyRetract   bool       `json:"notify_retract"` // of items that go
	NotifyDelete    bool       `json:"notify_delete"`  // of the node's end
	DeliverPayloads bool       `json:"deliver_payloads"`
}

// Node is a place of one account where it publishes items of one kind (XEP-0163).
type Node struct {
	Owner   jid.JID
	Name    string
	Created time.Time
	Config  NodeConfig
}

// NodeItem is one published item.
type NodeItem struct {
	ID      string
	Time    time.Time // of publication
	Payload []byte    // one canonical element that stands alone
}

// NodeLimits bounds what one owner may have; 0 means no limit.
type NodeLimits struct {
	Nodes int
	Bytes int64 // of payloads and ids, all nodes together
}

// What names and items may be.
const (
	MaxNodeName  = 1024 // bytes
	MaxItemID    = 1024 // bytes
	MaxNodeItems = 10_000
	MaxItemsRead = 10_000 // by one question
)

// ItemQuery asks for items of one node.
type ItemQuery struct {
	IDs    []string // if any, only these
	Max    int      // at most so many, the newest of them; 0 means MaxItemsRead
	Oldest bool     // the oldest of them instead
	// Before and After are ids of items; only what was published before or after them is wanted. If there is no such item, nothing is.
	Before, After string
}

// PubSub keeps the nodes of accounts and what is published on them (XEP-0060, XEP-0163). Owners are bare addresses; whether
// an account exists is not checked.
type PubSub interface {
	// Nodes returns all nodes of an owner, in order of name.
	Nodes(ctx context.Context, owner jid.JID) ([]Node, error)
	// Node returns one node, or ErrNotFound.
	Node(ctx context.Context, owner jid.JID, name string) (Node, error)
	// Create adds a node. ErrExists if there is one of that name, ErrLimit if it would be one more than allowed.
	Create(ctx context.Context, n Node, limits NodeLimits) error
	// Configure replaces the configuration of a node, or ErrNotFound. Items beyond a smaller MaxItems go, oldest first, and
	// all of them if the node does not keep items any more.
	Configure(ctx context.Context, owner jid.JID, name string, c NodeConfig) error
	// Delete removes a node and its items, or ErrNotFound.
	Delete(ctx context.Context, owner jid.JID, name string) error
	// Publish adds an item to a node, or replaces the one of the same id, and makes it the newest. Items beyond the node's
	// MaxItems go, oldest first; their ids are returned. ErrNotFound if there is no such node, ErrLimit if the owner would
	// then keep more bytes than allowed.
	Publish(ctx context.Context, owner jid.JID, name string, item NodeItem, limits NodeLimits) (gone []string, err error)
	// Items returns items, oldest first. A node that does not exist has none.
	Items(ctx context.Context, owner jid.JID, name string, q ItemQuery) ([]NodeItem, error)
	// Retract removes one item, or ErrNotFound.
	Retract(ctx context.Context, owner jid.JID, name, id string) error
	// Purge removes all items of a node and leaves the node.
	Purge(ctx context.Context, owner jid.JID, name string) error
}
