//go:build !linux

package udpmux

func gsoExpected() bool { return false }
