// Package memory is a client's cache that lives in memory and is gone with the process: for tests, for clients that shall leave no
// trace, and as the working copy in a browser.
//
// What may not enter: files, clocks, anything the suite in cache/cachetest does not ask of every cache.
package memory
