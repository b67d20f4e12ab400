// Package blobs keeps the bytes of uploads as files on disk, each under the id
// that its record in store.Uploads has. A file is whole or not there: it is
// written beside, synced, and then renamed.
//
// What may not enter: names from people (an id is letters and digits, and
// everything happens inside one os.Root), quotas, expiry, HTTP.
package blobs
