package register

import (
	"godwit/xep/dataform"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <query/> and the name of the feature.
const NS = "jabber:iq:register"

// FeatureNS is the namespace of the stream feature (§7).
const FeatureNS = "http://jabber.org/features/iq-register"

// MaxValue bounds each field in bytes; more is not-acceptable. It is more than an address or a password may have.
const MaxValue = 2048

// Field is one of the predefined fields. In what a server asks for it is there and empty.
type Field struct {
	Given bool
	Value string
}

// Give is a field with a value.
func Give(v string) Field { return Field{Given: true, Value: v} }

// Query is <query/>: the question what is needed (empty), the answer to it, a registration or change of password, or a removal.
type Query struct {
	// Registered: who asks has an account already (§3.1).
	Registered   bool
	Instructions string
	Username     Field
	Password     Field
	// Change is a change of password with what else is asked for (§3.3); the other fields do not count then.
	Change *Change
	// AskOld writes the form that asks for it. It is not read.
	AskOld bool
	// Remove the account (§3.2). Nothing else may stand beside it.
	Remove bool
}

// Parse reads <query/>. Other fields are ignored: nobody asked for them.
func Parse(n xmlstream.Node) (Query, error) {
	if err := wire.Expect(n, NS, "query"); err != nil {
		return Query{}, err
	}
	var q Query
	elements := 0
	for c := range n.Elements() {
		elements++
		var err error
		if c.Name == (xmlstream.Name{Space: dataform.NS, Local: "x"}) && q.Change == nil {
			q.Change, err = parseChange(c)
		}
		if err != nil {
			return Query{}, err
		}
		if c.Name.Space != NS {
			continue
		}
		switch c.Name.Local {
		case "registered":
			q.Registered = true
		case "remove":
			q.Remove = true
		case "instructions":
			q.Instructions = wire.Cut(c.InnerText(), MaxValue)
		case "username":
			err = q.Username.read(c)
		case "password":
			err = q.Password.read(c)
		}
		if err != nil {
			return Query{}, err
		}
	}
	if q.Remove && elements > 1 {
		return Query{}, wire.Bad("remove must stand alone")
	}
	return q, nil
}

// ChangeForm is the FORM_TYPE of the form to change a password (§14.3).
const ChangeForm = "jabber:iq:register:changepassword"

// Change is that form, filled in.
type Change struct{ Username, OldPassword, Password string }

// parseChange reads a form; one of another kind is none.
func parseChange(n xmlstream.Node) (*Change, error) {
	f, err := dataform.Parse(n)
	if err != nil {
		return nil, err
	}
	if f.Type != dataform.TypeSubmit || f.FormType() != ChangeForm {
		return nil, nil
	}
	c := &Change{Username: f.Value("username"), OldPassword: f.Value("old_password"), Password: f.Value("password")}
	if len(c.Username) > MaxValue || len(c.OldPassword) > MaxValue || len(c.Password) > MaxValue {
		return nil, wire.NotAcceptable("a field is longer than %d bytes", MaxValue)
	}
	return c, nil
}

func (c Change) form() dataform.Form {
	return dataform.New(dataform.TypeSubmit, ChangeForm,
		dataform.Field{Var: "username", Values: []string{c.Username}},
		dataform.Field{Var: "old_password", Values: []string{c.OldPassword}},
		dataform.Field{Var: "password", Values: []string{c.Password}})
}

func askOld() dataform.Form {
	f := dataform.New(dataform.TypeForm, ChangeForm,
		dataform.Field{Var: "username", Type: dataform.TextSingle, Label: "User name", Required: true},
		dataform.Field{Var: "old_password", Type: dataform.TextPrivate, Label: "Password until now", Required: true},
		dataform.Field{Var: "password", Type: dataform.TextPrivate, Label: "New password", Required: true})
	f.Title = "Password change"
	return f
}

func (f *Field) read(n xmlstream.Node) error {
	if f.Given {
		return wire.Bad("%s is given twice", n.Name.Local)
	}
	f.Given, f.Value = true, n.InnerText()
	if len(f.Value) > MaxValue {
		return wire.NotAcceptable("%s is longer than %d bytes", n.Name.Local, MaxValue)
	}
	return nil
}

// Encode writes <query/>.
func (q Query) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "query")
	if q.Registered {
		wire.Empty(e, NS, "registered")
	}
	wire.OptionalLeaf(e, NS, "instructions", q.Instructions)
	q.Username.write(e, "username")
	q.Password.write(e, "password")
	if q.Remove {
		wire.Empty(e, NS, "remove")
	}
	if q.Change != nil {
		q.Change.form().Encode(e)
	}
	if q.AskOld {
		askOld().Encode(e)
	}
	e.End()
}

func (f Field) write(e *xmlstream.Encoder, local string) {
	if f.Given {
		e.Leaf(NS, local, f.Value)
	}
}

// Feature is <register/> among the stream features (§7).
type Feature struct{}

// ParseFeature reads <register/>.
func ParseFeature(n xmlstream.Node) (Feature, error) {
	return Feature{}, wire.Expect(n, FeatureNS, "register")
}

// Encode writes <register/>.
func (Feature) Encode(e *xmlstream.Encoder) { wire.Empty(e, FeatureNS, "register") }
