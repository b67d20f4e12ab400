// Package network says what network this machine is on and notices when that
// changes: its addresses, its default routers, and whether it slept.
//
// What matters is State.Usable and State.Routers, the addresses at which others
// can find this machine and the way out. Only when they differ there is a Change;
// the coming and going of containers and their bridges is none.
//
// On Linux the kernel tells that something happened, and the tables in /proc say
// what is. Elsewhere the standard library is asked every two seconds, and the
// router is taken to be the first address of the subnet, as it nearly always is;
// asking a wrong one for a port mapping brings no answer.
//
// # What may not enter
//
// Talking to routers (package portmap) or servers, sockets that carry data, and
// conclusions about NATs.
package network
