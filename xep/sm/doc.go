// Package sm is the payload codec of Stream Management (XEP-0198, version
// 1.6.3): the nonzas that enable, acknowledge, resume and fail.
//
// It may not hold counters, queues of unacknowledged stanzas, timers or any
// decision when to ask for an acknowledgement; those belong to package stream.
package sm
