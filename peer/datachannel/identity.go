package datachannel

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"godwit/xep/icetransport"

	"github.com/pion/webrtc/v4"
)

// identity is the key of one client start: nobody can link two starts by it,
// and it is worth nothing without an introduction that names it.
type identity struct {
	certificate webrtc.Certificate
	fingerprint []byte // SHA-256 of the certificate
}

func newIdentity() (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("peer/datachannel: making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	// The fingerprint pins the very certificate, so what it says beside the key is
	// looked at by nobody; but some implementations refuse one that has expired.
	template := &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("peer/datachannel: making a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	return &identity{webrtc.CertificateFromX509(key, certificate), sum[:]}, nil
}

// present is the <fingerprint/> that names this identity.
func (i *identity) present(setup icetransport.Setup) *icetransport.Fingerprint {
	return &icetransport.Fingerprint{Hash: icetransport.SHA256, Setup: setup, Value: i.fingerprint}
}

// pinned is what DTLS must find at the other end.
func pinned(f *icetransport.Fingerprint, role webrtc.DTLSRole) webrtc.DTLSParameters {
	octets := make([]string, len(f.Value))
	for i, octet := range f.Value {
		octets[i] = hex.EncodeToString([]byte{octet})
	}
	return webrtc.DTLSParameters{Role: role, Fingerprints: []webrtc.DTLSFingerprint{
		{Algorithm: f.Hash, Value: strings.Join(octets, ":")},
	}}
}
