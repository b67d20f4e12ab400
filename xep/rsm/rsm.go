package rsm

import (
	"math"
	"strconv"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <set/>.
const NS = "http://jabber.org/protocol/rsm"

// MaxID bounds an item identifier in bytes.
const MaxID = 1024

// Optional is a number that may be absent.
type Optional struct {
	Value int // 0 to 2^31-1
	Set   bool
}

// Some returns a number that is there.
func Some(n int) Optional { return Optional{Value: n, Set: true} }

// Request asks for a page (XEP-0059 §2).
type Request struct {
	Max Optional // how many items at most; absent leaves it to the service, 0 asks for the count alone

	// After asks for items that follow this one; empty means from the start.
	After string
	// Before asks for items that precede this one, the nearest of them; with
	// Backward and no Before, for the last page (XEP-0059 §2.5).
	Before   string
	Backward bool // set whenever <before/> is there, with or without text
	Index    Optional
}

// Result describes the page that came (XEP-0059 §2.2). First and Last are
// both empty for an empty page.
type Result struct {
	First, Last string
	Index       Optional // position of First in the whole set
	Count       Optional // size of the whole set
}

// ParseRequest reads <set/> of a request. Numbers beyond 2^31-1 are taken as
// that; negative or malformed ones are bad-request.
func ParseRequest(n xmlstream.Node) (Request, error) {
	if err := wire.Expect(n, NS, "set"); err != nil {
		return Request{}, err
	}
	var r Request
	for c := range n.Elements() {
		if c.Name.Space != NS {
			continue
		}
		var err error
		switch c.Name.Local {
		case "max":
			r.Max, err = number(c.Name.Local, c.InnerText())
		case "index":
			r.Index, err = number(c.Name.Local, c.InnerText())
		case "after":
			r.After, err = id(c)
		case "before":
			r.Backward = true
			r.Before, err = id(c)
		}
		if err != nil {
			return Request{}, err
		}
	}
	return r, nil
}

// ParseResult reads <set/> of a result.
func ParseResult(n xmlstream.Node) (Result, error) {
	if err := wire.Expect(n, NS, "set"); err != nil {
		return Result{}, err
	}
	var r Result
	for c := range n.Elements() {
		if c.Name.Space != NS {
			continue
		}
		var err error
		switch c.Name.Local {
		case "count":
			r.Count, err = number(c.Name.Local, c.InnerText())
		case "last":
			r.Last, err = id(c)
		case "first":
			if v, ok := c.LookupAttr("", "index"); ok {
				if r.Index, err = number("index", v); err != nil {
					return Result{}, err
				}
			}
			r.First, err = id(c)
		}
		if err != nil {
			return Result{}, err
		}
	}
	if (r.First == "") != (r.Last == "") {
		return Result{}, wire.Bad("<set/> has only one of <first/> and <last/>")
	}
	return r, nil
}

func id(c xmlstream.Node) (string, error) {
	v := c.InnerText()
	if len(v) > MaxID {
		return "", wire.Bad("<%s/> is longer than %d bytes", c.Name.Local, MaxID)
	}
	return v, nil
}

func number(name, text string) (Optional, error) {
	v, ok := wire.Saturate(text, math.MaxInt32)
	if !ok {
		return Optional{}, wire.Bad("%s in <set/> is not a number: %s", name, wire.Quote(text))
	}
	return Some(int(v)), nil
}

// Encode writes <set/>.
func (r Request) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "set")
	encodeNumber(e, "max", r.Max)
	wire.OptionalLeaf(e, NS, "after", r.After)
	if r.Backward || r.Before != "" {
		e.Leaf(NS, "before", r.Before)
	}
	encodeNumber(e, "index", r.Index)
	e.End()
}

// Encode writes <set/>.
func (r Result) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "set")
	if r.First != "" {
		e.Start(NS, "first")
		if r.Index.Set {
			e.Attr("index", strconv.Itoa(r.Index.Value))
		}
		e.Text(r.First)
		e.End()
		e.Leaf(NS, "last", r.Last)
	}
	encodeNumber(e, "count", r.Count)
	e.End()
}

func encodeNumber(e *xmlstream.Encoder, local string, o Optional) {
	if o.Set {
		e.Leaf(NS, local, strconv.Itoa(o.Value))
	}
}
