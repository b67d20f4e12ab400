package app

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Names of the server's own authority, in its data directory.
const (
	authorityFile    = "ca.pem"
	authorityKeyFile = "ca-key.pem"
)

// Lives of certificates of our own. A server's certificate of more than 825 days is refused by some systems even when its authority is trusted.
const (
	authorityYears = 10
	leafDays       = 397
)

// An authority signs the server's certificate, so that devices that trust it once go on trusting the server when that is renewed or gets another
// address. It can speak for the names of the server and for addresses of private networks only: whoever steals its key can pretend to be nobody else.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// privateRanges are networks that mean something else to everybody; an authority for a machine in one of them may speak for all of them, for
// addresses there change.
var privateRanges = []string{
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10",
}

// loadAuthority reads the authority of a data directory, or makes one if there is none that can go on speaking for the domain. A certificate of an
// earlier version, which was its own authority, becomes it, so that who was given that file needs nothing new. fresh tells a new one.
func loadAuthority(data, domain string, now time.Time) (a *authority, fresh bool, err error) {
	fits := func(a *authority) bool {
		return now.Add(renewBefore).Before(a.cert.NotAfter) && a.permits(domain)
	}
	a, err = readAuthority(filepath.Join(data, authorityFile), filepath.Join(data, authorityKeyFile))
	switch {
	case err == nil && fits(a):
		return a, false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, false, err
	case err != nil: // there is none yet
		old, oldErr := readAuthority(filepath.Join(data, certFile), filepath.Join(data, keyFile))
		if oldErr == nil && old.cert.VerifyHostname(domain) == nil && fits(old) {
			return old, false, old.write(data)
		}
	}
	if a, err = newAuthority(domain, now); err != nil {
		return nil, false, err
	}
	return a, true, a.write(data)
}

// readAuthority reads a certificate that may sign others, with its key.
func readAuthority(certPath, keyPath string) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		return nil, fmt.Errorf("the authority can not be used: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA || pair.Leaf.CheckSignatureFrom(pair.Leaf) != nil {
		return nil, fmt.Errorf("the authority can not be used: %s is none", certPath)
	}
	return &authority{pair.Leaf, key}, nil
}

func (a *authority) write(data string) error {
	if err := writeKey(filepath.Join(data, authorityKeyFile), a.key); err != nil {
		return err
	}
	return replaceFile(filepath.Join(data, authorityFile), pemOf(a.cert.Raw), 0o644)
}

// newAuthority makes an authority for the names this server has.
func newAuthority(domain string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	names, addresses := ownNames(domain)
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "Godwit " + domain, Organization: []string{"Godwit, on this server only"}},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(authorityYears, 0, 0),
		KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,

		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         names,
	}
	for _, text := range privateRanges {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return nil, err
		}
		template.PermittedIPRanges = append(template.PermittedIPRanges, network)
	}
	for _, ip := range addresses {
		if !inRanges(template.PermittedIPRanges, ip) {
			template.PermittedIPRanges = append(template.PermittedIPRanges, &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())})
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

// issue makes a certificate for a key, for as many of the names as the authority may speak for.
func (a *authority) issue(key crypto.Signer, names []string, addresses []netip.Addr, now time.Time) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(0, 0, leafDays),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	for _, name := range names {
		if a.permits(name) {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	for _, ip := range addresses {
		if a.permits(ip.String()) {
			template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
		}
	}
	return x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
}

// permits reports whether the authority may speak for a name or an address.
func (a *authority) permits(name string) bool {
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return len(a.cert.PermittedIPRanges) == 0 || inRanges(a.cert.PermittedIPRanges, ip)
	}
	return len(a.cert.PermittedDNSDomains) == 0 || slices.ContainsFunc(a.cert.PermittedDNSDomains, func(domain string) bool {
		return name == domain || strings.HasSuffix(name, "."+domain)
	})
}

func inRanges(ranges []*net.IPNet, ip netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(n *net.IPNet) bool { return n.Contains(ip.AsSlice()) })
}

// ownNames are what this server is called: its domain first, then the names of the machine, and its addresses.
func ownNames(domain string) (names []string, addresses []netip.Addr) {
	addresses = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	for i, name := range hostNames(domain) {
		ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
		switch {
		case err == nil && i == 0:
			addresses = append(addresses, ip.Unmap())
		case err != nil && (i == 0 || dnsName.MatchString(name)) && !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return names, addresses
	}
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if ip := p.Addr().Unmap().WithZone(""); ip.IsGlobalUnicast() && !slices.Contains(addresses, ip) {
			addresses = append(addresses, ip)
		}
	}
	return names, addresses
}

// dnsName is what a machine's name must look like to stand in a certificate.
var dnsName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// serial is a number nobody can guess; crypto/rand does not fail.
func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		panic(err)
	}
	return n.Add(n, big.NewInt(1))
}

func writeKey(path string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return replaceFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
