// Package webtest plays the web client in Chromium: the real page, served by the real
// program, against other clients. Its tests drive the browser by playwright-core, from
// scripts beside them.
package webtest
