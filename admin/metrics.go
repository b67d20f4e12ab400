package admin

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics is a list of them being made. The numbers belong to the rooms that count them; here they only get names and help.
type metrics struct{ list []prometheus.Collector }

func (m *metrics) counter(name, help string, labels prometheus.Labels, value func() int64) {
	m.list = append(m.list, prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "godwit", Name: name, Help: help, ConstLabels: labels},
		func() float64 { return float64(value()) }))
}

func (m *metrics) gauge(name, help string, value func() int64) {
	m.list = append(m.list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "godwit", Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// newRegistry lists all of them.
func newRegistry(src Source) (*prometheus.Registry, error) {
	m := &metrics{}
	m.sessions(src)
	m.relay(src)
	m.shared(src)
	m.http(src)
	m.list = append(m.list, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r := prometheus.NewRegistry()
	for _, c := range m.list {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// sessions are the metrics of signing in and of stanzas.
func (m *metrics) sessions(src Source) {
	counter, gauge := m.counter, m.gauge
	a, p, s, g := &src.Server.Accounts.Counters, &src.Server.Pipeline.Counters, &src.Server.Counters, &src.Server.Gate.Counters
	gauge("sessions", "Sessions bound now, hibernating ones too.", a.Sessions.Load)
	gauge("sessions_hibernating", "Sessions that lost their connection and wait to be resumed.", a.Hibernating.Load)
	gauge("connections_pending", "Connections signing in now.", s.Pending.Load)
	counter("connections_total", "Connections taken.", nil, s.Links.Load)
	counter("sign_ins_total", "Sign-ins by result.", prometheus.Labels{"result": "ok"}, s.SignedIn.Load)
	counter("sign_ins_total", "Sign-ins by result.", prometheus.Labels{"result": "failed"}, s.Failed.Load)
	failures := func(value func(SignInFailures) int64) func() int64 {
		return func() int64 { return value(src.SignIns()) }
	}
	counter("sign_in_failures_total", "Attempts to sign in that failed, by reason.", prometheus.Labels{"reason": "wrong"},
		failures(func(f SignInFailures) int64 { return f.Wrong }))
	counter("sign_in_failures_total", "Attempts to sign in that failed, by reason.", prometheus.Labels{"reason": "limited"},
		failures(func(f SignInFailures) int64 { return f.Limited }))
	counter("sign_in_failures_total", "Attempts to sign in that failed, by reason.", prometheus.Labels{"reason": "other"},
		failures(func(f SignInFailures) int64 { return f.Others }))
	made, tokens, invited := &src.Server.Registration.Counters, &src.Server.Devices.Counters, &src.Server.Invitations.Counters
	counter("registrations_total", "Accounts that strangers asked for, by outcome.", prometheus.Labels{"outcome": "made"}, made.Registered.Load)
	counter("registrations_total", "Accounts that strangers asked for, by outcome.", prometheus.Labels{"outcome": "refused"}, made.Refused.Load)
	counter("registrations_invited_total", "Accounts made, by invitation.", nil, made.Invited.Load)
	counter("registrations_limited_total", "Registrations refused because the address asked for many.", nil, made.Limited.Load)
	counter("accounts_given_up_total", "Accounts removed by their owners.", nil, made.Removed.Load)
	counter("tokens_issued_total", "Tokens given to clients to sign in with.", nil, tokens.Issued.Load)
	counter("tokens_used_total", "Sign-ins with a token instead of a password.", nil, tokens.Used.Load)
	counter("clients_signed_out_total", "Clients whose access was taken away by the owner of the account.", nil, tokens.Revoked.Load)
	counter("invitations_made_total", "Invitations made by accounts.", nil, invited.Made.Load)
	counter("invitations_used_total", "Invitations used, whoever made them.", nil, invited.Used.Load)
	counter("sessions_resumed_total", "Sessions that went on over another connection.", nil, a.Resumed.Load)
	counter("stream_errors_total", "Streams the server closed with an error.", nil, s.Errors.Load)
	counter("stanzas_total", "Stanzas taken from clients by kind.", prometheus.Labels{"kind": "message"}, p.Messages.Load)
	counter("stanzas_total", "Stanzas taken from clients by kind.", prometheus.Labels{"kind": "presence"}, p.Presences.Load)
	counter("stanzas_total", "Stanzas taken from clients by kind.", prometheus.Labels{"kind": "iq"}, p.IQs.Load)
	counter("stanzas_delivered_total", "Stanzas handed to sessions.", nil, a.Delivered.Load)
	counter("stanzas_refused_total", "Stanzas answered with an error.", nil, p.Refused.Load)
	counter("messages_stored_total", "Messages written to disk before they were acknowledged.", nil, p.Stored.Load)
	counter("messages_duplicate_total", "Messages handed over twice and delivered once.", nil, p.Duplicates.Load)
	counter("messages_kept_total", "Messages put into the inbox of somebody who turned out to be absent.", nil, a.Kept.Load)
	counter("introductions_total", "Jingle requests between accounts by outcome.", prometheus.Labels{"outcome": "passed"}, g.Passed.Load)
	counter("introductions_total", "Jingle requests between accounts by outcome.", prometheus.Labels{"outcome": "refused"}, g.Refused.Load)
}

// relay are the metrics of STUN and TURN.
func (m *metrics) relay(src Source) {
	counter, gauge := m.counter, m.gauge
	if src.STUN != nil {
		stun := func(value func(STUN) uint64) func() int64 { return func() int64 { return int64(value(src.STUN())) } }
		counter("stun_requests_total", "STUN requests.", nil, stun(func(t STUN) uint64 { return t.Requests }))
		counter("stun_answered_total", "STUN requests answered.", nil, stun(func(t STUN) uint64 { return t.Answered }))
		counter("stun_limited_total", "STUN requests beyond the limit per source.", nil, stun(func(t STUN) uint64 { return t.Limited }))
		counter("stun_malformed_total", "Packets that are no STUN.", nil, stun(func(t STUN) uint64 { return t.Malformed }))
	}
	if src.TURN != nil {
		turn := func(value func(TURN) uint64) func() int64 { return func() int64 { return int64(value(src.TURN())) } }
		gauge("turn_allocations", "Relayed addresses now.", turn(func(t TURN) uint64 { return uint64(t.Live) }))
		gauge("turn_accounts", "Accounts that have a relayed address now.", turn(func(t TURN) uint64 { return uint64(t.Users) }))
		counter("turn_allocations_total", "Relayed addresses given.", nil, turn(func(t TURN) uint64 { return t.Allocations }))
		for direction, of := range map[string]func(TURN) (bytes, packets uint64){
			"in":  func(t TURN) (uint64, uint64) { return t.BytesIn, t.PacketsIn },
			"out": func(t TURN) (uint64, uint64) { return t.BytesOut, t.PacketsOut },
		} {
			label := prometheus.Labels{"direction": direction}
			counter("turn_bytes_total", "Payload relayed, from peers (in) and to peers (out).", label, turn(func(t TURN) uint64 { b, _ := of(t); return b }))
			counter("turn_packets_total", "Datagrams relayed, from peers (in) and to peers (out).", label, turn(func(t TURN) uint64 { _, p := of(t); return p }))
		}
		counter("turn_challenged_total", "Requests without credentials, as every client begins.", nil, turn(func(t TURN) uint64 { return t.Challenged }))
		counter("turn_errors_total", "Datagrams the system did not send or receive.", nil, turn(func(t TURN) uint64 { return t.Errors }))
		m.list = append(m.list, newByWord("turn_refused_total", "Requests refused and datagrams dropped, by reason.", "reason", func() map[string]uint64 { return src.TURN().Refused }))
	}
}

// shared are the metrics of the shared port.
func (m *metrics) shared(src Source) {
	if src.Shared == nil {
		return
	}
	m.gauge("shared_pending", "Connections of the shared port that have not said yet what they are.", func() int64 { return src.Shared().Pending })
	m.list = append(m.list,
		newByWord("shared_connections_total", "Connections of the shared port by protocol.", "protocol",
			func() map[string]uint64 { return src.Shared().Served }),
		newByWord("shared_closed_total", "Connections of the shared port closed before they reached a protocol, by reason.", "reason",
			func() map[string]uint64 { return src.Shared().Closed }))
}

// http are the metrics of the HTTP face.
func (m *metrics) http(src Source) {
	if src.HTTP == nil {
		return
	}
	m.gauge("https_pending", "Connections of the https port that have not finished their handshake.", func() int64 { return src.HTTP().Pending })
	m.list = append(m.list,
		newByWord("http_requests_total", "Requests by browsers and others, by what they were for.", "for",
			func() map[string]uint64 { return src.HTTP().Requests }),
		newByWord("http_responses_total", "Answers to them by status.", "status",
			func() map[string]uint64 { return src.HTTP().Responses }),
		newByWord("https_closed_total", "Connections of the https port closed before a request, by reason.", "reason",
			func() map[string]uint64 { return src.HTTP().Closed }))
}

// byWord is a counter for each word of a map.
type byWord struct {
	desc   *prometheus.Desc
	values func() map[string]uint64
}

func newByWord(name, help, label string, values func() map[string]uint64) *byWord {
	return &byWord{prometheus.NewDesc(prometheus.BuildFQName("godwit", "", name), help, []string{label}, nil), values}
}

// Describe implements [prometheus.Collector].
func (b *byWord) Describe(to chan<- *prometheus.Desc) { to <- b.desc }

// Collect implements [prometheus.Collector].
func (b *byWord) Collect(to chan<- prometheus.Metric) {
	for word, n := range b.values() {
		to <- prometheus.MustNewConstMetric(b.desc, prometheus.CounterValue, float64(n), word)
	}
}
