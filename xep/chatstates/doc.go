// Package chatstates is the codec of Chat State Notifications (XEP-0085,
// version 2.1).
//
// It may not hold timers or the state of any chat.
package chatstates
