package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func roots(t *testing.T, path string) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	text, err := os.ReadFile(path)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	return pool
}

func ownOf(t *testing.T, data, domain string) *certificate {
	t.Helper()
	c, err := loadCertificate("", "", data, domain)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What a device trusts can vouch for this server and for nobody else, and what the server shows is what phones accept.
func TestAuthorityIsConstrained(t *testing.T) {
	data := t.TempDir()
	c := ownOf(t, data, "chat.example.org")
	ca, leaf := c.authority, c.current.Load().Leaf
	if !c.made || !ca.cert.IsCA || leaf.IsCA || !ca.cert.PermittedDNSDomainsCritical || leaf.NotAfter.Sub(leaf.NotBefore) > 825*24*time.Hour {
		t.Errorf("%+v", leaf)
	}
	for file, mode := range map[string]os.FileMode{"ca-key.pem": 0o600, "key.pem": 0o600, "ca.pem": 0o644, "cert.pem": 0o644} {
		if info, err := os.Stat(filepath.Join(data, file)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v", file, err)
		}
	}
	pool := roots(t, filepath.Join(data, "ca.pem"))
	names, addresses := ownNames("chat.example.org")
	for _, ip := range addresses {
		names = append(names, ip.String())
	}
	for _, name := range append(names, "127.0.0.1", "::1", "localhost") {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Whoever steals the key of the authority gets no further.
	thief := &authority{&x509.Certificate{}, ca.key}
	*thief.cert = *ca.cert
	thief.cert.PermittedDNSDomains, thief.cert.PermittedIPRanges = nil, nil
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, addr := range map[string]string{"bank.example": "127.0.0.1", "localhost": "8.8.8.8"} {
		der, err := thief.issue(key, []string{name}, []netip.Addr{netip.MustParseAddr(addr)}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		forged, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := forged.Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err == nil {
			t.Errorf("%s, %s: believed", name, addr)
		}
	}
	// And the authority does not try.
	der, err := ca.issue(key, []string{"localhost", "bank.example"}, []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("192.168.7.7")}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if cert, _ := x509.ParseCertificate(der); strings.Join(cert.DNSNames, " ") != "localhost" || len(cert.IPAddresses) != 1 {
		t.Errorf("%v %v", cert.DNSNames, cert.IPAddresses)
	}
}

// A renewal changes nothing for who trusts the authority, and the addresses of before stay for a while.
func TestRenewal(t *testing.T) {
	data := t.TempDir()
	c := ownOf(t, data, "localhost")
	first := c.current.Load()
	if renewed, err := c.renew(time.Now()); renewed || err != nil {
		t.Fatal(renewed, err)
	}
	if renewed, err := c.renew(first.Leaf.NotAfter.Add(-renewBefore / 2)); !renewed || err != nil {
		t.Fatal(renewed, err)
	}
	second := c.current.Load()
	if !second.Leaf.NotAfter.After(first.Leaf.NotAfter) || !first.Leaf.PublicKey.(*ecdsa.PublicKey).Equal(second.Leaf.PublicKey) {
		t.Error("not renewed, or by another key")
	}
	if again := ownOf(t, data, "localhost"); again.made || !again.current.Load().Leaf.Equal(second.Leaf) {
		t.Error("something else after a restart")
	}
	// The machine had an address that it has no more.
	names, addresses := ownNames("localhost")
	der, err := c.authority.issue(second.PrivateKey.(*ecdsa.PrivateKey), names, append([]netip.Addr{netip.MustParseAddr("10.9.8.7")}, addresses[:1]...), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(c.cert, append(pemOf(der), pemOf(c.authority.cert.Raw)...), 0o644); err != nil {
		t.Fatal(err)
	}
	third := ownOf(t, data, "localhost").current.Load().Leaf
	for _, address := range []string{"10.9.8.7", "::1"} {
		if _, err := third.Verify(x509.VerifyOptions{DNSName: address, Roots: roots(t, filepath.Join(data, "ca.pem"))}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	// What can not be used is made anew, by the same authority.
	if err := os.WriteFile(c.key, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if mended := ownOf(t, data, "localhost"); mended.made || mended.current.Load().Leaf.CheckSignatureFrom(c.authority.cert) != nil {
		t.Error("not mended")
	}
}

// Clients that were given the certificate of an earlier version go on with it.
func TestEarlierCertificateBecomesTheAuthority(t *testing.T) {
	data := t.TempDir()
	cert, key := filepath.Join(data, "cert.pem"), filepath.Join(data, "key.pem")
	if err := makeCertificate(cert, key, "localhost"); err != nil {
		t.Fatal(err)
	}
	given := roots(t, cert)
	c := ownOf(t, data, "localhost")
	leaf := c.current.Load().Leaf
	if c.made || leaf.IsCA {
		t.Error("it is shown still, or another took its place")
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: given}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if other := ownOf(t, data, "elsewhere.example"); other.current.Load().Leaf.VerifyHostname("elsewhere.example") != nil {
		t.Error("not for the new domain")
	}
	data = t.TempDir()
	if err := makeCertificate(filepath.Join(data, "cert.pem"), filepath.Join(data, "key.pem"), "localhost"); err != nil {
		t.Fatal(err)
	}
	if c := ownOf(t, data, "chat.example.org"); !c.made || len(c.authority.cert.PermittedDNSDomains) == 0 {
		t.Error("the certificate of another domain became the authority")
	}
}

func TestNewAuthorityForANewDomain(t *testing.T) {
	data := t.TempDir()
	first := ownOf(t, data, "chat.example.org")
	second := ownOf(t, data, "other.example")
	if !second.made || second.authority.cert.Equal(first.authority.cert) || !second.covers("other.example", time.Now()) {
		t.Error("the old one goes on")
	}
	broken := t.TempDir()
	ownOf(t, broken, "localhost")
	if err := os.WriteFile(filepath.Join(broken, "ca.pem"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadCertificate("", "", broken, "localhost"); err == nil {
		t.Error("an authority that others trust was replaced without a word")
	}
}

func TestDomainThatIsAnAddress(t *testing.T) {
	for _, domain := range []string{"203.0.113.5", "[2001:db8::5]"} {
		c := ownOf(t, t.TempDir(), domain)
		if !c.covers(domain, time.Now()) {
			t.Errorf("%s: %v", domain, c.current.Load().Leaf.IPAddresses)
		}
	}
}
