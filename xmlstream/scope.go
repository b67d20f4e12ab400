package xmlstream

import (
	"bytes"
	"slices"
	"sync/atomic"
)

// nsRef is a namespace in scope: a span of scratch.ns.
type nsRef struct {
	span
	plain bool // holds nothing that canonical form escapes
}

// binding is one namespace declaration in scope; the default one has an empty prefix.
type binding struct {
	prefix span // in scratch.ns
	ns     nsRef
}

// frame is one open element.
type frame struct {
	local  span  // in scratch.out
	prefix span  // in scratch.ns
	ns     nsRef // of the element
	def    nsRef // default namespace inside
	scoped int32 // declarations in scope in canonical form
	nsLen  int32 // lengths of scratch.ns and scratch.bind before it
	binds  int32
}

// scope is what a stream header declares for all stanzas. It is immutable and shared by streams that declare the same.
type scope struct {
	ns   []byte
	bind []binding
	def  nsRef
	// defName is def as a string.
	defName string
	root    string // the root's name as written, for its end tag
}

var (
	noScope scope
	// lastScope remembers the scope made last: nearly all streams of a server declare the same.
	lastScope atomic.Pointer[scope]
)

func makeScope(sc *scratch, def nsRef, root []byte) *scope {
	s := lastScope.Load()
	if s != nil && s.def == def && s.root == string(root) && bytes.Equal(s.ns, sc.ns) && slices.Equal(s.bind, sc.bind) {
		return s
	}
	s = &scope{ns: bytes.Clone(sc.ns), bind: slices.Clone(sc.bind), def: def, defName: ownString(def.of(sc.ns)), root: string(root)}
	if len(s.ns) <= 256 {
		lastScope.Store(s)
	}
	return s
}

// declare enters the declarations of the tag t into scope, by the rules of Namespaces in XML 1.0 §3, and gives the
// default namespace then in force.
func (r *Reader) declare(t []byte, def nsRef) (nsRef, error) {
	sc := r.sc
	for i := range sc.attr {
		a := &sc.attr[i]
		if a.form&declares == 0 {
			continue
		}
		value := sc.value(a, t)
		prefix := []byte(nil)
		if a.form&declaresP != 0 {
			prefix = a.name.local.of(t)
			switch {
			case string(prefix) == "xmlns":
				return def, malformed("declaration of the prefix xmlns")
			case string(prefix) == "xml":
				if string(value) != NSXML {
					return def, malformed("prefix xml bound to another namespace")
				}
				continue
			case len(value) == 0:
				return def, malformed("prefix bound to no namespace")
			}
		}
		if string(value) == NSXML || string(value) == NSXMLNS {
			return def, malformed("reserved namespace bound to another prefix")
		}
		if len(sc.bind) >= r.lim.Namespaces {
			return def, overLimit("too many namespaces")
		}
		b := binding{prefix: span{int32(len(sc.ns)), int32(len(prefix))}}
		sc.ns = append(sc.ns, prefix...)
		b.ns = nsRef{span{int32(len(sc.ns)), int32(len(value))}, a.form&quoting == 0}
		sc.ns = append(sc.ns, value...)
		sc.bind = append(sc.bind, b)
		if len(prefix) == 0 {
			def = b.ns
		}
	}
	return def, nil
}

// lookup finds the innermost binding of a prefix that is not empty.
func (sc *scratch) lookup(prefix []byte) (*binding, bool) {
	for i := len(sc.bind) - 1; i >= 0; i-- {
		b := &sc.bind[i]
		if int(b.prefix.n) == len(prefix) && string(b.prefix.of(sc.ns)) == string(prefix) {
			return b, true
		}
	}
	return nil, false
}

// value gives the value of an attribute of the tag t, decoded.
func (sc *scratch) value(a *rawAttr, t []byte) []byte {
	if a.form&decoded != 0 {
		return a.value.of(sc.vals)
	}
	return a.value.of(t)
}

func (sc *scratch) sameNS(a, b nsRef) bool {
	return a.span == b.span || a.n == b.n && bytes.Equal(a.of(sc.ns), b.of(sc.ns))
}

// isXML marks the namespace of the prefix xml, which is never declared and so has no place in scratch.ns.
const isXML = -1

// resolveAttrs finds the namespaces of prefixed attributes and refuses an attribute given twice, by name as written or
// by expanded name (Namespaces in XML 1.0 §6.3).
func (r *Reader) resolveAttrs(t []byte) error {
	sc := r.sc
	for i := range sc.attr {
		a := &sc.attr[i]
		local := a.name.local.of(t)
		if a.name.prefix.n > 0 && a.form&declares == 0 {
			prefix := a.name.prefix.of(t)
			if string(prefix) == "xml" {
				a.ns.off = isXML
			} else if b, ok := sc.lookup(prefix); ok {
				a.ns = b.ns
			} else {
				return malformed("undeclared prefix")
			}
		}
		for j := range sc.attr[:i] {
			b := &sc.attr[j]
			if b.name.local.n != a.name.local.n || string(b.name.local.of(t)) != string(local) {
				continue
			}
			if sc.sameAttrNS(a, b) {
				return malformed("attribute given twice")
			}
		}
	}
	return nil
}

// sameAttrNS compares where two attributes of the same local name live.
func (sc *scratch) sameAttrNS(a, b *rawAttr) bool {
	switch {
	case a.form&declaresP != b.form&declaresP:
		return false
	case a.form&declaresP != 0:
		return true
	case a.name.prefix.n == 0 || b.name.prefix.n == 0:
		return a.name.prefix.n == b.name.prefix.n
	case a.ns.off == isXML || b.ns.off == isXML:
		return a.ns.off == b.ns.off
	}
	return sc.sameNS(a.ns, b.ns)
}

// elementNS finds the namespace and prefix of the tag t's own name.
func (r *Reader) elementNS(t []byte, def nsRef) (nsRef, span, error) {
	sc := r.sc
	if sc.name.prefix.n == 0 {
		return def, span{}, nil
	}
	// The prefixes xml and xmlns are never in scope: nothing may be an element of theirs in a stream.
	b, ok := sc.lookup(sc.name.prefix.of(t))
	if !ok {
		return nsRef{}, span{}, malformed("undeclared prefix")
	}
	return b.ns, b.prefix, nil
}
