// Package delay is the payload codec of Delayed Delivery (XEP-0203, version
// 2.0): when a stanza was first sent and who held it back.
//
// It may not hold a clock, a decision whether to stamp or to believe a stamp,
// or the older jabber:x:delay format.
package delay
