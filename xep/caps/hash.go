package caps

import (
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"godwit/xep/dataform"
	"godwit/xep/disco"
)

// Names of hash functions (XEP-0300).
const (
	SHA1   = "sha-1" // the one every implementation has
	SHA256 = "sha-256"
	SHA512 = "sha-512"
)

// Errors of [Compute] and [Verify]; after any of them the answer holds for
// the one entity that was asked and for nobody else (XEP-0115 §5.4).
var (
	ErrLegacy      = errors.New("capabilities are in the legacy format without a hash")
	ErrUnknownHash = errors.New("capabilities use a hash function that is not supported")
	ErrIllFormed   = errors.New("capabilities are ill-formed")
	ErrMismatch    = errors.New("capabilities do not match their hash")
)

// Compute returns the verification string of info (XEP-0115 §5.1).
func Compute(info disco.Info, hash string) (string, error) {
	s, err := factors(info)
	if err != nil {
		return "", err
	}
	var sum []byte
	switch hash {
	case SHA1:
		v := sha1.Sum(s)
		sum = v[:]
	case SHA256:
		v := sha256.Sum256(s)
		sum = v[:]
	case SHA512:
		v := sha512.Sum512(s)
		sum = v[:]
	default:
		return "", fmt.Errorf("%w: %q", ErrUnknownHash, hash)
	}
	return base64.StdEncoding.EncodeToString(sum), nil
}

// Verify checks an answer to disco#info against the hash that was announced
// (XEP-0115 §5.4). Only after nil may the answer be cached for everybody who
// announces the same hash.
func Verify(c Caps, info disco.Info) error {
	if c.Legacy() {
		return ErrLegacy
	}
	ver, err := Compute(info, c.Hash)
	if err != nil {
		return err
	}
	if ver != c.Ver {
		return ErrMismatch
	}
	return nil
}

// factors builds the string that is hashed.
func factors(info disco.Info) ([]byte, error) {
	var b builder
	if err := b.identities(info.Identities); err != nil {
		return nil, err
	}
	if err := b.features(info.Features); err != nil {
		return nil, err
	}
	if err := b.forms(info.Forms); err != nil {
		return nil, err
	}
	return b.s, nil
}

type builder struct{ s []byte }

func (b *builder) add(part string) error {
	if strings.Contains(part, "<") {
		return fmt.Errorf("%w: a part holds '<'", ErrIllFormed)
	}
	b.s = append(b.s, part...)
	b.s = append(b.s, '<')
	return nil
}

func (b *builder) identities(list []disco.Identity) error {
	if len(list) == 0 {
		return fmt.Errorf("%w: no identity", ErrIllFormed)
	}
	ids := slices.Clone(list)
	slices.SortFunc(ids, func(x, y disco.Identity) int {
		return cmp.Or(cmp.Compare(x.Category, y.Category), cmp.Compare(x.Type, y.Type),
			cmp.Compare(x.Lang, y.Lang), cmp.Compare(x.Name, y.Name))
	})
	for i, id := range ids {
		if id.Category == "" || id.Type == "" {
			return fmt.Errorf("%w: an identity lacks its category or type", ErrIllFormed)
		}
		if strings.ContainsRune(id.Category+id.Type+id.Lang, '/') {
			return fmt.Errorf("%w: an identity holds '/'", ErrIllFormed)
		}
		if i > 0 && id == ids[i-1] {
			return fmt.Errorf("%w: an identity is there twice", ErrIllFormed)
		}
		if err := b.add(id.Category + "/" + id.Type + "/" + id.Lang + "/" + id.Name); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) features(list []string) error {
	features := slices.Clone(list)
	slices.Sort(features)
	for i, f := range features {
		if i > 0 && f == features[i-1] {
			return fmt.Errorf("%w: a feature is there twice", ErrIllFormed)
		}
		if err := b.add(f); err != nil {
			return err
		}
	}
	return nil
}

type typedForm struct {
	kind   string
	fields []dataform.Field
}

func (b *builder) forms(list []dataform.Form) error {
	var forms []typedForm
	for _, f := range list {
		kind, ok := f.Field(dataform.FormTypeVar)
		if !ok || kind.Type != dataform.Hidden || len(kind.Values) == 0 {
			continue // ignored, and what else is there still counts
		}
		for _, v := range kind.Values {
			if v != kind.Values[0] {
				return fmt.Errorf("%w: a form has two types", ErrIllFormed)
			}
		}
		forms = append(forms, typedForm{kind.Values[0], f.Fields})
	}
	slices.SortFunc(forms, func(x, y typedForm) int { return cmp.Compare(x.kind, y.kind) })
	for i, f := range forms {
		if i > 0 && f.kind == forms[i-1].kind {
			return fmt.Errorf("%w: two forms have the same type", ErrIllFormed)
		}
		if err := b.form(f); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) form(f typedForm) error {
	if err := b.add(f.kind); err != nil {
		return err
	}
	fields := slices.Clone(f.fields)
	slices.SortFunc(fields, func(x, y dataform.Field) int { return cmp.Compare(x.Var, y.Var) })
	for i, field := range fields {
		if i > 0 && field.Var == fields[i-1].Var {
			return fmt.Errorf("%w: a form has a field twice", ErrIllFormed)
		}
		if field.Var == dataform.FormTypeVar {
			continue
		}
		if err := b.add(field.Var); err != nil {
			return err
		}
		values := slices.Clone(field.Values)
		slices.Sort(values)
		for _, v := range values {
			if err := b.add(v); err != nil {
				return err
			}
		}
	}
	return nil
}
