package quic

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"godwit/xep/icetransport"
)

// ALPN is the application protocol of the connection (RFC 7301).
const ALPN = "xmpp-direct"

// ErrFingerprint means that whoever answered is not whom the introduction named.
var ErrFingerprint = errors.New("peer/quic: the certificate is not the one the introduction named")

// identity is the key of one client start: nobody can link two starts by it,
// and it is worth nothing without an introduction that names it.
type identity struct {
	certificate tls.Certificate
	fingerprint []byte // SHA-256 of the certificate
}

func newIdentity() (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("peer/quic: making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	// Validity is not checked by anybody, since the fingerprint pins the very
	// certificate; it says nothing about this machine's clock or owner.
	template := &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 §4.1.2.5: none
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("peer/quic: making a certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	return &identity{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: sum[:],
	}, nil
}

// present is the fingerprint to put in a <transport/>.
func (id *identity) present(setup icetransport.Setup) *icetransport.Fingerprint {
	return &icetransport.Fingerprint{Hash: icetransport.SHA256, Setup: setup, Value: id.fingerprint}
}

// config is the TLS configuration of one session, for either role. Ordinary
// verification is replaced by the pin, which is stricter.
func (id *identity) config(sid string, peerFingerprint []byte) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{id.certificate},
		NextProtos:             []string{ALPN},
		MinVersion:             tls.VersionTLS13,
		ServerName:             serverName(sid),
		InsecureSkipVerify:     true,
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if state.DidResume || len(state.PeerCertificates) != 1 {
				return ErrFingerprint
			}
			sum := sha256.Sum256(state.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare(sum[:], peerFingerprint) != 1 {
				return ErrFingerprint
			}
			return nil
		},
	}
}

// serverName tells the QUIC server which session a connection is for, without
// telling an observer the session id.
func serverName(sid string) string {
	sum := sha256.Sum256([]byte(sid))
	return hex.EncodeToString(sum[:16])
}
