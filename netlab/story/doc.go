// Package story tests the whole system as people use it: the real program as server and as headless clients, each a process of its own, on
// loopback or in the network laboratory, driven by the JSON lines of `godwit headless`.
//
// TestMatrix plays a chat between every pair of networks and prints one table; with GODWIT_LAB=full, as `make lab` sets it, all of them.
//
// The helpers (Binary, StartServer, SignIn) start and drive processes; the tests cut paths, kill servers and count messages. Nothing here looks
// into a process. Shipped code never imports it.
package story
