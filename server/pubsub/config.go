package pubsub

import (
	"slices"
	"strconv"
	"strings"

	"godwit/stanza"
	"godwit/store"
	"godwit/xep/dataform"
	"godwit/xep/pubsub"
)

// initial is what a node is that nobody configured (XEP-0163 §4.3.2): for contacts, one item, kept and shown to who comes later.
func initial() store.NodeConfig {
	return store.NodeConfig{
		Access: store.AccessPresence, Persist: true, MaxItems: 1, SendLast: store.SendOnPresence, NotifyRetract: true, NotifyDelete: true, DeliverPayloads: true,
	}
}

// field is one thing that can be configured: how it is written, and how it is read. read reports whether the value makes sense here.
type field struct {
	name    string
	kind    dataform.FieldType
	label   string
	options []string
	write   func(store.NodeConfig) []string
	read    func(*store.NodeConfig, []string) bool
}

func one(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return strings.TrimSpace(values[0])
}

const maxText = 1024

func text(name, label string, of func(*store.NodeConfig) *string) field {
	return field{name, dataform.TextSingle, label, nil,
		func(c store.NodeConfig) []string { return []string{*of(&c)} },
		func(c *store.NodeConfig, v []string) bool {
			*of(c) = strings.Clone(one(v))
			return len(one(v)) <= maxText
		}}
}

func boolean(name, label string, of func(*store.NodeConfig) *bool) field {
	return field{name, dataform.Boolean, label, nil,
		func(c store.NodeConfig) []string {
			if *of(&c) {
				return []string{"1"}
			}
			return []string{"0"}
		},
		func(c *store.NodeConfig, v []string) bool {
			switch one(v) {
			case "1", "true":
				*of(c) = true
			case "0", "false":
				*of(c) = false
			default:
				return false
			}
			return true
		}}
}

// always is a field of which only one value is possible.
func always(name, label, value string, same ...string) field {
	return field{name, dataform.ListSingle, label, []string{value},
		func(store.NodeConfig) []string { return []string{value} },
		func(_ *store.NodeConfig, v []string) bool { return one(v) == value || slices.Contains(same, one(v)) }}
}

// fields are those of XEP-0060 §16.4.4 that mean something here.
var fields = []field{
	text("pubsub#title", "Title", func(c *store.NodeConfig) *string { return &c.Title }),
	text("pubsub#description", "Description", func(c *store.NodeConfig) *string { return &c.Description }),
	text("pubsub#type", "Namespace of the payloads", func(c *store.NodeConfig) *string { return &c.Type }),
	{"pubsub#access_model", dataform.ListSingle, "Who may read", []string{"open", "presence", "roster", "whitelist"},
		func(c store.NodeConfig) []string { return []string{string(c.Access)} },
		func(c *store.NodeConfig, v []string) bool {
			switch a := store.NodeAccess(one(v)); a {
			case store.AccessOpen, store.AccessPresence, store.AccessRoster, store.AccessWhitelist:
				c.Access = a
				return true
			}
			return false
		}},
	{"pubsub#roster_groups_allowed", dataform.ListMulti, "Groups that may read", nil,
		func(c store.NodeConfig) []string { return c.Groups },
		func(c *store.NodeConfig, v []string) bool {
			c.Groups = nil
			for _, g := range v {
				if len(g) > maxText || len(c.Groups) == 64 {
					return false
				}
				c.Groups = append(c.Groups, strings.Clone(g))
			}
			return true
		}},
	boolean("pubsub#persist_items", "Items are kept", func(c *store.NodeConfig) *bool { return &c.Persist }),
	{"pubsub#max_items", dataform.TextSingle, "How many items are kept", nil,
		func(c store.NodeConfig) []string {
			if c.MaxItems == store.MaxNodeItems {
				return []string{"max"}
			}
			return []string{strconv.Itoa(c.MaxItems)}
		},
		func(c *store.NodeConfig, v []string) bool {
			if one(v) == "max" {
				c.MaxItems = store.MaxNodeItems
				return true
			}
			n, err := strconv.Atoi(one(v))
			c.MaxItems = n
			return err == nil && n >= 1 && n <= store.MaxNodeItems
		}},
	{"pubsub#send_last_published_item", dataform.ListSingle, "When the newest item is sent", []string{"never", "on_sub", "on_sub_and_presence"},
		func(c store.NodeConfig) []string { return []string{string(c.SendLast)} },
		func(c *store.NodeConfig, v []string) bool {
			switch s := store.SendLast(one(v)); s {
			case store.SendNever, store.SendOnSubscribe, store.SendOnPresence:
				c.SendLast = s
				return true
			}
			return false
		}},
	boolean("pubsub#notify_retract", "Tell when items go", func(c *store.NodeConfig) *bool { return &c.NotifyRetract }),
	boolean("pubsub#notify_delete", "Tell when the node goes", func(c *store.NodeConfig) *bool { return &c.NotifyDelete }),
	boolean("pubsub#deliver_payloads", "Notices carry the payload", func(c *store.NodeConfig) *bool { return &c.DeliverPayloads }),
	always("pubsub#deliver_notifications", "Notices are sent", "1", "true"),
	always("pubsub#notify_config", "Tell when the configuration changes", "0", "false"),
	always("pubsub#publish_model", "Who may publish", "publishers"),
	always("pubsub#notification_type", "Type of notices", stanza.Headline),
}

// form writes a configuration.
func form(c store.NodeConfig) dataform.Form {
	f := dataform.New(dataform.TypeForm, pubsub.NodeConfig)
	for _, known := range fields {
		out := dataform.Field{Var: known.name, Type: known.kind, Label: known.label, Values: known.write(c)}
		for _, o := range known.options {
			out.Options = append(out.Options, dataform.Option{Value: o})
		}
		f.Fields = append(f.Fields, out)
	}
	return f
}

// apply changes a configuration as a form asks. Fields that are not known here are passed over, as XEP-0060 §8.2.4 has it; a value that is not
// possible is not-acceptable.
func apply(c store.NodeConfig, f dataform.Form) (store.NodeConfig, error) {
	for _, given := range f.Fields {
		i := slices.IndexFunc(fields, func(known field) bool { return known.name == given.Var })
		if i >= 0 && !fields[i].read(&c, given.Values) {
			return c, stanza.ErrNotAcceptable().WithText(given.Var + " can not be what was asked for")
		}
	}
	return c, nil
}

// holds reports whether a node is as the options of a publication demand (XEP-0060 §7.1.5): each field that is given is a precondition. What is
// not known here cannot be fulfilled, unless it is none of a node's configuration.
func holds(c store.NodeConfig, options dataform.Form) bool {
	wanted, err := apply(c, options)
	if err != nil {
		return false
	}
	for _, given := range options.Fields {
		i := slices.IndexFunc(fields, func(known field) bool { return known.name == given.Var })
		if i >= 0 && !slices.Equal(fields[i].write(wanted), fields[i].write(c)) {
			return false
		}
	}
	return true
}

// checkType makes sure that a form is of the type that belongs there.
func checkType(f dataform.Form, formType string) error {
	if f.Type == "" {
		return nil
	}
	if f.Type != dataform.TypeSubmit || f.FormType() != formType {
		return stanza.ErrBadRequest().WithText("the form must be a submission of type " + formType)
	}
	return nil
}
