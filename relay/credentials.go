package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

const (
	// MinSecret is the least length of Config.Secret, in bytes.
	MinSecret = 16

	// maxUsername bounds USERNAME (RFC 8489 §14.3).
	maxUsername = 508
	// maxSealed is the longest account name that fits into a user name sealed;
	// of a longer one its hash is carried.
	maxSealed = 320

	sealSize = aes.BlockSize
)

// keys make and check the credentials. They are derived from the server's
// secret, so every process with the same secret knows the same users, and
// nothing needs to be stored. Immutable.
type keys struct {
	seal     []byte       // authenticates and separates user names
	cover    cipher.Block // hides the account in them
	password []byte
}

func newKeys(secret []byte) (*keys, error) {
	derive := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, secret, nil, "godwit relay credentials: "+purpose, sha256.Size)
	}
	k := new(keys)
	var cover []byte
	var err error
	if k.seal, err = derive("seal"); err != nil {
		return nil, err
	}
	if cover, err = derive("cover"); err != nil {
		return nil, err
	}
	if k.cover, err = aes.NewCipher(cover); err != nil {
		return nil, err
	}
	if k.password, err = derive("password"); err != nil {
		return nil, err
	}
	return k, nil
}

// username is EXPIRY:SEALED. EXPIRY is the Unix time in seconds at which the
// credentials end, as deployed servers write it; SEALED carries the account,
// encrypted with a synthetic initial vector over both, so that the server gets
// it back without a table, nobody else reads it, no name can be made without
// the secret, and two sets of credentials do not show that they are of one user.
func (k *keys) username(account string, expires time.Time) string {
	account = nameOf(account)
	stamp := strconv.FormatInt(expires.Unix(), 10)
	sealed := make([]byte, sealSize+len(account))
	vector := k.vector(stamp, account)
	copy(sealed, vector)
	cipher.NewCTR(k.cover, vector).XORKeyStream(sealed[sealSize:], []byte(account))
	return stamp + ":" + base64.RawURLEncoding.EncodeToString(sealed)
}

// nameOf is the account as credentials carry it.
func nameOf(account string) string {
	if len(account) <= maxSealed {
		return account
	}
	sum := sha256.Sum256([]byte(account))
	return "#" + base64.RawURLEncoding.EncodeToString(sum[:])
}

func (k *keys) vector(stamp, account string) []byte {
	mac := hmac.New(sha256.New, k.seal)
	mac.Write([]byte(stamp))
	mac.Write([]byte{':'})
	mac.Write([]byte(account))
	return mac.Sum(nil)[:sealSize]
}

// open gets the account and the expiry out of a user name. It fails for names
// that were not made with this secret.
func (k *keys) open(username string) (account string, expires time.Time, ok bool) {
	if len(username) > maxUsername {
		return "", time.Time{}, false
	}
	stamp, text, found := strings.Cut(username, ":")
	if !found {
		return "", time.Time{}, false
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "", time.Time{}, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < sealSize {
		return "", time.Time{}, false
	}
	plain := make([]byte, len(sealed)-sealSize)
	cipher.NewCTR(k.cover, sealed[:sealSize]).XORKeyStream(plain, sealed[sealSize:])
	account = string(plain)
	if !hmac.Equal(sealed[:sealSize], k.vector(stamp, account)) {
		return "", time.Time{}, false
	}
	return account, time.Unix(seconds, 0), true
}

// secretOf is the password of a user name: the MAC of it in base64.
func (k *keys) secretOf(username string) string {
	mac := hmac.New(sha256.New, k.password)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// longTermKey is the key of MESSAGE-INTEGRITY (RFC 8489 §9.2.2). MD5 is what the
// standard says; the password it hashes has 256 bits.
func (k *keys) longTermKey(username, realm string) []byte {
	sum := md5.Sum([]byte(username + ":" + realm + ":" + k.secretOf(username)))
	return sum[:]
}

// Credentials makes the user name and password with which the account may use
// the relay from now until expires (Config.CredentialLifetime). They are the
// long-term credentials of RFC 8489 §9.2 and are not stored anywhere. Without
// Config.Secret all results are zero. Safe for concurrent use.
func (s *Server) Credentials(account string, now time.Time) (username, password string, expires time.Time) {
	if s.keys == nil {
		return "", "", time.Time{}
	}
	expires = now.Add(s.config.CredentialLifetime).Truncate(time.Second)
	if s.revoked(nameOf(account), expires) { // made within a second of that
		expires = expires.Add(time.Second)
	}
	username = s.keys.username(account, expires)
	return username, s.keys.secretOf(username), expires
}
