package xmlstream

// Namespaces every XML document knows (Namespaces in XML 1.0 §3).
const (
	// NSXML is bound to the prefix xml and to no other.
	NSXML = "http://www.w3.org/XML/1998/namespace"
	// NSXMLNS is bound to the prefix xmlns and may not be declared.
	NSXMLNS = "http://www.w3.org/2000/xmlns/"
)

// Name is an expanded XML name: namespace and local part, never a prefix.
type Name struct{ Space, Local string }

// String writes the name as "{space}local", for logs.
func (n Name) String() string {
	if n.Space == "" {
		return n.Local
	}
	return "{" + n.Space + "}" + n.Local
}

// Attr is one attribute. An attribute without prefix has an empty Name.Space. Value is unescaped.
type Attr struct {
	Name  Name
	Value string
}

// A makes an attribute in no namespace.
func A(local, value string) Attr { return Attr{Name: Name{Local: local}, Value: value} }

// Lang makes the attribute xml:lang (XML 1.0 §2.12).
func Lang(tag string) Attr { return Attr{Name: Name{Space: NSXML, Local: "lang"}, Value: tag} }

func lookupAttr(attrs []Attr, space, local string) (string, bool) {
	for i := range attrs {
		if attrs[i].Name.Local == local && attrs[i].Name.Space == space {
			return attrs[i].Value, true
		}
	}
	return "", false
}
