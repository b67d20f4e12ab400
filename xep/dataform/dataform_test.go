package dataform_test

import (
	"strings"
	"testing"

	"godwit/xep/dataform"
	"godwit/xep/internal/codectest"
	"godwit/xmlstream"
)

func TestForm(t *testing.T) {
	type row = codectest.Row[dataform.Form]
	const ns = ` xmlns='jabber:x:data'`
	codectest.Table(t, dataform.Parse,
		row{Why: "a form that is sent in", XML: `<x` + ns + ` type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:example</value></field><field var='who'><value>alice</value></field></x>`,
			Want: dataform.New(dataform.TypeSubmit, "urn:example", dataform.Field{Var: "who", Values: []string{"alice"}})},
		row{Why: "a form to fill in", XML: `<x` + ns + ` type='form'><instructions>Read.</instructions><instructions>Fill.</instructions><title>T</title>` +
			`<field type='fixed'><value>Part 1</value></field>` +
			`<field var='c' type='list-single' label='Colour'><desc>which</desc><required/><value>r</value><option label='Red'><value>r</value></option><option><value>g</value></option></field></x>`,
			Want: dataform.Form{Type: dataform.TypeForm, Title: "T", Instructions: []string{"Read.", "Fill."}, Fields: []dataform.Field{
				{Type: dataform.Fixed, Values: []string{"Part 1"}},
				{Var: "c", Type: dataform.ListSingle, Label: "Colour", Desc: "which", Required: true, Values: []string{"r"},
					Options: []dataform.Option{{Label: "Red", Value: "r"}, {Value: "g"}}},
			}}},
		row{Why: "rows of results", XML: `<x` + ns + ` type='result'><reported><field var='n' type='text-single'/></reported><item><field var='n'><value>1</value></field></item><item><field var='n'><value>2</value></field></item></x>`,
			Want: dataform.Form{Type: dataform.TypeResult, Reported: []dataform.Field{{Var: "n", Type: dataform.TextSingle}},
				Items: [][]dataform.Field{{{Var: "n", Values: []string{"1"}}}, {{Var: "n", Values: []string{"2"}}}}}},
		row{Why: "an empty value is a value", XML: `<x` + ns + ` type='submit'><field var='a'><value/></field></x>`,
			Want: dataform.Form{Type: dataform.TypeSubmit, Fields: []dataform.Field{{Var: "a", Values: []string{""}}}}},
		row{Why: "cancelled", XML: `<x` + ns + ` type='cancel'/>`, Want: dataform.Form{Type: dataform.TypeCancel}},
		row{Why: "an unknown field type is text", XML: `<x` + ns + ` type='form'><field var='a' type='colour'/></x>`,
			Want: dataform.Form{Type: dataform.TypeForm, Fields: []dataform.Field{{Var: "a", Type: dataform.TextSingle}}},
			Out:  `<x` + ns + ` type='form'><field var='a' type='text-single'/></x>`},
		row{Why: "elements of others stay with the field", XML: `<x` + ns + ` type='form'><field var='a' type='list-multi'><validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate></field></x>`,
			Want: dataform.Form{Type: dataform.TypeForm, Fields: []dataform.Field{{Var: "a", Type: dataform.ListMulti, Extra: []xmlstream.Node{
				xmlstream.NewNode("http://jabber.org/protocol/xdata-validate", "validate", xmlstream.A("datatype", "xs:string")).
					With(xmlstream.NewNode("http://jabber.org/protocol/xdata-validate", "open"))}}}}},
		row{Why: "no type", XML: `<x` + ns + `/>`, Err: "bad-request"},
		row{Why: "a type that is none", XML: `<x` + ns + ` type='set'/>`, Err: "bad-request"},
		row{Why: "a field without a name", XML: `<x` + ns + ` type='submit'><field><value>1</value></field></x>`, Err: "bad-request"},
		row{Why: "too many fields", XML: `<x` + ns + ` type='submit'>` + strings.Repeat(`<field var='a'/>`, dataform.MaxFields+1) + `</x>`, Err: "not-acceptable"},
		row{Why: "too many items", XML: `<x` + ns + ` type='result'>` + strings.Repeat(`<item/>`, dataform.MaxItems+1) + `</x>`, Err: "not-acceptable"},
		row{Why: "too many values", XML: `<x` + ns + ` type='submit'><field var='a'>` + strings.Repeat(`<value/>`, dataform.MaxValues+1) + `</field></x>`, Err: "not-acceptable"},
		row{Why: "another x", XML: `<x xmlns='jabber:x:oob' type='form'/>`, Err: "bad-request"},
	)
}

func TestLookup(t *testing.T) {
	f := dataform.New(dataform.TypeSubmit, "urn:example", dataform.Field{Var: "a", Values: []string{"1", "2"}}, dataform.Field{Var: "b"})
	if f.FormType() != "urn:example" || f.Value("a") != "1" || f.Value("b") != "" || f.Value("c") != "" {
		t.Errorf("values %q %q %q %q", f.FormType(), f.Value("a"), f.Value("b"), f.Value("c"))
	}
	if _, ok := f.Field("c"); ok {
		t.Error("found a field that is not there")
	}
}
