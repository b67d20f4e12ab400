// Package pubsub is the codec of Publish-Subscribe (XEP-0060, version 1.26) as
// far as personal publishing (XEP-0163) needs it: publish with options,
// retract, fetch, create, subscribe; what owners do with a node; the notices.
//
// It may not hold who may do what, nor what a node's configuration means.
package pubsub
