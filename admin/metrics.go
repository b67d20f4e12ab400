package admin

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newRegistry lists the metrics. The numbers belong to the rooms that count them; here they only get names and help.
func newRegistry(src Source) (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	var list []prometheus.Collector
	counter := func(name, help string, labels prometheus.Labels, value func() int64) {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "godwit", Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value()) }))
	}
	gauge := func(name, help string, value func() int64) {
		list = append(list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "godwit", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
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
	if r := src.Server.Registration; r != nil {
		c := &r.Counters
		counter("registrations_total", "Accounts that strangers asked for, by outcome.", prometheus.Labels{"outcome": "made"}, c.Registered.Load)
		counter("registrations_total", "Accounts that strangers asked for, by outcome.", prometheus.Labels{"outcome": "refused"}, c.Refused.Load)
		counter("registrations_limited_total", "Registrations refused because the address asked for many.", nil, c.Limited.Load)
		counter("accounts_given_up_total", "Accounts removed by their owners.", nil, c.Removed.Load)
	}
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
	if src.STUN != nil {
		stun := func(value func(STUN) uint64) func() int64 { return func() int64 { return int64(value(src.STUN())) } }
		counter("stun_requests_total", "STUN requests.", nil, stun(func(t STUN) uint64 { return t.Requests }))
		counter("stun_answered_total", "STUN requests answered.", nil, stun(func(t STUN) uint64 { return t.Answered }))
		counter("stun_limited_total", "STUN requests beyond the limit per source.", nil, stun(func(t STUN) uint64 { return t.Limited }))
		counter("stun_malformed_total", "Packets that are no STUN.", nil, stun(func(t STUN) uint64 { return t.Malformed }))
	}
	list = append(list, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range list {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return r, nil
}
