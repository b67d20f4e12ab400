package relay

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// residentBytes is the memory of this process as the system counts it; 0 where it
// does not tell.
func residentBytes() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	var pages int
	_, _ = fmt.Sscan(fields[1], &pages)
	return pages * os.Getpagesize()
}

func usedBytes() (heap, stack, resident int) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc), int(m.StackInuse), residentBytes()
}

// TestMemoryOfAnAllocation prints what an idle allocation with one permission
// costs the server. The bound is generous: the figure is to be read.
func TestMemoryOfAnAllocation(t *testing.T) {
	const allocations = 1500
	config := Config{
		Secret: testSecret, Allow: loopbackOpen, PacketsPerSecond: 1e9, PacketBurst: 1e9, MaxAllocations: allocations,
		Public: []Mapping{{Public: netip.MustParseAddr("127.0.0.1")}},
		ListenPacket: func(network, address string) (net.PacketConn, error) {
			_, port, _ := net.SplitHostPort(address)
			return net.ListenPacket(network, net.JoinHostPort("127.0.0.1", port))
		},
	}
	server, w := New(config), newPump()
	e := server.newEndpoint(w, "udp", true)
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	<-w.idle
	defer func() { close(w.in); <-e.done; server.running.Wait() }()
	heap, stack, resident := usedBytes()
	for i := range allocations {
		w.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 4000)
		r := &raw{t: t}
		r.username, r.password, _ = server.Credentials(fmt.Sprint("user", i), time.Now())
		m := decode(t, w.put(build(t, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport))[0])
		if r.nonce.GetFrom(m) != nil || r.realm.GetFrom(m) != nil {
			t.Fatal("not greeted")
		}
		if code := codeOf(decode(t, w.put(r.signed(stun.MethodAllocate, udpTransport))[0])); code != 0 {
			t.Skipf("allocation %d: %d (too few files or ports?)", i, code)
		}
		peer := peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))
		if code := codeOf(decode(t, w.put(r.signed(stun.MethodCreatePermission, peer))[0])); code != 0 {
			t.Fatal(code)
		}
	}
	heap2, stack2, resident2 := usedBytes()
	each := func(a, b int) float64 { return float64(b-a) / allocations / 1024 }
	t.Logf("an idle allocation over UDP: %.1f KiB of heap, %.1f KiB of stack, %.1f KiB resident (%d allocations)",
		each(heap, heap2), each(stack, stack2), each(resident, resident2), allocations)
	if got := each(heap, heap2) + each(stack, stack2); got > 32 {
		t.Errorf("%.1f KiB", got)
	}
}

// benchmarkRelay sends datagrams through an allocation, at most a window of them
// under way, and reports how many arrive a second.
func benchmarkRelay(b *testing.B, network string, fromPeer bool, size int) {
	server := New(Config{Secret: testSecret, Allow: loopbackOpen, PacketsPerSecond: 1e9, PacketBurst: 1e9})
	done := make(chan error, 1)
	var address string
	if network == "udp" {
		conn := packetConn(b, "udp4", "127.0.0.1:0")
		address = conn.LocalAddr().String()
		go func() { done <- server.ServeUDP(conn) }()
	} else {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		address = listener.Addr().String()
		go func() { done <- server.ServeTCP(listener) }()
	}
	defer func() { _ = server.Close(); <-done }()
	peer := packetConn(b, "udp4", "127.0.0.1:0").(*net.UDPConn)
	r := server.testRaw(b, network, address, "alice").greet()
	relayed := r.allocate()
	if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4000), peerAddress(addrPortOf(peer.LocalAddr()))); code != 0 {
		b.Fatal(code)
	}
	_ = r.conn.SetReadDeadline(time.Time{})
	var arrived atomic.Int64
	go func() {
		in, buffer := net.Conn(peer), make([]byte, 65536)
		if fromPeer {
			in = r.conn
		}
		frame := int64(1)
		if fromPeer && network != "udp" {
			frame = int64(size + 4) // a stream is counted in bytes
		}
		for {
			n, err := in.Read(buffer)
			if err != nil {
				return
			}
			if frame == 1 {
				n = 1
			}
			arrived.Add(int64(n))
		}
	}()
	unit := int64(1)
	if fromPeer && network != "udp" {
		unit = int64(size + 4)
	}
	payload := make([]byte, size)
	data := channelData(0x4000, string(payload))
	const window = 64
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	start := time.Now()
	for i := range b.N {
		for wait := time.Now(); int64(i)-arrived.Load()/unit >= window; runtime.Gosched() {
			if time.Since(wait) > time.Second { // a datagram was lost: count it as arrived
				arrived.Add(unit)
			}
		}
		var err error
		if fromPeer {
			_, err = peer.WriteToUDPAddrPort(payload, relayed)
		} else {
			_, err = r.conn.Write(data)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "packets/s")
}

func BenchmarkRelayToPeer(b *testing.B)      { benchmarkRelay(b, "udp", false, 1200) }
func BenchmarkRelayToPeerTCP(b *testing.B)   { benchmarkRelay(b, "tcp", false, 1200) }
func BenchmarkRelayFromPeer(b *testing.B)    { benchmarkRelay(b, "udp", true, 1200) }
func BenchmarkRelayFromPeerTCP(b *testing.B) { benchmarkRelay(b, "tcp", true, 1200) }
