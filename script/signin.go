package script

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/xdg-go/scram"
)

const (
	nsSASL1 = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsSASL2 = "urn:xmpp:sasl:2"
)

// signIn walks a client from its first byte to a bound resource or, if resume is set, to a resumed session. It returns what the server
// answered last, which for a failure is what the script compares; err is a failure of the conversation itself.
func (r *run) signIn(c *client, resume bool) (last Tree, ok bool, err error) {
	if _, err = r.open(c); err != nil {
		return Tree{}, false, err
	}
	if c.opts.has("sasl2") {
		return r.signIn2(c, resume)
	}
	return r.signIn1(c, resume)
}

// open sends the header and returns the features.
func (r *run) open(c *client) (Tree, error) {
	if err := c.conn.write(fmt.Sprintf("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='%s' xmlns:stream='%s'>", r.t.domain(), nsClient, nsStreams)); err != nil {
		return Tree{}, err
	}
	if _, err := r.expect(c, nsStreams, "stream"); err != nil {
		return Tree{}, err
	}
	return r.expect(c, nsStreams, "features")
}

func none(*Tree) bool { return false }

func (r *run) expect(c *client, space, local string) (Tree, error) {
	t, err := c.conn.next(none)
	if err == nil && !t.is(space, local) {
		err = fmt.Errorf("wanted <%s>, but this came:\n%s", local, t.String())
	}
	return t, err
}

// ask sends something and returns the answer.
func (r *run) ask(c *client, format string, args ...any) (Tree, error) {
	if err := c.conn.write(fmt.Sprintf(format, args...)); err != nil {
		return Tree{}, err
	}
	return c.conn.next(none)
}

func (r *run) signIn1(c *client, resume bool) (last Tree, ok bool, err error) {
	e, err := newExchange(c, r.t)
	if err != nil {
		return last, false, err
	}
	last, err = r.ask(c, "<auth xmlns='%s' mechanism='%s'>%s</auth>", nsSASL1, e.mechanism, e.first)
	for err == nil && last.is(nsSASL1, "challenge") {
		var answer string
		if answer, err = e.step(last.Text); err == nil {
			last, err = r.ask(c, "<response xmlns='%s'>%s</response>", nsSASL1, answer)
		}
	}
	if err != nil || !last.is(nsSASL1, "success") {
		return last, false, err
	}
	if _, err = e.step(last.Text); err != nil {
		return last, false, err
	}
	if _, err = r.open(c); err != nil {
		return last, false, err
	}
	if resume {
		last, err = r.ask(c, "<resume xmlns='%s' previd='%s' h='%d'/>", nsSM, c.smID, c.inCnt)
		return last, err == nil && last.is(nsSM, "resumed"), err
	}
	wish := ""
	if c.resource != "" {
		wish = "<resource>" + c.resource + "</resource>"
	}
	last, err = r.ask(c, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>%s</bind></iq>", wish)
	if err != nil || last.attr("type") != "result" || len(last.Children) != 1 || len(last.Children[0].Children) != 1 {
		return last, false, err
	}
	c.jid = last.Children[0].Children[0].Text
	if !c.opts.has("sm") {
		return last, true, r.afterBind(c)
	}
	enabled, err := r.ask(c, "<enable xmlns='%s' resume='true'/>", nsSM)
	if err != nil || !enabled.is(nsSM, "enabled") {
		return enabled, false, err
	}
	c.smID, c.outCnt = enabled.attr("id"), 0
	return last, true, r.afterBind(c)
}

// afterBind switches on what Bind 2 does inline.
func (r *run) afterBind(c *client) error {
	if !c.opts.has("carbons") {
		return nil
	}
	c.outCnt++
	t, err := r.ask(c, "<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
	if err == nil && t.attr("type") != "result" {
		err = fmt.Errorf("no carbons:\n%s", t.String())
	}
	return err
}

func (r *run) signIn2(c *client, resume bool) (last Tree, ok bool, err error) {
	e, err := newExchange(c, r.t)
	if err != nil {
		return last, false, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<authenticate xmlns='%s' mechanism='%s'><initial-response>%s</initial-response>", nsSASL2, e.mechanism, e.first)
	agent := c.opts["agent"]
	if agent == "" {
		agent = "d4565fa7-4d72-4749-b3d3-740edbf87770"
	}
	fmt.Fprintf(&b, "<user-agent id='%s'><software>script</software><device>test</device></user-agent>", agent)
	switch count := c.opts["count"]; {
	case e.token && count != "":
		fmt.Fprintf(&b, "<fast xmlns='%s' count='%s'/>", nsFast, count)
	case e.token && c.opts.has("invalidate"):
		fmt.Fprintf(&b, "<fast xmlns='%s' invalidate='true'/>", nsFast)
	case e.token:
		fmt.Fprintf(&b, "<fast xmlns='%s'/>", nsFast)
	case c.opts.has("fast"):
		fmt.Fprintf(&b, "<request-token xmlns='%s' mechanism='%s'/>", nsFast, htNone)
	}
	if resume {
		fmt.Fprintf(&b, "<resume xmlns='%s' previd='%s' h='%d'/>", nsSM, c.smID, c.inCnt)
	} else {
		fmt.Fprintf(&b, "<bind xmlns='urn:xmpp:bind:0'><tag>%s</tag>", c.resource)
		if c.opts.has("carbons") {
			b.WriteString("<enable xmlns='urn:xmpp:carbons:2'/>")
		}
		if c.opts.has("sm") {
			b.WriteString("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
		}
		b.WriteString("</bind>")
	}
	last, err = r.ask(c, "%s</authenticate>", b.String())
	for err == nil && last.is(nsSASL2, "challenge") {
		var answer string
		if answer, err = e.step(last.Text); err == nil {
			last, err = r.ask(c, "<response xmlns='%s'>%s</response>", nsSASL2, answer)
		}
	}
	if err != nil || !last.is(nsSASL2, "success") {
		return last, false, err
	}
	if t := last.child(nsFast, "token"); t != nil {
		c.token = t.attr("token")
	} else if c.opts.has("fast") && !e.token {
		return last, false, errors.New("no token came")
	}
	if data := last.child(nsSASL2, "additional-data"); data != nil && e.token {
		if data.Text != e.answer {
			return last, false, errors.New("the server did not prove that it knows the token")
		}
	} else if data != nil {
		if _, err = e.step(data.Text); err != nil {
			return last, false, err
		}
	}
	if _, err = r.expect(c, nsStreams, "features"); err != nil {
		return last, false, err
	}
	if resume {
		return last, last.child(nsSM, "resumed") != nil, nil
	}
	bound, id := last.child("urn:xmpp:bind:0", "bound"), last.child(nsSASL2, "authorization-identifier")
	if bound == nil || id == nil {
		return last, false, nil
	}
	c.jid = id.Text
	if on := bound.child(nsSM, "enabled"); on != nil {
		c.smID, c.outCnt = on.attr("id"), 0
	}
	return last, true, nil
}

// exchange is one SASL exchange of a client; SCRAM is not the project's own but xdg-go's.
type exchange struct {
	mechanism string
	first     string
	scram     *scram.ClientConversation // nil for PLAIN
	token     bool                      // it is a token that is proven, with htNone
	answer    string                    // what the server must say then
}

// htNone is the mechanism for tokens that scripts use; nsFast the namespace of tokens (XEP-0484).
const (
	htNone = "HT-SHA-256-NONE"
	nsFast = "urn:xmpp:fast:0"
)

// proveToken begins an exchange with a token.
func proveToken(user, token string) *exchange {
	sum := func(word string) []byte {
		m := hmac.New(sha256.New, []byte(token))
		m.Write([]byte(word))
		return m.Sum(nil)
	}
	return &exchange{
		mechanism: htNone, token: true, first: base64.StdEncoding.EncodeToString(append([]byte(user+"\x00"), sum("Initiator")...)),
		answer: base64.StdEncoding.EncodeToString(sum("Responder")),
	}
}

func newExchange(c *client, t target) (*exchange, error) {
	if c.token != "" {
		return proveToken(t.user(c.account), c.token), nil
	}
	e := &exchange{mechanism: "SCRAM-SHA-256"}
	if m := c.opts["mechanism"]; m != "" {
		e.mechanism = m
	}
	user, password, authzid := t.user(c.account), password, c.opts["authzid"]
	if p, ok := c.opts["password"]; ok {
		password = p
	}
	if e.mechanism == "PLAIN" {
		e.first = base64.StdEncoding.EncodeToString([]byte(authzid + "\x00" + user + "\x00" + password))
		return e, nil
	}
	name, plus := strings.CutSuffix(e.mechanism, "-PLUS")
	var hash scram.HashGeneratorFcn
	switch name {
	case "SCRAM-SHA-1":
		hash = scram.SHA1
	case "SCRAM-SHA-256":
		hash = scram.SHA256
	case "SCRAM-SHA-512":
		hash = scram.SHA512
	default: // for the server to refuse
		e.first = "="
		return e, nil
	}
	sc, err := hash.NewClient(user, password, authzid)
	if err != nil {
		return nil, err
	}
	if plus {
		kind := c.opts["binding"]
		if kind == "" {
			kind = "tls-exporter"
		}
		data := t.channelBinding(kind)
		if data == nil {
			return nil, errors.New("this target offers no channel binding")
		}
		e.scram = sc.NewConversationWithChannelBinding(scram.ChannelBinding{Type: scram.ChannelBindingType(kind), Data: data})
	} else {
		e.scram = sc.NewConversation()
	}
	first, err := e.scram.Step("")
	e.first = base64.StdEncoding.EncodeToString([]byte(first))
	return e, err
}

// step answers a challenge, in base64 both.
func (e *exchange) step(challenge string) (string, error) {
	if e.scram == nil || challenge == "" {
		return "", nil
	}
	in, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil {
		return "", err
	}
	out, err := e.scram.Step(string(in))
	return base64.StdEncoding.EncodeToString([]byte(out)), err
}
