package app

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"godwit/headless"
	"godwit/nat/outlook"
	"godwit/xep/jingle"
	"godwit/xep/reach"
)

// What the table of links says.
var (
	linksNone     = phrase{"no chats and nobody online", "没有聊天，也没有人在线"}
	linksHead     = [5]phrase{{"CONTACT", "联系人"}, {"PATH", "路径"}, {"ROUND TRIP", "往返"}, {"MY NAT", "我的 NAT"}, {"THEIR NAT", "对方 NAT"}}
	linksUnproven = phrase{"%s (unproven)", "%s（待确认）"}
	linksCarrier  = phrase{"carrier NAT", "运营商 NAT"}
	linksMapped   = phrase{"port mapped by %s", "%s 端口映射"}
	linksMine     = phrase{"my NAT: %s", "我的 NAT：%s"}
	linksOthers   = phrase{"their NAT: %s", "对方 NAT：%s"}
	linksUnknown  = phrase{"unknown", "未知"}
	linksRelay    = phrase{"The relay is %s, reached by %s.", "中继是 %s，经 %s 连接。"}
	linksTheirs   = phrase{"The relay is your contact's.", "中继是对方的。"}
	linksHelp     = phrase{"%s.", "%s。"}
	linksFailed   = phrase{"Last attempt: %s.", "上次尝试：%s。"}
	linksAgain    = phrase{" Again in %s.", "%s后再试。"}
	linksPeer     = phrase{"the other device says that %s", "对方设备称%s"}
)

// linksPath is which way a chat goes, by the path and the state of its link.
var linksPath = map[string]phrase{
	"direct": {"direct", "直连"}, "relay": {"relay", "中继"}, "server": {"server", "服务器"},
	"connecting": {"connecting", "正在连接"}, "waits": {"waits", "等待"},
}

// linksFailure is what became of an attempt, by the conditions of Jingle (XEP-0166 §7.4) and those of the client.
var linksFailure = map[string]phrase{
	jingle.FailedTransport:       {"no way between the two devices was found", "没有找到两台设备之间的通路"},
	jingle.ConnectivityError:     {"the connection between the two devices broke", "两台设备之间的连接中断了"},
	jingle.Timeout:               {"the other device did not answer in time", "对方设备没有及时应答"},
	jingle.Busy:                  {"the device has too many links already", "设备的直连已经太多"},
	jingle.Decline:               {"a link was declined", "直连被拒绝"},
	jingle.Cancel:                {"it was called off", "已取消"},
	jingle.Gone:                  {"the other device is gone", "对方设备已离开"},
	jingle.SecurityError:         {"the device at the other end could not prove who it is", "另一端的设备无法证明自己的身份"},
	jingle.UnsupportedTransports: {"the two programs have no kind of link in common", "双方的程序没有共同支持的连接方式"},
	jingle.GeneralError:          {"the offer could not be delivered or was refused", "邀请无法送达或被拒绝"},
	"no answer":                  {"the link did not answer any more", "直连不再应答"},
	"never answered":             {"the link never answered", "直连从未应答"},
}

// linksRow is contact, path, round trip and the two networks.
func linksRow(l *headless.Link, lang outlook.Lang) []string {
	self, peer := networksOf(l)
	return []string{l.Peer, pathWord(l, lang), roundTrip(l.RTT), natWord(self, lang), natWord(peer, lang)}
}

// linksRowBelow is the same where a table has no room, without what is not known.
func linksRowBelow(l *headless.Link, lang outlook.Lang) []string {
	lines := []string{pathWord(l, lang)}
	if l.RTT > 0 {
		lines[0] += phrase{", ", "，"}.in(lang) + roundTrip(l.RTT)
	}
	self, peer := networksOf(l)
	if self != nil {
		lines = append(lines, fmt.Sprintf(linksMine.in(lang), natWord(self, lang)))
	}
	if peer != nil {
		lines = append(lines, fmt.Sprintf(linksOthers.in(lang), natWord(peer, lang)))
	}
	return lines
}

func networksOf(l *headless.Link) (self, peer *headless.Reach) {
	if l.Nat == nil {
		return nil, nil
	}
	return l.Nat.Self, l.Nat.Peer
}

// behind is what explains a row.
func behind(l *headless.Link, lang outlook.Lang) (lines []string) {
	add := func(line string) { lines = append(lines, line) }
	if l.Words != "" {
		add(l.Words)
	}
	switch {
	case l.Relay != "":
		add(fmt.Sprintf(linksRelay.in(lang), l.Relay, strings.ToUpper(cmp.Or(l.RelayProtocol, "udp"))))
	case l.Path == "relay":
		add(linksTheirs.in(lang))
	}
	for _, h := range l.Help {
		add(fmt.Sprintf(linksHelp.in(lang), upperFirst(h.Words)))
	}
	if l.Failure != "" && l.Path != "direct" {
		last := fmt.Sprintf(linksFailed.in(lang), failureWord(l.Failure, lang))
		if l.Next > 0 {
			last += fmt.Sprintf(linksAgain.in(lang), spanWord(time.Duration(l.Next)*time.Millisecond, lang))
		}
		add(last)
	}
	return lines
}

// failureWord says what became of an attempt: "peer: CONDITION (details)", of which the first part and the last may be absent. What there are
// no words for is said as it is.
func failureWord(failure string, lang outlook.Lang) string {
	bare, remote := strings.CutPrefix(failure, "peer: ")
	condition, _, _ := strings.Cut(bare, " (")
	words, ok := linksFailure[condition]
	if !ok {
		return failure
	}
	text := words.in(lang)
	if remote {
		text = fmt.Sprintf(linksPeer.in(lang), text)
	}
	return text
}

// spanWord is a time to wait.
func spanWord(d time.Duration, lang outlook.Lang) string {
	switch d = d.Round(time.Second); {
	case d <= time.Second:
		return phrase{"1 second", "1 秒"}.in(lang)
	case d < 2*time.Minute:
		return fmt.Sprintf(phrase{"%.0f seconds", "%.0f 秒"}.in(lang), d.Seconds())
	}
	return fmt.Sprintf(phrase{"%.0f minutes", "%.0f 分钟"}.in(lang), d.Minutes())
}

func pathWord(l *headless.Link, lang outlook.Lang) string {
	code := cmp.Or(l.Path, "waits")
	if l.State == "connecting" {
		code = l.State
	}
	text := code
	if words, ok := linksPath[code]; ok {
		text = words.in(lang)
	}
	if l.State == "up" && !l.Trusted {
		return fmt.Sprintf(linksUnproven.in(lang), text)
	}
	return text
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
func natWord(r *headless.Reach, lang outlook.Lang) string {
	if r == nil {
		return linksUnknown.in(lang)
	}
	words := []string{outlook.ClassText(reach.Class(r.Class), lang)}
	if r.Carrier == "yes" {
		words = append(words, linksCarrier.in(lang))
	}
	if r.Mapped != "" {
		words = append(words, fmt.Sprintf(linksMapped.in(lang), protocolName(r.Mapped)))
	}
	if r.IPv6 == "yes" {
		words = append(words, "IPv6")
	}
	return strings.Join(words, commaMark.in(lang))
}
