package archive

import (
	"time"

	"godwit/jid"
	"godwit/xep/dataform"
	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

// Names that are advertised (XEP-0313 §7).
const (
	NS             = "urn:xmpp:mam:2"
	Extended       = "urn:xmpp:mam:2#extended"
	GroupchatField = "urn:xmpp:mam:2#groupchat-field"
)

// Fields of the query form (XEP-0313 §4.1).
const (
	fieldWith          = "with"
	fieldStart         = "start"
	fieldEnd           = "end"
	fieldBeforeID      = "before-id"
	fieldAfterID       = "after-id"
	fieldIDs           = "ids"
	fieldIncludeGroups = "include-groupchat"
)

const validateNS = "http://jabber.org/protocol/xdata-validate"

// maxQueryID bounds queryid and node in bytes.
const maxQueryID = 1024

// MaxIDs bounds how many messages one query may name.
const MaxIDs = 256

// Choice is a yes, a no, or no answer.
type Choice uint8

// The choices.
const (
	Unsaid Choice = iota
	Yes
	No
)

// Query asks for a stretch of an archive (XEP-0313 §4). Every part is
// optional; zero values do not restrict.
type Query struct {
	QueryID string // repeated in each result
	Node    string // a node of a pubsub archive (XEP-0442)

	With             jid.JID   // messages to or from this address; bare matches all resources
	Start, End       time.Time // both inclusive
	AfterID          string    // messages that follow this one
	BeforeID         string    // messages that precede this one
	IDs              []string  // these messages only, at most [MaxIDs]
	IncludeGroupchat Choice

	Page     rsm.Request // which page of the matching messages
	Paged    bool        // whether <set/> was there
	FlipPage bool        // send the page newest first; which messages are in it stays the same

	// HasForm tells a query with a form from an empty one: an empty query in
	// an iq of type get asks for the form (§4.1.5).
	HasForm bool
}

// ParseQuery reads <query/>. A field that this side does not know is
// feature-not-implemented (XEP-0313 §4.1.5); a malformed value is
// bad-request.
func ParseQuery(n xmlstream.Node) (Query, error) {
	if err := wire.Expect(n, NS, "query"); err != nil {
		return Query{}, err
	}
	q := Query{QueryID: n.Attr("queryid"), Node: n.Attr("node")}
	if len(q.QueryID) > maxQueryID || len(q.Node) > maxQueryID {
		return Query{}, wire.NotAcceptable("queryid and node may be %d bytes long", maxQueryID)
	}
	for c := range n.Elements() {
		var err error
		switch c.Name {
		case xmlstream.Name{Space: dataform.NS, Local: "x"}:
			if q.HasForm {
				return Query{}, wire.Bad("an archive query has more than one form")
			}
			err = q.readForm(c)
		case xmlstream.Name{Space: rsm.NS, Local: "set"}:
			q.Page, err = rsm.ParseRequest(c)
			q.Paged = true
		case xmlstream.Name{Space: NS, Local: "flip-page"}:
			q.FlipPage = true
		}
		if err != nil {
			return Query{}, err
		}
	}
	return q, nil
}

func (q *Query) readForm(n xmlstream.Node) error {
	form, err := dataform.Parse(n)
	if err != nil {
		return err
	}
	if t := form.FormType(); t != NS {
		return wire.Bad("an archive query carries a form of another type: %s", wire.Quote(t))
	}
	q.HasForm = true
	if form.Type == dataform.TypeForm {
		return nil // the list of fields that a server offers carries no values
	}
	seen := make(map[string]bool, len(form.Fields))
	for _, f := range form.Fields {
		if seen[f.Var] {
			return wire.Bad("an archive query has the field %s twice", wire.Quote(f.Var))
		}
		seen[f.Var] = true
		if err := q.readField(f); err != nil {
			return err
		}
	}
	return nil
}

func (q *Query) readField(f dataform.Field) error {
	var value string
	if len(f.Values) > 0 {
		value = f.Values[0]
	}
	if len(f.Values) > 1 && f.Var != fieldIDs {
		return wire.Bad("field %s of an archive query may have one value, not %d", wire.Quote(f.Var), len(f.Values))
	}
	var err error
	switch f.Var {
	case dataform.FormTypeVar:
	case fieldWith:
		if value != "" {
			q.With, err = wire.Address(value)
		}
	case fieldStart:
		q.Start, err = stamp(f.Var, value)
	case fieldEnd:
		q.End, err = stamp(f.Var, value)
	case fieldBeforeID:
		q.BeforeID, err = id(value)
	case fieldAfterID:
		q.AfterID, err = id(value)
	case fieldIDs:
		err = q.readIDs(f.Values)
	case fieldIncludeGroups:
		yes, ok := wire.ParseBool(value)
		switch {
		case !ok:
			err = wire.Bad("'%s' of an archive query is not a boolean", f.Var)
		case yes:
			q.IncludeGroupchat = Yes
		default:
			q.IncludeGroupchat = No
		}
	default:
		err = wire.NotImplemented("an archive query has no field %s", wire.Quote(f.Var))
	}
	return err
}

func (q *Query) readIDs(values []string) error {
	if len(values) > MaxIDs {
		return wire.NotAcceptable("an archive query may name %d messages, not %d", MaxIDs, len(values))
	}
	for _, v := range values {
		if v == "" {
			return wire.Bad("an archive query names a message without an id")
		}
		if _, err := id(v); err != nil {
			return err
		}
	}
	q.IDs = values
	return nil
}

func id(value string) (string, error) {
	if len(value) > rsm.MaxID {
		return "", wire.Bad("an archive id is longer than %d bytes", rsm.MaxID)
	}
	return value, nil
}

func stamp(name, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	t, err := datetime.Parse(value)
	if err != nil {
		return time.Time{}, wire.Bad("'%s' of an archive query: %v", name, err)
	}
	return t, nil
}

// Encode writes <query/>. The form is written when HasForm is set or a filter
// asks for it.
func (q Query) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "query")
	wire.OptionalAttr(e, "queryid", q.QueryID)
	wire.OptionalAttr(e, "node", q.Node)
	if fields := q.fields(); q.HasForm || len(fields) > 0 {
		dataform.New(dataform.TypeSubmit, NS, fields...).Encode(e)
	}
	if q.Paged || q.Page != (rsm.Request{}) {
		q.Page.Encode(e)
	}
	if q.FlipPage {
		wire.Empty(e, NS, "flip-page")
	}
	e.End()
}

func (q Query) fields() []dataform.Field {
	var fields []dataform.Field
	add := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			fields = append(fields, dataform.Field{Var: name, Values: values})
		}
	}
	add(fieldWith, q.With.String())
	if !q.Start.IsZero() {
		add(fieldStart, datetime.Format(q.Start))
	}
	if !q.End.IsZero() {
		add(fieldEnd, datetime.Format(q.End))
	}
	add(fieldBeforeID, q.BeforeID)
	add(fieldAfterID, q.AfterID)
	add(fieldIDs, q.IDs...)
	switch q.IncludeGroupchat {
	case Yes:
		add(fieldIncludeGroups, "true")
	case No:
		add(fieldIncludeGroups, "false")
	}
	return fields
}

// Fields is the answer to an empty query of type get: which fields a query
// may use here (XEP-0313 §4.1.5).
type Fields struct{ Groupchat bool }

// Encode writes <query/> with the form.
func (f Fields) Encode(e *xmlstream.Encoder) {
	open := xmlstream.NewNode(validateNS, "validate", xmlstream.A("datatype", "xs:string")).
		With(xmlstream.NewNode(validateNS, "open"))
	fields := []dataform.Field{
		{Var: fieldWith, Type: dataform.JIDSingle},
		{Var: fieldStart, Type: dataform.TextSingle},
		{Var: fieldEnd, Type: dataform.TextSingle},
		{Var: fieldBeforeID, Type: dataform.TextSingle},
		{Var: fieldAfterID, Type: dataform.TextSingle},
		{Var: fieldIDs, Type: dataform.ListMulti, Extra: []xmlstream.Node{open}},
	}
	if f.Groupchat {
		fields = append(fields, dataform.Field{Var: fieldIncludeGroups, Type: dataform.Boolean})
	}
	e.Start(NS, "query")
	dataform.New(dataform.TypeForm, NS, fields...).Encode(e)
	e.End()
}
