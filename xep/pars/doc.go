// Package pars is the codec of Pre-Authenticated Roster Subscription (XEP-0379,
// version 0.3.3) and of the feature of Pre-Authenticated In-Band Registration
// (XEP-0445, version 0.2.0), which uses the same element, and of the xmpp: URIs
// of invitations (XEP-0401, version 0.6.0).
//
// It may not hold what a token is good for.
package pars
