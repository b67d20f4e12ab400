package portmap

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/soap"
)

// Services that map ports, the better ones first.
var connectionServices = []string{
	"urn:schemas-upnp-org:service:WANIPConnection:2",
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
}

const (
	maxServices  = 4 // of one device that are tried
	maxConflicts = 4 // ports that are tried when the wished one is another's
)

// Error codes of the WANIPConnection service (§2.5.16 of version 2) and of UPnP.
const (
	upnpInvalidArgs    = 402
	upnpNoSuchEntry    = 714
	upnpConflict       = 718
	upnpOnlyPermanent  = 725
	upnpOtherMechanism = 729
)

// upnp is the Internet Gateway Device. It tells neither for how long a mapping
// holds nor that it was lost, and many devices keep mappings until they are
// removed: so what was made is always removed.
type upnp struct {
	*wire
	router    Router
	service   string           // once found, the type of the service
	control   *soap.SOAPClient // and where it is
	permanent bool             // the device knows no lifetimes
}

func (u *upnp) protocol() Protocol { return UPnP }

// find searches a device that has a connection with an outside address.
func (u *upnp) find(ctx context.Context) (netip.Addr, error) {
	var address netip.Addr
	var cause error
	err := u.search(ctx, u.router, func(f found) bool {
		address, cause = u.look(ctx, f)
		if cause != nil {
			u.log.Debug("portmap: a device that does not help", "location", f.location.Redacted(), "error", cause)
		}
		return cause == nil
	})
	switch {
	case err == nil:
		return address, nil
	case cause != nil:
		return netip.Addr{}, cause
	}
	return netip.Addr{}, err
}

// look takes the first service of a device that knows its outside address.
func (u *upnp) look(ctx context.Context, f found) (netip.Addr, error) {
	g := &guard{router: u.router, host: f.host, dialer: u.sockets}
	root, err := g.describe(ctx, f.location)
	if err != nil {
		return netip.Addr{}, err
	}
	cause, tried := errors.New("a gateway without a connection"), 0
	for _, kind := range connectionServices {
		for _, s := range root.Device.FindService(kind) {
			if tried++; tried > maxServices {
				return netip.Addr{}, cause
			}
			address, err := u.connection(ctx, g, s)
			if err == nil {
				u.service = kind
				return address, nil
			}
			cause = err
		}
	}
	return netip.Addr{}, cause
}

func (u *upnp) connection(ctx context.Context, g *guard, s *goupnp.Service) (netip.Addr, error) {
	if !s.ControlURL.Ok {
		return netip.Addr{}, fmt.Errorf("%w: no address of the service", ErrLie)
	}
	// The request would be refused as well; this says why.
	if to, err := destination(&s.ControlURL.URL); err != nil || to.Addr() != g.host {
		return netip.Addr{}, fmt.Errorf("%w: %v", errElsewhere, s.ControlURL.URL.Redacted())
	}
	u.control = &soap.SOAPClient{EndpointURL: s.ControlURL.URL, HTTPClient: g.client()}
	return u.external(ctx, s.ServiceType)
}

func (u *upnp) external(ctx context.Context, service string) (netip.Addr, error) {
	var out struct{ NewExternalIPAddress string }
	if err := u.call(ctx, service, "GetExternalIPAddress", nil, &out); err != nil {
		return netip.Addr{}, err
	}
	address, err := netip.ParseAddr(strings.TrimSpace(out.NewExternalIPAddress))
	if err != nil || !address.Is4() || !possible(address) {
		return netip.Addr{}, fmt.Errorf("%w: address %.40q", ErrLie, out.NewExternalIPAddress)
	}
	return address, nil
}

// call is one action, its error turned into ours.
func (u *upnp) call(ctx context.Context, service, action string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	err := u.control.PerformActionCtx(ctx, service, action, in, out)
	var fault *soap.SOAPFaultError
	if errors.As(err, &fault) {
		code := fault.Detail.UPnPError.Errorcode
		return &Refusal{Protocol: UPnP, Code: code, Reason: printable(fault.Detail.UPnPError.ErrorDescription, fault.FaultString)}
	}
	return err
}

// addArgs are those of AddPortMapping and AddAnyPortMapping (§2.5.16, §2.5.17).
type addArgs struct {
	NewRemoteHost             string
	NewExternalPort           string
	NewProtocol               string
	NewInternalPort           string
	NewInternalClient         string
	NewEnabled                string
	NewPortMappingDescription string
	NewLeaseDuration          string
}

func (u *upnp) add(ctx context.Context, w wish) (grant, error) {
	if u.control == nil {
		return grant{}, ErrNoAnswer
	}
	address, err := u.external(ctx, u.service)
	if err != nil {
		return grant{}, err
	}
	port := w.external.Port()
	if port == 0 {
		port = w.port
	}
	for range maxConflicts {
		given, err := u.addPort(ctx, port, w)
		if err == nil {
			g := grant{external: netip.AddrPortFrom(address, given), lifetime: w.lifetime}
			if u.permanent {
				g.lifetime = 0
			}
			return g, checkGrant(u.router, g)
		}
		if c := codeOf(err); c != upnpConflict && c != upnpOtherMechanism {
			return grant{}, err
		}
		port = randomPort()
	}
	return grant{}, &Refusal{Protocol: UPnP, Code: upnpConflict, Reason: "every port tried is taken"}
}

// addPort asks for one outside port, without a lifetime if the device knows none.
func (u *upnp) addPort(ctx context.Context, port uint16, w wish) (uint16, error) {
	for {
		lease := w.lifetime
		if u.permanent {
			lease = 0
		}
		given, err := u.addOnce(ctx, port, w.port, lease)
		c := codeOf(err)
		if u.permanent || c != upnpOnlyPermanent && c != upnpInvalidArgs {
			return given, err
		}
		u.permanent = true
	}
}

func (u *upnp) addOnce(ctx context.Context, port, internal uint16, lease time.Duration) (uint16, error) {
	in := &addArgs{
		NewExternalPort: number(port), NewProtocol: "UDP", NewInternalPort: number(internal), NewInternalClient: u.router.Local.String(),
		NewEnabled: "1", NewPortMappingDescription: u.name, NewLeaseDuration: strconv.FormatUint(uint64(seconds(lease)), 10),
	}
	if u.service != connectionServices[0] {
		return port, u.call(ctx, u.service, "AddPortMapping", in, nil)
	}
	var out struct{ NewReservedPort string }
	if err := u.call(ctx, u.service, "AddAnyPortMapping", in, &out); err != nil {
		return 0, err
	}
	given, err := strconv.ParseUint(strings.TrimSpace(out.NewReservedPort), 10, 16)
	if err != nil || given == 0 {
		return 0, fmt.Errorf("%w: port %.40q", ErrLie, out.NewReservedPort)
	}
	return uint16(given), nil
}

func (u *upnp) remove(ctx context.Context, _ uint16, external netip.AddrPort) error {
	if u.control == nil {
		return nil
	}
	in := &struct{ NewRemoteHost, NewExternalPort, NewProtocol string }{"", number(external.Port()), "UDP"}
	err := u.call(ctx, u.service, "DeletePortMapping", in, nil)
	if codeOf(err) == upnpNoSuchEntry {
		return nil
	}
	return err
}

func codeOf(err error) int {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}

func number(n uint16) string { return strconv.Itoa(int(n)) }

// randomPort is one of the dynamic ports.
func randomPort() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return 49152 + binary.BigEndian.Uint16(b[:])%(65535-49152)
}

// printable is the first text that says something, without what could confuse a
// terminal or a log.
func printable(texts ...string) string {
	for _, t := range texts {
		t = strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, t)
		if t = strings.TrimSpace(t); t != "" {
			return t[:min(len(t), 80)]
		}
	}
	return "no reason given"
}
