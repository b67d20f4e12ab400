//go:build !race

package clienttest

// racing: the race detector is on, which takes many times as long.
const racing = false
