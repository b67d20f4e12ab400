package upload

import (
	"math"
	"strconv"
	"strings"
	"time"

	"godwit/stanza"
	"godwit/xep/dataform"
	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the elements and the name of the feature.
const NS = "urn:xmpp:http:upload:0"

// MaxFileSizeVar names the field of the service's form that bounds a file, in
// bytes (XEP-0363 §3).
const MaxFileSizeVar = "max-file-size"

// Bounds on text in bytes.
const (
	MaxName   = 1024 // of a file, as it is asked for
	maxType   = 255
	maxURL    = 8 << 10
	maxHeader = 4 << 10
)

// maxHeaders bounds the headers that are read; more are left out.
const maxHeaders = 16

// Request asks for a slot (XEP-0363 §4).
type Request struct {
	Filename    string
	Size        int64  // bytes
	ContentType string // optional
}

// Slot is where the file is put and where it can be had afterwards.
type Slot struct {
	Put     string   // URL
	Headers []Header // to be sent with the PUT, in this order
	Get     string   // URL
}

// Header is one of the headers a slot may ask for: Authorization, Cookie,
// Expires. Others, and line breaks in what they hold, are left out when read.
type Header struct{ Name, Value string }

// ParseRequest reads <request/>.
func ParseRequest(n xmlstream.Node) (Request, error) {
	if err := wire.Expect(n, NS, "request"); err != nil {
		return Request{}, err
	}
	name, err := wire.Bounded(n, "filename", MaxName)
	if err != nil {
		return Request{}, err
	}
	size, err := wire.Required(n, "size")
	if err != nil {
		return Request{}, err
	}
	bytes, ok := wire.Saturate(size, math.MaxInt64)
	if !ok {
		return Request{}, wire.Bad("size of <request/> is not a number of bytes: %s", wire.Quote(size))
	}
	r := Request{Filename: name, Size: int64(bytes), ContentType: n.Attr("content-type")}
	if len(r.ContentType) > maxType {
		return Request{}, wire.NotAcceptable("a content-type may be %d bytes long", maxType)
	}
	return r, nil
}

// Encode writes <request/>.
func (r Request) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "request")
	wire.OptionalAttr(e, "content-type", r.ContentType)
	e.Attr("filename", r.Filename)
	e.Attr("size", strconv.FormatInt(r.Size, 10))
	e.End()
}

// ParseSlot reads <slot/>.
func ParseSlot(n xmlstream.Node) (Slot, error) {
	if err := wire.Expect(n, NS, "slot"); err != nil {
		return Slot{}, err
	}
	put, ok := n.Child(NS, "put")
	if !ok {
		return Slot{}, wire.Bad("<slot/> needs <put/>")
	}
	get, ok := n.Child(NS, "get")
	if !ok {
		return Slot{}, wire.Bad("<slot/> needs <get/>")
	}
	var s Slot
	var err error
	if s.Put, err = wire.Bounded(put, "url", maxURL); err != nil {
		return Slot{}, err
	}
	if s.Get, err = wire.Bounded(get, "url", maxURL); err != nil {
		return Slot{}, err
	}
	for c := range put.Elements() {
		if c.Name != (xmlstream.Name{Space: NS, Local: "header"}) || len(s.Headers) == maxHeaders {
			continue
		}
		h := Header{Name: allowed(c.Attr("name")), Value: oneLine(c.InnerText())}
		if h.Name != "" && len(h.Value) <= maxHeader {
			s.Headers = append(s.Headers, h)
		}
	}
	return s, nil
}

// allowed gives the usual spelling of a header that a slot may ask for, else "".
func allowed(name string) string {
	for _, h := range []string{"Authorization", "Cookie", "Expires"} {
		if strings.EqualFold(oneLine(name), h) {
			return h
		}
	}
	return ""
}

func oneLine(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

// Encode writes <slot/>.
func (s Slot) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "slot")
	e.Start(NS, "put")
	e.Attr("url", s.Put)
	for _, h := range s.Headers {
		e.Start(NS, "header")
		e.Attr("name", h.Name)
		e.Text(h.Value)
		e.End()
	}
	e.End()
	e.Start(NS, "get")
	e.Attr("url", s.Get)
	e.End()
	e.End()
}

// ErrTooLarge answers a request for more than max bytes (XEP-0363 §6).
func ErrTooLarge(max int64) *stanza.Error {
	app := xmlstream.NewNode(NS, "file-too-large").With(xmlstream.NewNode(NS, "max-file-size").WithText(strconv.FormatInt(max, 10)))
	return stanza.ErrNotAcceptable().WithText("the file is too large; " + strconv.FormatInt(max, 10) + " bytes are allowed").WithApp(app)
}

// ErrRetry answers a request that may succeed later: because of a quota or a
// rate. A zero time does not say when (XEP-0363 §6).
func ErrRetry(at time.Time, text string) *stanza.Error {
	e := stanza.ErrResourceConstraint().WithText(text)
	if at.IsZero() {
		return e
	}
	return e.WithApp(xmlstream.NewNode(NS, "retry", xmlstream.A("stamp", datetime.Format(at.UTC()))))
}

// TooLarge tells the bound that ErrTooLarge carries; false for other errors.
func TooLarge(e *stanza.Error) (max int64, ok bool) {
	if e == nil || e.App.Name != (xmlstream.Name{Space: NS, Local: "file-too-large"}) {
		return 0, false
	}
	if n, has := e.App.Child(NS, "max-file-size"); has {
		if v, sound := wire.Saturate(n.InnerText(), math.MaxInt64); sound {
			return int64(v), true
		}
	}
	return 0, true
}

// Form describes a service that takes files of at most max bytes, to be shown
// beside the feature (XEP-0363 §3).
func Form(max int64) dataform.Form {
	return dataform.New(dataform.TypeResult, NS, dataform.Field{Var: MaxFileSizeVar, Values: []string{strconv.FormatInt(max, 10)}})
}

// MaxFileSize reads the bound from a service's forms; 0 when none is told.
func MaxFileSize(forms []dataform.Form) int64 {
	for _, f := range forms {
		if f.FormType() == NS {
			if v, ok := wire.Saturate(f.Value(MaxFileSizeVar), math.MaxInt64); ok {
				return int64(v)
			}
		}
	}
	return 0
}
