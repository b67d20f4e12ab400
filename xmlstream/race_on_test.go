//go:build race

package xmlstream

// raceEnabled tells tests that the race detector adds allocations of its own.
const raceEnabled = true
