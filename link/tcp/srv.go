package tcp

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Resolver looks up SRV records; *net.Resolver is one.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
}

// target is one way to reach a domain's server.
type target struct {
	host   string
	port   uint16
	direct bool // TLS from the first byte
	rescue bool // nobody said so: it must agree to XMPP, and has its turn last

	priority, weight uint16
}

func (t target) address() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }

// ErrNoService: the domain says in DNS that it offers no service to clients
// (RFC 6120 §3.2.1, a target of ".").
var ErrNoService = errors.New("tcp: the domain offers no XMPP service to clients")

// maxTargets bounds how many records are tried.
const maxTargets = 16

// lookup finds the ways to reach a domain, in the order to try them: SRV
// records of both services as one set (XEP-0368 §3). It is empty when there are
// none or DNS fails; then the domain itself is the host (RFC 6120 §3.2.2).
func lookup(ctx context.Context, r Resolver, domain string, random func(n int) int) ([]target, error) {
	services := [...]struct {
		name   string
		direct bool
	}{{"xmpp-client", false}, {"xmpps-client", true}}
	var found [len(services)][]*net.SRV
	var wg sync.WaitGroup
	for i, s := range services {
		wg.Go(func() {
			// Records beside an error are good ones beside a bad one.
			_, found[i], _ = r.LookupSRV(ctx, s.name, "tcp", domain)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("tcp: looking up %s: %w", domain, err)
	}
	var all []target
	records := 0
	for i, s := range services {
		records += len(found[i])
		for _, rr := range found[i] {
			if host := strings.TrimSuffix(rr.Target, "."); host != "" {
				all = append(all, target{host: host, port: rr.Port, direct: s.direct, priority: rr.Priority, weight: rr.Weight})
			}
		}
	}
	switch {
	case records == 0:
		return nil, nil
	case len(all) == 0:
		return nil, ErrNoService
	}
	all = order(all, random)
	return all[:min(len(all), maxTargets)], nil
}

// order sorts by priority and, within one, draws at random by weight (RFC 2782).
// random(n) is uniform in 0 … n-1.
func order(all []target, random func(n int) int) []target {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b target) int {
		// Records of weight 0 come first, so that they have a small chance.
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(min(a.weight, 1), min(b.weight, 1)))
	})
	for start := 0; start < len(all); {
		end := start
		sum := 0
		for end < len(all) && all[end].priority == all[start].priority {
			sum += int(all[end].weight)
			end++
		}
		for ; start < end; start++ {
			pick, run := random(sum+1), 0
			for i := start; i < end; i++ {
				if run += int(all[i].weight); run >= pick {
					chosen := all[i]
					copy(all[start+1:i+1], all[start:i])
					all[start] = chosen
					sum -= int(chosen.weight)
					break
				}
			}
		}
	}
	return all
}

// uniform draws from 0 … n-1; n is at most a few million, so the bias of the
// remainder does not matter.
func uniform(n int) int {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return int(binary.LittleEndian.Uint64(b[:]) % uint64(n))
}
