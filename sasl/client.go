package sasl

import (
	"fmt"
	"slices"

	"godwit/jid"
)

// ClientConfig is what the client's end of an exchange needs to know.
type ClientConfig struct {
	// Username is the local part of the account's address; Domain its domain.
	Username, Domain string
	// Password is the password as the user typed it.
	Password string
	// AuthzID is normally empty; else it must be the bare address of the account.
	AuthzID string
	// Offer is exactly what the server announced in the profile in use.
	Offer Offer
	// SASL2 says that the profile is XEP-0388, for which XEP-0440 has stricter rules.
	SASL2 bool
	// ChannelBinding is the connection's; nil where the connection cannot be bound.
	ChannelBinding ChannelBinding
	// AllowPlain permits PLAIN when nothing better was announced. Set it only inside TLS, and no more once the server
	// is known to do SCRAM (XEP-0474 §6).
	AllowPlain bool
	// AtLeast, if not empty, is the weakest mechanism to accept: anything weaker is ErrDowngrade.
	AtLeast Mechanism
}

// gs2 is the client's statement about channel binding (RFC 5802 §7, gs2-cbind-flag).
type gs2 struct {
	flag    byte // 'p': bound with kind; 'y': could bind, but nothing was announced; 'n': cannot bind
	kind    BindingType
	data    []byte
	hashDue bool // the offer is believable only if the server confirms it with the hash of XEP-0474
}

// NewClient chooses the strongest mechanism of the offer that is known and allowed here, and begins the client's end
// of its exchange. The error is ErrNoMechanism, ErrDowngrade, or says what is wrong with the user name.
func NewClient(cfg ClientConfig) (Client, error) {
	self, err := jid.New(cfg.Username, cfg.Domain, "")
	if err != nil {
		return nil, fmt.Errorf("sasl: the account's address: %w", err)
	}
	if self.Local() == "" {
		return nil, fmt.Errorf("sasl: the account's address has no local part")
	}
	cfg.Username = self.Local()
	if cfg.AuthzID != "" {
		if asked, err := jid.Parse(cfg.AuthzID); err != nil || asked != self {
			return nil, fail(InvalidAuthzid, "the authorization identity is not the account's own address")
		}
		cfg.AuthzID = self.String()
	}
	if cfg.AtLeast != "" && !cfg.AtLeast.Known() {
		return nil, fmt.Errorf("sasl: the required mechanism %q is unknown", cfg.AtLeast)
	}
	mechanism, binding, err := choose(cfg.Offer, cfg.ChannelBinding, cfg.SASL2, cfg.AllowPlain)
	if err != nil {
		return nil, err
	}
	if mechanism.Strength() < cfg.AtLeast.Strength() {
		return nil, fmt.Errorf("%w: %s is offered at best, %s is required", ErrDowngrade, mechanism, cfg.AtLeast)
	}
	if mechanism == Plain {
		return &plainClient{cfg: &cfg}, nil
	}
	return &scramClient{cfg: &cfg, mechanism: mechanism, hash: mechanism.Hash(), gs2: binding, nonce: newNonce}, nil
}

// choose picks mechanism and channel binding. Pure; the numbers are the rules of XEP-0440 §3.
func choose(o Offer, cb ChannelBinding, sasl2, plain bool) (Mechanism, gs2, error) {
	binding, err := chooseBinding(o, cb, sasl2)
	if err != nil {
		return "", gs2{}, err
	}
	for _, m := range known { // strongest first
		switch {
		case !o.Has(m), m == Plain && !plain, m.Plus() && binding.flag != 'p':
			continue
		case !m.Plus() && binding.flag == 'p':
			// Only mechanisms with unknown hashes are announced with -PLUS, or somebody renamed those that were.
			binding = gs2{flag: 'n', hashDue: true}
		}
		return m, binding, nil
	}
	return "", gs2{}, ErrNoMechanism
}

func chooseBinding(o Offer, cb ChannelBinding, sasl2 bool) (gs2, error) {
	mine := cb.available()
	switch {
	case !o.plus() && len(o.Bindings) > 0:
		// Rule 5: types without a mechanism that could use them. Somebody took the mechanisms away.
		return gs2{}, fmt.Errorf("%w: channel-binding types without mechanisms", ErrDowngrade)
	case o.plus() && len(o.Bindings) == 0 && sasl2:
		// Rule 4: mechanisms without types.
		return gs2{}, fmt.Errorf("%w: -PLUS mechanisms without channel-binding types", ErrDowngrade)
	case len(mine) == 0:
		return gs2{flag: 'n'}, nil // rule 2
	case !o.plus():
		return gs2{flag: 'y'}, nil // rule 3
	case len(o.Bindings) == 0:
		// SASL1 before XEP-0440: rule 4 lets us try a type. The one that is mandatory there is the likeliest to be known.
		t := mine[len(mine)-1]
		d, _ := cb.data(t)
		return gs2{flag: 'p', kind: t, data: d}, nil
	}
	for _, t := range mine { // rule 7: strongest first
		if slices.Contains(o.Bindings, t) {
			d, _ := cb.data(t)
			return gs2{flag: 'p', kind: t, data: d}, nil
		}
	}
	// Rule 6, as XEP-0474 §6 amends it: a list with nothing for us is believed only if the server confirms it. We ask
	// that even when the mandatory type is on it, for that name too can be the work of somebody in between.
	return gs2{flag: 'n', hashDue: true}, nil
}
