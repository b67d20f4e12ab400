// Package clientstate is the codec of Client State Indication (XEP-0352,
// version 1.0.0): whether a person is looking at the client.
//
// It may not hold what a server does with that knowledge.
package clientstate
