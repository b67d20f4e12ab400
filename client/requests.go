package client

import (
	"errors"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xmlstream"
)

// ErrTimeout: a request was not answered in time.
var ErrTimeout = errors.New("client: no answer in time")

// requests are the questions that wait for an answer. They are known by who was
// asked and an unguessable id, so that nobody else can answer (RFC 6120 §8.2.3).
type requests struct {
	waiting map[requestKey]*request
}

type requestKey struct {
	id   string
	from jid.JID // who must answer
}

type request struct {
	timeout alarm
	answer  func(*stanza.Stanza, error)
}

func (r *requests) init() { r.waiting = map[requestKey]*request{} }

// server is the address of the account's server.
func (k *core) server() jid.JID { return k.self.DomainJID() }

// request asks an IQ. answer is called once: with the result, or with a
// *stanza.Error, ErrTimeout or ErrOffline.
func (k *core) request(to jid.JID, typ string, payload func(*xmlstream.Encoder), answer func(*stanza.Stanza, error)) {
	key := requestKey{newID(), to}
	r := &request{answer: answer}
	k.requests.waiting[key] = r
	if k.conn.stream == nil || !k.send(stanza.Build(stanza.IQ, typ, to, jid.JID{}, key.id, payload)) {
		delete(k.requests.waiting, key)
		k.later(func() { answer(nil, ErrOffline) })
		return
	}
	k.after(&r.timeout, k.cfg.Times.Request, func() {
		delete(k.requests.waiting, key)
		answer(nil, ErrTimeout)
	})
}

// inSession gives an answer that is ignored once the session in which it was asked
// is over. A resumed session is the same one.
func (k *core) inSession(answer func(*stanza.Stanza, error)) func(*stanza.Stanza, error) {
	asked := k.session
	return func(s *stanza.Stanza, err error) {
		if k.session == asked {
			answer(s, err)
		}
	}
}

// later runs f in another turn of the loop.
func (k *core) later(f func()) { k.box.put(f) }

// answered takes a result or error. An answer that nobody waits for, or that comes
// from somebody else than was asked, is ignored (RFC 6120 §8.2.3).
func (k *core) answered(s *stanza.Stanza) {
	from := s.From
	if from.IsZero() || from == k.conn.jid() {
		from = k.self // RFC 6120 §8.1.2.1: the server speaks for the account
	}
	key := requestKey{s.ID, from}
	r := k.requests.waiting[key]
	if r == nil {
		k.log.Debug("an answer to no question", "from", s.From.String())
		return
	}
	delete(k.requests.waiting, key)
	k.timers.stop(&r.timeout)
	if err := s.Err(); err != nil {
		r.answer(nil, err)
		return
	}
	r.answer(s, nil)
}

// jid is the full address of the session, or zero.
func (c *connection) jid() jid.JID {
	if c.stream == nil {
		return jid.JID{}
	}
	return c.stream.Peer().JID
}

// dropRequests fails what was asked in a session that is over.
func (k *core) dropRequests() {
	waiting := k.requests.waiting
	k.requests.init()
	for _, r := range waiting {
		k.timers.stop(&r.timeout)
		r.answer(nil, ErrOffline)
	}
}

// refused tells a stanza error of one of these conditions.
func refused(err error, conditions ...string) bool {
	var e *stanza.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range conditions {
		if e.Condition == c {
			return true
		}
	}
	return false
}

// unsupported reports whether an answer says that the other side does not know the
// request at all.
func unsupported(err error) bool {
	return refused(err, "service-unavailable", "feature-not-implemented", "item-not-found")
}
