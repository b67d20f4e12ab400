package tcp

import (
	"crypto/tls"
	"errors"
	"slices"
)

// alpnClient is the protocol name of XEP-0368 §3.
const alpnClient = "xmpp-client"

// serverConfig prepares a configuration for a listener: TLS 1.2 at least, no
// session tickets (a resumed session presents no certificate, on which channel
// binding rests), and each connection remembers its certificate.
func serverConfig(base *tls.Config, direct bool) (*tls.Config, error) {
	if base.GetConfigForClient != nil {
		return nil, errors.New("tcp: GetConfigForClient would hide which certificate was presented; use GetCertificate")
	}
	c := base.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	c.SessionTicketsDisabled = true
	choose := c.GetCertificate
	if choose == nil {
		if len(c.Certificates) == 0 {
			return nil, errors.New("tcp: TLS without a certificate")
		}
		certs := c.Certificates
		choose = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			for i := range certs {
				if hello.SupportsCertificate(&certs[i]) == nil {
					return &certs[i], nil
				}
			}
			return &certs[0], nil
		}
	}
	// With Certificates set, crypto/tls might not ask.
	c.Certificates = nil
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := choose(hello)
		if rc, ok := hello.Conn.(*conn); ok && err == nil {
			rc.cert.Store(cert)
		}
		return cert, err
	}
	if direct && !slices.Contains(c.NextProtos, alpnClient) {
		c.NextProtos = append(slices.Clone(c.NextProtos), alpnClient)
	}
	return c, nil
}

// clientConfig prepares a configuration for one connection. The name to verify
// is the domain's, whatever host serves it (RFC 6120 §13.7.2.1).
func clientConfig(base *tls.Config, domain string, direct bool) *tls.Config {
	c := &tls.Config{}
	if base != nil {
		c = base.Clone()
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if c.ServerName == "" {
		c.ServerName = domain
	}
	if direct {
		c.NextProtos = []string{alpnClient}
	}
	return c
}
