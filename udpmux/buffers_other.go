//go:build !unix

package udpmux

import "net"

// bufferSizes is not known on this platform.
func bufferSizes(*net.UDPConn) (receive, send int) { return 0, 0 }
