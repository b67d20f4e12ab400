package app

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"
)

// Names of the certificate the server makes for itself, in its data directory. The first file holds the authority's behind it, so that clients can
// be given it as what they trust.
const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// certificate is what the server shows on TLS. reload replaces it; safe for concurrent use. What is below current belongs to whoever loads and
// keeps the certificate, one at a time.
type certificate struct {
	cert, key string
	own       bool // made by this program …
	made      bool // … and its authority at this start
	current   atomic.Pointer[tls.Certificate]

	domain    string
	authority *authority // of one's own; constant
}

// loadCertificate reads the configured certificate, or the one in the data directory, which is made if there is none, together with its authority.
func loadCertificate(cert, key, data, domain string) (*certificate, error) {
	c := &certificate{cert: cert, key: key, domain: domain}
	if (cert == "") != (key == "") {
		return nil, usagef("a certificate needs its key: give both tls.cert and tls.key, or neither")
	}
	if cert != "" {
		if err := c.reload(); err != nil {
			return nil, err
		}
		return c, nil
	}
	c.cert, c.key, c.own = filepath.Join(data, certFile), filepath.Join(data, keyFile), true
	var err error
	if c.authority, c.made, err = loadAuthority(data, domain, time.Now()); err != nil {
		return nil, err
	}
	_ = c.reload() // what can not be used is made anew
	if _, err = c.renew(time.Now()); err != nil {
		return nil, fmt.Errorf("a certificate could not be made: %w", err)
	}
	return c, nil
}

// renewBefore is how long before its end a certificate of our own is replaced.
const renewBefore = 30 * 24 * time.Hour

// maxOldAddresses bounds addresses that stay in the certificate although the machine has them no more. They are kept because it may get them again,
// and clients that remember a certificate rather than its authority ask again for each new one.
const maxOldAddresses = 16

// renew makes a certificate of our own if there is none, or the one there is ends soon, is somebody else's, or lacks a name or an address.
func (c *certificate) renew(now time.Time) (renewed bool, err error) {
	names, addresses := ownNames(c.domain)
	if len(names) == 0 {
		names = []string{"localhost"}
	}
	var key crypto.Signer
	if have := c.current.Load(); have != nil {
		leaf := have.Leaf
		if leaf.CheckSignatureFrom(c.authority.cert) == nil && !leaf.IsCA {
			if now.Add(renewBefore).Before(leaf.NotAfter) && c.names(leaf, names, addresses) {
				return false, nil
			}
			key, _ = have.PrivateKey.(crypto.Signer)
			for _, old := range leaf.IPAddresses[:min(len(leaf.IPAddresses), maxOldAddresses)] {
				if ip, ok := netip.AddrFromSlice(old); ok && !slices.Contains(addresses, ip.Unmap()) {
					addresses = append(addresses, ip.Unmap())
				}
			}
		}
	}
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return false, err
		}
	}
	der, err := c.authority.issue(key, names, addresses, now)
	if err != nil {
		return false, err
	}
	if err := writeKey(c.key, key); err != nil {
		return false, err
	}
	if err := replaceFile(c.cert, append(pemOf(der), pemOf(c.authority.cert.Raw)...), 0o644); err != nil {
		return false, err
	}
	return true, c.reload()
}

// names reports whether a certificate names all that the authority may speak for.
func (c *certificate) names(leaf *x509.Certificate, names []string, addresses []netip.Addr) bool {
	for _, ip := range addresses {
		names = append(names, ip.String())
	}
	return !slices.ContainsFunc(names, func(name string) bool { return c.authority.permits(name) && leaf.VerifyHostname(name) != nil })
}

// renewEvery is how often is looked whether the certificate still does.
const renewEvery = time.Minute

// keep renews a certificate of our own whenever it has to be, until the context ends.
func (c *certificate) keep(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			switch renewed, err := c.renew(now); {
			case err != nil:
				log.Error("the certificate could not be renewed", "error", err)
			case renewed:
				leaf := c.current.Load().Leaf
				log.Info("the certificate was renewed", "until", leaf.NotAfter, "names", leaf.DNSNames, "addresses", leaf.IPAddresses)
			}
		}
	}
}

// covers reports whether clients of a domain can accept the certificate at some time.
func (c *certificate) covers(domain string, at time.Time) bool {
	leaf := c.current.Load().Leaf
	return leaf.VerifyHostname(domain) == nil && at.After(leaf.NotBefore) && at.Before(leaf.NotAfter)
}

// reload reads the files again. On failure the old certificate stays.
func (c *certificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("the certificate can not be used: %w", err)
	}
	if c.own { // whoever trusts the authority has it
		pair.Certificate = pair.Certificate[:1]
	}
	c.current.Store(&pair)
	return nil
}

// get is for tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}
