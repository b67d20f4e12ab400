package store

import "context"

// Sizes of secrets. Those made by Ensure have at least MinSecretBytes.
const (
	MinSecretBytes = 16
	MaxSecretBytes = 4096
)

// Secrets keeps a few small server-wide secrets (the key that makes up salts for unknown users, …) by name.
type Secrets interface {
	// Ensure returns the secret of that name; if there is none it makes one of size random bytes
	// (MinSecretBytes to MaxSecretBytes) first. Of several processes that do so at once all get the same secret.
	Ensure(ctx context.Context, name string, size int) ([]byte, error)
	// Get returns a secret, or ErrNotFound.
	Get(ctx context.Context, name string) ([]byte, error)
	// Put sets or replaces a secret.
	Put(ctx context.Context, name string, value []byte) error
}
