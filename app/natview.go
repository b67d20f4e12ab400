package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"godwit/nat"
	"godwit/nat/outlook"
	"godwit/xep/reach"
)

// natWidth is how wide the text is where the output is no terminal.
const natWidth = 80

// write prints the view for people; width is 0 where the output is no terminal.
func (v natView) write(w io.Writer, width int) error {
	if width == 0 || width > 100 {
		width = natWidth
	}
	var b strings.Builder
	b.WriteString(natParagraph(v.title().in(v.lang), width, "", ""))
	if v.report.Reach.Class != reach.UnknownClass {
		b.WriteString(natParagraph(upperFirst(outlook.ClassMeaning(v.report.Reach.Class, v.lang))+v.stop(), width, "", ""))
	}
	b.WriteByte('\n')
	natRows(&b, v.rows(), width)
	if ways := v.ways(); len(ways) > 0 {
		b.WriteString("\n" + natParagraph(natWhatWorks.in(v.lang), width, "", ""))
		natRows(&b, ways, width)
	}
	natList(&b, natWhatHelps.in(v.lang), v.helps(), width)
	natList(&b, natDoubts.in(v.lang), v.doubts(), width)
	b.WriteString("\n" + natParagraph(v.asked(), width, "", ""))
	_, err := io.WriteString(w, b.String())
	return err
}

// title is the one line that says it all.
func (v natView) title() phrase {
	x := v.report.Reach
	if t, ok := natTitles[x.Class]; ok {
		return t
	}
	switch {
	case v.silent():
		return natNothing
	case x.Mapping == reach.None:
		return natNoTranslation
	case x.Mapping == reach.AtMostAddress && x.Filtering == reach.AddressPortDependent:
		return natProbablyPortRestricted
	case x.Mapping == reach.AtMostAddress:
		return natProbablyCone
	case x.Mapping == reach.EndpointIndependent:
		return natSomeCone
	case v.family().Public.IsValid() && v.family().Public != v.family().Local && !v.family().Local.Addr().IsUnspecified():
		return natSomeNAT
	}
	return natNothing
}

func (v natView) stop() string { return phrase{".", "。"}.in(v.lang) }

// rows are the facts.
func (v natView) rows() [][2]string {
	var rows [][2]string
	add := func(label phrase, value string) { rows = append(rows, [2]string{label.in(v.lang), value}) }
	x, f := v.report.Reach, v.family()
	if f.State == nat.Answered {
		add(natMapping, outlook.MappingText(x.Mapping, v.lang))
		add(natFiltering, outlook.FilteringText(x.Filtering, v.lang))
		if x.Mapping != reach.None {
			add(natPorts, v.ports(f))
			add(natCarrier, v.yesNo(x.Carrier))
		}
	}
	add(phrase{"IPv4", "IPv4"}, v.exchange(x.IPv4, v.report.IPv4))
	add(phrase{"IPv6", "IPv6"}, v.exchange(x.IPv6, v.report.IPv6))
	switch v.report.TCP {
	case nat.TCPAnswers:
		add(natTCP, natTCPAnswers.in(v.lang))
	case nat.TCPAlive:
		add(natTCP, natTCPAlive.in(v.lang))
	}
	if v.facts.asked && f.Translated() {
		add(natPortMap, v.portMapping())
	}
	return rows
}

func (v natView) ports(f nat.Family) string {
	switch f.Allocation.Pattern {
	case nat.Preserved:
		return natPreserved.in(v.lang)
	case nat.Sequential:
		return fmt.Sprintf(natSequential.in(v.lang), f.Allocation.Step)
	case nat.Random:
		return natRandom.in(v.lang)
	}
	return natUnknown.in(v.lang)
}

func (v natView) yesNo(t reach.Tristate) string {
	switch t {
	case reach.Yes:
		return natYes.in(v.lang)
	case reach.No:
		return natNo.in(v.lang)
	}
	return natUnknown.in(v.lang)
}

// exchange says whether a family works, and at which address.
func (v natView) exchange(t reach.Tristate, f nat.Family) string {
	if f.State != nat.Answered || !f.Public.IsValid() {
		return v.yesNo(t)
	}
	text := fmt.Sprintf(natSeenAs.in(v.lang), v.yesNo(t), f.Public.Addr())
	if f.Local.Addr() != f.Public.Addr() {
		text += fmt.Sprintf(natHere.in(v.lang), f.Local.Addr())
	}
	return text
}

func (v natView) portMapping() string {
	if len(v.facts.protocols) == 0 {
		return natNoProtocol.in(v.lang)
	}
	var names []string
	for _, p := range v.facts.protocols {
		names = append(names, protocolName(string(p)))
	}
	list := strings.Join(names, commaMark.in(v.lang))
	if v.report.Reach.Carrier == reach.Yes {
		return fmt.Sprintf(natBehindOne.in(v.lang), list)
	}
	return fmt.Sprintf(natProtocols.in(v.lang), list)
}

// protocolName is how people write it.
func protocolName(code string) string {
	return cmp.Or(map[string]string{"pcp": "PCP", "nat-pmp": "NAT-PMP", "upnp": "UPnP"}[code], code)
}

// ways are what works with whom, a line for each way.
func (v natView) ways() [][2]string {
	if v.silent() {
		return nil
	}
	var rows [][2]string
	for _, way := range outlook.Ways {
		var names []string
		if way == outlook.Direct && v.outlook.IPv6 {
			names = append(names, natEverybody6.in(v.lang))
		}
		for _, c := range v.outlook.With(way) {
			names = append(names, outlook.ClassText(c, v.lang))
		}
		if len(names) > 0 {
			rows = append(rows, [2]string{way.Text(v.lang), strings.Join(names, commaMark.in(v.lang))})
		}
	}
	return rows
}

func (v natView) helps() []string {
	if v.silent() {
		return nil
	}
	var list []string
	for _, a := range v.outlook.Help {
		list = append(list, a.Text(v.lang))
	}
	return list
}

// doubts are what could not be told, each reason once with all it is about.
func (v natView) doubts() []string {
	var list []string
	done := map[nat.Why]bool{}
	for _, d := range v.report.Doubts {
		if done[d.Why] {
			continue
		}
		done[d.Why] = true
		var about []string
		for _, o := range v.report.Doubts {
			if o.Why == d.Why {
				about = append(about, natAbout[o.About].in(v.lang))
			}
		}
		list = append(list, strings.Join(about, commaMark.in(v.lang))+colonMark.in(v.lang)+natWhy[d.Why].in(v.lang))
	}
	return list
}

// asked says who was asked, and how long it took.
func (v natView) asked() string {
	f := v.family()
	took := fmt.Sprintf("%.1f s", v.report.Took.Seconds())
	if !f.Server.IsValid() {
		return fmt.Sprintf(natAskedSilent.in(v.lang), printable(v.server), took)
	}
	round := fmt.Sprintf("%.0f ms", milliseconds(f.RoundTrip))
	if f.RoundTrip < 10*time.Millisecond {
		round = fmt.Sprintf("%.1f ms", milliseconds(f.RoundTrip))
	}
	name := f.Server.String()
	if !strings.Contains(name, v.server) {
		name = fmt.Sprintf(phrase{"%s (%s)", "%s（%s）"}.in(v.lang), printable(v.server), name)
	}
	return fmt.Sprintf(natAsked.in(v.lang), name, round, took)
}

func upperFirst(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// natColumn is how wide the column of values is at least; where there is less
// room, a value stands below its label.
const natColumn = 24

// natRows prints labels and values in two columns.
func natRows(b *strings.Builder, rows [][2]string, width int) {
	label := 0
	for _, r := range rows {
		label = max(label, displayWidth(r[0]))
	}
	for _, r := range rows {
		if label+4+natColumn > width {
			b.WriteString(natParagraph(r[0], width, "  ", "  ") + natParagraph(r[1], width, "    ", "    "))
			continue
		}
		first := "  " + r[0] + strings.Repeat(" ", label-displayWidth(r[0])+2)
		b.WriteString(natParagraph(r[1], width, first, strings.Repeat(" ", label+4)))
	}
}

// natList prints a heading and what stands below it; nothing if that is nothing.
func natList(b *strings.Builder, heading string, items []string, width int) {
	if len(items) == 0 {
		return
	}
	b.WriteString("\n" + natParagraph(heading, width, "", ""))
	for _, i := range items {
		b.WriteString(natParagraph(i, width, "  - ", "    "))
	}
}

// natParagraph wraps a text: at spaces, and between characters that take two
// columns, as Chinese is.
func natParagraph(text string, width int, first, indent string) string {
	var b strings.Builder
	b.WriteString(first)
	used := displayWidth(first)
	begin := used
	for _, word := range natWords(text) {
		bare := strings.TrimRight(word, " ")
		if used+displayWidth(bare) > width && used > begin {
			line := strings.TrimRight(b.String(), " ")
			b.Reset()
			b.WriteString(line + "\n" + indent)
			used, begin = displayWidth(indent), displayWidth(indent)
		}
		b.WriteString(word)
		used += displayWidth(word)
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// natWords cuts a text where lines may be broken. A mark of punctuation stays with what
// is before it.
func natWords(text string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	const closing = "，。；：、）"
	var before rune
	for _, r := range text {
		if before == ' ' || (isWide(r) || isWide(before)) && !strings.ContainsRune(closing, r) && before != '（' && r != ' ' {
			flush()
		}
		word.WriteRune(r)
		before = r
	}
	flush()
	return words
}
