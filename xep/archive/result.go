package archive

import (
	"time"

	"godwit/xep/datetime"
	"godwit/xep/forward"
	"godwit/xep/internal/wire"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

// Result is one archived message, sent inside a message (XEP-0313 §4.2). A
// receiver must check that it asked: that the sender is the archive and
// QueryID belongs to an open query (§8.2).
type Result struct {
	QueryID   string
	ID        string // the message's id in the archive; required
	Forwarded forward.Forwarded
}

// Fin ends a page (XEP-0313 §4.3).
type Fin struct {
	Complete bool // nothing beyond this page in that direction
	Unstable bool // stable='false': the same query may answer differently later
	Page     rsm.Result
}

// Mark is a message at one end of an archive.
type Mark struct {
	ID   string
	Time time.Time
}

// Metadata tells the ends of an archive (XEP-0313 §5); both are zero for an
// empty one and in a request.
type Metadata struct{ Start, End Mark }

// Empty reports whether there are no ends.
func (m Metadata) Empty() bool { return m.Start.ID == "" }

// ParseResult reads <result/>.
func ParseResult(n xmlstream.Node) (Result, error) {
	if err := wire.Expect(n, NS, "result"); err != nil {
		return Result{}, err
	}
	id, err := wire.Bounded(n, "id", rsm.MaxID)
	if err != nil {
		return Result{}, err
	}
	c, err := wire.Only(n, forward.NS)
	if err != nil {
		return Result{}, err
	}
	f, err := forward.Parse(c)
	if err != nil {
		return Result{}, err
	}
	return Result{QueryID: n.Attr("queryid"), ID: id, Forwarded: f}, nil
}

// ParseFin reads <fin/>.
func ParseFin(n xmlstream.Node) (Fin, error) {
	if err := wire.Expect(n, NS, "fin"); err != nil {
		return Fin{}, err
	}
	var f Fin
	var err error
	if f.Complete, err = wire.Bool(n, "complete"); err != nil {
		return Fin{}, err
	}
	if _, said := n.LookupAttr("", "stable"); said {
		stable, err := wire.Bool(n, "stable")
		if err != nil {
			return Fin{}, err
		}
		f.Unstable = !stable
	}
	set, ok := n.Child(rsm.NS, "set")
	if !ok {
		return Fin{}, wire.Bad("<fin/> has no <set/>")
	}
	if f.Page, err = rsm.ParseResult(set); err != nil {
		return Fin{}, err
	}
	return f, nil
}

// ParseMetadata reads <metadata/>.
func ParseMetadata(n xmlstream.Node) (Metadata, error) {
	if err := wire.Expect(n, NS, "metadata"); err != nil {
		return Metadata{}, err
	}
	start, hasStart := n.Child(NS, "start")
	end, hasEnd := n.Child(NS, "end")
	if !hasStart && !hasEnd {
		return Metadata{}, nil
	}
	if !hasStart || !hasEnd {
		return Metadata{}, wire.Bad("<metadata/> has only one end")
	}
	var m Metadata
	var err error
	if m.Start, err = parseMark(start); err != nil {
		return Metadata{}, err
	}
	if m.End, err = parseMark(end); err != nil {
		return Metadata{}, err
	}
	return m, nil
}

func parseMark(n xmlstream.Node) (Mark, error) {
	id, err := wire.Bounded(n, "id", rsm.MaxID)
	if err != nil {
		return Mark{}, err
	}
	t, err := datetime.Parse(n.Attr("timestamp"))
	if err != nil {
		return Mark{}, wire.Bad("timestamp of <%s/>: %v", n.Name.Local, err)
	}
	return Mark{ID: id, Time: t}, nil
}

// Encode writes <result/>.
func (r Result) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "result")
	wire.OptionalAttr(e, "queryid", r.QueryID)
	e.Attr("id", r.ID)
	r.Forwarded.Encode(e)
	e.End()
}

// Encode writes <fin/>.
func (f Fin) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "fin")
	if f.Complete {
		e.Attr("complete", "true")
	}
	if f.Unstable {
		e.Attr("stable", "false")
	}
	f.Page.Encode(e)
	e.End()
}

// Encode writes <metadata/>.
func (m Metadata) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "metadata")
	if !m.Empty() {
		m.Start.encode(e, "start")
		m.End.encode(e, "end")
	}
	e.End()
}

func (m Mark) encode(e *xmlstream.Encoder, local string) {
	e.Start(NS, local)
	e.Attr("id", m.ID)
	e.Attr("timestamp", datetime.Format(m.Time))
	e.End()
}
