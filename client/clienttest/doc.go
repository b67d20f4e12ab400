// Package clienttest holds the tests that join real clients with the real server in
// one process, with links in memory. Client and server may not import each other;
// this package, which nothing imports, may import both.
package clienttest
