package sasl

import (
	"encoding/base64"
	"slices"
	"strings"
)

// BindingType is the registered prefix of a channel-binding type.
type BindingType string

// The channel-binding types of this package.
const (
	TLSExporter       BindingType = "tls-exporter"         // RFC 9266
	TLSServerEndPoint BindingType = "tls-server-end-point" // RFC 5929 §4
)

// bindingPreference lists the types, strongest first: the exporter also detects a stolen certificate key.
var bindingPreference = []BindingType{TLSExporter, TLSServerEndPoint}

// ChannelBinding returns the data that this connection has for a binding type, and false where it has none. A nil
// ChannelBinding means that the connection cannot be bound.
type ChannelBinding func(kind string) ([]byte, bool)

func (cb ChannelBinding) data(t BindingType) ([]byte, bool) {
	if cb == nil {
		return nil, false
	}
	d, ok := cb(string(t))
	return d, ok && len(d) > 0
}

// available returns the types this connection has data for, strongest first.
func (cb ChannelBinding) available() []BindingType {
	var types []BindingType
	for _, t := range bindingPreference {
		if _, ok := cb.data(t); ok {
			types = append(types, t)
		}
	}
	return types
}

// Offer is what the server announced on a stream: the mechanisms of the profile in use (SASL1 or SASL2, unknown
// ones included) and the channel-binding types of XEP-0440, nil where it announced none. Both ends must hold the
// same offer, or the hash of XEP-0474 differs and the exchange fails.
type Offer struct {
	Mechanisms []Mechanism
	Bindings   []BindingType
}

// NewOffer returns what a server should announce on a connection: every SCRAM mechanism, with -PLUS where the
// connection can be bound, and PLAIN only when asked for. Ask for it only inside TLS.
func NewOffer(cb ChannelBinding, plain bool) Offer {
	o := Offer{Bindings: cb.available()}
	for _, m := range known {
		if (m.Plus() && len(o.Bindings) == 0) || (m == Plain && !plain) {
			continue
		}
		o.Mechanisms = append(o.Mechanisms, m)
	}
	return o
}

// Has reports whether the mechanism was announced.
func (o Offer) Has(m Mechanism) bool { return slices.Contains(o.Mechanisms, m) }

// plus reports whether any mechanism with channel binding was announced.
func (o Offer) plus() bool { return slices.ContainsFunc(o.Mechanisms, Mechanism.Plus) }

// downgradeHash returns the value of the attribute "h" (XEP-0474 0.5 §5.1): the hash, in base64, over the sorted
// names with the delimiters 0x1E within and 0x1F between the two lists.
func (o Offer) downgradeHash(h Hash) string {
	s := joinSorted(o.Mechanisms)
	if len(o.Bindings) > 0 {
		s += "\x1f" + joinSorted(o.Bindings)
	}
	sum := h.maker()()
	sum.Write([]byte(s))
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

func joinSorted[T ~string](names []T) string {
	sorted := make([]string, len(names))
	for i, n := range names {
		sorted[i] = string(n)
	}
	slices.Sort(sorted)
	return strings.Join(sorted, "\x1e")
}
