// Package pubsub lets accounts publish about themselves (XEP-0163 on XEP-0060): every account is a service of its own, whose nodes are made when
// something is published on them, and whose notices go to those of its own sessions and of its contacts' that asked for such by their
// capabilities.
//
// Who may read what is decided here, from the owner's roster. Who follows what is known to server/account, which also carries the notices;
// blocked addresses get none. What may not enter: what payloads mean.
package pubsub
