package sm

import (
	"math"
	"strconv"
	"time"

	"godwit/stanza"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of every stream management element and the name of the
// feature (XEP-0198 §2).
const NS = "urn:xmpp:sm:3"

// MaxID bounds the identifier of a resumable stream in bytes (XEP-0198 §5).
const MaxID = 4000

// Element is one of the types of this package.
type Element interface{ Encode(*xmlstream.Encoder) }

// Feature is <sm/> in the stream features or in the inline features of SASL2.
type Feature struct{}

// Enable asks for stream management (XEP-0198 §3).
type Enable struct {
	Resume bool
	Max    time.Duration // preferred resumption time, whole seconds; 0 leaves it to the server
}

// Enabled confirms it (XEP-0198 §3).
type Enabled struct {
	ID       string // required when Resume is set
	Resume   bool
	Max      time.Duration // resumption time, whole seconds; 0 says nothing
	Location string        // where to reconnect, host:port; optional
}

// Resume asks to go on with an earlier stream (XEP-0198 §5).
type Resume struct {
	PrevID string
	H      uint32 // stanzas handled, modulo 2^32
}

// Resumed confirms it (XEP-0198 §5).
type Resumed struct {
	PrevID string
	H      uint32
}

// Failed answers an Enable or Resume that cannot be granted (XEP-0198 §6).
type Failed struct {
	Condition string // a stanza error condition (RFC 6120 §8.3.3); optional
	Text      string
	HasH      bool // whether the server still knew how much it had handled
	H         uint32
}

// Request is <r/>: tell me how much you have handled (XEP-0198 §4).
type Request struct{}

// Ack is <a/>: I have handled H stanzas (XEP-0198 §4).
type Ack struct{ H uint32 }

// HandledCountTooHigh goes inside the stream error undefined-condition
// (XEP-0198 §6).
type HandledCountTooHigh struct{ H, SendCount uint32 }

// Parse reads any element of the namespace. Unknown names are bad-request.
func Parse(n xmlstream.Node) (Element, error) {
	switch n.Name.Local {
	case "r":
		return as[Request](n, "r", func() (Request, error) { return Request{}, nil })
	case "a":
		return lift(ParseAck(n))
	case "sm":
		return as[Feature](n, "sm", func() (Feature, error) { return Feature{}, nil })
	case "enable":
		return lift(ParseEnable(n))
	case "enabled":
		return lift(ParseEnabled(n))
	case "resume":
		return lift(ParseResume(n))
	case "resumed":
		return lift(ParseResumed(n))
	case "failed":
		return lift(ParseFailed(n))
	case "handled-count-too-high":
		return lift(ParseHandledCountTooHigh(n))
	}
	return nil, wire.Unknown(n, "stream management")
}

func as[T Element](n xmlstream.Node, local string, make func() (T, error)) (Element, error) {
	if err := wire.Expect(n, NS, local); err != nil {
		return nil, err
	}
	return lift(make())
}

func lift[T Element](v T, err error) (Element, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// ParseHandled reads the value of an 'h' attribute: the number of handled
// stanzas modulo 2^32.
func ParseHandled(value string) (uint32, error) {
	h, ok := wire.Uint(value, math.MaxUint32)
	if !ok {
		return 0, wire.Bad("'h' is not a 32-bit number: %s", wire.Quote(value))
	}
	return uint32(h), nil
}

// AppendAck appends <a/> as it stands on any stream, without an encoder.
func AppendAck(dst []byte, h uint32) []byte {
	dst = append(dst, "<a xmlns='"+NS+"' h='"...)
	dst = strconv.AppendUint(dst, uint64(h), 10)
	return append(dst, "'/>"...)
}

// AppendRequest appends <r/> as it stands on any stream.
func AppendRequest(dst []byte) []byte { return append(dst, "<r xmlns='"+NS+"'/>"...) }

func handled(n xmlstream.Node) (uint32, error) {
	v, err := wire.Required(n, "h")
	if err != nil {
		return 0, err
	}
	return ParseHandled(v)
}

// seconds reads a 'max' attribute; values beyond 2^31 seconds mean just that.
func seconds(n xmlstream.Node) (time.Duration, error) {
	v, ok := n.LookupAttr("", "max")
	if !ok {
		return 0, nil
	}
	s, ok := wire.Saturate(v, math.MaxInt32)
	if !ok {
		return 0, wire.Bad("'max' of <%s/> is not a number of seconds: %s", n.Name.Local, wire.Quote(v))
	}
	return time.Duration(s) * time.Second, nil
}

func encodeSeconds(e *xmlstream.Encoder, d time.Duration) {
	if s := int64(d / time.Second); s > 0 {
		e.Attr("max", strconv.FormatInt(s, 10))
	}
}

func encodeCount(e *xmlstream.Encoder, local string, h uint32) {
	e.Attr(local, strconv.FormatUint(uint64(h), 10))
}

// ParseEnable reads <enable/>.
func ParseEnable(n xmlstream.Node) (Enable, error) {
	if err := wire.Expect(n, NS, "enable"); err != nil {
		return Enable{}, err
	}
	resume, err := wire.Bool(n, "resume")
	if err != nil {
		return Enable{}, err
	}
	limit, err := seconds(n)
	if err != nil {
		return Enable{}, err
	}
	return Enable{Resume: resume, Max: limit}, nil
}

// ParseEnabled reads <enabled/>.
func ParseEnabled(n xmlstream.Node) (Enabled, error) {
	if err := wire.Expect(n, NS, "enabled"); err != nil {
		return Enabled{}, err
	}
	resume, err := wire.Bool(n, "resume")
	if err != nil {
		return Enabled{}, err
	}
	limit, err := seconds(n)
	if err != nil {
		return Enabled{}, err
	}
	v := Enabled{ID: n.Attr("id"), Resume: resume, Max: limit, Location: n.Attr("location")}
	if v.Resume && v.ID == "" {
		return Enabled{}, wire.Bad("<enabled/> allows resumption without an id")
	}
	if len(v.ID) > MaxID {
		return Enabled{}, wire.NotAcceptable("id of <enabled/> is longer than %d bytes", MaxID)
	}
	return v, nil
}

// ParseResume reads <resume/>.
func ParseResume(n xmlstream.Node) (Resume, error) {
	id, h, err := resumption(n, "resume")
	return Resume{PrevID: id, H: h}, err
}

// ParseResumed reads <resumed/>.
func ParseResumed(n xmlstream.Node) (Resumed, error) {
	id, h, err := resumption(n, "resumed")
	return Resumed{PrevID: id, H: h}, err
}

func resumption(n xmlstream.Node, local string) (string, uint32, error) {
	if err := wire.Expect(n, NS, local); err != nil {
		return "", 0, err
	}
	id, err := wire.Bounded(n, "previd", MaxID)
	if err != nil {
		return "", 0, err
	}
	h, err := handled(n)
	if err != nil {
		return "", 0, err
	}
	return id, h, nil
}

// ParseFailed reads <failed/>.
func ParseFailed(n xmlstream.Node) (Failed, error) {
	if err := wire.Expect(n, NS, "failed"); err != nil {
		return Failed{}, err
	}
	var v Failed
	var err error
	if v.H, v.HasH, err = wire.Uint32(n, "h"); err != nil {
		return Failed{}, err
	}
	for c := range n.Elements() {
		switch {
		case c.Name.Space != stanza.NSStanzas:
		case c.Name.Local == "text":
			v.Text = c.InnerText()
		case v.Condition == "":
			v.Condition = c.Name.Local
		}
	}
	return v, nil
}

// ParseAck reads <a/>.
func ParseAck(n xmlstream.Node) (Ack, error) {
	if err := wire.Expect(n, NS, "a"); err != nil {
		return Ack{}, err
	}
	h, err := handled(n)
	return Ack{H: h}, err
}

// ParseHandledCountTooHigh reads <handled-count-too-high/>.
func ParseHandledCountTooHigh(n xmlstream.Node) (HandledCountTooHigh, error) {
	if err := wire.Expect(n, NS, "handled-count-too-high"); err != nil {
		return HandledCountTooHigh{}, err
	}
	h, _, err := wire.Uint32(n, "h")
	if err != nil {
		return HandledCountTooHigh{}, err
	}
	sent, _, err := wire.Uint32(n, "send-count")
	if err != nil {
		return HandledCountTooHigh{}, err
	}
	return HandledCountTooHigh{H: h, SendCount: sent}, nil
}
