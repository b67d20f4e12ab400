package tcp

import (
	"crypto"
	_ "crypto/sha256" // the hashes a certificate may be signed with
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
)

// exporter returns the data of tls-exporter (RFC 9266 §2): 32 bytes exported
// with that label and an empty context. TLS 1.2 gives them only with extended
// master secret (§4.2), which crypto/tls insists on itself.
func exporter(s *tls.ConnectionState) ([]byte, bool) {
	if s.Version < tls.VersionTLS12 {
		return nil, false
	}
	data, err := s.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	return data, err == nil
}

// ownEndPoint is endPoint for the certificate this end presented.
func ownEndPoint(c *tls.Certificate) ([]byte, bool) {
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
	return endPoint(leaf)
}

// endPoint returns the data of tls-server-end-point (RFC 5929 §4.1): the hash
// of the certificate by the function it is signed with, SHA-256 in place of MD5
// and SHA-1. It is not defined for signatures without a hash (Ed25519).
func endPoint(c *x509.Certificate) ([]byte, bool) {
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
