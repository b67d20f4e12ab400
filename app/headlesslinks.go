package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"godwit/headless"
	"godwit/jid"
	"godwit/nat/outlook"
	"godwit/xep/reach"
)

// showLinks asks the running client of an account how its chats go, and why.
func (c *headlessCommand) showLinks(ctx context.Context, s streams, data string, account jid.JID) error {
	question := struct {
		Cmd  string `json:"cmd"`
		With string `json:"with,omitempty"`
	}{"links", c.Contact}
	if c.Contact != "" {
		if _, err := jid.Parse(c.Contact); err != nil {
			return usagef("%q is no address: %v", c.Contact, err)
		}
	}
	answer, err := askClient(ctx, data, account, question)
	if err != nil {
		return err
	}
	var links headless.Links
	var refusal headless.Error
	if err := errors.Join(json.Unmarshal(answer, &links), json.Unmarshal(answer, &refusal)); err != nil {
		return fmt.Errorf("the client's answer can not be understood: %w", err)
	}
	if links.Event != "links" {
		return fmt.Errorf("the client said: %s", cmp.Or(printable(refusal.Message), "nothing that can be understood"))
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		for _, l := range links.Items {
			if err := encoder.Encode(l); err != nil {
				return err
			}
		}
		return nil
	}
	return tellLinks(s.out, links.Items)
}

// tellLinks prints a table with what stands behind each row below it.
func tellLinks(w io.Writer, all []headless.Link) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no chats and nobody online")
		return err
	}
	var list table
	list.add("CONTACT", "PATH", "ROUND TRIP", "MY NAT", "THEIR NAT")
	for _, l := range all {
		var self, peer *headless.Reach
		if l.Nat != nil {
			self, peer = l.Nat.Self, l.Nat.Peer
		}
		list.add(l.Peer, pathWord(&l), roundTrip(l.RTT), natWord(self), natWord(peer))
	}
	var text bytes.Buffer
	if err := list.write(&text); err != nil {
		return err
	}
	var out strings.Builder
	rows := strings.SplitAfter(text.String(), "\n")
	out.WriteString(rows[0])
	for i := range all {
		out.WriteString(rows[i+1])
		for _, line := range behind(&all[i]) {
			out.WriteString("    " + printable(line) + "\n")
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// behind is what explains a row.
func behind(l *headless.Link) (lines []string) {
	if l.Words != "" {
		lines = append(lines, l.Words)
	}
	if l.Relay != "" {
		lines = append(lines, fmt.Sprintf("relay: %s by %s", l.Relay, cmp.Or(l.RelayProtocol, "udp")))
	}
	for _, h := range l.Help {
		lines = append(lines, "would help: "+h.Words)
	}
	if l.Failure != "" && l.Path != "direct" {
		last := "last attempt: " + l.Failure
		if l.Next > 0 {
			last += "; again in " + (time.Duration(l.Next) * time.Millisecond).Round(time.Second).String()
		}
		lines = append(lines, last)
	}
	return lines
}

func pathWord(l *headless.Link) string {
	switch {
	case l.State == "connecting":
		return "connecting"
	case l.State == "up" && !l.Trusted:
		return cmp.Or(l.Path, "?") + " (silent)"
	}
	return cmp.Or(l.Path, "waits")
}

func roundTrip(ms float64) string {
	switch {
	case ms <= 0:
		return "–"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// natWord says in few words what network somebody is on.
func natWord(r *headless.Reach) string {
	if r == nil {
		return "unknown"
	}
	words := []string{outlook.ClassText(reach.Class(r.Class), outlook.English)}
	if r.Carrier == "yes" {
		words = append(words, "carrier NAT")
	}
	if r.Mapped != "" {
		words = append(words, "port mapped by "+r.Mapped)
	}
	if r.IPv6 == "yes" {
		words = append(words, "IPv6")
	}
	return strings.Join(words, ", ")
}
