// Package disco is the codec of Service Discovery (XEP-0030, version 2.5.0)
// with the extra forms of XEP-0128: what an entity is, what it can do, and
// what belongs to it.
//
// It may not hold the features of any entity or a cache.
package disco
