// Package entitytime is the codec of Entity Time (XEP-0202, version 2.0).
//
// It may not hold a clock.
package entitytime
