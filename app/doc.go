// Package app builds a server or a client from configuration and owns their start and stop: subcommands, flags, the configuration file,
// certificates, listeners, signals. It is the only package that may import everything; it decides nothing about the protocol.
package app
