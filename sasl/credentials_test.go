package sasl

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestPasswordPreparation(t *testing.T) {
	for _, tc := range []struct{ why, in, want string }{
		{"RFC 4013 example 1: soft hyphen goes", "I\u00adX", "IX"},
		{"RFC 4013 example 2", "user", "user"},
		{"RFC 4013 example 3: case stays", "USER", "USER"},
		{"RFC 4013 example 4: compatibility forms fold", "ª", "a"},
		{"RFC 4013 example 5", "Ⅸ", "IX"},
		{"strange spaces become a space", "a\u00a0b", "a b"},
		{"emoji, unknown to Unicode 3.2", "🔑key", "🔑key"},
	} {
		if got, err := preparePassword(tc.in); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v", tc.why, got, err)
		}
	}
	for _, tc := range []struct{ why, in string }{
		{"empty", ""},
		{"empty once prepared", "\u00ad"},
		{"RFC 4013 example 6: control character", "\x07"},
		{"NUL", "a\x00b"},
		{"RFC 4013 example 7: mixed directions", "\u06271"},
		{"bad UTF-8", "a\xff"},
		{"too long", strings.Repeat("x", MaxPassword+1)},
	} {
		if _, err := preparePassword(tc.in); !errors.Is(err, ErrPassword) {
			t.Errorf("%s: %v", tc.why, err)
		} else if tc.in != "" && len(tc.in) < 4 && strings.Contains(err.Error(), tc.in) {
			t.Errorf("%s: the error shows the password", tc.why)
		}
	}
}

func TestNewCredentials(t *testing.T) {
	one, err := NewCredentials("pencil")
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewCredentials("pencil")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range Hashes() {
		if !one[h].Valid(h) || one[h].Iterations != DefaultIterations || len(one[h].Salt) != saltSize {
			t.Errorf("%s: %+v", h, one[h])
		}
		if bytes.Equal(one[h].Salt, two[h].Salt) || bytes.Equal(one[h].StoredKey, two[h].StoredKey) {
			t.Errorf("%s: two accounts share a salt", h)
		}
		if again, err := Derive(h, "pencil", one[h].Salt, one[h].Iterations); err != nil || !bytes.Equal(again.StoredKey, one[h].StoredKey) {
			t.Errorf("%s: not the same again: %v", h, err)
		}
	}
	if _, err := NewCredentials(""); !errors.Is(err, ErrPassword) {
		t.Errorf("empty password: %v", err)
	}
}

func TestDeriveRefuses(t *testing.T) {
	for _, i := range []int{-1, 0, MinIterations - 1, MaxIterations + 1} {
		if _, err := Derive(SHA256, "x", []byte("salt"), i); !errors.Is(err, ErrIterations) {
			t.Errorf("%d iterations: %v", i, err)
		}
	}
	if _, err := Derive("MD5", "x", []byte("salt"), MinIterations); err == nil {
		t.Error("unknown hash accepted")
	}
	if _, err := Derive(SHA256, "x", nil, MinIterations); err == nil {
		t.Error("empty salt accepted")
	}
	salt := []byte("salt")
	c, err := Derive(SHA256, "x", salt, MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	if salt[0] = 'X'; string(c.Salt) != "salt" {
		t.Error("the credentials share the caller's salt")
	}
}

func TestErrorMatches(t *testing.T) {
	err := error(&Error{Condition: NotAuthorized, Detail: "why", Cause: errors.New("cause")})
	if !errors.Is(err, &Error{Condition: NotAuthorized}) || errors.Is(err, &Error{Condition: Aborted}) {
		t.Error("errors.Is does not match on the condition")
	}
	if err.Error() != "sasl: not-authorized: why: cause" {
		t.Error(err)
	}
}
