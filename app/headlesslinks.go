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

	"godwit/headless"
	"godwit/jid"
	"godwit/nat/outlook"
)

// showLinks asks the running client of an account how its chats go, and why.
func (c *headlessCommand) showLinks(ctx context.Context, s streams, data string, account jid.JID, lang outlook.Lang) error {
	question := struct {
		Cmd  string `json:"cmd"`
		With string `json:"with,omitempty"`
		Lang string `json:"lang"`
	}{"links", c.Contact, lang.String()}
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
	return tellLinks(s.out, links.Items, terminalWidth(s.out), lang)
}

// tellLinks prints a table with what stands behind each row below it. Where width (0: no bound) is less than the table takes, all stands below
// the contact.
func tellLinks(w io.Writer, all []headless.Link, width int, lang outlook.Lang) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, linksNone.in(lang))
		return err
	}
	var list table
	var head []string
	for _, h := range linksHead {
		head = append(head, h.in(lang))
	}
	list.add(head...)
	for i := range all {
		list.add(linksRow(&all[i], lang)...)
	}
	var text bytes.Buffer
	if err := list.write(&text); err != nil {
		return err
	}
	rows := strings.SplitAfter(text.String(), "\n")
	column := max(list.width(), natWidth)
	if width > 0 {
		column = min(column, width)
	}
	narrow := width > 0 && list.width() > width
	var out strings.Builder
	if !narrow {
		out.WriteString(rows[0])
	}
	for i := range all {
		lines := behind(&all[i], lang)
		if narrow {
			out.WriteString(list[i+1][0] + "\n")
			lines = append(linksRowBelow(&all[i], lang), lines...)
		} else {
			out.WriteString(rows[i+1])
		}
		for _, line := range lines {
			out.WriteString(natParagraph(printable(line), column, linksIndent, linksIndent))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// linksIndent stands before what explains a row.
const linksIndent = "    "
