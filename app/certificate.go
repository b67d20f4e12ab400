package app

import (
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
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Names of the certificate the server makes for itself, in its data directory.
const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// certificate is what the server shows on TLS. reload replaces it; safe for concurrent use.
type certificate struct {
	cert, key string
	own       bool // made by this program …
	made      bool // … at this start
	current   atomic.Pointer[tls.Certificate]
}

// loadCertificate reads the configured certificate, or the one in the data directory, which is made if there is none.
func loadCertificate(cert, key, data, domain string) (*certificate, error) {
	c := &certificate{cert: cert, key: key}
	if (cert == "") != (key == "") {
		return nil, usagef("a certificate needs its key: give both tls.cert and tls.key, or neither")
	}
	if cert == "" {
		c.cert, c.key, c.own = filepath.Join(data, certFile), filepath.Join(data, keyFile), true
		if _, err := os.Stat(c.cert); errors.Is(err, fs.ErrNotExist) {
			return c, c.renew(domain)
		}
	}
	if err := c.reload(); err != nil {
		return nil, err
	}
	if c.own && !c.covers(domain, time.Now().Add(renewBefore)) {
		return c, c.renew(domain)
	}
	return c, nil
}

// renewBefore is how long before its end a certificate of our own is replaced, at the next start.
const renewBefore = 30 * 24 * time.Hour

// renew makes a certificate of our own.
func (c *certificate) renew(domain string) error {
	if err := makeCertificate(c.cert, c.key, domain); err != nil {
		return fmt.Errorf("a certificate could not be made: %w", err)
	}
	c.made = true
	return c.reload()
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
	c.current.Store(&pair)
	return nil
}

// get is for tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// makeCertificate writes a self-signed certificate for a domain, valid for ten years. It is its own authority, so that clients can be given it
// as the one they trust.
func makeCertificate(certPath, keyPath, domain string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return err
	}
	names := []string{domain}
	if domain != "localhost" {
		names = append(names, "localhost")
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: domain, Organization: []string{"Godwit, self-signed"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},

		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if ip := net.ParseIP(domain); ip != nil {
		template.DNSNames, template.IPAddresses = names[1:], append(template.IPAddresses, ip)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(keyPath, "PRIVATE KEY", keyDER, 0o600); err != nil {
		return err
	}
	return writePEM(certPath, "CERTIFICATE", der, 0o644)
}

func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	return replaceFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
