package client

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// pause is how long to wait before attempt number tries (from 0 on), doubling from
// first up to most. jitter, in [0, 1), spreads it over its upper half, so that
// clients that lost the same server do not return all at once.
func pause(tries int, first, most time.Duration, jitter float64) time.Duration {
	d := most
	if tries < 30 && first<<tries < most && first<<tries > 0 {
		d = first << tries
	}
	return d/2 + time.Duration(float64(d/2)*jitter)
}

// jitter returns a random number in [0, 1).
func jitter() float64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// newID returns an unguessable id for a request.
func newID() string { return rand.Text() }
