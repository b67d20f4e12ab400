// Package displayed is the codec of Message Displayed Synchronization
// (XEP-0490, version 1.0): how far one account has read one chat, as an item
// of a private node.
//
// It may not hold the order of messages, nor what the item's id, a chat, means.
package displayed
