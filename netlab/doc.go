// Package netlab builds small internets for tests: hosts and NAT boxes, each in
// a Linux network namespace of its own, joined by a wire in the middle. Real
// programs run in them on real sockets, and the test cuts paths, rebinds NATs,
// delays packets and counts who sent what to whom.
//
//	            27.1.1.1 ┌──────────┐ 27.1.2.1
//	┌──────────┐ 27.1.1.2│   wire   │         ┌──────┐    192.168.1.0/24
//	│  server  ├─────────┤ routes,  ├─────────┤ home ├──┬── alice    192.168.1.2
//	└──────────┘         │ counts,  │         └──────┘  └── printer  192.168.1.3
//	                     │ cuts     │ 27.1.3.1
//	                     │          │         ┌──────┐ 100.66.1.1 ┌──────┐
//	                     │          ├─────────┤ cgn  ├────────────┤ flat ├─── bob  192.168.3.2
//	                     └──────────┘         └──────┘            └──────┘
//
// which is
//
//	lab := netlab.New(t)                       // skips without root; fails when CI=true
//	server := lab.AddHost("server", netlab.WithAddresses(2))
//	home := lab.AddNAT("home", netlab.PortRestricted)
//	alice, _ := home.AddHost("alice"), home.AddHost("printer")
//	cgn := lab.AddNAT("cgn", netlab.Symmetric, netlab.WithLink(netlab.Link{Delay: 20 * time.Millisecond}))
//	bob := cgn.AddNAT("flat", netlab.PortRestricted).AddHost("bob")
//
//	p := alice.Start(t, godwit, "headless", "alice@localhost", "--server", server.AddrPort(5222).String())
//	p.Expect(10*time.Second, "the sign-in", proc.Contains(`"online"`))
//	before := lab.Traffic(alice, bob)
//	…
//	lab.Cut(alice, bob)                        // UDP between the two, both ways
//	lab.Traffic(alice, bob).Sub(before)        // what went direct
//	lab.Restore(alice, bob)
//	home.Rebind()                              // the router forgets, and maps anew
//
// # What stands for what
//
// The wire is a router with one link and one /24 per attached box, so no two
// boxes share a broadcast domain, as on the real thing. Addresses look public,
// because port mapping daemons refuse reserved ones. Behind a NAT box hosts
// share a bridged LAN (they meet each other without the box, unless Isolated); boxes behind a
// box (a carrier's NAT) have a link each. A link is a veth pair, or with
// WithLink two TUN devices and a user-space pump that delays, drops and paces.
//
// IPv6 is where it is asked for (WithIPv6, WithoutIPv4): global-looking addresses,
// a stateful firewall in the box, nothing translated. A host that moves has several
// uplinks (Host.Join), which go down and up and change places and addresses.
//
// A box may hairpin (WithHairpin) and may open ports on request by PCP, NAT-PMP and
// UPnP-IGD (WithPortMapping), which a real daemon answers. A Capture records what
// passes an interface, so that what must never be sent can be looked for.
//
// # Nothing is left behind
//
// Namespaces have no names in the file system: the test process holds them by
// file descriptors, interfaces live only inside them, and programs in them die
// with the test binary. So runs cannot collide whatever runs beside them, and a
// run killed at any moment leaves nothing to clean up; a regular end closes
// everything in t.Cleanup and kills by process id what still runs inside.
//
// # Rights and tools
//
// Linux, root, and the commands ip (iproute2), nft (nftables) and nsenter
// (util-linux); for WithPortMapping also miniupnpd. Test files that use this package carry a linux build constraint.
//
// # What may not enter
//
// Knowledge of Godwit or of any protocol above UDP and TCP, tests of other
// rooms, and anything that shipped code would import. Running a program without
// a namespace is the business of netlab/proc.
package netlab
