package entitytime

import (
	"time"

	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <time/> and the name of the feature.
const NS = "urn:xmpp:time"

// Time is the answer, or with a zero UTC the question (XEP-0202 §2).
type Time struct {
	UTC    time.Time
	Offset time.Duration // local time minus UTC, whole minutes
}

// Parse reads <time/>. An answer needs both parts.
func Parse(n xmlstream.Node) (Time, error) {
	if err := wire.Expect(n, NS, "time"); err != nil {
		return Time{}, err
	}
	utc, hasUTC := n.Child(NS, "utc")
	tzo, hasTZO := n.Child(NS, "tzo")
	if !hasUTC && !hasTZO {
		return Time{}, nil
	}
	if !hasUTC || !hasTZO {
		return Time{}, wire.Bad("<time/> needs both <utc/> and <tzo/>")
	}
	moment, err := datetime.Parse(utc.InnerText())
	if err != nil {
		return Time{}, wire.Bad("<utc/>: %v", err)
	}
	offset, err := datetime.ParseOffset(tzo.InnerText())
	if err != nil {
		return Time{}, wire.Bad("<tzo/>: %v", err)
	}
	return Time{UTC: moment, Offset: offset}, nil
}

// Encode writes <time/>.
func (t Time) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "time")
	if !t.UTC.IsZero() {
		e.Leaf(NS, "tzo", datetime.FormatOffset(t.Offset))
		e.Leaf(NS, "utc", datetime.Format(t.UTC))
	}
	e.End()
}
