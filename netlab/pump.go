//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// pump is a link in user space: a TUN device at each end and two directions
// between them. It carries IP packets, so no address resolution can get lost.
type pump struct {
	a, b  io.ReadWriteCloser
	link  atomic.Pointer[Link]
	stop  chan struct{}
	tasks sync.WaitGroup
}

// parcel is a packet with the time at which it comes out.
type parcel struct {
	at   time.Time
	data []byte
}

const (
	// underWay bounds the packets of one direction that are being delayed.
	underWay = 16384
	// largest is more than any packet of a device with an MTU of 1500.
	largest = 2048
)

// newPump joins interface nameA in namespace a with nameB in b.
func newPump(a *namespace, nameA string, b *namespace, nameB string, link Link) (*pump, error) {
	fa, err := openTUN(a, nameA)
	if err != nil {
		return nil, err
	}
	fb, err := openTUN(b, nameB)
	if err != nil {
		_ = fa.Close()
		return nil, err
	}
	return startPump(fa, fb, link), nil
}

// startPump joins two ends that give and take whole packets.
func startPump(a, b io.ReadWriteCloser, link Link) *pump {
	p := &pump{a: a, b: b, stop: make(chan struct{})}
	p.link.Store(&link)
	p.tasks.Add(4)
	p.direction(a, b, 1)
	p.direction(b, a, 2)
	return p
}

// openTUN makes the device that ends with the file.
func openTUN(n *namespace, name string) (*os.File, error) {
	var f *os.File
	err := n.do(func() error {
		// The device belongs to the namespace in which the file is opened.
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq(name)
		if err == nil {
			req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
		}
		if err != nil {
			_ = unix.Close(fd)
			return err
		}
		f = os.NewFile(uintptr(fd), name) // only now: before, the file cannot be polled
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("netlab: TUN device %s in %s: %w", name, n.name, err)
	}
	return f, nil
}

func (p *pump) set(l Link) { p.link.Store(&l) }

// direction starts the two goroutines of one direction: the first reads packets
// and decides, the second waits and writes. Chance is the same in every run.
func (p *pump) direction(from io.Reader, to io.Writer, seed uint64) {
	line := make(chan parcel, underWay)
	go func() {
		defer p.tasks.Done()
		defer close(line)
		chance := rand.New(rand.NewPCG(seed, 0))
		var pace pacer
		buf := make([]byte, largest)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return // closed
			}
			at, ok := pace.plan(*p.link.Load(), time.Now(), n, chance.Float64(), chance.Float64())
			if !ok {
				continue
			}
			select {
			case line <- parcel{at, append([]byte(nil), buf[:n]...)}:
			default: // more under way than a real line holds
			}
		}
	}()
	go func() {
		defer p.tasks.Done()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for packet := range line {
			if wait := time.Until(packet.at); wait > 0 {
				timer.Reset(wait)
				select {
				case <-timer.C:
				case <-p.stop:
					return
				}
			}
			_, _ = to.Write(packet.data) // a device that is down drops it
		}
	}()
}

// Close takes both devices away and waits for the goroutines. Call it once.
func (p *pump) Close() error {
	close(p.stop)
	err := errors.Join(p.a.Close(), p.b.Close())
	p.tasks.Wait()
	return err
}
