package last

import (
	"math"
	"strconv"
	"time"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <query/> and the name of the feature.
const NS = "jabber:iq:last"

// longest is the most whole seconds a time.Duration holds.
const longest = uint64(math.MaxInt64 / int64(time.Second))

// Activity is the answer, or without Known the question. What Ago counts from
// depends on who was asked (XEP-0012 §3): a contact's log-out, a client's
// idleness, or a server's start.
type Activity struct {
	Known  bool
	Ago    time.Duration // whole seconds
	Status string        // last words of an absent contact
}

// Parse reads <query/>. More seconds than a Duration holds mean the most it
// holds.
func Parse(n xmlstream.Node) (Activity, error) {
	if err := wire.Expect(n, NS, "query"); err != nil {
		return Activity{}, err
	}
	v, known := n.LookupAttr("", "seconds")
	if !known {
		return Activity{}, nil
	}
	s, ok := wire.Saturate(v, longest)
	if !ok {
		return Activity{}, wire.Bad("'seconds' is not a number: %s", wire.Quote(v))
	}
	return Activity{Known: true, Ago: time.Duration(s) * time.Second, Status: n.InnerText()}, nil
}

// Encode writes <query/>.
func (a Activity) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "query")
	if a.Known {
		e.Attr("seconds", strconv.FormatInt(max(0, int64(a.Ago/time.Second)), 10))
		e.Text(a.Status)
	}
	e.End()
}
