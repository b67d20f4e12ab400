package portmap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// What is searched: devices and, because some routers answer only to that, their
// services. Devices of version 2 answer to a search for version 1.
var searchTargets = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
}

const (
	searchTries  = 3
	searchPause  = 500 * time.Millisecond
	searchTime   = 2500 * time.Millisecond // answers are spread over a second (MX)
	maxSearched  = 4                       // devices that are looked at
	maxDatagram  = 2048
	gatewayGrace = 300 * time.Millisecond // for the router, when another device answered first
)

// found is a device that answered the search.
type found struct {
	host     netip.Addr
	location *url.URL
}

// search is the SSDP search of the UPnP Device Architecture (§1.3.2), by
// multicast and to the gateway itself. It calls take for each device that may be
// talked to, until that returns true or the time is over.
func (w *wire) search(ctx context.Context, r Router, take func(found) bool) error {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	conn, err := w.sockets.Listen(ctx, r.Local)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	seen := make(map[string]bool)
	var later []found // devices that are not the gateway
	var hurry time.Time
	buffer := make([]byte, maxDatagram)
	for try := range searchTries {
		w.ask(conn, r)
		until := time.Now().Add(searchPause << try)
		for {
			deadline := until
			if !hurry.IsZero() && hurry.Before(until) {
				deadline = hurry
			}
			_ = conn.SetReadDeadline(deadline) // fails as reading does
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				break
			}
			f, err := parseFound(buffer[:n], from, r)
			switch {
			case err != nil:
				w.ignored.Add(1)
				w.log.Debug("portmap: ignoring an answer to the search", "from", from, "error", err)
			case len(seen) == maxSearched || seen[f.location.String()]:
			case f.host == r.Gateway:
				seen[f.location.String()] = true
				if take(f) {
					return nil
				}
			default:
				seen[f.location.String()] = true
				later = append(later, f)
				if hurry.IsZero() {
					hurry = time.Now().Add(gatewayGrace)
				}
			}
		}
		if ctx.Err() != nil || !hurry.IsZero() && !time.Now().Before(hurry) {
			break
		}
	}
	return w.offer(later, take)
}

// offer tries what answered besides the gateway.
func (w *wire) offer(later []found, take func(found) bool) error {
	for _, f := range later {
		if take(f) {
			return nil
		}
	}
	return ErrNoAnswer
}

// ask sends the questions. That some cannot be sent is no matter if others can.
func (w *wire) ask(conn net.PacketConn, r Router) {
	group, single := searchGroup, netip.AddrPortFrom(r.Gateway, searchPort)
	if r.Search.IsValid() {
		group, single = r.Search, r.Search
	}
	for _, target := range searchTargets {
		// The search that goes to one device has no MX: it is answered at once.
		w.sendSearch(conn, single, target, "")
		if group != single {
			w.sendSearch(conn, group, target, "MX: 1\r\n")
		}
	}
}

func (w *wire) sendSearch(conn net.PacketConn, to netip.AddrPort, target, mx string) {
	text := "M-SEARCH * HTTP/1.1\r\nHOST: " + to.String() + "\r\nMAN: \"ssdp:discover\"\r\n" + mx + "ST: " + target + "\r\n\r\n"
	if _, err := conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(to)); err != nil {
		w.log.Debug("portmap: searching", "to", to, "error", err)
	}
}

var errNotGateway = errors.New("not about an internet gateway")

// parseFound reads an answer to the search. Only the device itself is believed
// about where it is.
func parseFound(b []byte, from net.Addr, r Router) (found, error) {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return found{}, errStrange
	}
	host := udp.AddrPort().Addr().Unmap()
	if !allowed(r, host) {
		return found{}, errElsewhere
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return found{}, err
	}
	_ = answer.Body.Close()
	target := answer.Header.Get("ST")
	switch {
	case answer.StatusCode != http.StatusOK:
		return found{}, fmt.Errorf("%w: status %d", errStrange, answer.StatusCode)
	case !strings.Contains(target, ":InternetGatewayDevice:") && !strings.Contains(target, ":WANIPConnection:") && !strings.Contains(target, ":WANPPPConnection:"):
		return found{}, errNotGateway
	}
	location, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		return found{}, err
	}
	at, err := destination(location)
	if err != nil {
		return found{}, err
	}
	if at.Addr() != host {
		return found{}, fmt.Errorf("%w: %v", errElsewhere, at)
	}
	return found{host: host, location: location}, nil
}
