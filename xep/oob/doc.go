// Package oob is the codec of Out of Band Data in messages (XEP-0066 §3,
// version 1.5): an address where something can be had.
//
// It may not fetch it.
package oob
