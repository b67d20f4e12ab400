package relay

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	// nonceLifetime is how long a client may use one nonce (RFC 8489 §9.2.4).
	// A new one costs it one round trip.
	nonceLifetime = time.Hour

	nonceStamp = 3 // bytes: minutes, enough for 31 years before they repeat
	nonceSeal  = 9 // bytes of MAC
)

// nonces makes nonces that need no memory: the minute and a MAC over it and the
// client's transport address, so that a request overheard is of no use from
// anywhere else. The key lives as long as the server. Immutable.
type nonces struct {
	key []byte
}

func newNonces() nonces {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return nonces{key: key}
}

func (n nonces) issue(from netip.AddrPort, now time.Time) string {
	return n.at(from, uint32(now.Unix()/60))
}

func (n nonces) at(from netip.AddrPort, minute uint32) string {
	var raw [4 + sha256.Size]byte
	binary.BigEndian.PutUint32(raw[:4], minute&(1<<(8*nonceStamp)-1))
	mac := hmac.New(sha256.New, n.key)
	mac.Write(raw[:4])
	address := from.Addr().Unmap().As16()
	mac.Write(address[:])
	mac.Write(binary.BigEndian.AppendUint16(nil, from.Port()))
	mac.Sum(raw[:4])
	return base64.RawURLEncoding.EncodeToString(raw[4-nonceStamp : 4+nonceSeal])
}

// valid reports whether we gave this nonce to this client within its lifetime.
func (n nonces) valid(nonce string, from netip.AddrPort, now time.Time) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(raw) != nonceStamp+nonceSeal {
		return false
	}
	minute := binary.BigEndian.Uint32(append(make([]byte, 4-nonceStamp, 4), raw[:nonceStamp]...))
	age := (uint32(now.Unix()/60) - minute) & (1<<(8*nonceStamp) - 1)
	return age <= uint32(nonceLifetime/time.Minute) && hmac.Equal([]byte(nonce), []byte(n.at(from, minute)))
}
