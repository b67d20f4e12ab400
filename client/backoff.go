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

// reconnectPause is how long to wait before attempt number tries (from 0 on) to reach
// the server again. The first is made almost at once: most often one connection broke,
// and everything that is pending waits for the next. It is spread a little all the same,
// because a server that went away broke all of them. The pauses after that grow by half:
// what a server that is being restarted adds by itself is then at most half of what it
// was away, and one that stays away is soon left alone all the same.
func reconnectPause(tries int, first, most time.Duration, jitter float64) time.Duration {
	if tries == 0 {
		return time.Duration(float64(min(first/10, atOnce)) * jitter)
	}
	d := first
	for range min(tries-1, 100) {
		if d >= most {
			break
		}
		d += d / 2
	}
	return pause(0, min(d, most), most, jitter)
}

// atOnce is over how long first attempts to reconnect are spread.
const atOnce = 100 * time.Millisecond

// maxTriesAfterSignIn bounds how far earlier failures count once a sign-in has
// succeeded.
const maxTriesAfterSignIn = 2

// triesAfter is the number of failures that count after a connection has ended: none
// if it was stable, few if not, so that a server which is restarted is found again
// soon and one that drops everybody at once is not stormed.
func triesAfter(tries int, stable bool) int {
	if stable {
		return 0
	}
	return min(tries, maxTriesAfterSignIn)
}

// jitter returns a random number in [0, 1).
func jitter() float64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// newID returns an unguessable id for a request.
func newID() string { return rand.Text() }

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// dialTime is how long attempt number tries (from 0 on) to connect and sign in may take: little
// at first, because a connection that falls silent in the middle of it tells nothing, and
// half more each time, for networks that are slow.
func dialTime(tries int, most time.Duration) time.Duration {
	d := dialLeast
	for range min(tries, 100) {
		if d >= most {
			break
		}
		d += d / 2
	}
	return min(d, most)
}

// dialLeast is enough for about twenty round trips by satellite.
const dialLeast = 10 * time.Second
