package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
)

const (
	// MinIterations is the least count of hashing rounds accepted by either end (RFC 7677 §4).
	MinIterations = 4096
	// MaxIterations is the most: a hostile server could otherwise keep a client busy for hours.
	MaxIterations = 1_000_000
	// DefaultIterations is the count for new credentials.
	DefaultIterations = 10_000

	// MaxPassword is the most a password may have, in bytes.
	MaxPassword = 1023

	saltSize = 16
)

// Credentials is what a server stores of a password for one hash (RFC 5802 §3). It suffices to check a proof, not
// to make one; still, keep it secret, for the password can be guessed from it.
type Credentials struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// Valid reports whether the credentials are whole for the hash.
func (c Credentials) Valid(h Hash) bool {
	return h.maker() != nil && len(c.Salt) > 0 && c.Iterations >= MinIterations && c.Iterations <= MaxIterations &&
		len(c.StoredKey) == h.size() && len(c.ServerKey) == h.size()
}

// Derive computes the credentials of a password (RFC 5802 §3), which it prepares first. It takes time in proportion
// to iterations. A password that cannot be used is ErrPassword; iterations out of bounds are ErrIterations.
func Derive(h Hash, password string, salt []byte, iterations int) (Credentials, error) {
	prepared, err := preparePassword(password)
	if err != nil {
		return Credentials{}, err
	}
	keys, err := deriveKeys(h, prepared, salt, iterations)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{
		Salt: append([]byte(nil), salt...), Iterations: iterations, StoredKey: keys.stored, ServerKey: keys.server,
	}, nil
}

// NewCredentials derives credentials for every hash, each with its own random salt and DefaultIterations. It is
// what a server stores when a password is set. A password that cannot be used is ErrPassword.
func NewCredentials(password string) (map[Hash]Credentials, error) {
	all := make(map[Hash]Credentials, len(Hashes()))
	for _, h := range Hashes() {
		salt := make([]byte, saltSize)
		rand.Read(salt) // never fails: crypto/rand ends the process rather than return weak bytes
		c, err := Derive(h, password, salt, DefaultIterations)
		if err != nil {
			return nil, err
		}
		all[h] = c
	}
	return all, nil
}

// Matches reports whether the credentials, one of which suffices, are of a password. It takes time in proportion to their iterations, and the
// same whether they match or not.
func Matches(all map[Hash]Credentials, password string) bool {
	prepared, err := preparePassword(password)
	if err != nil {
		return false
	}
	for _, h := range Hashes() {
		if c, ok := all[h]; ok && c.Valid(h) {
			k, err := deriveKeys(h, prepared, c.Salt, c.Iterations)
			return err == nil && hmac.Equal(k.stored, c.StoredKey)
		}
	}
	return false
}

// keys are the values of RFC 5802 §3 for one password, salt and count.
type keys struct{ client, stored, server []byte }

func deriveKeys(h Hash, prepared string, salt []byte, iterations int) (keys, error) {
	mk := h.maker()
	if mk == nil {
		return keys{}, fmt.Errorf("sasl: unknown hash %q", h)
	}
	if iterations < MinIterations || iterations > MaxIterations {
		return keys{}, fmt.Errorf("%w: %d is not within %d and %d", ErrIterations, iterations, MinIterations, MaxIterations)
	}
	if len(salt) == 0 {
		return keys{}, fmt.Errorf("sasl: the salt is empty")
	}
	salted, err := pbkdf2.Key(mk, prepared, salt, iterations, h.size())
	if err != nil {
		return keys{}, fmt.Errorf("sasl: deriving keys: %w", err)
	}
	client := mac(h, salted, "Client Key")
	return keys{client: client, stored: digest(h, client), server: mac(h, salted, "Server Key")}, nil
}

func mac(h Hash, key []byte, text string) []byte {
	m := hmac.New(h.maker(), key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func digest(h Hash, data []byte) []byte {
	d := h.maker()()
	d.Write(data)
	return d.Sum(nil)
}

// passwordProfile is SASLprep (RFC 4013) as used for queries: code points that Unicode 3.2 did not know, such as
// emoji, pass. PRECIS (RFC 8265) would keep compatibility characters apart and so disagree with deployed software.
var passwordProfile = stringprep.Profile{
	Mappings:  stringprep.SASLprep.Mappings,
	Normalize: true,
	Prohibits: []stringprep.Set{
		stringprep.TableC1_2, stringprep.TableC2_1, stringprep.TableC2_2, stringprep.TableC3, stringprep.TableC4,
		stringprep.TableC5, stringprep.TableC6, stringprep.TableC7, stringprep.TableC8, stringprep.TableC9,
	},
	CheckBiDi: true,
}

func preparePassword(password string) (string, error) {
	if len(password) > MaxPassword {
		return "", fmt.Errorf("%w: it is longer than %d bytes", ErrPassword, MaxPassword)
	}
	if !utf8.ValidString(password) {
		return "", fmt.Errorf("%w: it is not UTF-8", ErrPassword)
	}
	prepared, err := passwordProfile.Prepare(password)
	if err != nil {
		// The library's text names the offending character; a password is no matter for logs.
		return "", fmt.Errorf("%w: it holds a character, or a mix of writing directions, that SASLprep forbids", ErrPassword)
	}
	if prepared == "" {
		return "", fmt.Errorf("%w: it is empty", ErrPassword)
	}
	return prepared, nil
}

// decoy returns credentials for an account that does not exist: stable for a name, as a real account's are, and
// matched by no password.
func decoy(secret []byte, h Hash, username string, iterations int) Credentials {
	part := func(label string, n int) []byte {
		m := hmac.New(sha256.New, secret)
		fmt.Fprintf(m, "%s\x00%s\x00%s", label, h, username)
		out := m.Sum(nil)
		for len(out) < n {
			m.Reset()
			m.Write(out)
			out = m.Sum(out)
		}
		return out[:n]
	}
	return Credentials{
		Salt: part("salt", saltSize), Iterations: iterations,
		StoredKey: part("stored", h.size()), ServerKey: part("server", h.size()),
	}
}
