// Package story tests the whole system as people use it: the real program as server and as headless clients, each a process of its own, on
// loopback or in the network laboratory, driven by the JSON lines of `godwit headless`.
//
// TestMatrix plays a chat between every pair of networks and prints one table; with GODWIT_LAB=full, as `make lab` sets it, all of them.
// TestSwitches breaks the path that carries, 1,000 times with GODWIT_LAB=full or as often as GODWIT_SWITCHES says. TestRoaming, with either
// GODWIT_LAB=full or GODWIT_ROAMING=N, does one thing to a network at a time and prints how long everything takes to be well again.
//
// The helpers (Binary, StartServer, SignIn) start and drive processes; the tests cut paths, kill servers and count messages. Nothing here looks
// into a process. Shipped code never imports it.
package story
