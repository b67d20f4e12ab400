// Package upload is the server's side of HTTP File Upload (XEP-0363) without the
// HTTP: who may put how much where, and for how long it is kept. It answers
// requests for slots, takes the bytes that come for one, gives them out again,
// and removes what has expired.
//
// The service has the address of the domain itself, which announces the feature
// and the identity store/file. Clients find a service among the domain and its
// items (XEP-0363 §3); all that were looked at ask the domain too, and an address
// of its own would need routing, discovery and a name in DNS for nothing.
//
// What may not enter: HTTP (that is web/files), paths on disk, SQL.
package upload
