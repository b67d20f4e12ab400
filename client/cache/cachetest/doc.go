// Package cachetest is the suite that every client cache passes. It holds tests only and is never part of what is shipped.
package cachetest
