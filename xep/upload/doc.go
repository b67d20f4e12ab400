// Package upload is the codec of HTTP File Upload (XEP-0363, version 1.2.0):
// the request for a place to put a file, the slot that answers it, and the two
// errors that say why there is none.
//
// It may not hold HTTP, addresses of servers or the decision who may upload.
package upload
