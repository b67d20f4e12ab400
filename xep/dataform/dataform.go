package dataform

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <x/>.
const NS = "jabber:x:data"

// FormTypeVar names the field that says what a form is for (XEP-0068 §3).
const FormTypeVar = "FORM_TYPE"

// Bounds on a form that is read; more is not-acceptable.
const (
	MaxFields = 256
	MaxItems  = 1024
	MaxValues = 1024 // per field
)

// Type tells what a form is (XEP-0004 §3.1).
type Type string

// The types.
const (
	TypeForm   Type = "form"
	TypeSubmit Type = "submit"
	TypeResult Type = "result"
	TypeCancel Type = "cancel"
)

// FieldType tells what a field holds (XEP-0004 §3.3); empty counts as
// text-single.
type FieldType string

// The field types.
const (
	Boolean     FieldType = "boolean"
	Fixed       FieldType = "fixed"
	Hidden      FieldType = "hidden"
	JIDMulti    FieldType = "jid-multi"
	JIDSingle   FieldType = "jid-single"
	ListMulti   FieldType = "list-multi"
	ListSingle  FieldType = "list-single"
	TextMulti   FieldType = "text-multi"
	TextPrivate FieldType = "text-private"
	TextSingle  FieldType = "text-single"
)

// Form is <x/>.
type Form struct {
	Type         Type
	Title        string
	Instructions []string
	Fields       []Field
	Reported     []Field   // column heads of a result with items (XEP-0004 §3.4)
	Items        [][]Field // its rows
}

// Field is <field/>.
type Field struct {
	Var      string // required unless Type is Fixed
	Type     FieldType
	Label    string
	Desc     string
	Required bool
	Values   []string
	Options  []Option
	Extra    []xmlstream.Node // children in other namespaces, such as XEP-0122 <validate/>
}

// Option is <option/>.
type Option struct{ Label, Value string }

// New returns a form of the given FORM_TYPE.
func New(kind Type, formType string, fields ...Field) Form {
	all := make([]Field, 0, len(fields)+1)
	all = append(all, Field{Var: FormTypeVar, Type: Hidden, Values: []string{formType}})
	return Form{Type: kind, Fields: append(all, fields...)}
}

// FormType returns the value of the FORM_TYPE field, empty when there is none.
func (f Form) FormType() string { return f.Value(FormTypeVar) }

// Field returns the field of that name.
func (f Form) Field(name string) (Field, bool) {
	for _, field := range f.Fields {
		if field.Var == name {
			return field, true
		}
	}
	return Field{}, false
}

// Value returns the first value of the field of that name, or nothing.
func (f Form) Value(name string) string {
	if field, ok := f.Field(name); ok && len(field.Values) > 0 {
		return field.Values[0]
	}
	return ""
}

// Parse reads <x/>. A form without a type, or with a field that has no name,
// is bad-request; fields of an unknown type count as text-single.
func Parse(n xmlstream.Node) (Form, error) {
	if err := wire.Expect(n, NS, "x"); err != nil {
		return Form{}, err
	}
	f := Form{Type: Type(n.Attr("type"))}
	switch f.Type {
	case TypeForm, TypeSubmit, TypeResult, TypeCancel:
	default:
		return Form{}, wire.Bad("a data form has no type %s", wire.Quote(string(f.Type)))
	}
	for c := range n.Elements() {
		if c.Name.Space != NS {
			continue
		}
		if err := f.add(c); err != nil {
			return Form{}, err
		}
	}
	return f, nil
}

func (f *Form) add(c xmlstream.Node) error {
	switch c.Name.Local {
	case "title":
		f.Title = c.InnerText()
	case "instructions":
		f.Instructions = append(f.Instructions, c.InnerText())
		if len(f.Instructions) > MaxFields {
			return wire.NotAcceptable("a data form may have %d instructions", MaxFields)
		}
	case "field":
		field, err := parseField(c)
		if err != nil {
			return err
		}
		if len(f.Fields) == MaxFields {
			return wire.NotAcceptable("a data form may have %d fields", MaxFields)
		}
		f.Fields = append(f.Fields, field)
	case "reported":
		fields, err := parseFields(c)
		if err != nil {
			return err
		}
		f.Reported = fields
	case "item":
		if len(f.Items) == MaxItems {
			return wire.NotAcceptable("a data form may have %d items", MaxItems)
		}
		fields, err := parseFields(c)
		if err != nil {
			return err
		}
		f.Items = append(f.Items, fields)
	}
	return nil
}

func parseFields(n xmlstream.Node) ([]Field, error) {
	var fields []Field
	for c := range n.Elements() {
		if c.Name.Space != NS || c.Name.Local != "field" {
			continue
		}
		if len(fields) == MaxFields {
			return nil, wire.NotAcceptable("<%s/> may have %d fields", n.Name.Local, MaxFields)
		}
		field, err := parseField(c)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field)
	}
	return fields, nil
}

func parseField(n xmlstream.Node) (Field, error) {
	f := Field{Var: n.Attr("var"), Type: FieldType(n.Attr("type")), Label: n.Attr("label")}
	switch f.Type {
	case "", Boolean, Fixed, Hidden, JIDMulti, JIDSingle, ListMulti, ListSingle, TextMulti, TextPrivate, TextSingle:
	default:
		f.Type = TextSingle // XEP-0004 §3.3
	}
	if f.Var == "" && f.Type != Fixed {
		return Field{}, wire.Bad("a data form has a field without a name")
	}
	for c := range n.Elements() {
		if c.Name.Space != NS {
			f.Extra = append(f.Extra, c)
			continue
		}
		switch c.Name.Local {
		case "desc":
			f.Desc = c.InnerText()
		case "required":
			f.Required = true
		case "value":
			f.Values = append(f.Values, c.InnerText())
		case "option":
			v, _ := c.Child(NS, "value")
			f.Options = append(f.Options, Option{Label: c.Attr("label"), Value: v.InnerText()})
		}
		if len(f.Values) > MaxValues || len(f.Options) > MaxValues {
			return Field{}, wire.NotAcceptable("field %s has more than %d values", wire.Quote(f.Var), MaxValues)
		}
	}
	return f, nil
}

// Encode writes <x/>.
func (f Form) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "x")
	e.Attr("type", string(f.Type))
	for _, text := range f.Instructions {
		e.Leaf(NS, "instructions", text)
	}
	wire.OptionalLeaf(e, NS, "title", f.Title)
	for _, field := range f.Fields {
		field.encode(e)
	}
	if len(f.Reported) > 0 {
		encodeFields(e, "reported", f.Reported)
	}
	for _, item := range f.Items {
		encodeFields(e, "item", item)
	}
	e.End()
}

func encodeFields(e *xmlstream.Encoder, local string, fields []Field) {
	e.Start(NS, local)
	for _, field := range fields {
		field.encode(e)
	}
	e.End()
}

func (f Field) encode(e *xmlstream.Encoder) {
	e.Start(NS, "field")
	wire.OptionalAttr(e, "var", f.Var)
	wire.OptionalAttr(e, "type", string(f.Type))
	wire.OptionalAttr(e, "label", f.Label)
	wire.OptionalLeaf(e, NS, "desc", f.Desc)
	if f.Required {
		wire.Empty(e, NS, "required")
	}
	for _, v := range f.Values {
		e.Leaf(NS, "value", v)
	}
	for _, o := range f.Options {
		e.Start(NS, "option")
		wire.OptionalAttr(e, "label", o.Label)
		e.Leaf(NS, "value", o.Value)
		e.End()
	}
	for _, n := range f.Extra {
		n.Encode(e)
	}
	e.End()
}
