package link_test

import (
	"net/netip"
	"sync"
	"testing"

	"godwit/link"
)

func TestAddressLimiter(t *testing.T) {
	l := link.NewAddressLimiter(2, 3)
	addr := netip.MustParseAddr
	r1, ok1 := l.Acquire(addr("192.0.2.1"))
	_, ok2 := l.Acquire(addr("::ffff:192.0.2.1")) // the same host
	_, ok3 := l.Acquire(addr("192.0.2.1"))
	if !ok1 || !ok2 || ok3 {
		t.Errorf("per address: %v %v %v", ok1, ok2, ok3)
	}
	r4, ok4 := l.Acquire(addr("2001:db8::1"))
	_, ok5 := l.Acquire(addr("2001:db8:1::1"))
	if !ok4 || ok5 {
		t.Errorf("in all: %v %v", ok4, ok5)
	}
	r1()
	r1() // a second release gives nothing back
	r4()
	_, ok6 := l.Acquire(addr("2001:db8::2"))
	_, ok7 := l.Acquire(addr("2001:db8::3"))
	_, ok8 := l.Acquire(addr("2001:db8::4"))
	if !ok6 || !ok7 || ok8 {
		t.Errorf("a network of 64 bits counts as one: %v %v %v", ok6, ok7, ok8)
	}
}

func TestAddressLimiterForgets(t *testing.T) {
	l := link.NewAddressLimiter(1, 0)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			for range 100 {
				if release, ok := l.Acquire(a); ok {
					release()
				} else {
					t.Error("a free place was refused")
				}
			}
		})
	}
	wg.Wait()
	if n := link.LimiterLen(l); n != 0 {
		t.Errorf("%d addresses are remembered without connections", n)
	}
}
