//go:build linux

package netlab

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"godwit/netlab/proc"
)

// roleEnv turns this test binary into a program that its tests run on hosts.
const roleEnv = "NETLAB_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "hold": // one test of this binary, in a process to be killed
		os.Exit(m.Run())
	case "addresses": // prints its interface addresses, then waits for ever
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for _, a := range addrs {
			fmt.Println(a)
		}
		fmt.Println("ready")
		select {}
	}
}

// twoHomes is the usual picture: a server and two homes.
func twoHomes(t *testing.T, a, b Kind) (lab *Lab, server, alice, bob *Host) {
	t.Helper()
	lab = New(t)
	server = lab.AddHost("server", WithAddresses(2))
	alice = lab.AddNAT("home-a", a).AddHost("alice")
	bob = lab.AddNAT("home-b", b).AddHost("bob")
	return lab, server, alice, bob
}

// received sends n packets to at and tells how many of them came to the socket.
func received(t *testing.T, from, to *net.UDPConn, at netip.AddrPort, n int) int {
	t.Helper()
	for i := range n {
		if _, err := from.WriteToUDPAddrPort([]byte{byte(i)}, at); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 16)
	for i := range n {
		_ = to.SetReadDeadline(time.Now().Add(patience))
		if _, err := to.Read(buf); err != nil {
			return i
		}
	}
	return n
}

// punched opens a socket on each side and lets both learn the other's mapping,
// as an introduction does.
func punched(t *testing.T, e *echo, a, b *Host) (x, y *asker, atX, atY netip.AddrPort) {
	t.Helper()
	x, y = askFrom(t, a, e, 0), askFrom(t, b, e, 0)
	atX, atY = x.mapped(0), y.mapped(0)
	for range 2 { // the first packet of one side only opens its own NAT
		if _, err := x.c.WriteToUDPAddrPort([]byte("punch"), atY); err != nil {
			t.Fatal(err)
		}
		if _, err := y.c.WriteToUDPAddrPort([]byte("punch"), atX); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*asker{x, y} {
		for {
			buf := make([]byte, 16)
			_ = s.c.SetReadDeadline(time.Now().Add(patience))
			n, err := s.c.Read(buf)
			if err != nil {
				t.Fatal("no hole was punched: ", err)
			}
			if string(buf[:n]) == "punch" {
				break
			}
		}
	}
	return x, y, atX, atY
}

func TestCutAndRestore(t *testing.T) {
	t.Parallel()
	lab, server, alice, bob := twoHomes(t, PortRestricted, EIMNoPreserve)
	e := startEcho(t, server)
	x, y, _, atY := punched(t, e, alice, bob)
	drain(y.c)

	before := lab.Traffic(alice, bob)
	if got := received(t, x.c, y.c, atY, 10); got != 10 {
		t.Fatalf("%d of 10 arrived before the cut", got)
	}
	if got := lab.Traffic(alice, bob).Sub(before); got != (Traffic{UDP: Count{10, 10 * 29}}) {
		t.Errorf("10 packets of 20+8+1 bytes went direct, counted %+v", got)
	}

	lab.Cut(bob, alice) // the order of the two does not matter
	lab.Cut(alice, bob) // nor does a second time
	before = lab.Traffic(alice, bob)
	for range 7 {
		if _, err := x.c.WriteToUDPAddrPort([]byte("lost"), atY); err != nil {
			t.Fatal(err)
		}
	}
	x.mapped(0) // the server is still there, and answers after the packets were dropped
	if got := lab.Traffic(alice, bob).Sub(before); got.Cut.Packets != 7 || got.UDP != (Count{}) {
		t.Errorf("7 packets were cut, counted %+v", got)
	}
	if err := tcpWorks(t, server, alice, 5222, patience); err != nil {
		t.Errorf("TCP to the server during the cut: %v", err)
	}

	lab.Restore(alice, bob)
	lab.Restore(alice, bob)
	buf := make([]byte, 16)
	if _, err := x.c.WriteToUDPAddrPort([]byte("again"), atY); err != nil {
		t.Fatal(err)
	}
	_ = y.c.SetReadDeadline(time.Now().Add(patience))
	n, err := y.c.Read(buf)
	if err != nil || string(buf[:n]) != "again" {
		t.Fatalf("the first packet after the cut was %q, %v", buf[:n], err)
	}
	if n := lab.Traffic(alice, bob).TCP; n != (Count{}) {
		t.Errorf("no TCP went between the homes, counted %+v", n)
	}
	if n := lab.Traffic(alice, server); n.UDP.Packets == 0 || n.TCP.Packets == 0 {
		t.Errorf("both went to the server, counted %+v", n)
	}
}

// drain takes what has arrived already.
func drain(c *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

func TestSameLAN(t *testing.T) {
	t.Parallel()
	lab := New(t)
	server := lab.AddHost("server")
	home := lab.AddNAT("home", Symmetric)
	a, b := home.AddHost("a"), home.AddHost("b")
	ca, cb := openUDP(t, a), openUDP(t, b)
	at := netip.AddrPortFrom(b.Addr(), uint16(cb.LocalAddr().(*net.UDPAddr).Port))
	if got := received(t, ca, cb, at, 5); got != 5 {
		t.Fatalf("%d of 5 crossed the LAN", got)
	}
	if got := lab.Traffic(a, b); got != (Traffic{UDP: Count{5, 5 * 29}}) {
		t.Errorf("counted %+v", got)
	}
	if !home.LAN().Contains(a.Addr()) || a.PublicAddr() != home.Addr() || a.PublicAddr() != b.PublicAddr() {
		t.Errorf("%v and %v on %v, seen as %v", a.Addr(), b.Addr(), home.LAN(), a.PublicAddr())
	}
	lab.Cut(a, b)
	if _, err := ca.WriteToUDPAddrPort([]byte("lost"), at); err != nil {
		t.Fatal(err)
	}
	lab.Restore(a, b)
	if got := received(t, ca, cb, at, 1); got != 1 {
		t.Fatal("nothing crosses the LAN after the cut")
	}
	if got := lab.Traffic(a, b); got.Cut.Packets != 1 || got.UDP.Packets != 6 {
		t.Errorf("counted %+v", got)
	}
	if got := lab.Traffic(home, server); got != (Traffic{}) {
		t.Errorf("the LAN's traffic left the house: %+v", got)
	}
}

func openUDP(t *testing.T, h *Host) *net.UDPConn {
	t.Helper()
	c, err := h.ListenUDP(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Two NATs in a row behave as the stricter of both does.
func TestCarrierNAT(t *testing.T) {
	for _, c := range []struct {
		carrier, home Kind
		want          behaviour
	}{
		{PortRestricted, PortRestricted, behaviour{"EIM", "APDF", true}},
		{Symmetric, FullCone, behaviour{"APDM", "APDF", false}},
		{FullCone, Symmetric, behaviour{"APDM", "APDF", false}},
		{FullCone, Restricted, behaviour{"EIM", "ADF", true}},
	} {
		t.Run(fmt.Sprintf("%v behind %v", c.home, c.carrier), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
			cgn := lab.AddNAT("cgn", c.carrier)
			home := cgn.AddNAT("home", c.home)
			h := home.AddHost("host")
			if got := classify(t, h, e); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if h.PublicAddr() != cgn.Addr() || !netip.MustParsePrefix("100.64.0.0/10").Contains(home.Addr()) {
				t.Errorf("seen as %v, home is %v", h.PublicAddr(), home.Addr())
			}
		})
	}
}

// Neighbours behind one carrier meet at the carrier, and can be cut there.
func TestCutBehindOneCarrier(t *testing.T) {
	t.Parallel()
	lab := New(t)
	cgn := lab.AddNAT("cgn", PortRestricted)
	one := cgn.AddNAT("one", PortRestricted)
	two := cgn.AddNAT("two", FullCone)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	a, b := one.AddHost("a"), two.AddHost("b")
	x, y := askFrom(t, a, e, 0), askFrom(t, b, e, 0)
	y.mapped(0) // opens the full cone, which preserves the port
	inner := netip.AddrPortFrom(two.Addr(), y.port())
	if got := received(t, x.c, y.c, inner, 3); got != 3 {
		t.Fatalf("%d of 3 arrived", got)
	}
	lab.Cut(a, b)
	if _, err := x.c.WriteToUDPAddrPort([]byte("lost"), inner); err != nil {
		t.Fatal(err)
	}
	x.mapped(0)
	if got := lab.Traffic(one, two); got.Cut.Packets != 1 || got.UDP.Packets != 3 {
		t.Errorf("counted %+v", got)
	}
}

// Homes often have the same addresses inside.
func TestEqualLANs(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	lan := netip.MustParsePrefix("192.168.178.0/24")
	a := lab.AddNAT("one", PortRestricted, WithLAN(lan)).AddHost("a")
	b := lab.AddNAT("two", PortRestricted, WithLAN(lan)).AddHost("b")
	if a.Addr() != b.Addr() {
		t.Fatalf("%v and %v", a.Addr(), b.Addr())
	}
	x, y, _, atY := punched(t, e, a, b)
	drain(y.c)
	if got := received(t, x.c, y.c, atY, 3); got != 3 {
		t.Fatalf("%d of 3 arrived", got)
	}
}

func TestProgramsRunInside(t *testing.T) {
	t.Parallel()
	lab, _, alice, _ := twoHomes(t, PortRestricted, Symmetric)
	p := alice.StartSpec(t, proc.Spec{Path: os.Args[0], Env: []string{roleEnv + "=addresses"}})
	want := alice.Addr().String() + "/24"
	p.Expect(patience, "the address of the host", proc.Is(want))
	p.Expect(patience, "the end of the list", proc.Is("ready"))
	p.Kill9()
	if lab.Host("alice") != alice || lab.NAT("home-a").Addr() != alice.PublicAddr() {
		t.Error("names lead elsewhere")
	}
}

// A program that nobody waits for ends with the lab; so do sockets and links.
func TestEndOfTestEndsEverything(t *testing.T) {
	t.Parallel()
	var ended, killed *exec.Cmd
	var socket net.Listener
	t.Run("inner", func(t *testing.T) {
		lab := New(t)
		h := lab.AddHost("host", WithLink(Link{Delay: time.Millisecond}))
		ended = command(t, h)
		killed = command(t, h)
		killed.Cancel = func() error { return nil } // the end of the context is not enough
		for _, cmd := range []*exec.Cmd{ended, killed} {
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for lines.Scan() && lines.Text() != "ready" {
			}
		}
		var err error
		if socket, err = h.Listen("tcp4", ":80"); err != nil {
			t.Fatal(err)
		}
	})
	for _, cmd := range []*exec.Cmd{ended, killed} {
		_ = cmd.Wait()
		if status := cmd.ProcessState.String(); !strings.Contains(status, "killed") {
			t.Errorf("pid %d: %s", cmd.ProcessState.Pid(), status)
		}
	}
	if _, err := socket.Accept(); err == nil {
		t.Error("the socket is still open")
	}
}

// A run that is killed has no chance to clean up, and need not: the program
// inside, which holds the pipe open, ends with it.
func TestKilledRunLeavesNothing(t *testing.T) {
	if os.Getenv(roleEnv) == "hold" {
		lab := New(t)
		h := lab.AddNAT("home", PortRestricted, WithLink(Link{Delay: time.Millisecond})).AddHost("host")
		cmd := command(t, h)
		cmd.Stdout = os.Stdout
		_ = cmd.Run()
		return
	}
	t.Parallel()
	Require(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), roleEnv+"=hold")
	proc.DieWithParent(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = out.(interface{ SetReadDeadline(time.Time) error }).SetReadDeadline(time.Now().Add(patience))
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the program in the lab lives on: %v", err)
	}
	_ = cmd.Wait()
}

func command(t *testing.T, h *Host) *exec.Cmd {
	t.Helper()
	cmd := h.Command(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=addresses")
	return cmd
}

// Whatever a test does inside, its thread comes back.
func TestDoReturnsToTheOwnNamespace(t *testing.T) {
	t.Parallel()
	lab := New(t)
	h := lab.AddHost("host")
	inode := func() uint64 {
		var st unix.Stat_t
		if err := unix.Stat(ownNetns, &st); err != nil {
			t.Error(err)
		}
		return st.Ino
	}
	home := inode()
	if err := h.Do(func() error {
		if inode() == home {
			t.Error("not inside")
		}
		return lab.wire.ns.do(func() error { return nil }) // nested
	}); err != nil {
		t.Fatal(err)
	}
	if inode() != home {
		t.Error("still inside")
	}
	done := make(chan struct{})
	go func() { // leaves as t.FailNow does
		defer close(done)
		_ = h.Do(func() error { goexit(); return nil })
	}()
	<-done
	if inode() != home {
		t.Error("still inside")
	}
}

func TestSocketsWantLiteralAddresses(t *testing.T) {
	t.Parallel()
	h := New(t).AddHost("host")
	for address, ok := range map[string]bool{
		"127.0.0.1:0": true, ":0": true, "localhost:0": false, "127.0.0.1": false, "": false,
	} {
		ln, err := h.Listen("tcp4", address)
		if (err == nil) != ok {
			t.Errorf("Listen(%q): %v", address, err)
		}
		if err == nil {
			_ = ln.Close()
		}
	}
	if _, err := h.Dial(t.Context(), "tcp4", "localhost:1"); err == nil {
		t.Error("dialled a name")
	}
}

func TestCrossing(t *testing.T) {
	t.Parallel()
	lab, server, alice, bob := twoHomes(t, PortRestricted, Symmetric)
	homeA := lab.NAT("home-a")
	carol := homeA.AddHost("carol")
	other := New(t).AddHost("elsewhere")
	wire := lab.wire.ns
	for _, c := range []struct {
		a, b   Node
		ns     *namespace
		family string
		why    string
	}{
		{alice, bob, wire, "inet", "two homes meet on the wire"},
		{alice, server, wire, "inet", "a home and a public host too"},
		{homeA, bob, wire, "inet", "a box stands for what is behind it"},
		{alice, carol, homeA.ns, "bridge", "one LAN"},
		{alice, homeA, nil, "", "a host behind the other end"},
		{alice, alice, nil, "", "the same host"},
		{alice, other, nil, "", "another lab"},
	} {
		got, err := cross(c.a, c.b)
		if (err != nil) != (c.ns == nil) || got.ns != c.ns || got.family != c.family {
			t.Errorf("%s: got %v, %v", c.why, got, err)
		}
		if err == nil && (slices.Contains(got.a, got.b[0]) || len(got.a) == 0) {
			t.Errorf("%s: addresses %v and %v", c.why, got.a, got.b)
		}
	}
}

func BenchmarkTwoHomes(b *testing.B) {
	for b.Loop() {
		lab := New(b)
		lab.AddHost("server", WithAddresses(2))
		lab.AddNAT("home-a", PortRestricted).AddHost("alice")
		lab.AddNAT("home-b", Symmetric).AddHost("bob")
	}
}
