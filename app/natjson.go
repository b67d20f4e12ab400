package app

import (
	"cmp"
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"godwit/nat"
	"godwit/nat/outlook"
)

// natJSON is the output of --json (docs/nat.md). Fields are added, never changed.
type natJSON struct {
	Class         string `json:"class"`
	Mapping       string `json:"mapping"`
	Filtering     string `json:"filtering"`
	PortPreserved string `json:"port_preserved"`
	Allocation    string `json:"allocation"`
	Step          int    `json:"step,omitempty"`
	CarrierNAT    string `json:"carrier_nat"`
	IPv4          string `json:"ipv4"`
	IPv6          string `json:"ipv6"`
	PublicIPv4    string `json:"public_ipv4,omitempty"`
	PublicIPv6    string `json:"public_ipv6,omitempty"`
	LocalIPv4     string `json:"local_ipv4,omitempty"`
	LocalIPv6     string `json:"local_ipv6,omitempty"`
	ClassIPv6     string `json:"class_ipv6,omitempty"` // where there is IPv4, too
	TCP           string `json:"tcp,omitempty"`        // asked only where UDP is silent

	PortMapping []string `json:"port_mapping"`

	Server        string  `json:"server"`
	ServerAddress string  `json:"server_address,omitempty"`
	ServerShows   string  `json:"server_shows,omitempty"`
	RoundTripMS   float64 `json:"round_trip_ms,omitempty"`
	TookMS        float64 `json:"took_ms"`

	Uncertain []natUncertain `json:"uncertain"`
	Outlook   []natProspect  `json:"outlook"`
	Help      []natAdvice    `json:"help"`
}

type natUncertain struct {
	About string `json:"about"`
	Why   string `json:"why"`
	Text  string `json:"text"`
}

type natProspect struct {
	With   string `json:"with"`
	Way    string `json:"way"`
	Reason string `json:"reason"`
	Sure   bool   `json:"sure"`
	Text   string `json:"text"`
}

type natAdvice struct {
	What string `json:"what"`
	Text string `json:"text"`
}

func (v natView) writeJSON(w io.Writer) error {
	r, f := v.report, v.family()
	out := natJSON{
		Class: known(r.Reach.Class), Mapping: known(r.Reach.Mapping), Filtering: known(r.Reach.Filtering),
		PortPreserved: known(r.Reach.PortPreserved), Allocation: known(f.Allocation.Pattern), Step: f.Allocation.Step,
		CarrierNAT: known(r.Reach.Carrier), IPv4: known(r.Reach.IPv4), IPv6: known(r.Reach.IPv6),
		PublicIPv4: showAddr(r.IPv4.Public), PublicIPv6: showAddr(r.IPv6.Public), LocalIPv4: showAddr(r.IPv4.Local), LocalIPv6: showAddr(r.IPv6.Local),
		TCP: string(r.TCP), PortMapping: []string{},
		Server: v.server, ServerShows: string(f.Vantage), RoundTripMS: milliseconds(f.RoundTrip), TookMS: milliseconds(r.Took),
		Uncertain: []natUncertain{}, Outlook: []natProspect{}, Help: []natAdvice{},
	}
	if f.Server.IsValid() {
		out.ServerAddress = f.Server.String()
	}
	if r.IPv4.State == nat.Answered {
		out.ClassIPv6 = string(r.IPv6.Class)
	}
	for _, p := range v.facts.protocols {
		out.PortMapping = append(out.PortMapping, string(p))
	}
	for _, d := range r.Doubts {
		out.Uncertain = append(out.Uncertain, natUncertain{string(d.About), string(d.Why), natWhy[d.Why].in(v.lang)})
	}
	if !v.silent() {
		if v.outlook.IPv6 {
			out.Outlook = append(out.Outlook, natProspect{"ipv6", string(outlook.Direct), string(outlook.IPv6), true, outlook.IPv6.Text(v.lang)})
		}
		for _, row := range v.outlook.Rows {
			p := row.Prospect
			out.Outlook = append(out.Outlook, natProspect{string(row.With), string(p.Way), string(p.Reason), p.Sure, p.Reason.Text(v.lang)})
		}
		for _, a := range v.outlook.Help {
			out.Help = append(out.Help, natAdvice{string(a), a.Text(v.lang)})
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}

// showAddr is the address without its port, or nothing.
func showAddr(a netip.AddrPort) string {
	if !a.Addr().IsValid() || a.Addr().IsUnspecified() {
		return ""
	}
	return a.Addr().String()
}

// known is a value, or "unknown" for none.
func known[S ~string](s S) string { return cmp.Or(string(s), "unknown") }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
