// Package tlsstate reads from a finished TLS handshake what a link tells about it:
// how it is encrypted, and the data that binds an authentication to the channel.
//
// It is shared by the links over TLS. No connection may enter, and nothing that
// decides whom to trust.
package tlsstate

import (
	"crypto"
	_ "crypto/sha256" // the hashes a certificate may be signed with
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"

	"godwit/link"
)

// Info describes the encryption. Verified says whether the peer's certificate was
// checked in a way the state does not show.
func Info(s *tls.ConnectionState, verified bool) link.TLSInfo {
	return link.TLSInfo{
		Version: tls.VersionName(s.Version), Cipher: tls.CipherSuiteName(s.CipherSuite),
		PeerVerified: len(s.VerifiedChains) > 0 || verified,
	}
}

// Verifies reports whether a client's configuration checks certificates in some
// way: the ordinary one or its own.
func Verifies(c *tls.Config) bool {
	return !c.InsecureSkipVerify || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil
}

// Exporter returns the data of tls-exporter (RFC 9266 §2): 32 bytes exported
// with that label and an empty context. TLS 1.2 gives them only with extended
// master secret (§4.2), which crypto/tls insists on itself.
func Exporter(s *tls.ConnectionState) ([]byte, bool) {
	if s.Version < tls.VersionTLS12 {
		return nil, false
	}
	data, err := s.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	return data, err == nil
}

// OwnEndPoint is EndPoint for the certificate this end presented.
func OwnEndPoint(c *tls.Certificate) ([]byte, bool) {
	if c == nil || len(c.Certificate) == 0 {
		return nil, false
	}
	leaf := c.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return nil, false
		}
	}
	return EndPoint(leaf)
}

// EndPoint returns the data of tls-server-end-point (RFC 5929 §4.1): the hash
// of the certificate by the function it is signed with, SHA-256 in place of MD5
// and SHA-1. It is not defined for signatures without a hash (Ed25519).
func EndPoint(c *x509.Certificate) ([]byte, bool) {
	var h crypto.Hash
	switch c.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		h = crypto.SHA512
	default:
		return nil, false
	}
	sum := h.New()
	sum.Write(c.Raw)
	return sum.Sum(nil), true
}
